"""Fields of a protocol buffer where they lie, without a copy: a .caffemodel is nearly all weights.

Parsing it with protobuf would hold every weight twice more; see https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from regraft.errors import UnreadableFile

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """One field: its number and wire type, its number or bytes, and all its bytes with the tag."""

    number: int
    kind: int
    value: int
    data: memoryview
    whole: memoryview


def fields(data: memoryview, where: str, *, cut: bool = False) -> Iterator[Field]:
    """The fields of a message, in their order.

    Args:
        cut: whether a last field that is cut off is given as far as it goes.

    Raises:
        UnreadableFile: the bytes are no message.
    """
    position = 0
    while position < len(data):
        start = position
        tag, position = _varint(data, position, where)
        number, kind = tag >> 3, tag & 7
        value, size = 0, 0
        if kind == VARINT:
            value, position = _varint(data, position, where)
        elif kind == BYTES:
            size, position = _varint(data, position, where)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise damaged(where, "a field of wire type 0, 1, 2 or 5", f"wire type {kind}")
        if size > len(data) - position and not cut:
            raise damaged(where, f"at most {len(data) - position:,} bytes in field {number}", f"{size:,} bytes")
        yield Field(number, kind, value, data[position : position + size], data[start : position + size])
        position += size


def damaged(where: str, expected: str, got: str) -> UnreadableFile:
    """The error for bytes that are not what the format says."""
    return UnreadableFile(
        "The file breaks Caffe's format.",
        where=where,
        expected=expected,
        got=got,
        fix="Copy the file again from where it came; a cut or damaged download looks like this.",
    )


def signed(value: int) -> int:
    """A number as int64 holds it."""
    return value - (1 << 64) if value >> 63 else value


def _varint(data: memoryview, position: int, where: str) -> tuple[int, int]:
    """The number of at most 64 bits at `position`, and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise damaged(where, "a number", "the end of the data")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise damaged(where, "a number of at most 10 bytes", "more bytes")


def written_field(number: int, data: bytes) -> bytes:
    """A field of bytes as a message holds it: numbers go in whole, where protobuf would take them one by one."""
    return _written_varint(number << 3 | BYTES) + _written_varint(len(data)) + data


def _written_varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
