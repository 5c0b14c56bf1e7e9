"""Examples that may have several of the labels, or none: each label is a question of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regraft.tasks.classify import ClassScore, scores_of
from regraft.train.loop import Measured

THRESHOLD = 0.5  # of a label's probability, from which on an example is taken to have it


@dataclass(frozen=True, kw_only=True, eq=False)
class LabelReport:
    """How well labels are told.

    Attributes:
        f1: over all labels of all examples together (micro).
        exact: share of the examples whose labels are all right.
        loss: mean binary cross entropy of a label, in nats.
        n: how many examples.
        per_class: the same label by label.
    """

    f1: float
    exact: float
    loss: float
    n: int
    per_class: tuple[ClassScore, ...]

    measure = "F1"

    @property
    def score(self) -> float:
        """What the measure gives."""
        return self.f1

    @property
    def summary(self) -> dict[str, float]:
        """The least that tells how good it is."""
        return {"f1": self.f1, "exact": self.exact, "n": self.n}

    def as_json(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        return {**self.summary, "loss": self.loss, "per_class": [vars(score) for score in self.per_class]}


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean binary cross entropy of logits (b k) and labels (b k), 1 for those that an example has."""
    return functional.binary_cross_entropy_with_logits(logits, labels.to(logits.dtype))


def answers(logits: Tensor) -> np.ndarray:
    """The probability of each label (b k)."""
    return logits.double().sigmoid().numpy()


def measured(logits: Tensor, labels: Tensor) -> Measured:
    """A look at validation: a greater F1 is better, then a smaller loss."""
    value = float(loss(logits, labels))
    f1 = _f1(logits.numpy() > 0, labels.numpy().astype(bool))
    return Measured(score=(f1, -value), metrics={"f1": f1, "loss": value})


def report(probability: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> LabelReport:
    """How well probabilities (b k) fit the labels (b k) that examples have."""
    taken, truth = probability >= THRESHOLD, labels.astype(bool)
    each = torch.from_numpy(probability).double()
    return LabelReport(
        f1=_f1(taken, truth),
        exact=float((taken == truth).all(axis=1).mean()),
        loss=float(functional.binary_cross_entropy(each, torch.from_numpy(truth).double())),
        n=len(labels),
        per_class=scores_of(classes, (taken & truth).sum(axis=0), taken.sum(axis=0), truth.sum(axis=0)),
    )


def _f1(taken: np.ndarray, truth: np.ndarray) -> float:
    there = taken.sum() + truth.sum()
    return float(2 * (taken & truth).sum() / there) if there else 1.0
