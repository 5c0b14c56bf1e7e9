"""The features of a search: computed in one pass for all trials, each of which reads some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from regraft.data import Part, Splits
from regraft.features import Features
from regraft.tasks.rows import FeatureRows, gathered
from regraft.train.learner import Batch, Rows
from regraft.trials.augmentation import ViewedRows

_HELD = 2**27  # bytes of vectors that are held in memory; of more, a quarter of it at a time


@dataclass(frozen=True, kw_only=True, eq=False)
class Stored:
    """Features of all three parts, by the identity of the examples they were computed from.

    `views` are those of the training part alone, in further views.
    """

    splits: Splits
    features: Mapping[int, Features]
    views: tuple[Features, ...] = ()

    def rows(self, part: Part, tensors: Sequence[str], *, whole: bool = True) -> FeatureRows:
        """A part as training reads it; `whole` as for `FeatureRows`."""
        return FeatureRows(part, self.features[id(part.examples)].only(tensors), whole=whole)

    def training(self, tensors: Sequence[str], *, whole: bool = True) -> Rows:
        """The training part, every look at an example at one of its views."""
        plain = self.rows(self.splits.train, tensors, whole=whole)
        if not self.views:
            return plain
        alone = self.splits.train.examples.some(self.splits.train.indices)
        return ViewedRows([plain, *(FeatureRows(alone, features.only(tensors)) for features in self.views)])

    def crossed(self, tensors: Sequence[str], chosen: np.ndarray) -> Rows:
        """Some rows of the training and the validation part, counted as `Folds` counts them."""
        return _JoinedRows([self.rows(part, tensors) for part in parts(self.splits)[:2]], chosen)

    def values(self, part: Part, tensor: str) -> Tensor:
        """All rows (n ...) of one tensor, in memory."""
        return torch.from_numpy(self.features[id(part.examples)].rows(tensor, part.indices))

    def pool(self, tensor: str) -> Pool:
        """The rows of the training part, then those of the validation part: the order `Folds` has them in."""
        return Pool([(self.features[id(part.examples)], part) for part in parts(self.splits)[:2]], tensor)


class _JoinedRows:
    """Some rows of two parts, counted through both."""

    def __init__(self, parts: Sequence[Rows], chosen: np.ndarray) -> None:
        self._parts = parts
        self._chosen = chosen

    def __len__(self) -> int:
        return len(self._chosen)

    def take(self, rows: np.ndarray) -> Batch:
        """What the parts have at these rows."""
        numbers, first = self._chosen[rows], len(self._parts[0])
        second = numbers >= first
        return gathered(self._parts, second, numbers - first * second)


class Pool:
    """The rows (n d) of one tensor in several parts, in blocks: held in memory if they are few, else read each time."""

    def __init__(self, parts: Sequence[tuple[Features, Part]], tensor: str) -> None:
        self._places = [(features, index) for features, part in parts for index in part.indices.tolist()]
        self._tensor = tensor
        (self.width,) = parts[0][0].shape(tensor)
        size = len(self._places) * self.width * 4
        self._rows = max(1, len(self._places) if size <= _HELD else _HELD // 4 // (self.width * 4))
        self._held = self._read(0) if size <= _HELD else None

    def __len__(self) -> int:
        return -(-len(self._places) // self._rows)

    def __getitem__(self, number: int, /) -> Tensor:
        return self._read(number) if self._held is None else self._held

    def span(self, number: int) -> slice:
        """Which rows a block holds."""
        return slice(number * self._rows, min(len(self._places), (number + 1) * self._rows))

    def _read(self, number: int) -> Tensor:
        wanted = self._places[self.span(number)]
        found = [
            features.rows(self._tensor, [index for _, index in same])
            for features, same in groupby(wanted, key=lambda place: place[0])
        ]
        return torch.from_numpy(np.concatenate(found))


def parts(splits: Splits) -> tuple[Part, ...]:
    """The three parts."""
    return splits.train, splits.validation, splits.test


def total(splits: Splits) -> int:
    """How many examples there are in all."""
    return sum(map(len, parts(splits)))
