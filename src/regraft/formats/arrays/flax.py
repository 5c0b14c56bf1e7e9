"""flax's msgpack: nested dictionaries of arrays (flax.serialization.to_bytes)."""

from __future__ import annotations

import re
import struct
from math import prod
from typing import Any

import numpy as np

from regraft.errors import RegraftError, UnsafeFile
from regraft.files.mapped import array_at, damaged
from regraft.formats.arrays.pickles import steps_for
from regraft.formats.arrays.torch_files import widened

_ARRAY, _COMPLEX, _SCALAR = 1, 2, 3  # flax's own kinds of extension
_CHUNKED = "__msgpack_chunked_array__"
_DTYPES = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)|bfloat16")
_DEPTH = 50
# What follows a code: the form of a length, or of a number.
_LENGTHS = {
    0xC4: "B", 0xC5: ">H", 0xC6: ">I", 0xC7: "B", 0xC8: ">H", 0xC9: ">I", 0xD9: "B", 0xDA: ">H", 0xDB: ">I",
    0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I",
}  # fmt: skip
_NUMBERS = {
    0xCA: ">f", 0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i",
    0xD3: ">q",
}  # fmt: skip
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}
_DAMAGE = (struct.error, ValueError, TypeError, IndexError, KeyError, OverflowError)


def is_flax(head: bytes) -> bool:
    """Whether a file that starts so may be one: a dictionary whose first key is a word."""
    if not head or not (0x81 <= head[0] <= 0x8F or head[0] in (0xDE, 0xDF)):
        return False
    key = head[{0xDE: 3, 0xDF: 5}.get(head[0], 1) :][:1]
    return bool(key) and (0xA1 <= key[0] <= 0xBF or key[0] in (0xD9, 0xDA))


def read_flax(data: memoryview, where: str) -> Any:
    """The nest of arrays.

    Raises:
        UnreadableFile: it is damaged.
        UnsafeFile: it holds more small things than weights need.
    """
    reader = _Reader(data, where, steps_for(len(data)))
    try:
        value = reader.value(0)
    except RegraftError:
        raise
    except _DAMAGE as error:
        raise damaged(where, expected="flax's msgpack", got=f"{error} at byte {reader.position}"[:200]) from error
    if reader.position != len(data):
        raise damaged(where, expected=f"{reader.position} bytes", got=f"{len(data)} bytes")
    return value


class _Reader:
    def __init__(self, data: memoryview, where: str, steps: int) -> None:
        self.data = data
        self.where = where
        self.position = 0
        self.steps = steps

    def take(self, size: int) -> memoryview:
        end = self.position + size
        if end > len(self.data):
            raise damaged(
                self.where, expected=f"{size} bytes from {self.position}", got=f"{len(self.data) - self.position}"
            )
        piece = self.data[self.position : end]
        self.position = end
        return piece

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def value(self, depth: int) -> Any:
        self.steps -= 1
        if depth > _DEPTH or self.steps < 0:
            raise UnsafeFile("the file holds more small things, or deeper ones, than weights need", where=self.where)
        code = self.take(1)[0]
        if code < 0x80 or code >= 0xE0:
            return code if code < 0x80 else code - 256
        if code in _CONSTANTS:
            return _CONSTANTS[code]
        if code in _NUMBERS:
            return self.number(_NUMBERS[code])
        if 0xD4 <= code <= 0xD8:
            return self.extension(1 << code - 0xD4, depth)
        if code in _LENGTHS:
            return self.long(code, self.number(_LENGTHS[code]), depth)
        if code < 0x90:
            return self.dictionary(code & 15, depth)
        if code < 0xA0:
            return [self.value(depth + 1) for _ in range(code & 15)]
        if code < 0xC0:
            return str(self.take(code & 31), "utf-8")
        raise ValueError(f"code {code:#x}")

    def long(self, code: int, size: int, depth: int) -> Any:
        if code <= 0xC6:
            return self.take(size)
        if code <= 0xC9:
            return self.extension(size, depth)
        if code <= 0xDB:
            return str(self.take(size), "utf-8")
        if code <= 0xDD:
            return [self.value(depth + 1) for _ in range(size)]
        return self.dictionary(size, depth)

    def dictionary(self, size: int, depth: int) -> Any:
        found: dict[str, Any] = {}
        for _ in range(size):
            key = self.value(depth + 1)
            if not isinstance(key, str | int):
                raise TypeError(f"a key of type {type(key).__name__}")
            found[str(key)] = self.value(depth + 1)
        return _joined(found) if found.get(_CHUNKED) is True else found

    def extension(self, size: int, depth: int) -> Any:
        kind = self.number(">b")
        if kind not in (_COMPLEX, _ARRAY, _SCALAR):
            raise ValueError(f"an extension of kind {kind}")
        inner = _Reader(self.take(size), self.where, self.steps)
        parts = inner.value(depth + 1)
        self.steps = inner.steps
        if kind == _COMPLEX:
            return complex(*parts)
        shape, name, content = parts
        name = name if isinstance(name, str) else str(name, "latin-1")
        if not _DTYPES.fullmatch(name):
            raise TypeError(f"numbers of type {name[:50]}")
        dtype = np.dtype("u2" if name == "bfloat16" else name)
        shape = tuple(shape)
        if not all(type(n) is int and n >= 0 for n in shape) or prod(shape) * dtype.itemsize != len(content):
            raise ValueError(f"an array {str(shape)[:60]} of {name} from {len(content)} bytes")
        array = array_at(content, dtype, shape)
        return widened(array) if name == "bfloat16" else array


def _joined(found: dict[str, Any]) -> np.ndarray:
    """A large array, which flax cuts into pieces."""
    pieces = [found["chunks"][str(place)] for place in range(len(found["chunks"]))]
    shape = tuple(found["shape"][str(place)] for place in range(len(found["shape"])))
    return np.concatenate([np.ravel(piece) for piece in pieces]).reshape(shape)
