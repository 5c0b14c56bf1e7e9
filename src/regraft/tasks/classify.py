"""Telling classes apart: the loss, and the numbers that say how well it went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import ShapeMismatch
from regraft.tasks.entities import EntityScore, share
from regraft.train.loop import Measured


@dataclass(frozen=True, kw_only=True)
class ClassScore:
    """How well one class is told from the others."""

    name: str
    n: int  # examples of it
    precision: float  # share of the right ones among those taken for it; 0 where nothing was
    recall: float  # share of its examples that were found
    f1: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Report:
    """How well a classifier does on labelled examples, or on the words of tagged sentences.

    `confusion` is (k k): rows are the true classes, columns what they were taken for. `entities` are the scores of
    what tagged words make up, all together first; empty where tags are no entities.
    """

    accuracy: float
    loss: float  # mean cross entropy, in nats
    n: int
    classes: tuple[str, ...]
    confusion: np.ndarray = field(repr=False)
    entities: tuple[EntityScore, ...] = ()

    @property
    def measure(self) -> str:
        """The measure that counts: "F1" of entities, or "accuracy"."""
        return "F1" if self.entities else "accuracy"

    @property
    def score(self) -> float:
        """What that measure gives."""
        return self.entities[0].f1 if self.entities else self.accuracy

    @property
    def summary(self) -> dict[str, float]:
        """The least that tells how good it is: {accuracy, n}, and F1 of entities where there are some."""
        return {"accuracy": self.accuracy, "n": self.n, **({"f1": self.score} if self.entities else {})}

    @property
    def per_class(self) -> tuple[ClassScore, ...]:
        """The same by class."""
        return scores_of(self.classes, np.diag(self.confusion), self.confusion.sum(axis=0), self.confusion.sum(axis=1))

    def as_json(self) -> dict[str, Any]:
        """The report as JSON holds it."""
        return {
            "accuracy": self.accuracy,
            "loss": self.loss,
            "n": self.n,
            "classes": list(self.classes),
            "confusion": self.confusion.tolist(),
            "per_class": [vars(score) for score in self.per_class],
            **({"entities": [vars(score) for score in self.entities]} if self.entities else {}),
        }


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """The mean cross entropy of logits (b k) and classes (b)."""
    return functional.cross_entropy(logits, labels)


def answers(logits: Tensor) -> np.ndarray:
    """The probability of each class (b k)."""
    return logits.double().softmax(1).numpy()


def measured(logits: Tensor, labels: Tensor) -> Measured:
    """A look at validation: more right answers are better, then a smaller loss."""
    value = float(loss(logits, labels))
    accuracy = float((logits.argmax(1) == labels).double().mean())
    return Measured(score=(accuracy, -value), metrics={"accuracy": accuracy, "loss": value})


def report(probability: np.ndarray, labels: np.ndarray, classes: Sequence[str]) -> Report:
    """How well probabilities (b k) fit the true classes (b)."""
    count = len(classes)
    taken = probability.argmax(axis=1)
    confusion = np.bincount(labels * count + taken, minlength=count * count).reshape(count, count)
    of_truth = probability[np.arange(len(labels)), labels].astype(np.float64)
    smallest = np.finfo(np.float32).tiny  # a flat 0 would make one example's loss infinite
    return Report(
        accuracy=float((taken == labels).mean()),
        loss=float(-np.log(np.maximum(of_truth, smallest)).mean()),
        n=len(labels),
        classes=tuple(classes),
        confusion=confusion,
    )


def probabilities(outputs: np.ndarray, tensor: str, among: np.ndarray | None = None) -> np.ndarray:
    """The outputs of a network as probabilities (b k): as they are if they are some, else their softmax.

    Args:
        outputs: (b k), (b 1 1 k) or (b k 1 1).
        tensor: the name of the output, for the error.
        among: outputs of the same network that tell whether they are some; None: these.

    Raises:
        ShapeMismatch: they are not one number a class.
    """
    rows = outputs.reshape(len(outputs), -1)
    if rows.shape[1] != max(outputs.shape[1:], default=0) or rows.shape[1] < 2:
        raise ShapeMismatch(
            f"the output {tensor} does not tell classes apart",
            expected="(b, classes): one number a class",
            got=str(outputs.shape),
            fix="name the tensor that does: --to NAME",
        )
    telling = rows if among is None else among.reshape(len(among), -1)
    if (telling >= 0).all() and np.allclose(telling.sum(axis=1), 1, atol=1e-2):
        return rows
    return torch.softmax(torch.from_numpy(rows.astype(np.float64)), 1).numpy()


def scores_of(classes: Sequence[str], hits: np.ndarray, taken: np.ndarray, there: np.ndarray) -> tuple[ClassScore, ...]:
    """The scores of each class: how many examples were rightly taken for it, were taken for it, and are of it."""
    return tuple(
        ClassScore(
            name=name,
            n=int(own),
            precision=share(hit, found),
            recall=share(hit, own),
            f1=share(2 * hit, found + own),
        )
        for name, hit, found, own in zip(classes, hits, taken, there, strict=True)
    )
