"""A trial: one scheme, trained and scored on the validation part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from regraft.network.plan import plan_to_data
from regraft.tasks.evidence import Hits, interval
from regraft.tasks.truth import Truth
from regraft.trials.levels import Level
from regraft.trials.schemes import Scheme, Stage

State = Literal["done", "dropped", "rolled back", "diverged"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """What became of a scheme.

    Attributes:
        number: counted from 1, in the order they were begun.
        level: where its trunk ends.
        inputs: the stored tensors, or the network's input, that its head or its trained part reads.
        logits: (v k) for the validation part.
        crossed: what the folds judge, told by trainings that did not learn from it; None where the validation part
            decides alone.
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
    crossed: Hits | None = None

    @property
    def stands(self) -> bool:
        """Whether it is what was trained; else it is what it began with."""
        return self.state in ("done", "dropped")

    @property
    def layers(self) -> int:
        """How many layers stand on its trunk."""
        return len(self.scheme.plan.new or (None,))

    def score(self, truth: Truth) -> tuple[float, float]:
        """The score on the validation part, then the loss with its sign turned: more is better."""
        return truth.score(self.logits)

    def crossed_score(self, truth: Truth) -> tuple[float, float, float]:
        """The score by the folds, then the others: more is better."""
        return self.crossed.score if self.crossed else 0.0, *self.score(truth)

    def hits(self, truth: Truth) -> Hits:
        """What it told right of the validation part."""
        return truth.hits(self.logits.argmax(1))

    def score_after(self, epoch: int) -> float:
        """The score on the validation part that it had after an epoch of its training."""
        line = next(line for line in self.learning if line["epoch"] == epoch)
        return float(_score(line) or 0.0)

    def decisive(self, truth: Truth) -> Hits:
        """What heads are chosen by: the folds, where it went through some, else the validation part."""
        return self.crossed or self.hits(truth)

    def as_json(self, truth: Truth) -> dict[str, Any]:
        """The trial as results.json holds it."""
        score, loss = self.score(truth)
        low, high = interval(self.hits(truth))
        return {
            "number": self.number,
            "name": self.scheme.name,
            "stage": self.stage,
            "cut": self.level.cut,
            "layers_reused": self.level.layers,
            "accuracy": float((self.logits.argmax(1) == truth.labels).mean()),
            "score": score,
            "low": low,
            "high": high,
            "loss": -loss,
            "by_folds": self.crossed and self.crossed.score,
            "epochs": self.epochs,
            "seconds": self.seconds,
            "state": self.state,
            "note": self.note,
            "plan": plan_to_data(self.scheme.plan),
            "settings": dict(self.settings),
            "learning": [{**line, "validation_score": _score(line)} for line in self.learning],
        }


def _score(line: Mapping[str, Any]) -> float | None:
    """What an epoch is judged by: F1 where there are entities, else accuracy."""
    return line.get("validation_f1", line.get("validation_accuracy"))
