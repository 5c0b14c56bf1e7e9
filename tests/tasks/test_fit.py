from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from killing import killed
from sklearn.linear_model import LogisticRegression
from tasks.killed import HEAD, whole
from tasks.small import points, source

import regraft
from regraft.data import open_splits
from regraft.data.splits import split
from regraft.errors import BadArgument
from regraft.features import Place, cache_folder, extract
from regraft.formats import saved
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Plan
from regraft.run import Progress, RunFolder
from regraft.tasks.fit import FitResult, fit
from regraft.train.learner import fingerprint

QUIET = Progress(silent=True)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def go(folder: Path, plan: Plan | None = None, *, resume: bool = False, **settings: Any) -> FitResult:
    given = {"seed": 3, "device": "cpu", **settings}
    return fit(source(), points(), plan=plan, settings=given, out=folder, resume=resume, progress=QUIET)


def values(network: GraphNetwork, names: Mapping[str, object] | frozenset[str] | None = None) -> dict[str, np.ndarray]:
    return {name: p.value for name, p in network.parameters.items() if names is None or name in names}


def far(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> float:
    assert one.keys() == other.keys()
    return max(float(np.max(np.abs(one[name] - other[name]))) for name in one)


def test_the_default_freezes_all_and_puts_a_linear_layer_on_the_bottleneck(tmp_path: Path) -> None:
    result = go(tmp_path / "run")
    assert result.settings.centred
    assert {row.state for row in result.graft.rows} == {"frozen", "new", "dropped"}
    assert result.graft.at == "two/Tanh:0"
    found = result.as_json()
    assert set(found) >= {"run", "model", "matched", "validation", "test", "baselines", "seconds"}
    assert found["matched"] == {"tensors": 8, "of": 8, "percent": 100.0}
    assert set(found["baselines"]) == {"majority class", "nearest neighbours"}
    assert found["test"]["accuracy"] > found["baselines"]["majority class"]
    assert found["test"]["n"] == sum(sum(row) for row in found["test"]["confusion"]) == 36


def test_without_a_test_part_there_is_no_look_at_it(tmp_path: Path) -> None:
    data = split(points().train.examples, seed=0, fractions=(0.8, 0.2, 0.0))
    result = fit(source(), data, settings={"epochs": 2}, out=tmp_path / "run", progress=QUIET)
    assert result.test is None
    assert result.as_json()["test"] is None
    assert result.baselines == {}
    assert result.validation.n == 48
    assert set(saved.about(tmp_path / "run" / "model")["metrics"]) == {"validation"}


def test_the_saved_model_opens_alone_and_says_the_same(tmp_path: Path) -> None:
    result = go(tmp_path / "run")
    reopened = regraft.open(tmp_path / "run")
    x = points().test.examples.items[:9]
    assert np.array_equal(reopened.run(x), result.network.run(x))
    about = saved.about(tmp_path / "run" / "model")
    assert about["classes"] == ["0", "1", "2"]
    assert about["metrics"]["test"] == {"accuracy": result.test.accuracy, "n": 36}


def test_the_linear_head_is_as_good_as_scikit_learns(tmp_path: Path) -> None:
    result = go(tmp_path / "run")
    splits = points()
    features = source().run(splits.train.examples.items, to="two/Tanh:0")
    theirs = LogisticRegression(max_iter=1000).fit(features[splits.train.indices], splits.train.labels)
    accuracy = theirs.score(features[splits.test.indices], splits.test.labels)
    assert result.test.accuracy >= accuracy - 0.03  # one example of 36


@pytest.mark.parametrize("plan", [None, HEAD])
def test_stored_features_give_the_weights_of_computed_ones(tmp_path: Path, plan: Plan | None) -> None:
    cached = go(tmp_path / "cached", plan, epochs=8)
    uncached = go(tmp_path / "uncached", plan, epochs=8, features="off")
    assert far(values(cached.network), values(uncached.network)) <= 1e-5
    assert "nearest neighbours" not in uncached.baselines


def test_frozen_weights_and_statistics_stay_bit_for_bit(tmp_path: Path) -> None:
    before = values(source())
    plan = Plan(freeze="one|norm", new=HEAD.new)
    result = go(tmp_path / "run", plan, epochs=2, ema=0.9)
    assert {"one/kernel", "norm/gamma", "norm/moving_mean", "norm/moving_variance"} <= result.graft.frozen
    longer = go(tmp_path / "run", plan, epochs=4, ema=0.9, resume=True)
    for network in (result.network, longer.network, regraft.open(tmp_path / "run")):
        kept = values(network, result.graft.frozen)
        stored = {name: torch.from_numpy(value.copy()) for name, value in kept.items()}
        expected = {name: torch.from_numpy(before[name].copy()) for name in kept}
        assert fingerprint(stored) == fingerprint(expected)
    assert not np.array_equal(longer.network.parameters["two/kernel"].value, before["two/kernel"])


def test_frozen_means_evaluation_whatever_mode_the_module_is_put_in(tmp_path: Path) -> None:
    network = go(tmp_path / "run", epochs=2).network
    x = torch.from_numpy(points().test.examples.items[:9])
    before = values(source())
    for training in (False, True):
        module = network.module(["two/Tanh:0"], ["x:0"], training=training)
        assert torch.equal(module.train()(x)[0], module.eval()(x)[0])
        assert np.array_equal(module(x)[0].detach().numpy(), source().run(x.numpy(), to="two/Tanh:0"))
    assert all(
        np.array_equal(network.weights[name].detach().numpy(), before[name])
        for name in before.keys() & network.weights.keys()
    )


def test_a_batch_norm_that_is_trained_follows_its_batches(tmp_path: Path) -> None:
    result = go(tmp_path / "run", Plan(freeze=None), epochs=2)
    before, after = values(source()), values(result.network)
    changed = {name for name in before if name in after and not np.array_equal(before[name], after[name])}
    assert {"norm/moving_mean", "norm/moving_variance", "one/kernel", "norm/gamma"} <= changed


def test_resumed_it_ends_as_undisturbed(tmp_path: Path) -> None:
    go(tmp_path / "halves", HEAD, epochs=3)
    halves = go(tmp_path / "halves", HEAD, epochs=6, resume=True)
    whole = go(tmp_path / "whole", HEAD, epochs=6)
    assert far(values(halves.network), values(whole.network)) == 0
    assert halves.test.accuracy == whole.test.accuracy


def test_the_source_is_left_as_it_was(tmp_path: Path) -> None:
    network = source()
    before = {name: value.copy() for name, value in values(network).items()}
    outputs = network.run(points().test.examples.items[:5])
    fit(network, points(), plan=Plan(freeze=None), settings={"epochs": 2}, out=tmp_path / "run", progress=QUIET)
    assert far(values(network), before) == 0
    assert np.array_equal(network.run(points().test.examples.items[:5]), outputs)


def test_a_network_of_doubles_is_trained_in_doubles(tmp_path: Path) -> None:
    splits = points(dtype="float64")
    result = fit(source("float64"), splits, settings={"epochs": 2}, out=tmp_path / "run", progress=QUIET)
    assert {str(value.dtype) for value in values(result.network).values()} == {"float64"}


def test_a_run_about_something_else_is_not_resumed(tmp_path: Path) -> None:
    go(tmp_path / "run", epochs=1)
    with pytest.raises(BadArgument) as caught:
        go(tmp_path / "run", HEAD, epochs=1, resume=True)
    assert str(caught.value).startswith(
        "the run was about something else: another plan\n"
        f"  where: {tmp_path / 'run'}\n"
        "  expected: {'at': 'two/Tanh:0', "
    )
    assert str(caught.value).endswith("  to do: give the same again, or name another folder: --out DIR")
    assert RunFolder(tmp_path / "run").status == "done"


def test_nothing_to_train(tmp_path: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        fit(source(), points(classes=4), plan=Plan(at="top/BiasAdd:0", new=()), out=tmp_path / "run", progress=QUIET)
    assert str(caught.value) == (
        "there is nothing to train: every parameter is frozen\n  to do: freeze less, or put a new layer on top"
    )
    assert not (tmp_path / "run").exists()  # so that the same place can be named again
    assert go(tmp_path / "run", epochs=1).run == tmp_path / "run"


def test_centred_features_need_a_linear_head(tmp_path: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        go(tmp_path / "run", HEAD, centred=True)
    assert str(caught.value) == (
        "only a head of one dense layer on frozen features can be trained on centred ones\n"
        "  got: outputs/BiasAdd:0 on two/Tanh:0\n"
        "  to do: leave out `centred`"
    )


def test_which_run_to_resume() -> None:
    with pytest.raises(BadArgument) as caught:
        fit(source(), points(), resume=True, progress=QUIET)
    assert str(caught.value) == "which run shall be resumed?\n  to do: name its folder: --out DIR"


def test_places_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        fit(source(), tmp_path / "no data", out=tmp_path / "absent", resume=True, progress=QUIET)
    assert str(caught.value) == (
        f"there is no run to resume\n  where: {tmp_path / 'absent'}\n  to do: start it: leave out --resume"
    )
    go(tmp_path / "run", epochs=1)
    with pytest.raises(BadArgument, match=r"^there is a run in this folder already\n"):
        fit(source(), tmp_path / "no data", out=tmp_path / "run", progress=QUIET)
    assert not (tmp_path / "absent").exists()


def test_a_run_killed_in_its_first_moment_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "killed").mkdir()
    (tmp_path / "killed/.run.json.a1b2.partial").touch()
    resumed = go(tmp_path / "killed", HEAD, resume=True, epochs=2)
    whole = go(tmp_path / "whole", HEAD, epochs=2)
    assert far(values(resumed.network), values(whole.network)) == 0
    names = [{path.name for path in (tmp_path / run).iterdir()} for run in ("killed", "whole")]
    assert names[0] == names[1]


def test_what_is_said_before_a_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fit(source(), points(), settings={"device": "cpu", "epochs": 2}, out=tmp_path / "run")
    assert capsys.readouterr().err.splitlines()[:6] == [
        "trunk up to two/Tanh:0: 8/8 tensors reused, 100 % of the trunk's parameters",
        "  frozen      8 tensors          312 numbers  one/kernel ... two/bias",
        "  new         2 tensors           27 numbers  outputs/kernel ... outputs/bias",
        "  dropped     2 tensors           36 numbers  top/kernel ... top/bias",
        "data: 168 to train on, 36 to choose by, 36 to test on; 3 classes",
        "training on cpu: adam, lr 0.1, at most 2 epochs",
    ]


def test_rows_that_have_to_be_resized_are_spoken_of_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.random.default_rng(0).integers(0, 256, (60, 4, 4), dtype=np.uint8)
    np.savez(tmp_path / "rows.npz", x=x, y=np.arange(60) % 2)
    spec = InputSpec(name="x:0", shape=(None, 4), layout="flat", range=(0.0, 1.0))
    nodes = (Node(name="x:0", function="input"),)
    network = GraphNetwork(Graph(nodes=nodes, inputs=(spec,), outputs=("x:0",)), {}, format="small")
    fit(network, tmp_path / "rows.npz", plan=Plan(at="x:0"), settings={"epochs": 1}, out=tmp_path / "run")
    said = capsys.readouterr().err.splitlines()
    assert said.count("note: rows of shape (4, 4) are taken for pictures, resized from 4x4 to 2x2") == 1


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kill -9 at random moments, of features and of training, resumed each time: the same weights in the end."""
    monkeypatch.setenv("XDG_CACHE_HOME", "")  # `whole` sets it
    whole(tmp_path / "warm")
    start = time.monotonic()
    undisturbed = values(whole(tmp_path / "undisturbed").network)
    seconds, moments, found = time.monotonic() - start, random.Random(0), Counter[str]()
    for number in range(30):
        folder = tmp_path / f"killed{number}"
        longest = seconds / 8  # the first one early, when features are computed; the next ones later and later
        while killed(whole, folder, after=moments.uniform(0, longest)):
            found[_standing(folder)] += 1
            longest *= 1.3
        assert far(values(saved.read(folder / "run/model")), undisturbed) == 0
        if found.total() >= 20 and found["features"] and found["training"] > 5:
            break
    assert found.total() >= 20
    assert found["features"]
    assert found["training"] > 5


def _standing(folder: Path) -> str:
    """How far a killed run had come."""
    if any((folder / "run/checkpoints").glob("*")):
        return "training"
    return "features" if any((folder / "cache").rglob("*")) else "start"


@pytest.mark.slow
def test_five_flowers_from_a_frozen_mobilenet(shared: Path, tmp_path: Path) -> None:
    """No flag at all: the input's range is guessed, and the head is within a point of scikit-learn's."""
    network = regraft.open(shared / "models/mobilenet_v1_imagenet_tf1/retrained_graph.pb")
    splits = open_splits(shared / "data/flowers5")
    result = fit(network, splits, out=tmp_path / "run", progress=QUIET)
    assert result.network.inputs["input:0"].range == (-1.0, 1.0)
    place = Place(root=cache_folder())
    (name,) = result.graft.features
    stored = extract(result.network, [name], splits.train.examples, result.network.inputs["input:0"], place)
    train, test = (stored.rows(name, part.indices) for part in (splits.train, splits.test))
    theirs = LogisticRegression(max_iter=1000).fit(train, splits.train.labels).score(test, splits.test.labels)
    assert result.test.accuracy >= theirs - 0.01


def test_a_run_of_a_time_when_plans_had_fewer_words_is_resumed(tmp_path: Path) -> None:
    run = go(tmp_path / "run", HEAD, epochs=2)
    settings = run.run / "settings.json"
    record = json.loads(settings.read_text())
    for word in ("freeze_below", "freeze_above", "freeze_statistics"):
        del record["plan"][word]
    settings.write_text(json.dumps(record))
    assert go(tmp_path / "run", HEAD, epochs=3, resume=True).trained.epochs == 3
