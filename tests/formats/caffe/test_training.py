"""Batch norm and dropout in training, what a plan freezes, and weights of Caffe in a user's own module."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from formats.caffe.making import layer, net, written
from thawing import assert_same_in_both_modes, draws, thawed
from torch import nn

import regraft
from regraft.errors import BadArgument, UnsupportedOp
from regraft.network import GraphNetwork, Plan
from regraft.network.surgery import graft

NORMED = net(
    layer("Convolution", "data", "conv", convolution_param="num_output: 4 kernel_size: 3"),
    layer("BatchNorm", "conv", "conv", "bn", batch_norm_param="moving_average_fraction: 0.9"),
    layer("Scale", "conv", "conv", "scale", scale_param="bias_term: true"),
    layer("ReLU", "conv", "conv", "relu"),
    layer("Dropout", "conv", "conv", "drop", dropout_param="dropout_ratio: 0.5"),
    layer("InnerProduct", "conv", "ip", inner_product_param="num_output: 5"),
)


@pytest.fixture
def network(tmp_path: Path) -> GraphNetwork:
    return opened(tmp_path, NORMED)


def opened(folder: Path, text: str) -> GraphNetwork:
    with warnings.catch_warnings(action="ignore"):
        return regraft.open(written(folder, "net", text))


def data(count: int = 6) -> np.ndarray:
    return np.random.default_rng(0).normal(size=(count, 3, 9, 8)).astype(np.float32)


def test_batch_norm_uses_the_batch_in_training_and_the_stored_sums_otherwise(network: GraphNetwork) -> None:
    x = data()
    raw = network.run(x, to="conv@conv")
    mean, variance = raw.mean((0, 2, 3), keepdims=True), raw.var((0, 2, 3), keepdims=True)
    trained = network.run(x, to="conv@bn", training=True)
    np.testing.assert_allclose(trained, (raw - mean) / np.sqrt(variance + 1e-5), rtol=1e-4, atol=1e-5)
    sums, factor = [network.values[f"bn/{k}"].reshape(1, -1, 1, 1) for k in (0, 1)], network.values["bn/2"][0]
    stored = network.run(x, to="conv@bn")
    np.testing.assert_allclose(
        stored, (raw - sums[0] / factor) / np.sqrt(sums[1] / factor + 1e-5), rtol=1e-4, atol=1e-5
    )


def test_the_stored_sums_follow_as_in_caffe(network: GraphNetwork) -> None:
    """batch_norm_layer.cpp: sum = fraction * sum + batch's; the variance with the factor m / (m - 1)."""
    x = data()
    raw = network.run(x, to="conv@conv")
    count = raw.size // 4
    batch = raw.mean((0, 2, 3)), raw.var((0, 2, 3)) * count / (count - 1), np.ones(1)
    following = network.run(x, to=[network.graph.updates[f"bn/{k}"] for k in range(3)], training=True)
    for k, value in enumerate(following):
        np.testing.assert_allclose(value, 0.9 * network.values[f"bn/{k}"] + batch[k], rtol=1e-4, atol=1e-5)


def test_a_factor_of_zero_means_nothing_stored(network: GraphNetwork) -> None:
    network = network.assign({"bn/2": np.zeros(1, np.float32)})
    raw = network.run(data(), to="conv@conv")
    np.testing.assert_allclose(network.run(data(), to="conv@bn"), raw / np.sqrt(np.float32(1e-5)), rtol=1e-5)


def test_global_statistics_are_used_in_training_too_where_the_file_says_so(tmp_path: Path) -> None:
    network = opened(tmp_path, NORMED.replace("moving_average_fraction: 0.9", "use_global_stats: true"))
    np.testing.assert_array_equal(network.run(data(), to="conv@bn", training=True), network.run(data(), to="conv@bn"))
    assert not network.graph.updates


def test_dropout_drops_in_training_only(network: GraphNetwork) -> None:
    whole = network.run(data(), to="conv@relu")
    np.testing.assert_array_equal(network.run(data(), to="conv"), whole)
    torch.manual_seed(0)
    dropped = network.run({"conv@relu": whole}, to="conv", training=True)
    kept = dropped != 0
    np.testing.assert_allclose(dropped[kept], 2 * whole[kept], rtol=1e-6)
    assert 0.4 < kept[whole > 0].mean() < 0.6


def test_stored_sums_are_no_weights(network: GraphNetwork) -> None:
    assert [name for name, p in network.parameters.items() if not p.trainable] == ["bn/0", "bn/1", "bn/2"]


def test_all_weights_learn(network: GraphNetwork) -> None:
    (logits,) = network.module(["ip"], training=True)(torch.from_numpy(data()))
    logits.square().mean().backward()
    gradients = {name: weight.grad for name, weight in network.weights.items()}
    assert {name for name, gradient in gradients.items() if gradient is not None and gradient.abs().sum() > 0} >= {
        *("conv/0", "scale/0", "scale/1", "ip/0", "ip/1")
    }
    assert all(gradients[f"bn/{k}"] is None for k in range(3))


def test_a_frozen_batch_norm_stays_in_evaluation(network: GraphNetwork) -> None:
    grown = graft(network, Plan(at="conv", freeze="conv/|bn/|scale/"), classes=3).network
    features = grown.run(data(), to="conv@bn", training=True)
    np.testing.assert_array_equal(features, network.run(data(), to="conv@bn"))
    assert not grown.graph.updates


def test_layers_that_are_not_reused_start_afresh_in_their_own_layout(network: GraphNetwork) -> None:
    made = graft(network, Plan(at="conv", reuse="bn/"), classes=3)
    values = made.network.values
    fans = 3 * 9 + 4 * 9
    assert values["conv/0"].shape == (4, 3, 3, 3)
    assert np.abs(values["conv/0"]).max() <= np.sqrt(6 / fans)
    assert values["conv/0"].std() == pytest.approx(np.sqrt(2 / fans), rel=0.2)
    assert values["scale/0"].tolist() == [1, 1, 1, 1]
    assert values["scale/1"].tolist() == [0, 0, 0, 0]


def test_weights_go_into_a_module_as_they_lie(tmp_path: Path) -> None:
    """Square filters would hide a wrong turn: their values are compared."""
    text = net(
        layer("Convolution", "data", "conv", convolution_param="num_output: 3 kernel_size: 3"),
        layer("InnerProduct", "conv", "ip", inner_product_param="num_output: 126"),
        layer("InnerProduct", "ip", "square", inner_product_param="num_output: 126"),
    )
    network = opened(tmp_path, text)

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.ip, self.square = nn.Conv2d(3, 3, 3), nn.Linear(126, 126), nn.Linear(126, 126)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.square(self.ip(self.conv(x).flatten(1)))

    rename = {"(.*)/0": r"\1.weight", "(.*)/1": r"\1.bias"}
    module = Own()
    with warnings.catch_warnings(action="ignore"):
        loaded = regraft.load_weights(module, tmp_path / "net.prototxt", rename)
    assert (loaded.percent, loaded.unused) == (100, ())
    with torch.no_grad():
        np.testing.assert_allclose(module(torch.from_numpy(data())).numpy(), network.run(data()), rtol=1e-4, atol=1e-4)


def test_export_to_tensorflow_is_refused_with_the_reason(network: GraphNetwork, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOp) as caught:
        regraft.export(network, tmp_path / "model.ckpt")
    assert "conv@conv/product" in str(caught.value)
    assert not (tmp_path / "model.ckpt.meta").exists()


def test_frozen_statistics_are_used_in_training_and_the_rest_learns(network: GraphNetwork) -> None:
    x = data(8)
    done = thawed(network, Plan(at="conv", freeze=None, freeze_statistics=True), x)
    assert done.graft.frozen == {"bn/0", "bn/1", "bn/2"}
    assert done.changed == {"conv/0", "conv/1", "scale/0", "scale/1"}
    assert_same_in_both_modes(done.graft, x, "conv@relu")
    assert draws(done.graft, x)


def test_some_statistics_of_a_batch_norm_are_not_frozen_without_the_others(network: GraphNetwork) -> None:
    with pytest.raises(BadArgument) as error:
        graft(network, Plan(at="conv", freeze="bn/0"), classes=3)
    assert str(error.value) == (
        "bn/0 cannot be frozen by itself\n"
        "  where: conv@bn\n"
        "  got: what chooses between it and the batch's own statistics chooses bn/1, bn/2 too\n"
        "  to do: freeze all moving averages there, or all that the tensor above is computed from"
    )
