"""The network a training begins with, kept while there is no finished one: what its checkpoints are the weights of."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regraft.errors import MissingFile, UnreadableFile, UnsupportedFormat
from regraft.formats import saved
from regraft.network import GraphNetwork
from regraft.run import RunFolder
from regraft.tasks.linear import Linear, folded
from regraft.tasks.regress import Units
from regraft.tasks.rows import Scaling


@dataclass(frozen=True, kw_only=True, eq=False)
class Start:
    """A network that is going to be trained, and how the weights of its training get into it.

    `classes` are what it tells apart; None: numbers. `features` are tensors that the training does not change. `head`
    and `scaling` belong to a head that learns on centred features, `units` are those in which it learns numbers.
    """

    network: GraphNetwork
    classes: Sequence[str] | None = None
    features: tuple[str, ...] = ()
    head: Linear | None = None
    scaling: Scaling | None = None
    units: Units | None = None

    def plain(self, values: Mapping[str, np.ndarray]) -> Mapping[str, np.ndarray]:
        """Weights as the network takes them, from those of the training."""
        if self.head and self.scaling:
            values = folded(values, self.head, self.scaling)
        return self.units.undone(values) if self.units else values

    def write(self, run: RunFolder) -> None:
        """Leave it in a run folder, for whoever reads the run's checkpoints."""
        saved.write(self.network, run.start, {"classes": list(self.classes or ())})
        units = self.units and self.units.as_json()
        record = {"features": list(self.features), "centred": self._centred(), "units": units}
        run.write_json(run.start_record.name, record)

    def _centred(self) -> dict[str, Any] | None:
        if not (self.head and self.scaling):
            return None
        scaling = {"mean": self.scaling.mean.tolist(), "spread": self.scaling.spread}
        return {"kernel": self.head.kernel, "bias": self.head.bias, **scaling}


def read_start(run: RunFolder) -> Start:
    """The network that the checkpoints of a run belong to: of a finished run its model, whose weights they replace.

    Raises:
        UnsupportedFormat: the run keeps none, as those of an older version and the trials of a search.
        UnreadableFile: it is damaged.
    """
    if not run.start_record.is_file():
        raise UnsupportedFormat(
            "this run does not keep the network that its checkpoints belong to",
            where=str(run.path),
            expected="a run of `regraft fit`",
            fix="`regraft evaluate` without --watch judges its model",
        )
    record = run.read_json(run.start_record.name)
    network, classes = _begun_with(run)
    try:
        centred = record["centred"] or {}
        return Start(
            network=network,
            classes=classes,
            features=tuple(network.resolve(name) for name in record["features"]),
            head=Linear(kernel=centred["kernel"], bias=centred["bias"]) if centred else None,
            scaling=Scaling(mean=_vector(centred["mean"]), spread=float(centred["spread"])) if centred else None,
            units=Units.from_json(record["units"]) if record["units"] else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableFile("start.json is damaged", where=str(run.path), got=str(error)) from error


def _begun_with(run: RunFolder) -> tuple[GraphNetwork, Sequence[str] | None]:
    """The network and its classes, or those of the model: what the training began with goes once that is there."""

    def read(folder: Path) -> tuple[GraphNetwork, Sequence[str] | None]:
        return saved.read(folder), saved.about(folder).get("classes") or None

    try:
        return read(run.start)
    except (MissingFile, UnreadableFile):
        if not saved.opens(run.model):
            raise
        return read(run.model)


def drop_start(run: RunFolder) -> None:
    """Remove the network a training began with: there is a model, and how checkpoints get into it is still said."""
    shutil.rmtree(run.start, ignore_errors=True)


def _vector(numbers: Sequence[float]) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)
