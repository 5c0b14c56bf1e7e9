"""The separate evaluator: beside a training that goes on, each checkpoint it leaves is judged on labelled data."""

from __future__ import annotations

import time
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from math import inf
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from regraft.data import Examples, Part
from regraft.errors import BadArgument, MissingFile, RegraftError, UnreadableFile
from regraft.run import Progress, is_run
from regraft.run.atomic import disk_errors
from regraft.tasks.evaluate import compared, labelled, opened
from regraft.tasks.judging import Answers, in_windows, read_names, ready, told
from regraft.tasks.rows import MEMORY, batches
from regraft.tasks.scores import AnyReport
from regraft.tasks.start import Start
from regraft.tasks.watched import Left, Training, Weights, training_in
from regraft.train.ema import put

if TYPE_CHECKING:
    from tensorboard.summary import Writer


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A checkpoint, and how well it does. `step` counts training steps; None: neither name nor counter says it."""

    step: int | None
    path: Path
    report: AnyReport = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """What a line of JSON holds of it."""
        return {"step": self.step, "path": str(self.path), **self.report.summary, "loss": self.report.loss}

    def __str__(self) -> str:
        after = f"{self.path.name}:" if self.step is None else f"After {self.step} training steps,"
        return f"{after} validation {self.report.measure} = {self.report.score:.4f}"


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """How a training is watched."""

    seconds: float
    ema: bool
    to: str | None
    classes: Sequence[str] | None
    input: str | None
    device: str


def watch(
    path: str | PathLike[str],
    data: Part | Examples | Path | str | None = None,
    *,
    seconds: float = 10.0,
    ema: bool = False,
    to: str | None = None,
    labels: str | PathLike[str] | None = None,
    input: str | None = None,
    device: str = "auto",
) -> Generator[Watched]:
    """Judge each checkpoint of a training that goes on in another process: the separate evaluator.

    Those there are come first, in the order of their steps, then each new one. Half-written ones are taken once they
    are whole. Curves for TensorBoard are written into the folder `eval` there.

    Args:
        path: a run folder of regraft's, or the folder in which a TensorFlow 1 training leaves checkpoints and graphs.
        data: labelled data as `fit` takes them, or what `open_data` gives; of data that come in parts, the validation
            part; None: the validation part of the run itself.
        seconds: between two looks at the folder.
        ema: with the moving averages of the weights in their place; their curves are in `eval-ema`.
        to, labels, input, device: as for `predict`.

    Returns:
        A generator of what there is to say of each. It ends when a run of regraft has ended; nothing says when a
        TensorFlow training has.

    Raises:
        RegraftError: there is no such folder, no averages, or the data do not fit. What can be told at once is said
            before the first look.
    """
    folder, progress = Path(path), Progress()
    if not 0 < seconds < inf:
        raise BadArgument("there must be time between two looks", expected="seconds above 0", got=f"{seconds:g}")
    training = training_in(folder, to, averaged=ema)
    if data is None and not is_run(folder):
        raise BadArgument(
            "which data shall its checkpoints be judged on?",
            where=str(folder),
            fix="name them: regraft evaluate FOLDER DATA --watch SECONDS; only a run of regraft says it itself",
        )
    part = None if data is None else opened(data, "validation", skip_bad=False, progress=progress)
    names = None if labels is None else read_names(Path(labels))
    asked = _Asked(seconds=seconds, ema=ema, to=to, classes=names, input=input, device=device)
    return _Watch(folder, part, asked, progress).looks(training)


class _Watch:
    """Looks at a folder again and again; what was seen of it so far."""

    def __init__(self, folder: Path, part: Part | None, asked: _Asked, progress: Progress) -> None:
        self._folder, self._part, self._asked, self._progress = folder, part, asked, progress
        self._judge: _Judge | None = None
        self._seen: set[Hashable] = set()
        self._said: set[str] = set()

    def looks(self, training: Training | None) -> Generator[Watched]:
        """Each new checkpoint, until the training has ended."""
        with _Curves(self._folder / ("eval-ema" if self._asked.ema else "eval"), self._progress) as curves:
            while True:
                ended = training is not None and training.ended  # before looking: the last one is there by then
                for found in self._new(training) if training else ():
                    curves.add(found)
                    yield found
                if ended:
                    break
                if not self._seen:
                    self._say("No checkpoint file found yet")
                time.sleep(self._asked.seconds)
                training = training or training_in(self._folder, self._asked.to, averaged=self._asked.ema)
        if not self._seen:
            raise MissingFile(
                "the run has ended and has no checkpoints",
                where=str(self._folder),
                fix="`regraft evaluate` without --watch judges its model",
            )

    def _new(self, training: Training) -> Generator[Watched]:
        for left in training.left():
            weights = None if left.mark in self._seen else self._whole(left, training)
            if weights:
                self._seen.add(left.mark)
                yield Watched(step=weights.step, path=left.path, report=self._report(training, weights))

    def _whole(self, left: Left, training: Training) -> Weights | None:
        """The weights of a checkpoint; None where it is half there, which is said once, or gone by now."""
        try:
            return left.read()
        except (MissingFile, UnreadableFile) as error:
            if any(one.mark == left.mark for one in training.left()):
                self._say(f"{left.path.name} is skipped until it is whole: {error.what}")
            return None

    def _report(self, training: Training, weights: Weights) -> AnyReport:
        if self._judge is None:
            part = self._part or training.own_part(self._progress)
            self._judge = _Judge(training.start, part, self._asked, self._progress)
        return self._judge.report(weights)

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._progress.say(text)


class _Judge:
    """The network of a training, opened once, and examples prepared once."""

    def __init__(self, start: Start, part: Part, asked: _Asked, progress: Progress) -> None:
        self._part = labelled(part, start.network, asked.classes or start.classes, progress)
        self._network = ready(start.network, self._part, asked.input, progress)
        self._answers = Answers(self._network, asked.device, features=start.features)
        read = in_windows(self._network, self._part)
        batched = batches(len(read), self._answers.size)
        self._pieces = [replace(read, indices=read.indices[numbers]) for numbers in batched]
        self._held: dict[int, tuple[Tensor, ...]] = {}
        self._room = MEMORY
        self._progress = progress

    def report(self, weights: Weights) -> AnyReport:
        """How well the network does with these weights."""
        own = self._answers.weights
        put(own, {name: torch.from_numpy(np.array(value)) for name, value in weights.values.items() if name in own})
        found: list[np.ndarray] = []
        with self._progress.task("judging", len(self._pieces)) as advance:
            for number, piece in enumerate(self._pieces):
                found.append(self._answers.of(piece, self._fed(number)))
                advance(1)
        return compared(self._network, told(self._network, np.concatenate(found)), self._part)

    def _fed(self, number: int) -> tuple[Tensor, ...]:
        """A piece as the network takes it, held in memory while there is room."""
        fed = self._held.get(number) or self._answers.fed(self._pieces[number])
        size = sum(tensor.nbytes for tensor in fed)
        if number not in self._held and size <= self._room:
            self._held[number] = fed
            self._room -= size
        return fed


class _Curves:
    """The numbers as TensorBoard curves, in a folder of their own that is made with the first of them."""

    def __init__(self, folder: Path, progress: Progress) -> None:
        self._folder, self._progress = folder, progress

    def add(self, found: Watched) -> None:
        """One point each; a checkpoint without a step has none."""
        if found.step is not None and self._writer:
            numbers = {name: value for name, value in found.report.summary.items() if name != "n"}
            for name, value in {**numbers, "loss": found.report.loss}.items():
                self._writer.add_scalar(name, value, found.step)
            self._writer.flush()

    @cached_property
    def _writer(self) -> Writer | None:
        from tensorboard.summary import Writer  # 0.4 s

        try:
            with disk_errors(self._folder):
                self._folder.mkdir(exist_ok=True)
                return Writer(str(self._folder))
        except RegraftError as error:
            self._progress.say(f"note: there are no curves for TensorBoard: {error.what}: {error.got}")
            return None

    def __enter__(self) -> _Curves:
        return self

    def __exit__(self, *_: object) -> None:
        if writer := vars(self).get("_writer"):
            writer.close()
