"""Batch norm and dropout in training, gradients through recurrent layers, and what a plan freezes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from formats.keras.golden_files import golden, inputs, names, written
from thawing import assert_same_in_both_modes, of_state, thawed

import regraft
from regraft.formats import keras
from regraft.network import GraphNetwork, Plan
from regraft.network.surgery import graft

NORMS = [
    pytest.param(major, name, id=f"{major}-{name}") for major in (2, 3) for name in names(major) if name[:2] == "bn"
]


def opened(folder: Path, major: int, name: str) -> GraphNetwork:
    return keras.read(written(folder, major, name))


@pytest.mark.parametrize(("major", "name"), NORMS)
def test_one_step_of_batch_norm(major: int, name: str, tmp_path: Path) -> None:
    network, stored = opened(tmp_path, major, name), golden(major)
    given = inputs(major, name)
    trained = network.run(given, training=True)
    np.testing.assert_allclose(trained, stored[f"{name}/trained"], rtol=1e-4, atol=1e-5)
    assert len(network.graph.updates) == 2
    for parameter, tensor in network.graph.updates.items():
        wanted = stored[f"{name}/moved/{parameter.rpartition('/')[2]}"]
        got = network.run(given, to=tensor, training=True)
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6, err_msg=parameter)
        assert not network.parameters[parameter].trainable


def test_dropout_drops_in_training_only(tmp_path: Path) -> None:
    network = opened(tmp_path, 3, "dropouts")
    given = inputs(3, "dropouts")
    (x,) = given.values()
    np.testing.assert_array_equal(network.run(given), x)
    dropped = network.run(given, to="dropout", training=True)
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], 2 * x[kept], rtol=1e-6)
    assert 0.25 < kept.mean() < 0.75
    spatial = network.run({"dropout": np.ones((40, 9, 4), np.float32)}, to="spatial_dropout1d", training=True)
    assert set(np.unique(spatial)) == {0, 2}
    assert (spatial == spatial[:, :1]).all()
    noisy = network.run({"spatial_dropout1d": np.zeros((40, 9, 4), np.float32)}, to="gaussian_noise", training=True)
    assert noisy.std() == pytest.approx(1, abs=0.1)
    times = network.run({"gaussian_noise": np.ones((40, 9, 4), np.float32)}, to="gaussian_dropout", training=True)
    assert (times.mean(), times.std()) == pytest.approx((1, 1), abs=0.15)


@pytest.mark.parametrize(
    "name", ["text_net", "gru_before", "rnn_masked", "heads", "bi_own", "transposed2d", "time_model"]
)
def test_all_weights_learn(name: str, tmp_path: Path) -> None:
    network = opened(tmp_path, 3, name)
    given = [torch.from_numpy(inputs(3, name)[one]) for one in network.inputs]
    module = network.module(list(network.outputs[:1]), list(network.inputs), training=True)
    module(*given)[0].square().sum().backward()
    for parameter in network.parameters.values():
        gradient = network.weights[parameter.name].grad
        if parameter.trainable:
            assert gradient is not None, parameter.name
            assert gradient.isfinite().all()
            assert gradient.abs().sum() > 0, parameter.name
        else:
            assert gradient is None


@pytest.mark.parametrize("name", ["lstm_masked", "gru_masked", "bi_masked"])
def test_gradients_are_those_of_finite_differences(name: str, tmp_path: Path) -> None:
    """In float64, through masked steps."""
    network = opened(tmp_path, 3, name)
    module = network.module(list(network.outputs), list(network.inputs)).double()
    words = torch.from_numpy(next(iter(inputs(3, name).values())))
    kernel = next(one for one in module.parameters() if one.requires_grad and one.ndim == 2 and one.shape[0] == 5)
    (value,) = module(words)
    value.square().sum().backward()
    gradient = kernel.grad
    assert gradient is not None
    with torch.no_grad():
        for place in ((0, 0), (2, 3), (4, 7)):
            ends = []
            for step in (1e-5, -2e-5):
                kernel[place] += step
                ends.append(module(words)[0].square().sum().item())
            kernel[place] += 1e-5
            assert (ends[0] - ends[1]) / 2e-5 == pytest.approx(gradient[place].item(), rel=1e-5, abs=1e-7)


def test_steps_left_out_do_not_matter(tmp_path: Path) -> None:
    network = opened(tmp_path, 2, "text_net")
    words = np.array([[3, 1, 4, 0, 0, 0]], np.int32)
    np.testing.assert_allclose(network.run(words), network.run(words[:, :3]), rtol=1e-5)


def test_a_frozen_batch_norm_stays_in_evaluation(tmp_path: Path) -> None:
    network = opened(tmp_path, 3, "nested")
    (x,) = inputs(3, "nested").values()
    grown = graft(network, Plan(at="inner", freeze="inner/"), classes=3).network
    features = grown.run(x, to="inner", training=True)
    np.testing.assert_array_equal(features, network.run(x, to="inner"))
    assert not grown.graph.updates


def test_frozen_statistics_are_used_in_training_and_the_rest_learns(tmp_path: Path) -> None:
    network = opened(tmp_path, 3, "nested")
    x = np.repeat(next(iter(inputs(3, "nested").values())), 3, axis=0)
    done = thawed(network, Plan(at="inner", freeze=None, freeze_statistics=True), x)
    assert done.graft.frozen == set(network.graph.updates) & set(done.graft.network.parameters) != set()
    assert done.changed == of_state(done.graft, "reused")
    assert any(name.endswith("gamma") for name in done.changed)
    assert_same_in_both_modes(done.graft, x, "inner")


@pytest.mark.slow
def test_an_emotion_net_is_thawed_at_its_top_and_at_its_bottom(shared: Path) -> None:
    (file,) = (shared / "models").glob("fer*/*.hdf5")
    network = regraft.open(file)
    x = np.random.default_rng(0).uniform(-1, 1, (8, 64, 64, 1)).astype("float32")
    top = thawed(network, Plan(freeze_below="add_3", freeze_statistics=True), x)
    assert top.graft.features == ("add_3",)
    bottom = thawed(network, Plan(freeze_above="add_1", freeze_statistics=True), x)
    assert bottom.graft.features == ("input_1",)
    for done in (top, bottom):
        assert done.changed == of_state(done.graft, "reused")
        assert any("gamma" in name for name in done.changed)
        assert_same_in_both_modes(done.graft, x, done.graft.at)
    assert not top.changed & bottom.changed
