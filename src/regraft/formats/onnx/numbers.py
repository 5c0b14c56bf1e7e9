"""Numbers of a tensor that are written one by one: floats as they lie in memory, whole numbers as varints."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from regraft.errors import UnreadableFile
from regraft.files.mapped import scratch
from regraft.protobuf.varints import Bytes, count_varints, read_varints
from regraft.protobuf.wire import BYTES, FIXED32, FIXED64, VARINT, fields, malformed, varint

Array = NDArray[Any]

# A type of numbers -> the field of a TensorProto they are in; all others are in `int32_data`.
_FIELDS = {
    "float32": 4, "complex64": 4, "float64": 10, "complex128": 10, "int64": 7, "uint32": 11, "uint64": 11,
}  # fmt: skip
_INT32 = 5
_KINDS = {4: FIXED32, 10: FIXED64}  # of the fields whose numbers lie as in memory
_WIDTHS = {FIXED32: 4, FIXED64: 8}
_BLOCK = 64 << 10  # numbers taken out at once
_LARGE = 1 << 20  # bytes; more than that are kept on disk: a varint takes up to eight times its room in the file


def listed(message: memoryview, dtype: np.dtype[Any], want: int, where: str) -> Array:
    """The numbers a TensorProto lists, flat; a view of its bytes where they lie in one piece.

    Args:
        want: how many its shape says; checked before anything is made.

    Raises:
        UnreadableFile: it is damaged, has more or fewer numbers, or one does not fit the type.
    """
    number = _FIELDS.get(dtype.name, _INT32)
    kind = _KINDS.get(number, VARINT)
    if kind == VARINT:
        return _whole(message, number, dtype, want, where)
    return _floats(message, number, dtype, want * (2 if dtype.kind == "c" else 1), where)


def require(have: int, want: int, unit: str, where: str) -> None:
    """Raise UnreadableFile where there is not as much as the shape says."""
    if have != want:
        raise UnreadableFile(
            "a tensor does not hold what its shape says", where=where, expected=f"{want:,} {unit}", got=f"{have:,}"
        )


def _floats(message: memoryview, number: int, dtype: np.dtype[Any], want: int, where: str) -> Array:
    kind = _KINDS[number]
    size, first = 0, memoryview(b"")
    for piece in _pieces(message, number, kind, where):
        size, first = size + len(piece), first if size else piece
    if size % _WIDTHS[kind]:
        raise malformed(where, f"numbers of {_WIDTHS[kind]} bytes", f"{size:,} bytes")
    require(size // _WIDTHS[kind], want, "numbers", where)
    together = np.frombuffer(first, np.uint8)
    if len(first) < size:
        together, done = np.empty(size, np.uint8), 0
        for piece in _pieces(message, number, kind, where):
            together[done : done + len(piece)] = np.frombuffer(piece, np.uint8)
            done += len(piece)
    return together.view(dtype.newbyteorder("<")).astype(dtype, copy=False)


def _whole(message: memoryview, number: int, dtype: np.dtype[Any], want: int, where: str) -> Array:
    counts = (count_varints(np.frombuffer(piece, np.uint8)) for piece in _pieces(message, number, VARINT, where))
    require(sum(counts), want, "numbers", where)
    size = want * dtype.itemsize
    numbers, done = np.frombuffer(scratch(size), dtype) if size > _LARGE else np.empty(want, dtype), 0
    for piece in _pieces(message, number, VARINT, where):
        for block in _unpacked(np.frombuffer(piece, np.uint8), where):
            numbers[done : done + block.size] = _fitting(block, dtype, number, where)
            done += block.size
    return numbers


def _unpacked(rest: Bytes, where: str) -> Iterator[NDArray[np.int64]]:
    """The varints of one piece, block by block."""
    left = count_varints(rest)
    while left:
        block = np.empty(min(left, _BLOCK), np.uint64)
        rest = rest[read_varints(rest, block, where) :]
        left -= block.size
        yield block.view(np.int64)
    if rest.size:
        raise malformed(where, "a number", "the end of the data")


def _fitting(block: NDArray[np.int64], dtype: np.dtype[Any], number: int, where: str) -> Array:
    """Whole numbers as that type; float16 are written as their bits."""
    if dtype.itemsize == block.itemsize:
        return block.view(dtype)
    signed = block.astype(np.int32) if number == _INT32 else block
    if dtype.kind == "b":
        return signed != 0
    plain = np.dtype(np.uint16) if dtype.kind == "f" else dtype
    limits = np.iinfo(plain)
    wrong = signed[(signed < limits.min) | (signed > limits.max)]
    if wrong.size:
        raise UnreadableFile(f"a number does not fit the type {dtype.name}", where=where, got=str(wrong[0]))
    return signed.astype(plain).view(dtype)


def _pieces(message: memoryview, number: int, kind: int, where: str) -> Iterator[memoryview]:
    """The bytes of a field: of many numbers at once, or of one that stands alone."""
    for field in fields(message, where):
        if field.number == number and field.kind == BYTES:
            yield field.data
        elif field.number == number and field.kind == kind:
            yield field.data if len(field.data) else memoryview(varint(field.value))
