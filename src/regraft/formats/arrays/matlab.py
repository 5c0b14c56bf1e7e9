"""MATLAB's .mat of version 5 to 7: numbers, structs and cells, without MATLAB. Version 7.3 is HDF5: see `hdf5`."""

from __future__ import annotations

import struct
import zlib
from math import prod
from typing import Any

import numpy as np

from regraft.errors import RegraftError, UnsafeFile, UnsupportedFormat
from regraft.files.mapped import array_at, damaged, inflated, room, spooled
from regraft.formats.arrays.pickles import steps_for

_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _OBJECT, _CHAR, _SPARSE = 1, 2, 3, 4, 5
_COMPLEX = 8  # a flag
# How numbers are stored, and which type a matrix of each class has.
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = {
    6: "f8", 7: "f4", 8: "i1", 9: "u1", 10: "i2", 11: "u2", 12: "i4", 13: "u4", 14: "i8", 15: "u8",
}  # fmt: skip
_DEPTH = 20
_DAMAGE = (struct.error, ValueError, KeyError, IndexError, TypeError, OverflowError, zlib.error, UnicodeDecodeError)


def is_matlab(head: bytes) -> bool:
    """Whether a file that starts so is a .mat of version 5 or later."""
    return head[126:128] in (b"IM", b"MI") and head[:6] == b"MATLAB"


def is_hdf5(head: bytes) -> bool:
    """Whether it is one of version 7.3."""
    return head[:10] == b"MATLAB 7.3"


def read_matlab(data: memoryview, where: str) -> dict[str, Any]:
    """Its variables by name: arrays; structs as dictionaries, cells as lists.

    Raises:
        UnreadableFile: it is damaged.
        UnsupportedFormat: a variable is sparse or an object.
    """
    reader = _Reader(data, where, ">" if bytes(data[126:128]) == b"MI" else "<", steps_for(len(data)))
    found: dict[str, Any] = {}
    try:
        place = 128
        while place < len(data):
            kind, content, place = reader.element(data, place)
            if kind == _COMPRESSED:
                plain = spooled(inflated(content, zlib.MAX_WBITS), room(len(content)), where)
                kind, content, _ = reader.element(plain, 0)
            if kind == _MATRIX:
                name, value = reader.matrix(content, 0)
                if name in found:
                    raise ValueError("two variables have one name")
                found[name] = value
    except RegraftError:
        raise
    except _DAMAGE as error:
        raise damaged(where, expected="a MATLAB file", got=f"{type(error).__name__}: {error}"[:200]) from error
    return {name: value for name, value in found.items() if name}  # a nameless one is MATLAB's own


class _Reader:
    def __init__(self, data: memoryview, where: str, order: str, steps: int) -> None:
        self.where = where
        self.order = order
        self.steps = steps

    def element(self, data: memoryview, place: int) -> tuple[int, memoryview, int]:
        """The type and content of the element at a place, and where the next begins."""
        kind, size = struct.unpack(f"{self.order}II", data[place : place + 8])
        if kind >> 16:  # a small one: four bytes of content beside its head
            size, kind, start, end = kind >> 16, kind & 0xFFFF, place + 4, place + 8
        else:
            start, end = place + 8, place + 8 + size
            end += 0 if kind == _COMPRESSED else -size % 8
        if start + size > len(data):
            raise damaged(self.where, expected=f"{size} bytes from {start}", got=f"{len(data) - start}")
        return kind, data[start : start + size], end

    def matrix(self, data: memoryview, depth: int) -> tuple[str, Any]:
        """The name and the value of a variable, a field or a cell."""
        self.steps -= 1
        if depth > _DEPTH or self.steps < 0:
            raise UnsafeFile("the file holds more small things, or deeper ones, than weights need", where=self.where)
        if not len(data):  # an empty cell may be nothing at all
            return "", np.empty((0, 0))
        _, flags, place = self.element(data, 0)
        (bits,) = struct.unpack(f"{self.order}I", flags[:4])
        _, sizes, place = self.element(data, place)
        shape = struct.unpack(f"{self.order}{len(sizes) // 4}i", sizes[: len(sizes) // 4 * 4])
        _, name, place = self.element(data, place)
        if min(shape, default=0) < 0 or len(shape) > 32:
            raise ValueError(f"sizes {shape}"[:100])
        kind = bits & 0xFF
        return bytes(name).decode("latin-1"), self._content(data, place, kind, shape, bits >> 8 & _COMPLEX, depth)

    def _content(self, data: memoryview, place: int, kind: int, shape: tuple[int, ...], flags: int, depth: int) -> Any:
        if kind in _CLASSES:
            real, place = self._numbers(data, place, _CLASSES[kind], shape)
            return real if not flags else real + 1j * self._numbers(data, place, _CLASSES[kind], shape)[0]
        if kind == _CHAR:
            return bytes(self.element(data, place)[1][:1000]).decode("latin-1")
        if kind == _CELL:
            return self._cells(data, place, prod(shape), depth)
        if kind == _STRUCT:
            return self._struct(data, place, prod(shape), depth)
        what = {_SPARSE: "sparse", _OBJECT: "an object"}.get(kind, f"of class {kind}")
        raise UnsupportedFormat(
            f"a variable of the file is {what}",
            where=self.where,
            expected="numbers, structs and cells",
            fix="in MATLAB: save full(x), or the object's numbers",
        )

    def _numbers(self, data: memoryview, place: int, dtype: str, shape: tuple[int, ...]) -> tuple[np.ndarray, int]:
        stored, content, place = self.element(data, place)
        kind = np.dtype(self.order + _STORED[stored])
        if prod(shape) * kind.itemsize != len(content):
            raise ValueError(f"numbers of shape {shape} in {len(content)} bytes"[:150])
        return array_at(content, kind, shape, "F").astype(dtype, copy=False), place

    def _cells(self, data: memoryview, place: int, count: int, depth: int) -> list[Any]:
        found: list[Any] = []
        for _ in range(count):
            _, content, place = self.element(data, place)
            found.append(self.matrix(content, depth + 1)[1])
        return found

    def _struct(self, data: memoryview, place: int, count: int, depth: int) -> Any:
        _, width, place = self.element(data, place)
        _, names, place = self.element(data, place)
        (length,) = struct.unpack(f"{self.order}i", width)
        if length < 1:
            raise ValueError(f"field names of {length} letters")
        words = [bytes(names[i : i + length]).split(b"\0")[0].decode("latin-1") for i in range(0, len(names), length)]
        found: list[dict[str, Any]] = []
        for _ in range(count if words else 0):
            values = self._cells(data, place, len(words), depth)
            for _ in words:
                _, _, place = self.element(data, place)
            found.append(dict(zip(words, values, strict=True)))
        return found[0] if count == 1 and found else found
