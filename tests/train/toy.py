"""A small learner with everything a real one has: dropout, a batch norm's moving average, a frozen layer."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regraft.run import RunFolder
from regraft.train.learner import Batch, Learner, Step
from regraft.train.loop import Measured, train
from regraft.train.settings import Settings


@dataclass
class Points:
    """64 points of 3 classes."""

    x: Tensor
    y: Tensor
    taken: int = 0

    def __len__(self) -> int:
        return len(self.x)

    def take(self, rows: np.ndarray) -> Batch:
        self.taken += 1
        return self.x[rows], self.y[rows]


@dataclass
class Toy:
    learner: Learner
    rows: Points

    def logits(self, x: Tensor, *, training: bool) -> tuple[Tensor, Tensor]:
        w = self.learner.weights
        hidden = torch.tanh(x @ w["trunk/kernel"])
        mean = hidden.mean(0) if training else w["norm/mean"]
        top = functional.dropout(hidden - mean, 0.3, training=training)
        return top @ w["head/kernel"] + w["head/bias"], hidden.mean(0)

    def step(self, batch: Batch) -> Step:
        logits, mean = self.logits(batch[0], training=True)
        followed = 0.9 * self.learner.weights["norm/mean"] + 0.1 * mean.detach()
        return Step(loss=functional.cross_entropy(logits, batch[1]), updates={"norm/mean": followed})

    def validate(self) -> Measured:
        with torch.no_grad():
            logits, _ = self.logits(self.rows.x, training=False)
            loss = float(functional.cross_entropy(logits, self.rows.y))
            accuracy = float((logits.argmax(1) == self.rows.y).float().mean())
        return Measured(score=(accuracy, -loss), metrics={"accuracy": accuracy, "loss": loss})


def make_toy(*, trained: tuple[str, ...] = ("head/kernel", "head/bias")) -> Toy:
    """The same toy every time."""
    random = torch.Generator().manual_seed(3)
    weights = {
        "trunk/kernel": torch.randn(4, 8, generator=random),
        "norm/mean": torch.zeros(8),
        "head/kernel": torch.randn(8, 3, generator=random) / math.sqrt(8),
        "head/bias": torch.zeros(3),
    }
    for name in trained:
        weights[name].requires_grad_(True)
    x = torch.randn(64, 4, generator=random)
    rows = Points(x=x, y=(x @ torch.randn(4, 3, generator=random)).argmax(1))
    toy = Toy(
        learner=Learner(weights=weights, trained=trained, followed=("norm/mean",), step=lambda b: toy.step(b)),
        rows=rows,
    )
    return toy


class Slow(Points):
    def take(self, rows: np.ndarray) -> Batch:
        time.sleep(0.01)
        return super().take(rows)


def go_slowly(folder: Path, settings: Settings) -> None:
    """A training that takes about twelve seconds, begun or resumed."""
    toy = make_toy()
    rows = Slow(x=toy.rows.x, y=toy.rows.y)
    run = RunFolder.at(folder, resume=True)
    train(toy.learner, rows, settings, validate=toy.validate, run=run, resume=True)
