"""What is to be told of examples, or of the words of tagged sentences, and how much of it was."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from regraft.data import Part
from regraft.data.iob import are_entities
from regraft.tasks import classify
from regraft.tasks.entities import Entity, entities
from regraft.tasks.evidence import Hits, each


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """The classes of rows: of examples, or of the words of sentences.

    Attributes:
        labels: (r) positions in the classes.
        classes: their names.
        ends: (s) the row behind the last of each sentence; None: rows are examples.
    """

    labels: np.ndarray
    classes: tuple[str, ...]
    ends: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def some(self, chosen: np.ndarray) -> Truth:
        """That of chosen rows (r) bool; of a sentence all are, or none."""
        if self.ends is None:
            return replace(self, labels=self.labels[chosen])
        counts = self._counted(chosen)
        return replace(self, labels=self.labels[chosen], ends=np.cumsum(counts[counts > 0]))

    def hits(self, taken: np.ndarray) -> Hits:
        """How much was right of what rows were taken for (r): of examples, words or entities.

        Of entities it is twice those found, of all there are and all that were taken for one: their score is F1.
        """
        right = taken == self.labels
        if self.ends is None:
            return each(right)
        if not are_entities(self.classes):
            return Hits(right=self._counted(right), of=np.diff(self.ends, prepend=0))
        found = self._entities(taken)
        of = self._by_sentence(self._there) + self._by_sentence(found)
        return Hits(right=2 * self._by_sentence(self._there & found), of=of)

    def score(self, logits: Tensor | np.ndarray) -> tuple[float, float]:
        """Of logits (r k): the score of what they take rows for, then the loss with its sign turned; more is better."""
        values = torch.as_tensor(logits)
        loss = float(classify.loss(values, torch.from_numpy(self.labels)))
        return self.hits(values.argmax(1).numpy()).score, -loss

    def _counted(self, right: np.ndarray) -> np.ndarray:
        """(s) in how many rows of each sentence something holds."""
        assert self.ends is not None
        return np.diff(np.append(0, np.cumsum(right))[self.ends], prepend=0)

    @cached_property
    def _there(self) -> set[Entity]:
        return self._entities(self.labels)

    def _entities(self, taken: np.ndarray) -> set[Entity]:
        assert self.ends is not None
        return entities([self.classes[k] for k in taken], self.ends.tolist())

    def _by_sentence(self, some: set[Entity]) -> np.ndarray:
        assert self.ends is not None
        firsts = np.array([first for _, first, _ in some], np.int64)
        return np.bincount(np.searchsorted(self.ends, firsts, side="right"), minlength=len(self.ends))


def truth_of(parts: Sequence[Part]) -> Truth:
    """That of the examples of some parts, one after another, or of all their words."""
    labels = np.concatenate([part.truth for part in parts])
    classes = parts[0].examples.classes
    if parts[0].tags is None:
        return Truth(labels=labels, classes=classes)
    counts = np.concatenate([part.tags.counts for part in parts if part.tags])
    return Truth(labels=labels, classes=classes, ends=np.cumsum(counts))
