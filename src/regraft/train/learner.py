"""What the loop trains: weights by name, and how one batch gives a loss."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from regraft.errors import BadArgument

Batch = tuple[Any, ...]  # tensors; of several tasks a batch of each, or None


class Rows(Protocol):
    """Examples that can be asked for in any order."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def take(self, rows: np.ndarray) -> Batch:
        """The examples of these row numbers, in this order: what the learner's `step` reads."""
        ...


@dataclass(frozen=True, kw_only=True)
class Step:
    """What one batch gives."""

    loss: Tensor  # a scalar
    updates: Mapping[str, Tensor] = field(default_factory=dict)  # next values of what follows the training
    lr: Tensor | None = None  # the learning rate of this step; None: the one of the settings


@dataclass(frozen=True, kw_only=True)
class Learner:
    """What the loop trains.

    Attributes:
        weights: all weights by name, frozen ones included; the loop changes them in place.
        trained: the ones the optimizer changes. It never sees the others.
        followed: the ones `Step.updates` changes (moving averages of batch norms, the global step).
        step: a batch -> its loss.
        rates: what the learning rate is multiplied with for some weights; 1 for the others.
        slots: what the optimizer goes on from; empty: it starts anew.
        powers: the same, for Adam's counters.
    """

    weights: Mapping[str, Tensor]
    trained: tuple[str, ...]
    step: Callable[[Batch], Step]
    followed: tuple[str, ...] = ()
    rates: Mapping[str, float] = field(default_factory=dict)
    slots: Mapping[str, Mapping[str, Tensor]] = field(default_factory=dict)
    powers: Mapping[str, float] = field(default_factory=dict)

    @property
    def changing(self) -> dict[str, Tensor]:
        """The weights that do not stay as they are."""
        return {name: self.weights[name] for name in (*self.trained, *self.followed)}

    @property
    def frozen(self) -> dict[str, Tensor]:
        """The weights that stay as they are."""
        changing = {*self.trained, *self.followed}
        return {name: weight for name, weight in self.weights.items() if name not in changing}


def fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """A hash of names, types, shapes and every byte."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        array = tensors[name].detach().cpu().contiguous().numpy()
        digest.update(f"{name}\0{array.dtype}\0{array.shape}\0".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def device_of(name: str) -> torch.device:
    """The device a setting names; "auto" is the GPU where there is one.

    Raises:
        BadArgument: a GPU is asked for and there is none.
    """
    available = torch.cuda.is_available()
    if name == "cuda" and not available:
        raise BadArgument("there is no CUDA device here", got="device cuda", fix="--device cpu, or auto")
    return torch.device("cuda" if available and name in ("auto", "cuda") else "cpu")
