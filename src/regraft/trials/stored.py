"""The features of a search: computed in one pass for all trials, each of which reads some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from regraft.data import Part, Splits
from regraft.data.examples import whole
from regraft.data.tags import spread
from regraft.features import Features
from regraft.network import InputSpec
from regraft.tasks.rows import FeatureRows
from regraft.tasks.tagging import WordRows, WordVectors, places, targets
from regraft.train.learner import Batch, Rows
from regraft.trials.augmentation import ViewedRows

_HELD = 2**27  # bytes of vectors that are held in memory; of more, a quarter of it at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """Features of all three parts, by the identity of the examples they were computed from.

    `spec` is the input the examples were prepared for; `views` are those of the training part alone, in further views.
    """

    splits: Splits
    features: Mapping[int, Features]
    spec: InputSpec
    views: tuple[Features, ...] = ()

    def rows(self, part: Part, tensors: Sequence[str], *, whole: bool = True) -> Rows:
        """A part as training reads it.

        Args:
            whole: a row is what gets one answer, a text however many windows it is read in, or a word; else it is what
                is computed at once, a window or a sentence.
        """
        if whole and part.tags is not None:
            return WordRows(part, self._words(part, tensors[0]))
        features = self.features[id(part.examples)].only(tensors)
        return FeatureRows(part, features, targets(part, self.spec), whole=whole)

    def training(self, tensors: Sequence[str], *, whole: bool = True) -> Rows:
        """The training part, every look at an example at one of its views."""
        plain = self.rows(self.splits.train, tensors, whole=whole)
        if not self.views:
            return plain
        alone = self.splits.train.examples.some(self.splits.train.indices)
        return ViewedRows([plain, *(FeatureRows(alone, features.only(tensors)) for features in self.views)])

    def values(self, part: Part, tensor: str) -> Tensor:
        """All rows (n d) of one tensor, in memory."""
        vectors = self._vectors(part, tensor)
        return vectors.read(np.arange(len(vectors)))

    def pool(self, tensor: str) -> Pool:
        """The rows of the training part, then those of the validation part: the order `Folds` has them in."""
        return Pool([self._vectors(part, tensor) for part in parts(self.splits)[:2]])

    def _vectors(self, part: Part, tensor: str) -> Vectors:
        if part.tags is not None:
            return self._words(part, tensor)
        return _Vectors(part, self.features[id(part.examples)], tensor)

    def _words(self, part: Part, tensor: str) -> WordVectors:
        tags = part.examples.tags
        assert tags is not None
        own, _ = spread(tags.ends, part.indices)
        return WordVectors(part, self.features[id(part.examples)].only([tensor]), self._places[id(part.examples)][own])

    @cached_property
    def _places(self) -> Mapping[int, np.ndarray]:
        """Where the words of all sentences begin."""
        different = {id(part.examples): part.examples for part in parts(self.splits)}
        return {key: places(whole(examples), self.spec) for key, examples in different.items()}


class Vectors(Protocol):
    """A vector of `width` numbers for each of some rows."""

    width: int

    def __len__(self) -> int:
        """How many rows there are."""
        ...

    def read(self, rows: np.ndarray, /) -> Tensor:
        """Those of some rows (b d)."""
        ...


class _Vectors:
    """One tensor (n d) of the features of a part."""

    def __init__(self, part: Part, features: Features, tensor: str) -> None:
        self._part = part
        self._features = features
        self._tensor = tensor
        (self.width,) = features.shape(tensor)

    def __len__(self) -> int:
        return len(self._part)

    def read(self, rows: np.ndarray) -> Tensor:
        return torch.from_numpy(self._features.rows(self._tensor, self._part.indices[rows]))


class PoolRows:
    """Some rows of a pool, with their labels."""

    def __init__(self, pool: Pool, labels: np.ndarray, chosen: np.ndarray) -> None:
        self._pool = pool
        self._labels = torch.from_numpy(labels)
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def take(self, rows: np.ndarray) -> Batch:
        """Their vectors (b d), and the labels."""
        chosen = self._chosen[rows]
        return self._pool.take(chosen), self._labels[torch.from_numpy(chosen)]


class Pool:
    """The rows (n d) of several parts, in blocks: held in memory if they are few, else read each time."""

    def __init__(self, parts: Sequence[Vectors]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])
        self.width = parts[0].width
        size = self._count * self.width * 4
        self._rows = max(1, self._count if size <= _HELD else _HELD // 4 // (self.width * 4))
        self._held = self._read(0) if size <= _HELD else None

    def __len__(self) -> int:
        return -(-self._count // self._rows)

    def __getitem__(self, number: int, /) -> Tensor:
        return self._read(number) if self._held is None else self._held

    def span(self, number: int) -> slice:
        """Which rows a block holds."""
        return slice(number * self._rows, min(self._count, (number + 1) * self._rows))

    def take(self, rows: np.ndarray) -> Tensor:
        """Some rows (b d), in any order."""
        return self._found(rows) if self._held is None else self._held[torch.from_numpy(rows)]

    @property
    def _count(self) -> int:
        return int(self._ends[-1])

    def _read(self, number: int) -> Tensor:
        span = self.span(number)
        return self._found(np.arange(span.start, span.stop))

    def _found(self, rows: np.ndarray) -> Tensor:
        owners = np.searchsorted(self._ends, rows, side="right")
        found = torch.empty(len(rows), self.width)
        for owner in np.unique(owners):
            mine, part = owners == owner, self._parts[owner]
            found[torch.from_numpy(mine)] = part.read(rows[mine] - (self._ends[owner] - len(part)))
        return found


def parts(splits: Splits) -> tuple[Part, ...]:
    """The three parts."""
    return splits.train, splits.validation, splits.test


def total(splits: Splits) -> int:
    """How many examples there are in all."""
    return sum(map(len, parts(splits)))
