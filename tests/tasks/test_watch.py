"""Checkpoints of a training judged one by one: of a folder that grows, of real TensorFlow, of regraft itself."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
from killing import started
from tasks.killed import whole as trained
from tasks.small import points, source

import regraft
from regraft.data import Part, open_splits
from regraft.errors import BadArgument, BadData, MissingFile, UnreadableFile, UnsupportedFormat
from regraft.formats import saved
from regraft.formats.tf1.checkpoint import write_checkpoint
from regraft.network import New, Plan
from regraft.run import Progress, RunFolder
from regraft.tasks.fit import FitResult, fit
from regraft.tasks.watch import Watched
from regraft.tasks.watched import training_in

OPEN = Plan(freeze=None, new=(New(kind="dense", name="hidden", width=8, activation="relu"), New(kind="dense")))
Values = dict[str, np.ndarray]


class Growing:
    """A training folder of TensorFlow's, and what each checkpoint in it should be told right."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = source()
        self.part = points(classes=4).validation
        regraft.export(self.network, folder / "model.ckpt-0")
        self.random = np.random.default_rng(3)

    def leave(self, step: int, *, averaged: bool = True, name: str = "model.ckpt-{}") -> tuple[float, float]:
        """A checkpoint with other values; the accuracies of its weights and of their averages."""
        raw, averages = self._stirred(), self._stirred()
        trained = [name for name, parameter in self.network.parameters.items() if parameter.trainable]
        kept = {f"{name}/ExponentialMovingAverage": averages[name] for name in trained if averaged}
        counter = {"global_step": np.array(step, np.int64)}
        write_checkpoint(self.folder / name.format(step), {**raw, **kept, **counter})
        return self._accuracy(raw), self._accuracy({**raw, **{name: averages[name] for name in trained}})

    def _stirred(self) -> Values:
        return {
            name: (p.value + self.random.uniform(0, 0.4, p.shape)).astype(p.dtype)
            for name, p in self.network.parameters.items()
        }

    def _accuracy(self, values: Values) -> float:
        examples = self.part.examples
        taken = self.network.assign(values).run(np.asarray(examples.items)[self.part.indices]).argmax(axis=1)
        return float((taken == self.part.labels).mean())


@pytest.fixture
def growing(tmp_path: Path) -> Growing:
    return Growing(tmp_path / "training")


def summary(found: Watched) -> tuple[int | None, float]:
    return found.step, found.report.score


def watching(folder: Path, data: object, *, ema: bool = False, seconds: float = 0.01) -> Iterator[Watched]:
    return regraft.watch(folder, data, seconds=seconds, ema=ema, device="cpu")


def test_a_folder_that_grows(growing: Growing) -> None:
    """Those there are in their order, new ones, half-written ones once they are whole; old ones go away."""
    expected = {step: growing.leave(step) for step in (20, 100, 3)}
    found = watching(growing.folder, growing.part)
    assert next(found).step == 0
    assert [summary(next(found)) for _ in range(3)] == [(step, expected[step][0]) for step in (3, 20, 100)]

    again = growing.leave(20)
    assert summary(next(found)) == (20, again[0])
    expected = {step: growing.leave(step) for step in (120, 140)}
    data = growing.folder / "model.ckpt-120.data-00000-of-00001"
    content = data.read_bytes()
    data.write_bytes(content[: len(content) // 2])
    for path in growing.folder.glob("model.ckpt-3.*"):
        path.unlink()
    assert summary(next(found)) == (140, expected[140][0])
    data.write_bytes(content)
    assert summary(next(found)) == (120, expected[120][0])


def test_averages_stand_in_for_weights(growing: Growing) -> None:
    for path in growing.folder.glob("model.ckpt-0.[id]*"):
        path.unlink()
    expected = {step: growing.leave(step) for step in (5, 10)}
    both = [watching(growing.folder, growing.part, ema=ema) for ema in (False, True)]
    for which, (found, curves) in enumerate(zip(both, ("eval", "eval-ema"), strict=True)):
        first, second = next(found), next(found)
        assert [summary(first), summary(second)] == [(step, expected[step][which]) for step in (5, 10)]
        assert str(first) == f"After 5 training steps, validation accuracy = {expected[5][which]:.4f}"
        path, loss = str(growing.folder / "model.ckpt-5"), first.report.loss
        assert first.as_json() == {"step": 5, "path": path, "accuracy": first.report.score, "n": 36, "loss": loss}
        assert curve(growing.folder / curves) == pytest.approx(
            {found.step: found.report.score for found in (first, second)}
        )
    assert expected[5][0] != expected[5][1]


def test_a_counter_tells_the_step_where_the_name_does_not(growing: Growing) -> None:
    for path in growing.folder.glob("model.ckpt-0.[id]*"):
        path.unlink()
    found = watching(growing.folder, growing.part)
    for step in (7, 8):
        accuracy, _ = growing.leave(step, name="my_model.ckpt")
        assert summary(next(found)) == (step, accuracy)


def test_nothing_yet_is_said_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "training").mkdir()
    found = watching(tmp_path / "training", points(classes=4).validation)
    late = threading.Timer(0.3, lambda: Growing(tmp_path / "training"))
    late.start()
    assert next(found).step == 0
    assert capsys.readouterr().err.count("No checkpoint file found yet\n") == 1


def test_a_half_written_checkpoint_is_said_once(growing: Growing, capsys: pytest.CaptureFixture[str]) -> None:
    (growing.folder / "model.ckpt-0.data-00000-of-00001").unlink()
    found = watching(growing.folder, growing.part)
    late = threading.Timer(0.2, lambda: growing.leave(9))
    late.start()
    assert next(found).step == 9
    said = "model.ckpt-0 is skipped until it is whole: The checkpoint lacks 1 of its 1 data files."
    assert [line for line in capsys.readouterr().err.splitlines() if "skipped" in line] == [said]


def test_the_graph_comes_after_its_checkpoint(growing: Growing, capsys: pytest.CaptureFixture[str]) -> None:
    meta = growing.folder / "model.ckpt-0.meta"
    late = threading.Timer(0.2, meta.with_suffix(".late").rename, (meta,))
    meta.rename(meta.with_suffix(".late"))
    late.start()
    assert next(watching(growing.folder, growing.part)).step == 0
    said = "model.ckpt-0 is skipped until it is whole: there is no graph beside the checkpoint\n"
    assert capsys.readouterr().err.count(said) == 1


@pytest.mark.slow
def test_beside_a_training_of_tensorflow(tmp_path: Path) -> None:
    """Each checkpoint is as accurate as TensorFlow's own evaluator says, by its weights and by their averages."""
    oracle.require()
    random = np.random.RandomState(1)
    x = random.randn(500, 36).astype(np.float32)
    np.savez(tmp_path / "data.npz", x=x, y=(x @ random.randn(36, 4)).argmax(1))
    folder = tmp_path / "training"
    folder.mkdir()
    process = subprocess.Popen(
        [oracle.PYTHON, Path(__file__).with_name("watch_oracle.py"), tmp_path / "data.npz", folder],
        env=oracle.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    seen: list[dict[int | None, float]] = [{}, {}]
    both = [watching(folder, tmp_path / "data.npz", ema=ema, seconds=0.1) for ema in (False, True)]
    while 63 not in seen[1]:
        for found, own in zip(both, seen, strict=True):
            step, accuracy = summary(next(found))
            own[step] = accuracy
    theirs = json.loads(process.communicate(timeout=60)[0])
    for which, own in enumerate(seen):
        assert own == {int(step): accuracies[which] for step, accuracies in theirs.items() if int(step) in own}
        assert own.keys() >= {35, 42, 49, 56, 63}  # the five that TensorFlow keeps
    assert len({accuracy for own in seen for accuracy in own.values()}) > 5


@pytest.mark.slow
def test_beside_a_run_of_regraft(tmp_path: Path) -> None:
    """Its checkpoints are as accurate as it wrote itself; it is not disturbed, and its end is the watcher's end."""
    process = started(trained, tmp_path, 4_000)
    while not (tmp_path / "run/run.json").is_file():
        time.sleep(0.02)
    found = list(watching(tmp_path / "run", points(4_000).validation))
    process.join()
    assert process.exitcode == 0
    run = RunFolder(tmp_path / "run")
    assert found[-1].step == 12 * 88
    assert_as_written(found, run, steps=88)
    assert not run.start.exists()


@pytest.mark.parametrize("plan", [None, OPEN])
def test_a_run_knows_its_own_validation_part(tmp_path: Path, plan: Plan | None) -> None:
    """Also of a head on centred features, whose weights are others in the checkpoint."""
    run = RunFolder(finished(tmp_path, plan).run)
    found = list(watching(run.path, None))
    assert found[-1].step == 4 * 6
    assert_as_written(found, run, steps=6)


def test_a_run_with_averages(tmp_path: Path) -> None:
    result = finished(tmp_path, OPEN, ema=0.9, keep="last")
    averaged, raw = (list(watching(result.run, None, ema=ema)) for ema in (True, False))
    assert_as_written(averaged, RunFolder(result.run), steps=6)
    model, own = (regraft.open(result.run / name) for name in ("model", "raw"))
    assert averaged[-1].report.loss == pytest.approx(result.validation.loss)
    assert raw[-1].report.loss == pytest.approx(regraft.evaluate(own, result_part(tmp_path)).loss)
    assert any((model.values[name] != own.values[name]).any() for name in model.parameters)


def finished(folder: Path, plan: Plan | None, **settings: object) -> FitResult:
    """A run on a file of points."""
    part = points(240).train
    np.savez(folder / "points.npz", x=part.examples.items, y=part.examples.labels)
    return fit(
        source(),
        folder / "points.npz",
        plan=plan,
        settings={"epochs": 4, "seed": 3, "device": "cpu", **settings},
        out=folder / "run",
        progress=Progress(silent=True),
    )


def result_part(folder: Path) -> Part:
    return open_splits(folder / "points.npz", seed=3).validation


def assert_as_written(found: list[Watched], run: RunFolder, *, steps: int) -> None:
    """The trainer wrote the same numbers for the epochs that end at these steps."""
    lines = {line["epoch"] * steps: line for line in run.read_lines(run.metrics.name)}
    ends = [one for one in found if one.step in lines]
    assert ends
    assert [one.report.score for one in ends] == [lines[one.step or 0]["validation_accuracy"] for one in ends]
    assert [one.report.loss for one in ends] == pytest.approx(
        [lines[one.step or 0]["validation_loss"] for one in ends], rel=1e-4
    )


def curve(folder: Path) -> dict[int | None, float]:
    """The accuracies that TensorBoard shows."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    points = EventAccumulator(str(folder)).Reload().Tensors("accuracy")
    return {point.step: point.tensor_proto.float_val[0] for point in points}


# --- what it refuses ----------------------------------------------------------------------------------


def refused(kind: type[Exception], folder: Path, data: object, **how: Any) -> str:
    with pytest.raises(kind) as caught:
        next(watching(folder, data, **how))
    return str(caught.value)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert refused(MissingFile, tmp_path / "none", None) == f"there is no such folder\n  where: {tmp_path / 'none'}"


@pytest.mark.parametrize("seconds", [0, -1.5, float("nan"), float("inf")])
def test_no_time_between_two_looks(tmp_path: Path, seconds: float) -> None:
    assert refused(BadArgument, tmp_path, None, seconds=seconds) == (
        f"there must be time between two looks\n  expected: seconds above 0\n  got: {seconds:g}"
    )


def test_what_no_training_writes_to(tmp_path: Path) -> None:
    saved.write(source(), tmp_path / "model", {})
    for path, what in ((tmp_path / "model", "a finished model"), (tmp_path / "model/model.json", "a file")):
        assert refused(BadArgument, path, points().test) == (
            f"there is no training to watch\n  where: {path}\n"
            "  expected: a run folder of regraft, or the folder of a TensorFlow training's checkpoints\n"
            f"  got: {what}\n  to do: leave out --watch"
        )


def test_a_foreign_training_without_data(growing: Growing) -> None:
    assert refused(BadArgument, growing.folder, None) == (
        f"which data shall its checkpoints be judged on?\n  where: {growing.folder}\n"
        "  to do: name them: regraft evaluate FOLDER DATA --watch SECONDS; only a run of regraft says it itself"
    )


def test_no_averages_in_a_foreign_checkpoint(growing: Growing) -> None:
    assert refused(BadArgument, growing.folder, growing.part, ema=True) == (
        f"the checkpoint holds no moving averages of weights\n  where: {growing.folder / 'model.ckpt-0'}\n"
        "  expected: entries such as one/kernel/ExponentialMovingAverage\n"
        "  got: 10 entries, first: norm/beta, norm/gamma, norm/moving_mean, norm/moving_variance, one/bias\n"
        "  to do: leave out --ema"
    )


def test_some_weights_without_averages_are_named(growing: Growing) -> None:
    values = growing.network.values
    averages = {"one/kernel/ExponentialMovingAverage": values["one/kernel"]}
    write_checkpoint(growing.folder / "model.ckpt-0", {**values, **averages})
    note = "7 of 8 weights have no moving average and are taken as they are: one/bias, norm/gamma, norm/beta, .*"
    with pytest.warns(UserWarning, match=f"^{note}$"):
        next(watching(growing.folder, growing.part, ema=True))


def test_no_averages_in_a_run(tmp_path: Path) -> None:
    run = finished(tmp_path, None).run
    assert refused(BadArgument, run, None, ema=True) == (
        f"this training keeps no averages of its weights\n  where: {run}\n"
        "  to do: leave out --ema, or train with `regraft fit --ema DECAY`"
    )


def test_data_that_do_not_fit(growing: Growing) -> None:
    five = np.eye(5, 6, dtype=np.float32)
    np.savez(growing.folder / "data.npz", x=five, y=np.arange(5))
    assert refused(BadData, growing.folder, growing.folder / "data.npz") == (
        f"4 is no class of the training data\n  where: {growing.folder / 'data.npz'}\n"
        "  expected: 0, 1, 2, 3\n  got: 1 of 5 examples, the first: row 4\n"
        "  to do: correct them or leave them out, or train on data that have such too"
    )


def test_a_run_whose_data_have_changed(tmp_path: Path) -> None:
    run = finished(tmp_path, None).run
    text = (
        f"the run's own validation data cannot be opened again\n  where: {run}\n  got: {{}}\n"
        "  to do: name the data: regraft evaluate RUN DATA --watch SECONDS"
    )
    part = points(300).train
    np.savez(tmp_path / "points.npz", x=part.examples.items, y=part.examples.labels)
    assert refused(BadArgument, run, None) == text.format("they are not the examples that it was measured by")
    (tmp_path / "points.npz").unlink()
    assert refused(BadArgument, run, None) == text.format("there is no such file or folder")


def test_a_run_that_ended_without_checkpoints(tmp_path: Path) -> None:
    run = finished(tmp_path, None)
    shutil.rmtree(RunFolder(run.run).checkpoints)
    assert refused(MissingFile, run.run, None) == (
        f"the run has ended and has no checkpoints\n  where: {run.run}\n"
        "  to do: `regraft evaluate` without --watch judges its model"
    )


def test_a_run_without_its_network(tmp_path: Path) -> None:
    run = finished(tmp_path, None).run
    RunFolder(run).start_record.unlink()
    assert refused(UnsupportedFormat, run, None) == (
        f"this run does not keep the network that its checkpoints belong to\n  where: {run}\n"
        "  expected: a run of `regraft fit`\n  to do: `regraft evaluate` without --watch judges its model"
    )


def test_a_damaged_record_of_the_network(tmp_path: Path) -> None:
    run = finished(tmp_path, None).run
    RunFolder(run).start_record.write_text('{"centred": null}')
    text = f"start.json is damaged\n  where: {run}\n  got: 'features'"
    assert refused(UnreadableFile, run, None) == text


def test_a_place_for_curves_that_is_taken(growing: Growing, capsys: pytest.CaptureFixture[str]) -> None:
    (growing.folder / "eval").touch()
    assert next(watching(growing.folder, growing.part)).step == 0
    assert "note: there are no curves for TensorBoard: eval cannot be written: File exists\n" in capsys.readouterr().err


def test_a_run_that_is_gone_has_ended(tmp_path: Path) -> None:
    run = RunFolder.create(tmp_path / "run")
    training = training_in(run.path, None, averaged=False)
    assert training is not None
    assert not training.ended
    shutil.rmtree(run.path)
    assert training.ended
