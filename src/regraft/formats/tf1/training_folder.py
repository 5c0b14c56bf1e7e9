"""A folder in which a TensorFlow training leaves its checkpoints, looked at while it goes on.

TensorFlow writes the data of a checkpoint, then its index, then the graph, and removes old checkpoints file by file.
So anything may be missing or half there at a moment; each checkpoint is checked whole before it is used.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regraft.errors import BadArgument, MissingFile
from regraft.formats.tf1.checkpoint import Checkpoint, file_of, open_checkpoint
from regraft.formats.tf1.checkpoint.locate import checkpoints_in, v1_files
from regraft.formats.tf1.graph.graphdef import build
from regraft.formats.tf1.graph.variables import Variables, as_number
from regraft.formats.tf1.reading import meta_source
from regraft.network.network import GraphNetwork

_AVERAGE = "/ExponentialMovingAverage"
_STEP = re.compile(r"-(\d+)$")
_COUNTER = "global_step"


@dataclass(frozen=True, kw_only=True)
class Found:
    """A checkpoint in such a folder, whole or not; `mark` is another once it has been written anew."""

    prefix: Path
    mark: tuple[str, int, int]


@dataclass(frozen=True, kw_only=True)
class Restored:
    """What a checkpoint holds for a graph: the values of its parameters, and after how many training steps."""

    step: int | None
    values: Mapping[str, np.ndarray]


def checkpoints(folder: Path) -> list[Found]:
    """The checkpoints there are at this moment, in the order of their steps, those without a number first."""
    found = [one for name in checkpoints_in(folder) if (one := _found(folder / name))]
    return sorted(found, key=lambda one: (_named_step(one.prefix) or 0, one.mark[1]))


class TrainingGraph:
    """The graph of a training, opened once, with one checkpoint; `restored` reads the others for it.

    Raises:
        MissingFile, UnreadableFile: graph or checkpoint are not whole (yet).
        UnsupportedOp: the wanted tensors need operations that cannot be run here.
    """

    def __init__(self, first: Path, to: Sequence[str] | None) -> None:
        """Open the graph that was saved with the checkpoint `first`, else another of its folder, for tensors `to`."""
        checkpoint = open_checkpoint(first)
        self._source = meta_source(_meta_for(first))
        graph, values = build(self._source, checkpoint, to)
        self.network = GraphNetwork(graph, values, format="tf1-meta")
        variables = Variables(self._source, checkpoint)
        self._stored = [name for name in self.network.parameters if name in variables]

    def restored(self, prefix: Path, *, averaged: bool) -> Restored:
        """The values of the graph's variables in a checkpoint.

        Args:
            averaged: weights have the values of their moving averages, as
                `tf.train.ExponentialMovingAverage.variables_to_restore` maps them.

        Raises:
            MissingFile, UnreadableFile: it is not whole (yet).
            BadArgument: it holds no moving averages.
        """
        checkpoint = open_checkpoint(prefix)
        variables = Variables(self._source, checkpoint)
        variables.require(self._stored)
        values = _present(variables, {name: name for name in self._stored})
        if averaged:
            values |= self._averages(variables, checkpoint)
        return Restored(step=_step(prefix, checkpoint), values=values)

    def _averages(self, variables: Variables, checkpoint: Checkpoint) -> dict[str, np.ndarray]:
        found = _present(variables, {name: name + _AVERAGE for name in self._stored})
        trained = [name for name in self._stored if self.network.parameters[name].trainable]
        if not found:
            raise BadArgument(
                "the checkpoint holds no moving averages of weights",
                where=str(checkpoint.prefix),
                expected=f"entries such as {(trained or self._stored or ['w'])[0]}{_AVERAGE}",
                got=f"{len(checkpoint)} entries, first: {', '.join(list(checkpoint)[:5])}",
                fix="leave out --ema",
            )
        without = [name for name in trained if name not in found]
        if without:
            note = f"{len(without)} of {len(trained)} weights have no moving average and are taken as they are"
            warnings.warn(f"{note}: {', '.join(without[:5])}", stacklevel=2)
        return found


def _present(variables: Variables, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    """The stored values of variables, each under the name that is asked for."""
    return {name: value for name, stored in names.items() if (value := variables.get(stored)) is not None}


def _found(prefix: Path) -> Found | None:
    index = file_of(prefix, ".index")
    try:
        files = [index] if index.is_file() else v1_files(prefix)
        stats = [file.stat() for file in files]
    except FileNotFoundError:  # removed since the folder was listed
        return None
    if not stats:
        return None
    written = max(stat.st_mtime_ns for stat in stats)
    return Found(prefix=prefix, mark=(prefix.name, written, sum(stat.st_size for stat in stats)))


def _meta_for(prefix: Path) -> Path:
    """The graph beside a checkpoint; a training may save it once only."""
    metas = [file_of(prefix, ".meta"), *sorted(prefix.parent.glob("*.meta"))]
    meta = next((path for path in metas if path.is_file()), None)
    if meta is None:
        raise MissingFile("there is no graph beside the checkpoint", where=str(prefix), expected=metas[0].name)
    return meta


def _step(prefix: Path, checkpoint: Checkpoint) -> int | None:
    """The training steps behind a checkpoint: as its name says, else its counter."""
    named, counter = _named_step(prefix), checkpoint.get(_COUNTER)
    return int(as_number(counter)) if named is None and counter is not None else named


def _named_step(prefix: Path) -> int | None:
    found = _STEP.search(prefix.name)
    return int(found[1]) if found else None
