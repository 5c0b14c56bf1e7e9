"""MATLAB's .mat of version 4: matrices one after the other, each behind a head of five numbers and its name."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from regraft.errors import UnsupportedFormat
from regraft.files.mapped import array_at, damaged

_HEAD = 20
_STORED = ("f8", "f4", "i4", "i2", "u2", "u1")
_LONGEST = 64  # letters of a name; MATLAB itself allows 63
_TEXT, _SPARSE = 1, 2


@dataclass(frozen=True)
class _Matrix:
    name: str
    dtype: np.dtype
    shape: tuple[int, int]
    is_complex: bool
    kind: int
    start: int

    @property
    def bytes(self) -> int:
        return self.shape[0] * self.shape[1] * self.dtype.itemsize

    @property
    def end(self) -> int:
        return self.start + self.bytes * (2 if self.is_complex else 1)


def is_matlab4(head: bytes, size: int) -> bool:
    """Whether a file that starts so is one of version 4, which has no mark: its first head must make sense."""
    matrix = _matrix(memoryview(head), 0)
    return matrix is not None and matrix.end <= size


def read_matlab4(data: memoryview, where: str) -> dict[str, np.ndarray | str]:
    """Its variables by name: matrices (rows columns), and texts, of which a row becomes a string.

    Raises:
        UnreadableFile: it is damaged.
        UnsupportedFormat: a matrix is sparse.
    """
    found: dict[str, np.ndarray | str] = {}
    place = 0
    while place < len(data):
        matrix = _matrix(data, place)
        if matrix is None or matrix.end > len(data) or matrix.name in found:
            raise damaged(where, expected=f"a matrix of a new name at byte {place}", got=bytes(data[place:][:40]).hex())
        if matrix.kind == _SPARSE:
            raise UnsupportedFormat(
                "a variable of the file is sparse", where=f"{where}, {matrix.name}", fix="in MATLAB: save full(x)"
            )
        value = _value(data, matrix)
        found[matrix.name] = "".join(map(chr, value[:1].ravel().astype("u1"))) if matrix.kind == _TEXT else value
        place = matrix.end
    return found


def _matrix(data: memoryview, place: int) -> _Matrix | None:
    """The matrix whose head begins at a place; None: none does."""
    if len(data) < place + _HEAD:
        return None
    for order, machine in (("<", 0), (">", 1)):
        mark, rows, columns, imaginary, length = struct.unpack_from(f"{order}5i", data, place)
        digits = (mark // 1000, mark // 100 % 10, mark // 10 % 10, mark % 10)
        if digits[:2] != (machine, 0) or digits[2] >= len(_STORED) or digits[3] > _SPARSE or mark < 0:
            continue
        name = bytes(data[place + _HEAD : place + _HEAD + length]) if 2 <= length <= _LONGEST else b""
        if min(rows, columns) < 0 or imaginary not in (0, 1) or not name.endswith(b"\0"):
            continue
        word = name[:-1].decode("latin-1")
        if word.isidentifier():
            dtype = np.dtype(order + _STORED[digits[2]])
            return _Matrix(word, dtype, (rows, columns), bool(imaginary), digits[3], place + _HEAD + length)
    return None


def _value(data: memoryview, matrix: _Matrix) -> np.ndarray:
    middle = matrix.start + matrix.bytes
    real = array_at(data[matrix.start : middle], matrix.dtype, matrix.shape, "F")
    return (
        real + 1j * array_at(data[middle : matrix.end], matrix.dtype, matrix.shape, "F") if matrix.is_complex else real
    )
