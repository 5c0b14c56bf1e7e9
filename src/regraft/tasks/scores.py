"""How well answers fit the truth: by examples, or by the entities that tagged words make up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from torch import Tensor

from regraft.data import Part
from regraft.data.iob import are_entities
from regraft.tasks import classify
from regraft.tasks.classify import Report
from regraft.tasks.entities import EntityScore, entity_scores
from regraft.train.loop import Measured


def measured(logits: Tensor, labels: Tensor, part: Part) -> Measured:
    """A look at validation: more right answers are better, or a greater F1 of entities; then a smaller loss.

    Args:
        logits: (n k) of the examples of a part, or (w k) of all their words.
        labels: (n) or (w).
    """
    found = classify.measured(logits, labels)
    entities = _entities(logits.argmax(1).numpy(), labels.numpy(), part)
    if not entities:
        return found
    f1 = entities[0].f1
    return Measured(score=(f1, *found.score[1:]), metrics={"f1": f1, **found.metrics})


def reported(probability: np.ndarray, labels: np.ndarray, part: Part) -> Report:
    """How well probabilities (n k) of the examples of a part, or (w k) of all their words, fit the truth."""
    found = classify.report(probability, labels, part.examples.classes)
    return replace(found, entities=_entities(probability.argmax(1), labels, part))


def told(logits: Tensor, labels: Tensor, part: Part) -> tuple[Report, np.ndarray]:
    """How well logits fit, and the probabilities that they are; both as for `measured`."""
    probability = logits.double().softmax(1).numpy()
    return reported(probability, labels.numpy(), part), probability


def _entities(taken: np.ndarray, truth: np.ndarray, part: Part) -> tuple[EntityScore, ...]:
    classes = part.examples.classes
    if part.tags is None or not are_entities(classes):
        return ()
    total, by_type = entity_scores([classes[k] for k in truth], [classes[k] for k in taken], part.tags.ends.tolist())
    return total, *by_type
