"""How much each task counts while several are learned together: by how often it is seen, and by its loss."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Literal

import torch
from torch import Tensor

from regraft.errors import BadArgument


@dataclass(frozen=True, kw_only=True)
class Balance:
    """How much each task counts.

    Attributes:
        weights: what the loss of a task is multiplied with, 1 where nothing is said; or these factors are learned, by
            how uncertain each task is (Kendall et al. 2018).
        temperature: at 1 every example is seen once an epoch; the higher, the more often those of small tasks are,
            until all tasks are seen alike: a task of n examples is seen as often as n ** (1 / temperature) tells.

    Raises:
        BadArgument: a number is out of its bounds.
    """

    weights: Mapping[str, float] | Literal["uncertainty"] = field(default_factory=dict)
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuse what cannot be used."""
        bad = [f"{task}={weight:g}" for task, weight in self.fixed.items() if not 0 < weight < inf]
        if bad:
            raise BadArgument("the weight of a loss is a number above 0", got=", ".join(bad))
        if not 1 <= self.temperature < inf:
            raise BadArgument("a temperature is a number from 1", got=f"{self.temperature:g}")

    @property
    def fixed(self) -> Mapping[str, float]:
        """The weights that somebody has said."""
        return {} if isinstance(self.weights, str) else self.weights

    def turns(self, sizes: Mapping[str, int]) -> dict[str, int]:
        """How many examples of each task an epoch holds, by how many there are: none is left out."""
        largest = max(sizes.values())
        return {task: round(largest * (size / largest) ** (1 / self.temperature)) for task, size in sizes.items()}


class Weighting:
    """The factors of the losses of tasks; by uncertainty they are learned with the weights of the network."""

    def __init__(self, balance: Balance, tasks: Collection[str], device: torch.device) -> None:
        self._fixed = {task: float(balance.fixed.get(task, 1.0)) for task in tasks}
        # The logarithm of each task's variance.
        uncertain = tasks if balance.weights == "uncertainty" else ()
        self.learned = {task: torch.zeros((), device=device, requires_grad=True) for task in uncertain}

    def __call__(self, task: str, loss: Tensor) -> Tensor:
        """The weighted loss of a task, with what its uncertainty costs."""
        if task not in self.learned:
            return self._fixed[task] * loss
        variance = self.learned[task]
        return torch.exp(-variance) * loss + variance / 2
