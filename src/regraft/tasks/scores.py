"""What each task is about: its loss, what its logits answer, and how well answers fit the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np
from torch import Tensor

from regraft.data import Part
from regraft.data.examples import Task
from regraft.data.iob import are_entities
from regraft.tasks import classify, multilabel, regress
from regraft.tasks.classify import Report
from regraft.tasks.entities import EntityScore, entity_scores
from regraft.tasks.multilabel import LabelReport
from regraft.tasks.regress import NumberReport
from regraft.train.loop import Measured

AnyReport = Report | LabelReport | NumberReport


class Kind(Protocol):
    """What every kind of task offers; rows are examples or words."""

    def loss(self, logits: Tensor, labels: Tensor, /) -> Tensor:
        """What training makes small."""
        ...

    def answers(self, logits: Tensor, /) -> np.ndarray:
        """What logits mean: probabilities, or numbers."""
        ...

    def measured(self, logits: Tensor, labels: Tensor, /) -> Measured:
        """A look at validation."""
        ...

    def report(self, answers: np.ndarray, labels: np.ndarray, classes: Sequence[str], /) -> AnyReport:
        """How well answers fit the truth."""
        ...


KINDS: Mapping[Task, Kind] = {
    "classify": classify,
    "tag": classify,
    "multilabel": multilabel,
    "regress": regress,
}


def measured(logits: Tensor, labels: Tensor, part: Part) -> Measured:
    """A look at validation: what counts in the task comes first, then a smaller loss.

    Args:
        logits: (n k) of the examples of a part, or (w k) of all their words.
        labels: (n), (n k) or (w).
    """
    found = KINDS[part.examples.task].measured(logits, labels)
    entities = _entities(logits.argmax(1).numpy(), labels.numpy(), part)
    if not entities:
        return found
    f1 = entities[0].f1
    return Measured(score=(f1, *found.score[1:]), metrics={"f1": f1, **found.metrics})


def reported(answers: np.ndarray, part: Part) -> AnyReport:
    """How well answers (n k) for the examples of a part, or (w k) for all their words, fit the truth."""
    found = KINDS[part.examples.task].report(answers, part.truth, part.examples.classes)
    entities = _entities(answers.argmax(1), part.truth, part)
    return replace(found, entities=entities) if isinstance(found, Report) else found


def _entities(taken: np.ndarray, truth: np.ndarray, part: Part) -> tuple[EntityScore, ...]:
    classes = part.examples.classes
    if part.tags is None or not are_entities(classes):
        return ()
    total, by_type = entity_scores([classes[k] for k in truth], [classes[k] for k in taken], part.tags.ends.tolist())
    return total, *by_type
