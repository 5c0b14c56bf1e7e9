"""What can be watched: a training that leaves its weights on disk, regraft's own or one of TensorFlow 1."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import ceil
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from regraft.data import Part, open_data, open_splits, whole
from regraft.errors import BadArgument, MissingFile, RegraftError
from regraft.formats import saved
from regraft.formats.tf1 import training_folder
from regraft.formats.tf1.training_folder import TrainingGraph
from regraft.run import Progress, RunFolder, is_run
from regraft.tasks.head import array
from regraft.tasks.judging import in_windows
from regraft.tasks.record import part_record
from regraft.tasks.start import Start, read_start
from regraft.train import checkpoint as checkpoints
from regraft.train.checkpoint import Checkpoint


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weights after so many training steps, as the network has them; None: nothing says after how many."""

    step: int | None
    values: Mapping[str, np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Left:
    """A checkpoint that a training has left; `mark` is another where other weights stand at the path.

    `read` raises MissingFile or UnreadableFile while it is not whole.
    """

    path: Path
    mark: Hashable
    read: Callable[[], Weights]


class Training(Protocol):
    """A training that is watched."""

    @property
    def ended(self) -> bool:
        """Whether it leaves no more checkpoints."""
        ...

    @property
    def start(self) -> Start:
        """The network its weights belong to, known once some were read."""
        ...

    def left(self) -> Sequence[Left]:
        """The checkpoints that are there now, in the order of their steps; those of before may be left out."""
        ...

    def own_part(self, progress: Progress) -> Part:
        """The examples it measures itself by."""
        ...


def training_in(folder: Path, to: str | None, *, averaged: bool) -> Training | None:
    """The training that a folder belongs to; None while it holds no checkpoint.

    Args:
        to: the output that tells classes apart; None: the only one.
        averaged: its weights are the moving averages that it keeps of them.

    Raises:
        MissingFile, BadArgument: there is no such folder, or no training ever writes there.
    """
    if not folder.exists():
        raise MissingFile("there is no such folder", where=str(folder))
    if is_run(folder):
        return _Run(folder, to, averaged=averaged)
    if not folder.is_dir() or saved.opens(folder):
        raise BadArgument(
            "there is no training to watch",
            where=str(folder),
            expected="a run folder of regraft, or the folder of a TensorFlow training's checkpoints",
            got="a finished model" if folder.is_dir() else "a file",
            fix="leave out --watch",
        )
    return _Foreign(folder, to, averaged=averaged) if training_folder.checkpoints(folder) else None


class _Run:
    """A run of regraft's: its best and its last checkpoint."""

    def __init__(self, folder: Path, to: str | None, *, averaged: bool) -> None:
        self._run = RunFolder(folder)
        self._to, self._averaged = to, averaged
        self._start: Start | None = None
        self._read: tuple[int, int] | None = None

    @property
    def ended(self) -> bool:
        """A killed run still says that it runs: it may be resumed. One that failed in the beginning is gone."""
        try:
            return self._run.status != "running"
        except MissingFile:
            return True

    @property
    def start(self) -> Start:
        """Its network, up to what it was trained for."""
        if self._start is None:
            found = read_start(self._run)
            self._start = found if self._to is None else replace(found, network=found.network.towards(self._to))
        return self._start

    def left(self) -> Sequence[Left]:
        """The best and the last checkpoint; none where they are the ones of the time before."""
        mark = self._mark()
        if mark is None or mark == self._read:
            return ()
        try:
            stored = checkpoints.read(self._run.checkpoints)
        except MissingFile:
            if self._mark() == mark:
                raise
            return ()  # another was written meanwhile, and its best is another file
        self._read = mark
        return self._best_and_last(stored, self.start) if stored else ()

    def _mark(self) -> tuple[int, int] | None:
        try:
            stat = (self._run.checkpoints / checkpoints.LAST).stat()
        except FileNotFoundError:
            return None
        return stat.st_mtime_ns, stat.st_ino

    def _best_and_last(self, stored: Checkpoint, start: Start) -> Sequence[Left]:
        averages = bool(stored.shadows)
        if self._averaged and not averages:
            raise BadArgument(
                "this training keeps no averages of its weights",
                where=str(self._run.path),
                fix="leave out --ema, or train with `regraft fit --ema DECAY`",
            )
        steps = ceil(stored.identity["examples"] / stored.identity["settings"]["batch"])
        found: dict[int, Left] = {}  # by steps: the best may be the last
        best = stored.best
        if best and (weights := best.raw if averages and not self._averaged else best.weights):
            name = checkpoints.file_name("raw" if weights is best.raw else "best", best.epoch)
            found[best.epoch * steps] = self._left(best.epoch * steps, name, start, weights)
        step = stored.epoch * steps + stored.step
        weights = stored.shadows if self._averaged else stored.weights
        found[step] = self._left(step, checkpoints.LAST, start, weights)
        return tuple(found.values())

    def _left(self, step: int, file: str, start: Start, weights: Mapping[str, Tensor]) -> Left:
        values = start.plain({name: array(weight) for name, weight in weights.items()})
        whole = Weights(step=step, values=values)
        return Left(path=self._run.checkpoints / file, mark=step, read=lambda: whole)

    def own_part(self, progress: Progress) -> Part:
        """The validation part of the run, opened again."""
        record = self._run.read_json(self._run.settings.name)
        try:
            part = _validation(record, progress)
            if part_record(in_windows(self.start.network, part)) == record["data"]["validation"]:
                return part
            why = "they are not the examples that it was measured by"
        except (RegraftError, KeyError, TypeError) as error:
            why = error.what if isinstance(error, RegraftError) else "its settings do not say where they are"
        raise BadArgument(
            "the run's own validation data cannot be opened again",
            where=str(self._run.path),
            got=why,
            fix="name the data: regraft evaluate RUN DATA --watch SECONDS",
        )


def _validation(record: Mapping[str, Any], progress: Progress) -> Part:
    """The validation part that a run's settings tell of: divided off its data, or a set of its own."""
    data = record["data"]
    source, own = data["train"]["source"], data["validation"]["source"]
    if source == own:
        part = open_splits(source, seed=record["training"]["seed"], progress=progress).validation
    else:
        part = whole(open_data(own, part="validation", progress=progress))
    return replace(part, examples=part.examples.with_classes(record["classes"]))


class _Foreign:
    """The folder of a TensorFlow training: nothing in it says when that has ended."""

    ended = False

    def __init__(self, folder: Path, to: str | None, *, averaged: bool) -> None:
        self._folder, self._averaged = folder, averaged
        self._wanted = None if to is None else [to]
        self._graph: TrainingGraph | None = None

    @property
    def start(self) -> Start:
        """The graph of its first whole checkpoint."""
        assert self._graph is not None
        return Start(network=self._graph.network)

    def left(self) -> Sequence[Left]:
        """All checkpoints that are there now."""
        found = training_folder.checkpoints(self._folder)
        return [Left(path=one.prefix, mark=one.mark, read=partial(self._restored, one.prefix)) for one in found]

    def _restored(self, prefix: Path) -> Weights:
        self._graph = self._graph or TrainingGraph(prefix, self._wanted)
        restored = self._graph.restored(prefix, averaged=self._averaged)
        return Weights(step=restored.step, values=restored.values)

    def own_part(self, progress: Progress) -> Part:
        """Nothing says it."""
        raise BadArgument("a TensorFlow training does not say by which data it is judged", where=str(self._folder))
