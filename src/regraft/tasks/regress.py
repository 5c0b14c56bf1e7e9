"""Numbers told of examples: the squared error is made small, of numbers brought to mean 0 and spread 1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor
from torch.nn import functional

from regraft.network.surgery import Graft
from regraft.tasks.linear import Linear, output_layer
from regraft.train.loop import Measured


@dataclass(frozen=True, kw_only=True)
class NumberScore:
    """How well one number is told."""

    name: str
    r2: float  # share of its variance that is told; 0 for always saying the mean; of what does not vary 1, or 0
    mae: float  # mean of the errors without their signs
    rmse: float  # root of the mean of squared errors


@dataclass(frozen=True, kw_only=True, eq=False)
class NumberReport:
    """How well numbers are told.

    Attributes:
        n: how many examples.
        numbers: the scores of each.
    """

    n: int
    numbers: tuple[NumberScore, ...]

    measure = "R²"

    @property
    def score(self) -> float:
        """What the measure gives: the mean over the numbers."""
        return float(np.mean([number.r2 for number in self.numbers]))

    @property
    def loss(self) -> float:
        """The mean squared error."""
        return float(np.mean([number.rmse**2 for number in self.numbers]))

    @property
    def summary(self) -> dict[str, float]:
        """The least that tells how good it is; errors are means over the numbers."""
        errors = {name: float(np.mean([getattr(one, name) for one in self.numbers])) for name in ("mae", "rmse")}
        return {"r2": self.score, **errors, "n": self.n}

    def as_json(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        return {**self.summary, "numbers": [vars(number) for number in self.numbers]}


@dataclass(frozen=True, kw_only=True, eq=False)
class Units:
    """In which numbers are told while a network learns them: mean 0 and spread 1; the last layer takes them back.

    Attributes:
        mean, spread: (m) of the numbers to train on.
        layer: the last one.
    """

    mean: np.ndarray
    spread: np.ndarray
    layer: Linear

    def of(self, numbers: np.ndarray) -> np.ndarray:
        """Numbers (n m) in these units, float32."""
        return ((numbers - self.mean) / self.spread).astype(np.float32)

    def undone(self, values: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The weights of a network that tells the numbers as they were."""
        kernel, bias = values[self.layer.kernel], values[self.layer.bias]
        return {
            **values,
            self.layer.kernel: (kernel * self.spread).astype(kernel.dtype),
            self.layer.bias: (bias * self.spread + self.mean).astype(bias.dtype),
        }

    def as_json(self) -> dict[str, Any]:
        """The units as JSON holds them; `from_json` gives them back."""
        return {**vars(self.layer), "mean": self.mean.tolist(), "spread": self.spread.tolist()}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Units:
        """The units of a JSON document; raises KeyError, TypeError or ValueError where it is damaged."""
        layer = Linear(kernel=data["kernel"], bias=data["bias"])
        return cls(mean=np.array(data["mean"], float), spread=np.array(data["spread"], float), layer=layer)


def units_of(numbers: np.ndarray, graft: Graft) -> Units | None:
    """The units for numbers (n m) to train on; None where the last layer could not take them back: there are none."""
    layer = output_layer(graft)
    if layer is None:
        return None
    spread = numbers.std(axis=0)
    return Units(mean=numbers.mean(axis=0), spread=np.where(spread > 0, spread, 1.0), layer=layer)


def loss(told: Tensor, numbers: Tensor) -> Tensor:
    """The mean squared error of numbers (b m)."""
    return functional.mse_loss(told, numbers.to(told.dtype))


def answers(told: Tensor) -> np.ndarray:
    """The numbers (b m) as they are."""
    return told.double().numpy()


def measured(told: Tensor, numbers: Tensor) -> Measured:
    """A look at validation: a smaller error is better."""
    value = float(loss(told, numbers))
    r2 = report(answers(told), numbers.numpy(), [""] * numbers.shape[1]).score
    return Measured(score=(r2, -value), metrics={"r2": r2, "loss": value})


def report(told: np.ndarray, numbers: np.ndarray, classes: Sequence[str]) -> NumberReport:
    """How well numbers (b m) fit the true ones (b m); `classes` are their names."""
    errors = told - numbers
    squares = np.square(errors).mean(axis=0)
    variance = numbers.var(axis=0)
    r2 = np.where(variance > 0, 1 - squares / np.where(variance > 0, variance, 1), squares == 0)
    each = zip(classes, r2, np.abs(errors).mean(axis=0), np.sqrt(squares), strict=True)
    return NumberReport(
        n=len(numbers),
        numbers=tuple(NumberScore(name=name, r2=float(a), mae=float(b), rmse=float(c)) for name, a, b, c in each),
    )
