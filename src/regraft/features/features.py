"""Stored features as training sees them: rows by their positions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.data.tags import spread
from regraft.data.windows import Windows
from regraft.errors import UnknownName, nearest_names
from regraft.features.store import FeatureStore, Stored


class Features:
    """The values of some tensors for all examples, on disk; more than memory holds, if need be.

    Attributes:
        store: where they lie.
        names: the tensors, all that are stored or some of them.
        windows: those of texts, where windows are what is stored; the rows of a text are then the mean of its own.
    """

    def __init__(self, store: FeatureStore, names: Sequence[str] | None = None, windows: Windows | None = None) -> None:
        self.store = store
        self.windows = windows
        self.names = tuple(tensor.name for tensor in store.tensors) if names is None else tuple(names)

    def __len__(self) -> int:
        return self.store.rows if self.windows is None else len(self.windows.ends)

    @property
    def tensors(self) -> tuple[Stored, ...]:
        """What is stored of the tensors."""
        return tuple(self.store.tensors[self._position(name)] for name in self.names)

    @property
    def nbytes(self) -> int:
        """Bytes of all that is stored of them."""
        return self.store.rows * sum(tensor.nbytes for tensor in self.tensors)

    def only(self, names: Sequence[str]) -> Features:
        """Some of the tensors, in this order, in the same store.

        Raises:
            UnknownName: a tensor is not among these.
        """
        for name in names:
            self._position(name)
        return Features(self.store, names, self.windows)

    @property
    def of_windows(self) -> Features:
        """The same store, with a row for each window."""
        return Features(self.store, self.names)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of one row of a tensor, without the batch."""
        return self.store.tensors[self._position(name)].shape

    def rows(self, name: str, indices: Sequence[int] | np.ndarray) -> np.ndarray:
        """The values (n ...) of a tensor for the examples at `indices` (n), in that order.

        Raises:
            UnreadableFile: a chunk they lie in is damaged.
            UnknownName: the tensor is not among the stored ones.
        """
        if self.windows is not None:
            places, _ = spread(self.windows.ends, np.asarray(indices, dtype=np.int64))
            return self.windows.shares(np.asarray(indices)).mean(self.of_windows.rows(name, places))
        position = self._position(name)
        tensor = self.store.tensors[position]
        wanted = np.asarray(indices, dtype=np.int64)
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < len(self):
            raise IndexError(f"rows {wanted.min()}..{wanted.max()} of {len(self)}")
        chunks = wanted // self.store.chunk_rows
        result = np.empty((len(wanted), *tensor.shape), tensor.dtype)
        for chunk in np.unique(chunks).tolist():
            here = chunks == chunk
            result[here] = self.store.read(chunk, position)[wanted[here] - chunk * self.store.chunk_rows]
        return result

    def _position(self, name: str) -> int:
        if name not in self.names:
            raise UnknownName(f"no features of {name!r} are stored", nearest=nearest_names(name, self.names))
        return next(k for k, tensor in enumerate(self.store.tensors) if tensor.name == name)
