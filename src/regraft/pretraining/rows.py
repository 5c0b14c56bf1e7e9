"""Rows for tasks without labels of their own: (inputs, what is to be told or given back)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from regraft.pretraining.corruption import Change, masked, moved, turned_by
from regraft.tasks.rows import batches
from regraft.train.learner import Batch, Rows

# Rows of at most so many bytes are prepared once and held in memory.
_MEMORY = 2**29
_BATCH = 256


def held(rows: Rows) -> Rows:
    """The same rows, kept in memory where they take little of it."""
    one = sum(tensor.nbytes for tensor in rows.take(np.arange(1)))
    return _Held(rows) if one * len(rows) <= _MEMORY else rows


class _Held:
    def __init__(self, rows: Rows) -> None:
        parts = [rows.take(numbers) for numbers in batches(len(rows), _BATCH)]
        self._tensors = [torch.cat(tensors) for tensors in zip(*parts, strict=True)]

    def __len__(self) -> int:
        return len(self._tensors[0])

    def take(self, rows: np.ndarray) -> Batch:
        return tuple(tensor[torch.from_numpy(rows)] for tensor in self._tensors)


class _Changed:
    """Rows whose inputs are drawn anew each time."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)


class Denoised(_Changed):
    """Spoilt inputs, and the same as they were."""

    def take(self, rows: np.ndarray) -> Batch:
        """(b ...) masked, and (b ...) whole."""
        inputs = self._rows.take(rows)[0]
        return masked(inputs), inputs


class Corrupted(_Changed):
    """Good and corrupted inputs, and which of them is what."""

    def __init__(self, rows: Rows, changes: Sequence[Change]) -> None:
        super().__init__(rows)
        self._changes = changes

    def take(self, rows: np.ndarray) -> Batch:
        """(b ...), and (b) int64: 0 for a good one, else the number of what was done to it."""
        inputs = self._rows.take(rows)[0]
        kinds = torch.randint(len(self._changes) + 1, (len(inputs),))
        found = inputs.clone()
        for kind, change in enumerate(self._changes, 1):
            chosen = kinds == kind
            if chosen.any():
                found[chosen] = change(inputs[chosen])
        return found, kinds


class Moved(_Changed):
    """Pictures that never look quite the same."""

    def take(self, rows: np.ndarray) -> Batch:
        """(b h w c), and the labels."""
        pictures, labels = self._rows.take(rows)
        return moved(pictures), labels


class Turned(_Changed):
    """Pictures in one of four turns, each of which makes a class of its own."""

    def take(self, rows: np.ndarray) -> Batch:
        """(b h h c), and (b) int64: four times the class, and the quarters."""
        pictures, labels = self._rows.take(rows)
        quarters = torch.randint(4, (len(pictures),))
        return turned_by(pictures, quarters), 4 * labels + quarters
