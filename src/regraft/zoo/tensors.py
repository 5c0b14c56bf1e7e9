"""The weights of a zoo: each distinct tensor is kept once, under a hash of its type, shape and numbers.

A large one is a file, a small one a row of the database: a thousand files of one kilobyte would be slow to write.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import MissingFile, UnreadableFile
from regraft.files.mapped import array_at, mapped
from regraft.run.atomic import is_partial, write_bytes

FOLDER = "tensors"
IN_A_FILE = 64 << 10  # bytes from which on a tensor is a file
_MAPPED = 4 << 20  # bytes from which on a file is mapped: a mapping keeps it open, and a process may open some hundreds
_STALE = 3600.0  # seconds after which nobody writes a partial file any more
_MEND = "add the model again from where it came: that mends it"
_TYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64", "complex64", "complex128"),
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Tensor:
    """A tensor, and the hash it is kept under."""

    key: bytes
    value: np.ndarray

    @property
    def is_small(self) -> bool:
        """Whether it is a row of the database."""
        return self.value.nbytes < IN_A_FILE


@dataclass(frozen=True, kw_only=True)
class Row:
    """A tensor as the database has it: `size` in bytes, `data` None where they are in a file."""

    key: bytes
    dtype: str
    shape: str
    size: int
    data: bytes | None


def keyed(value: np.ndarray) -> Tensor:
    """A tensor with its hash."""
    value = np.asarray(value, order="C")
    return Tensor(key=_key(str(value.dtype), _shape(value), value.data), value=value)


def file_of(folder: Path, key: bytes) -> Path:
    """Where the zoo in a folder keeps a large tensor."""
    name = key.hex()
    return folder / FOLDER / name[:2] / name[2:]


def write_files(folder: Path, tensors: Iterable[Tensor]) -> None:
    """Write the large tensors that are not there yet, or not as they should be.

    Raises:
        OutOfSpace: the disk is full.
    """
    for tensor in tensors:
        if not tensor.is_small and not _is_there(folder, tensor):
            write_bytes(file_of(folder, tensor.key), tensor.value.tobytes())


def all_there(folder: Path, tensors: Iterable[Tensor]) -> bool:
    """Whether the files of all large tensors are there."""
    return all(tensor.is_small or file_of(folder, tensor.key).is_file() for tensor in tensors)


def insert(connection: sqlite3.Connection, tensor: Tensor) -> int:
    """Put a tensor into the table, or right again if it is there; the number of its row."""
    value = tensor.value
    data = value.tobytes() if tensor.is_small else None
    connection.execute(
        "INSERT INTO tensors (hash, dtype, shape, size, data) VALUES (?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET"
        " dtype = excluded.dtype, shape = excluded.shape, size = excluded.size, data = excluded.data"
        " WHERE (dtype, shape, size, data) IS NOT (excluded.dtype, excluded.shape, excluded.size, excluded.data)",
        (tensor.key, str(value.dtype), _shape(value), value.nbytes, data),
    )
    return connection.execute("SELECT id FROM tensors WHERE hash = ?", (tensor.key,)).fetchone()[0]


def rows(connection: sqlite3.Connection, card: int) -> list[Row]:
    """The tensors of a card, in the order its graph has the parameters in."""
    found = connection.execute(
        "SELECT hash, dtype, shape, size, data FROM uses JOIN tensors ON tensors.id = uses.tensor WHERE card = ?"
        " ORDER BY place",
        (card,),
    )
    return [Row(**dict(zip(("key", "dtype", "shape", "size", "data"), row, strict=True))) for row in found]


def array_of(folder: Path, row: Row, model: str) -> np.ndarray:
    """The numbers of a tensor, mapped where they are many; their size is compared with what the row says.

    Raises:
        MissingFile: its file is gone.
        UnreadableFile: it has another size, or the row says what no tensor is.
    """
    dtype, shape = _type(row, folder), _sizes(row, folder)
    data = _bytes(folder, row, model)
    if not len(data) == row.size == prod(shape) * dtype.itemsize:
        raise UnreadableFile(
            f"a weight of {model} is damaged",
            where=place_of(folder, row),
            expected=f"{prod(shape) * dtype.itemsize} bytes",
            got=f"{len(data)} bytes",
            fix=_MEND,
        )
    if row.data is None and len(data) < _MAPPED:
        data = memoryview(bytes(data))
    return array_at(data, dtype, shape)


def fault(folder: Path, row: Row) -> str | None:
    """What is wrong with a tensor, all its bytes looked at; None: nothing is."""
    try:
        data = _bytes(folder, row, "it")
    except MissingFile:
        return "is gone"
    except UnreadableFile as error:
        return f"cannot be read: {error.got or error.expected}"
    same = len(data) == row.size and _key(row.dtype, row.shape, data) == row.key
    return None if same else "is not what it was"


def place_of(folder: Path, row: Row) -> str:
    """Where the numbers of a tensor are, in words."""
    return str(file_of(folder, row.key)) if row.data is None else f"{folder}, tensor {row.key.hex()}"


def remove_files(folder: Path, keep: Collection[bytes]) -> int:
    """Remove all files but those of some tensors, and what killed writers left long ago; the bytes that were freed."""
    freed = 0
    for path in (folder / FOLDER).glob("*/*"):
        with suppress(FileNotFoundError):  # a writer gives its partial file the final name meanwhile
            if not _is_kept(path, keep):
                size = path.stat().st_size
                path.unlink()
                freed += size
    return freed


def _is_kept(path: Path, keep: Collection[bytes]) -> bool:
    if is_partial(path.name):
        return time.time() - path.stat().st_mtime < _STALE
    try:
        return bytes.fromhex(path.parent.name + path.name) in keep
    except ValueError:
        return True  # nothing of ours


def _is_there(folder: Path, tensor: Tensor) -> bool:
    try:
        return mapped(file_of(folder, tensor.key)) == memoryview(tensor.value.data).cast("B")
    except MissingFile:
        return False


def _bytes(folder: Path, row: Row, model: str) -> memoryview:
    if row.data is not None:
        return memoryview(row.data)
    path = file_of(folder, row.key)
    try:
        return mapped(path)
    except MissingFile:
        raise MissingFile(f"a weight of {model} is gone", where=str(path), fix=_MEND) from None


def _key(dtype: str, shape: str, data: Any) -> bytes:
    digest = hashlib.sha256(f"{dtype}{shape}\0".encode())
    digest.update(data)
    return digest.digest()


def _shape(value: np.ndarray) -> str:
    return json.dumps(value.shape)


def _type(row: Row, folder: Path) -> np.dtype[Any]:
    if row.dtype not in _TYPES:
        raise UnreadableFile("the zoo has a weight of an unknown type", where=place_of(folder, row), got=row.dtype)
    return np.dtype(row.dtype)


def _sizes(row: Row, folder: Path) -> tuple[int, ...]:
    try:
        sizes = json.loads(row.shape)
    except ValueError:
        sizes = None
    if not isinstance(sizes, list) or not all(type(size) is int and size >= 0 for size in sizes):
        raise UnreadableFile("the zoo has a weight of no shape", where=place_of(folder, row), got=row.shape)
    return tuple(sizes)
