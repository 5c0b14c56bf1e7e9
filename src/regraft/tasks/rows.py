"""Examples as the trained part of a network reads them: its input tensors, then the labels (b), or (b t) of words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from regraft.data import Part, prepare
from regraft.data.windows import Shares, Windows, text_windows
from regraft.features import Features
from regraft.network import InputSpec
from regraft.tasks.long_texts import shares_of
from regraft.train.learner import Batch, Rows

# Stored features of at most so many bytes are held in memory; more are read from the disk as they are needed.
MEMORY = 2**29
ROWS = 256  # that are read at a time


class InputRows:
    """Examples prepared for the network's input whenever they are asked for; of longer texts each window is a row."""

    def __init__(self, part: Part, spec: InputSpec, labels: np.ndarray | None = None) -> None:
        """`labels` are those of words (n t); None: the part's own (n)."""
        self._spec = spec
        self._part, self.shares = _read(part, text_windows(part.examples, spec))
        self._labels = _each(part.labels if labels is None else labels, self.shares)

    def __len__(self) -> int:
        return len(self._part)

    def take(self, rows: np.ndarray) -> Batch:
        """(b ...) in the network's layout, and the labels."""
        prepared = prepare(self._part.examples, self._part.indices[rows], self._spec)
        return torch.from_numpy(prepared), self._labels[torch.from_numpy(rows)]


class FeatureRows:
    """Examples as the frozen part of the network left them."""

    def __init__(self, part: Part, features: Features, labels: np.ndarray | None = None, *, whole: bool = True) -> None:
        """`labels` are those of words (n t); None: the part's own (n).

        Args:
            whole: whether a text that was read in windows is a row, the mean of theirs; else each window is one.
        """
        self._features = features if whole else features.of_windows
        self._part, self.shares = _read(part, None if whole else features.windows)
        self._labels = _each(part.labels if labels is None else labels, self.shares)
        size = self._features.nbytes // len(self._features) * len(self)
        self._held = self._read(np.arange(len(self))) if size <= MEMORY else None

    def __len__(self) -> int:
        return len(self._part)

    def take(self, rows: np.ndarray) -> Batch:
        """Each feature tensor (b ...), and the labels."""
        if self._held:
            chosen = torch.from_numpy(rows)
            return tuple(tensor[chosen] for tensor in self._held)
        return self._read(rows)

    def _read(self, rows: np.ndarray) -> Batch:
        indices = self._part.indices[rows]
        arrays = [self._features.rows(name, indices) for name in self._features.names]
        return *map(torch.from_numpy, arrays), self._labels[torch.from_numpy(rows)]


class ComputedRows:
    """The same, computed anew each time: for comparison, and for features larger than the disk."""

    def __init__(self, rows: Rows, trunk: nn.Module, device: torch.device) -> None:
        self._rows = rows
        self._trunk = trunk
        self._device = device
        self.shares = shares_of(rows)

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: np.ndarray) -> Batch:
        """Each feature tensor (b ...), and the labels."""
        inputs, labels = self._rows.take(rows)
        with torch.no_grad():
            return *self._trunk(inputs.to(self._device)), labels


def _read(part: Part, windows: Windows | None) -> tuple[Part, Shares | None]:
    """The windows of a part's texts, and whose they are; the part itself where it has none."""
    return (windows.part(part), windows.shares(part.indices)) if windows else (part, None)


def _each(labels: np.ndarray, shares: Shares | None) -> Tensor:
    """The labels of rows: windows have that of their text."""
    return torch.from_numpy(labels if shares is None else np.repeat(labels, shares.counts, axis=0))


@dataclass(frozen=True, kw_only=True)
class Scaling:
    """Features brought to mean 0 in each of their numbers, and to a spread of 1 over all of them."""

    mean: Tensor  # (d)
    spread: float


class ScaledRows:
    """Rows of one feature tensor (b d), scaled."""

    def __init__(self, rows: Rows, scaling: Scaling) -> None:
        self._rows = rows
        self._scaling = scaling

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: np.ndarray) -> Batch:
        """The scaled features (b d), and the labels."""
        features, labels = self._rows.take(rows)
        return (features - self._scaling.mean.to(features.device)) / self._scaling.spread, labels


def scaling_of(rows: Rows) -> Scaling:
    """The scaling of one feature tensor (b d), measured on all rows."""
    total, squares = torch.zeros(()), torch.zeros(())
    for numbers in batches(len(rows), ROWS):
        features = rows.take(numbers)[0].double()
        total, squares = total + features.sum(0).cpu(), squares + features.square().sum(0).cpu()
    mean = total / len(rows)
    variance = (squares / len(rows) - mean.square()).clamp(min=0).mean()
    dtype = rows.take(np.arange(1))[0].dtype
    return Scaling(mean=mean.to(dtype), spread=float(variance.sqrt()) or 1.0)


def gathered(sources: Sequence[Rows], which: np.ndarray, rows: np.ndarray) -> Batch:
    """Rows of several sources, in the order they are asked for: `which` (b) says whose each of them is."""
    places = [np.flatnonzero(which == number) for number in range(len(sources))]
    found = [source.take(rows[mine]) for source, mine in zip(sources, places, strict=True) if len(mine)]
    back = torch.from_numpy(np.argsort(np.concatenate(places)))
    return tuple(torch.cat(same)[back] for same in zip(*found, strict=True))


def batches(count: int, size: int) -> Sequence[np.ndarray]:
    """Row numbers 0..count in their order, `size` at a time."""
    return [np.arange(start, min(start + size, count)) for start in range(0, count, size)]
