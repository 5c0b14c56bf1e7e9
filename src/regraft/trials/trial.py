"""A trial: one scheme, trained and scored on the validation part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from regraft.network.plan import plan_to_data
from regraft.tasks import classify
from regraft.tasks.evidence import interval
from regraft.trials.levels import Level
from regraft.trials.schemes import Scheme, Stage

State = Literal["done", "dropped", "rolled back", "diverged", "stopped early"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """What became of a scheme.

    Attributes:
        number: counted from 1, in the order they were begun.
        level: where its trunk ends.
        inputs: the stored tensors, or the network's input, that its head or its trained part reads.
        logits: (v k) for the validation part.
        crossed: right or wrong (j) bool for each example that the folds judge, by trainings that did not learn from it;
            None where the validation part decides alone.
        values: the trained weights by name; the others are the source's.
        settings: of its training, all of them; for a head that was solved, what `fit` would take.
        learning: a line for each epoch.
        note: why it ended as it did, for people.
    """

    number: int
    scheme: Scheme
    stage: Stage
    level: Level
    inputs: tuple[str, ...]
    logits: np.ndarray
    values: Mapping[str, np.ndarray]
    settings: Mapping[str, Any]
    epochs: int
    seconds: float
    state: State = "done"
    note: str = ""
    learning: tuple[Mapping[str, Any], ...] = ()
    crossed: np.ndarray | None = None

    @property
    def layers(self) -> int:
        """How many layers stand on its trunk."""
        return len(self.scheme.plan.new or (None,))

    def score(self, labels: np.ndarray) -> tuple[float, float]:
        """Accuracy on the validation part, then the loss with its sign turned: higher is better."""
        measured = classify.measured(torch.from_numpy(self.logits), torch.from_numpy(labels))
        return measured.score[0], measured.score[1]

    def crossed_score(self, labels: np.ndarray) -> tuple[float, float, float]:
        """Accuracy by the folds, then the score: higher is better."""
        return 0.0 if self.crossed is None else float(self.crossed.mean()), *self.score(labels)

    def hits(self, labels: np.ndarray) -> np.ndarray:
        """Right or wrong (v) bool."""
        return self.logits.argmax(1) == labels

    def as_json(self, labels: np.ndarray) -> dict[str, Any]:
        """The trial as results.json holds it."""
        accuracy, loss = self.score(labels)
        low, high = interval(self.hits(labels))
        return {
            "number": self.number,
            "name": self.scheme.name,
            "stage": self.stage,
            "cut": self.level.cut,
            "layers_reused": self.level.layers,
            "accuracy": accuracy,
            "low": low,
            "high": high,
            "loss": -loss,
            "by_folds": None if self.crossed is None else float(self.crossed.mean()),
            "epochs": self.epochs,
            "seconds": self.seconds,
            "state": self.state,
            "note": self.note,
            "plan": plan_to_data(self.scheme.plan),
            "settings": dict(self.settings),
            "learning": [dict(line) for line in self.learning],
        }
