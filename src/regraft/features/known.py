"""Rows that other stores hold of the same examples, computed by the same trunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from regraft.data import PLAIN, Examples
from regraft.errors import UnreadableFile
from regraft.features.engines import Engine, Kind, Trunk, same_engine
from regraft.features.features import Features
from regraft.features.key import FeatureKey, feature_key
from regraft.features.store import HASHES, INDEX, FeatureStore, Stored, is_sound, stored_tensors
from regraft.run import Progress
from regraft.run.atomic import read_json

_SILENT = Progress(silent=True)  # it is nothing to the user whether another's rows can be taken


class Known:
    """Where rows of some examples lie in other stores, which are held, and so stay, as long as this is.

    Attributes:
        tensors: what the rows look like; () where there is no such store.
    """

    def __init__(self, root: Path | None, key: FeatureKey, hashes: Sequence[bytes]) -> None:
        """Look through the stores in `root`, if any, for rows by the engine of the key."""
        self._source, self._row = np.full(len(hashes), -1), np.zeros(len(hashes), np.int64)
        self._stores: list[Features] = []
        self.tensors: tuple[Stored, ...] = ()
        if root is not None:
            wanted = np.array(hashes, HASHES)
            for features in (features for other, features in _alike(root, key) if other.engine == key.engine):
                self._note(features, wanted)
        if self._stores:
            shapes = zip(key.cut, self._stores[0].tensors, strict=True)
            self.tensors = tuple(replace(tensor, name=name) for (name, _), tensor in shapes)

    def has(self, rows: np.ndarray) -> np.ndarray:
        """(n) which of some rows are known."""
        return self._source[rows] >= 0

    def rows(self, wanted: np.ndarray) -> list[np.ndarray]:
        """The values (n ...) of known rows, one array a tensor."""
        found = [np.empty((len(wanted), *tensor.shape), tensor.dtype) for tensor in self.tensors]
        for number, features in enumerate(self._stores):
            here = self._source[wanted] == number
            for values, name in zip(found, features.names, strict=True):
                values[here] = features.rows(name, self._row[wanted[here]])
        return found

    def _note(self, features: Features, wanted: np.ndarray) -> None:
        """Note the rows of a store that were not known, and lie in sound chunks."""
        place = _places(features.store, wanted)
        chunks = place // features.store.chunk_rows
        new = (place >= 0) & ~self.has(np.arange(len(wanted)))
        sound = [chunk for chunk in np.unique(chunks[new]).tolist() if is_sound(features.store, chunk, _SILENT)]
        new &= np.isin(chunks, sound)
        if new.any():
            self._source[new], self._row[new] = len(self._stores), place[new]
            self._stores.append(features)


def earlier_engine(root: Path, trunk: Trunk, examples: Examples, device: str) -> Engine | None:
    """The engine that computed most of a trunk's rows for examples before, at least half; None where there is none."""
    wanted, counts = np.array(examples.hashes, HASHES), Counter[tuple[Kind, str]]()
    for other, features in _alike(root, feature_key(trunk, examples, "torch", "", PLAIN)):
        own = other.kind, other.engine
        counts[own] = max(counts[own], int((_places(features.store, wanted) >= 0).sum()))
    for (kind, name), count in counts.most_common(1):
        if 2 * count >= len(examples):
            return same_engine(kind, name, trunk, device)
    return None


def _alike(root: Path, key: FeatureKey) -> Iterator[tuple[FeatureKey, Features]]:
    """The stores of whatever examples and engine that hold the tensors of a key among others, and these of them."""
    mine = key.as_json()
    for path in sorted(root.glob(f"*/{INDEX}")):
        try:
            told = read_json(path)
            other = FeatureKey(**told["key"])
            like = all(told["key"][word] == mine[word] for word in ("preparation", "view", "rules"))
            if not like or not set(key.trunks) <= set(other.trunks):
                continue
            store = FeatureStore(path.parent, other, told["rows"], stored_tensors(path.parent) or ())
        except (KeyError, TypeError, UnreadableFile):
            continue  # what is damaged is seen by who opens it for its own sake
        yield other, Features(store, [store.tensors[other.trunks.index(one)].name for one in key.trunks])


def _places(store: FeatureStore, wanted: np.ndarray) -> np.ndarray:
    """(n) where a store has each of some contents; -1 where it has not."""
    contents = store.contents()
    if not len(contents):
        return np.full(len(wanted), -1)
    order = np.argsort(contents)
    place = order[np.searchsorted(contents, wanted, sorter=order).clip(max=len(order) - 1)]
    return np.where(contents[place] == wanted, place, -1)
