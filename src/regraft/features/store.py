"""Features on disk: chunks of rows, each whole and checked, read by memory mapping."""

from __future__ import annotations

import os
import struct
import weakref
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from threading import Lock
from typing import Any

import google_crc32c
import numpy as np

from regraft.errors import UnreadableFile
from regraft.features.key import FeatureKey
from regraft.run import Progress
from regraft.run.atomic import disk_errors, read_json, sweep, write_json, writing
from regraft.run.locks import take

_FORMAT = 1
INDEX, CONTENTS, LOCK = "index.json", "contents", ".lock"
HASHES = "S16"  # of the contents of examples
_FOOTER = struct.Struct("<I")  # the crc32c of all before it
# A chunk has so many rows, or half of them, a quarter, ... where those would be more bytes than this: so batches of a
# power of two never have rows in two chunks, or are chunks themselves.
_ROWS, _BYTES = 256, 2**26
_BLOCK = 2**22  # bytes looked at in one go
_OPEN = 64  # chunks mapped at a time: each holds a file open


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A tensor of the features, by the shape of one row (without the batch)."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """Bytes of one row."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


class FeatureStore:
    """The folder of one key.

    index.json says what is stored and for what key, `contents` of which examples, by their hashes; 000000.chunk,
    000001.chunk, ... hold the rows of each tensor one after the other, and a checksum. A chunk is there as a whole or
    not at all, and can be written in any order, by anybody.

    Attributes:
        folder: where it lies.
        rows: how many examples there are.
        tensors: what is stored of each.
        chunk_rows: rows in each chunk but the last.
    """

    def __init__(self, folder: Path, key: FeatureKey, rows: int, tensors: Sequence[Stored]) -> None:
        """Open the store of `key`, or start it.

        Raises:
            UnreadableFile: the folder holds features of something else, or its index is damaged.
            OutOfSpace: the disk is full.
        """
        self.folder = folder
        self.rows = rows
        self.tensors = tuple(tensors)
        row_bytes = max(1, sum(tensor.nbytes for tensor in tensors))
        self.chunk_rows = min(_ROWS, 2 ** max(0, (_BYTES // row_bytes).bit_length() - 1))
        lock = _locked(folder)
        weakref.finalize(self, os.close, lock)  # held as long as the store is used, so that nobody removes it
        os.utime(folder / LOCK)
        index = self._index(key)
        if not (folder / INDEX).exists():
            write_json(folder / INDEX, index)
        elif (found := read_json(folder / INDEX)) != index:
            raise _foreign(folder, found, index)
        self._sound: set[int] = set()
        self._maps: dict[int, list[np.ndarray]] = {}
        self._turn = Lock()

    @property
    def chunks(self) -> int:
        """How many chunks there are when all is stored."""
        return -(-self.rows // self.chunk_rows)

    def span(self, chunk: int) -> range:
        """The rows of a chunk."""
        return range(chunk * self.chunk_rows, min(self.rows, (chunk + 1) * self.chunk_rows))

    def write(self, chunk: int, parts: Sequence[Sequence[np.ndarray]]) -> None:
        """Store a chunk, given in parts that follow each other: in each one array (rows ...) a tensor.

        Raises:
            OutOfSpace: the disk is full; nothing of the chunk is left.
        """
        crc = 0
        with writing(self._path(chunk)) as file:
            for tensor, values in zip(self.tensors, zip(*parts, strict=True), strict=True):
                assert sum(map(len, values)) == len(self.span(chunk)), (tensor, chunk)
                for value in values:
                    assert value.shape[1:] == tensor.shape, (tensor, value.shape)
                    data = np.ascontiguousarray(value, dtype=tensor.dtype).tobytes()
                    crc = google_crc32c.extend(crc, data)
                    file.write(data)
            file.write(_FOOTER.pack(crc))
        self._sound.add(chunk)

    def list_contents(self, hashes: Iterable[bytes]) -> None:
        """Note what tells the contents of the examples, in their order, where it is not noted yet."""
        if not (self.folder / CONTENTS).exists():
            with writing(self.folder / CONTENTS) as file:
                file.writelines(hashes)

    def contents(self) -> np.ndarray:
        """(n) what was noted of the examples, as bytes; empty where that is not all of them."""
        path = self.folder / CONTENTS
        size = path.stat().st_size if path.exists() else 0
        return np.fromfile(path, HASHES) if size == self.rows * np.dtype(HASHES).itemsize else np.empty(0, HASHES)

    def exists(self, chunk: int) -> bool:
        """Whether a chunk is stored, damaged or not."""
        return self._path(chunk).exists()

    def check(self, chunk: int) -> None:
        """Compare a chunk with its checksum, once.

        Raises:
            UnreadableFile: it is damaged.
        """
        if chunk in self._sound:
            return
        path = self._path(chunk)
        size = path.stat().st_size if path.exists() else 0
        if size != self._size(chunk) or not _is_whole(path, size):
            raise UnreadableFile(
                "stored features are damaged",
                where=str(path),
                expected=f"{self._size(chunk)} bytes and their checksum",
                got=f"{size} bytes" + (" and another checksum" if size == self._size(chunk) else ""),
                fix="run the same command again: damaged chunks are computed anew",
            )
        self._sound.add(chunk)

    def read(self, chunk: int, tensor: int) -> np.ndarray:
        """The rows of one tensor in a chunk, memory-mapped."""
        with self._turn:  # several cuts are probed at a time
            if chunk not in self._maps:
                if len(self._maps) >= _OPEN:
                    del self._maps[next(iter(self._maps))]
                self._maps[chunk] = self._mapped(chunk)
            return self._maps[chunk][tensor]

    def _mapped(self, chunk: int) -> list[np.ndarray]:
        self.check(chunk)
        rows, start = len(self.span(chunk)), 0
        arrays: list[np.ndarray] = []
        whole = np.memmap(self._path(chunk), np.uint8, "r")
        for tensor in self.tensors:
            end = start + rows * tensor.nbytes
            arrays.append(np.ndarray((rows, *tensor.shape), tensor.dtype, whole, start))
            start = end
        return arrays

    def _size(self, chunk: int) -> int:
        return len(self.span(chunk)) * sum(tensor.nbytes for tensor in self.tensors) + _FOOTER.size

    def _path(self, chunk: int) -> Path:
        return self.folder / f"{chunk:06}.chunk"

    def _index(self, key: FeatureKey) -> dict[str, Any]:
        return {
            "format": _FORMAT,
            "key": key.as_json(),
            "rows": self.rows,
            "chunk_rows": self.chunk_rows,
            "tensors": [{**asdict(tensor), "shape": list(tensor.shape)} for tensor in self.tensors],
        }


def _is_whole(path: Path, size: int) -> bool:
    """Whether a chunk is what its checksum was taken of; read in blocks, as chunks need not fit into memory."""
    crc, left = 0, size - _FOOTER.size
    with open(path, "rb") as file:
        while left and (block := file.read(min(_BLOCK, left))):
            crc = google_crc32c.extend(crc, block)
            left -= len(block)
        return file.read() == _FOOTER.pack(crc)


def _locked(folder: Path) -> int:
    """A lock on the folder, shared with all who use it, as an open file; what killed writers left is swept away."""
    while True:
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            lock = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT)
        if take(lock):
            sweep(folder)
        take(lock, shared=True, wait=True)
        if (folder / LOCK).exists() and os.path.samestat(os.fstat(lock), (folder / LOCK).stat()):
            return lock
        os.close(lock)  # somebody removed the folder in between


def _foreign(folder: Path, found: Any, expected: dict[str, Any]) -> UnreadableFile:
    if not isinstance(found, dict) or not isinstance(found.get("key"), dict):
        return _damaged_index(folder)
    both = {**expected, **expected["key"]}, {**found, **found["key"]}
    differing = [name for name in both[0] if name != "key" and both[0][name] != both[1].get(name)]
    return UnreadableFile(
        "these features were computed from something else",
        where=str(folder),
        expected=", ".join(f"{name} {both[0][name]}" for name in differing),
        got=", ".join(f"{name} {both[1].get(name)}" for name in differing),
        fix=f"remove {folder}, or keep features elsewhere",
    )


def is_sound(store: FeatureStore, chunk: int, progress: Progress) -> bool:
    """Whether a chunk is stored; a damaged one is told of."""
    if not store.exists(chunk):
        return False
    try:
        store.check(chunk)
    except UnreadableFile as error:
        progress.say(f"{error.what}, and computed anew: {error.where}")
        return False
    return True


def stored_tensors(folder: Path) -> tuple[Stored, ...] | None:
    """What a store holds, as far as its index says; None where there is no store."""
    if not (folder / INDEX).exists():
        return None
    index = read_json(folder / INDEX)
    try:
        found = tuple(Stored(name=t["name"], shape=tuple(t["shape"]), dtype=t["dtype"]) for t in index["tensors"])
        sound = all(tensor.nbytes >= 0 and np.dtype(tensor.dtype).kind in "biuf" for tensor in found)
    except (KeyError, TypeError):
        found, sound = (), False
    if not sound:
        raise _damaged_index(folder)
    return found


def _damaged_index(folder: Path) -> UnreadableFile:
    return UnreadableFile(
        "the index of stored features is damaged", where=str(folder / INDEX), fix=f"remove {folder} and run again"
    )
