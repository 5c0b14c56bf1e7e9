from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
import torch

import regraft
from regraft.data import Splits
from regraft.data.arrays import labelled
from regraft.data.splits import split
from regraft.errors import BadArgument, BadData
from regraft.network import GraphNetwork
from regraft.run import Progress
from regraft.tasks.fit import fit
from regraft.tasks.inputs import needed
from regraft.tasks.like_source import fit_like_source
from regraft.tasks.source_rows import FedRows
from regraft.tasks.source_training import SourceTraining, rate_of, require_training
from regraft.train.loop import train
from regraft.train.settings import Settings

BATCH, ROWS, SEED = 10, 50, 3
CASES = ("sgd", "momentum", "nesterov", "adam", "rmsprop", "adagrad", "clipped", "decayed", "normed")
QUIET = Progress(silent=True)


@pytest.fixture(scope="session")
def classic(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints with meta graphs of TensorFlow 1, and what became of them later."""
    folder = tmp_path_factory.mktemp("sources")
    oracle.run(Path(__file__).parent / "source_oracle.py", folder)
    return folder


def opened(classic: Path, case: str, dtype: str = "float64") -> GraphNetwork:
    return regraft.open(classic / dtype / case / "model.ckpt")


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize(("dtype", "steps", "tolerance"), [("float64", 100, 1e-6), ("float32", 10, 1e-4)])
def test_goes_on_as_tensorflow_does(classic: Path, case: str, dtype: str, steps: int, tolerance: float) -> None:
    after = np.load(classic / "after.npz")
    network = opened(classic, case, dtype)
    how = require_training(network)
    inputs = needed(network, [how.loss, *how.metrics])
    arrays = [after["x"].astype(dtype), after["y"]]
    source = SourceTraining(network, how, inputs, torch.device("cpu"), own_rate=True)
    settings = Settings(
        optimizer=how.optimizer,
        hyper=how.settings,
        clip_value=how.clip,
        lr=rate_of(network, how) or 0,
        epochs=steps * BATCH // ROWS,
        batch=BATCH,
        seed=SEED,
    )
    trained = train(source.learner(), FedRows(arrays, np.arange(ROWS)), settings)
    result = source.result(trained, steps)
    prefix = f"{dtype}/{case}/"
    theirs = {name.removeprefix(prefix): after[name] for name in after.files if name.startswith(prefix)}
    for name, value in theirs.items():
        gap = np.max(np.abs(result.values[name] - value)) / max(np.max(np.abs(value)), 1e-12)
        limit = tolerance if name in network.parameters and network.parameters[name].trainable else 10 * tolerance
        assert gap <= limit, (name, gap)
        assert result.values[name].dtype == value.dtype
    assert result.values["global_step"] == 20 + steps


def some_points(classes: int = 3) -> Splits:
    random = np.random.default_rng(0)
    x = random.normal(size=(90, 4))
    return split(labelled(x, (x[:, 0] * 2).round().astype(int) % classes, "points"), seed=0)


def test_the_verb_reports_the_sources_metrics_and_saves_the_network(classic: Path, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"epochs": 3, "batch": 8}
    result = fit_like_source(
        opened(classic, "adam"), some_points(), settings=settings, out=tmp_path / "run", progress=QUIET
    )
    found = result.as_json()
    assert {"loss:0", "accuracy:0", "accuracy"} == set(found["test"])
    assert found["test"]["accuracy"] == pytest.approx(found["test"]["accuracy:0"], abs=1e-6)
    assert found["validation"]["loss:0"] == result.trained.metrics["loss:0"]
    assert set(found["baselines"]) == {"source as it was"}
    assert len(repr(result)) < 1500
    assert not {"tensor", "array", "GraphNetwork"} & set(re.findall(r"\w+", repr(result)))
    reopened = regraft.open(tmp_path / "run")
    weight = result.network.parameters["layer0/kernel"].value
    assert np.array_equal(reopened.parameters["layer0/kernel"].value, weight)
    assert not np.array_equal(opened(classic, "adam").parameters["layer0/kernel"].value, weight)


def test_stopped_and_resumed_it_ends_the_same(classic: Path, tmp_path: Path) -> None:
    def go(out: str, epochs: int, *, resume: bool = False) -> GraphNetwork:
        settings = {"epochs": epochs, "batch": 8}
        return fit_like_source(
            opened(classic, "momentum"),
            some_points(),
            settings=settings,
            out=tmp_path / out,
            resume=resume,
            progress=QUIET,
        ).network

    go("halves", 2)
    halves, whole = go("halves", 5, resume=True), go("whole", 5)
    assert all(np.array_equal(halves.values[name], value) for name, value in whole.values.items())
    fit(opened(classic, "momentum"), some_points(), settings={"epochs": 1}, out=tmp_path / "planned", progress=QUIET)
    for out, message in (
        (
            "absent",
            f"there is no run to resume\n  where: {tmp_path / 'absent'}\n  to do: start it: leave out --resume",
        ),
        (
            "planned",
            "the run was about something else: another plan\n"
            f"  where: {tmp_path / 'planned'}\n"
            "  expected: {'at': 'layer1/Tanh:0', ",
        ),
    ):
        with pytest.raises(BadArgument) as caught:
            go(out, 1, resume=True)
        assert str(caught.value).startswith(message)


def test_a_run_on_other_data_or_of_another_source_is_not_resumed(classic: Path, tmp_path: Path) -> None:
    def go(network: GraphNetwork, data: Splits | dict[str, np.ndarray], *, resume: bool = True) -> None:
        settings = {"epochs": 1, "batch": 8}
        fit_like_source(network, data, settings=settings, out=tmp_path / "run", resume=resume, progress=QUIET)

    network, points = opened(classic, "sgd"), some_points()
    go(network, points, resume=False)
    stirred = network.assign({"layer0/kernel": network.values["layer0/kernel"] + 1})
    moved = replace(points.train.examples, labels=np.roll(points.train.examples.labels, 1))
    others = replace(points, train=replace(points.train, examples=moved))
    arrays = {"x": np.zeros((90, 4)), "y": np.zeros(90, np.int64)}
    for source, data, what in (
        (stirred, points, "source"),
        (network, others, "data"),
        (network, arrays, "classes and another data and another input"),
    ):
        with pytest.raises(BadArgument, match=f"^the run was about something else: another {what}\n"):
            go(source, data)


def test_classes_that_are_numbers_are_the_sources(classic: Path, tmp_path: Path) -> None:
    """Data that lack a class: those they have keep their numbers, and the run can be used."""
    random = np.random.default_rng(0)
    x, network = random.normal(size=(90, 4)), opened(classic, "sgd")
    y = network.run(x, to="logits").argmax(axis=1)
    kept = y != 1
    splits = split(labelled(x[kept], y[kept], "points"), seed=0)
    assert splits.classes == ("0", "2")
    result = fit_like_source(network, splits, settings={"epochs": 1, "lr": 1e-9}, out=tmp_path / "run", progress=QUIET)
    assert result.before["accuracy"] == result.test["accuracy"] == 1
    found = regraft.predict(tmp_path / "run", x.astype("float32"))
    assert found.classes == ("0", "1", "2")
    assert (found.probability.argmax(axis=1) == y).all()


def test_classes_of_other_names_are_taken_in_their_order(
    classic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splits = some_points().with_classes(("0", "1", "2"))
    named = replace(splits, classes=("a", "b", "c"))
    fit_like_source(opened(classic, "sgd"), named, settings={"epochs": 1}, out=tmp_path / "run")
    assert "classes a, b, c are fed as 0 to 2" in capsys.readouterr().err.splitlines()


def test_arrays_by_the_names_of_the_placeholders(classic: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    arrays = {"x": random.normal(size=(40, 4)), "y": random.integers(0, 3, 40)}
    result = fit_like_source(
        opened(classic, "sgd"), arrays, settings={"epochs": 2}, out=tmp_path / "run", progress=QUIET
    )
    assert set(result.test) == {"loss:0", "accuracy:0"}
    with pytest.raises(BadArgument) as caught:
        fit_like_source(opened(classic, "sgd"), {"x": arrays["x"]}, out=tmp_path / "other", progress=QUIET)
    assert str(caught.value) == (
        "these arrays do not fit the inputs of the source's loss\n"
        "  expected: as many rows for each of x:0, y:0\n"
        "  got: x:0 (40, 4)"
    )


def test_rows_that_have_to_be_resized_are_spoken_of_once(
    classic: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x = np.random.default_rng(0).normal(size=(40, 4, 4))
    splits = split(labelled(x, np.arange(40) % 3, "rows"), seed=0)
    result = fit_like_source(opened(classic, "sgd"), splits, settings={"epochs": 1}, out=tmp_path / "run")
    assert "accuracy" in result.test
    said = capsys.readouterr().err.splitlines()
    assert said.count("note: rows of shape (4, 4) are taken for pictures, resized from 4x4 to 2x2") == 1


def test_more_classes_than_the_source_has(classic: Path, tmp_path: Path) -> None:
    with pytest.raises(BadData) as caught:
        fit_like_source(opened(classic, "sgd"), some_points(5), out=tmp_path / "run", progress=QUIET)
    assert str(caught.value) == (
        "the data have 5 classes, the source tells 3 apart\n"
        "  expected: 3 classes, in the source's order, or some of its numbers 0 to 2\n"
        "  got: 0, 1, 2, 3, 4\n"
        "  to do: leave out --like-source: then a new output layer fits the data"
    )


def test_a_choice_that_the_source_has_made(classic: Path, tmp_path: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        fit_like_source(
            opened(classic, "sgd"), some_points(), settings={"optimizer": "adam"}, out=tmp_path / "run", progress=QUIET
        )
    assert str(caught.value) == (
        "going on as the source did leaves no choice of optimizer\n  expected: epochs, batch, seed, lr, device"
    )


def test_a_source_without_training(classic: Path, tmp_path: Path) -> None:
    network = regraft.open(classic / "float64" / "sgd" / "model.ckpt", to="logits")
    trunk, _ = network.split(["layer0/add"])
    with pytest.raises(BadArgument) as caught:
        fit_like_source(trunk, some_points(), out=tmp_path / "run", progress=QUIET)
    assert str(caught.value).startswith("this tf1-meta network does not say how it was trained\n")


def test_without_a_test_part_only_validation_is_measured(classic: Path, tmp_path: Path) -> None:
    parts = some_points()
    parts = replace(parts, test=replace(parts.test, indices=parts.test.indices[:0]))
    found = fit_like_source(opened(classic, "sgd"), parts, settings={"epochs": 1}, out=tmp_path / "run", progress=QUIET)
    assert found.test == found.before == {}
    assert found.validation
    assert (tmp_path / "run/model").is_dir()
