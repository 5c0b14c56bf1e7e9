"""Heads whose layers are all dense, on a frozen cut: what can be trained from stored vectors, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from regraft.network.surgery import Graft
from regraft.train.settings import Settings
from regraft.trials.levels import Level
from regraft.trials.schemes import Scheme

Curve = Callable[[Tensor], Tensor]
_CURVES: Mapping[str | None, Curve] = {
    None: lambda x: x,
    "relu": functional.relu,
    "elu": functional.elu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseHead:
    """A scheme whose trunk is frozen and whose new layers are all dense.

    `names` are its weights, kernel and bias of each layer in turn.
    """

    number: int
    scheme: Scheme
    level: Level
    graft: Graft
    settings: Settings
    names: tuple[str, ...]

    @property
    def alike(self) -> tuple[object, ...]:
        """Heads for which this is equal are trained together; a joint norm is that of one head alone."""
        layers = tuple((layer.width, layer.activation) for layer in self.graft.plan.new or ())
        by_itself = self.number if self.settings.clip_norm else None
        return self.level.vector, layers, str(replace(self.settings, lr=1.0).as_json()), by_itself

    @property
    def curves(self) -> list[Curve]:
        """What each layer does to its product."""
        return [_CURVES[layer.activation] for layer in self.graft.plan.new or ()]

    @property
    def weights(self) -> int:
        """How many numbers are trained."""
        return sum(self.graft.network.values[name].size for name in self.names)


def dense_head(number: int, scheme: Scheme, level: Level, graft: Graft, settings: Settings) -> DenseHead | None:
    """The scheme as such a head, or None where it is something else."""
    names = tuple(row.parameter for row in graft.rows if row.state == "new")
    trained = {p.name for p in graft.network.parameters.values() if p.trainable and not p.frozen}
    if trained != set(names) or any(layer.kind != "dense" for layer in graft.plan.new or ()):
        return None
    return DenseHead(number=number, scheme=scheme, level=level, graft=graft, settings=settings, names=names)
