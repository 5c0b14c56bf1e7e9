"""Fields of a protocol buffer where they lie, without a copy: a checkpoint or a .caffemodel is nearly all weights.

Parsing them with protobuf would hold every weight twice more; see https://protobuf.dev/programming-guides/encoding.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from regraft.errors import UnreadableFile

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Field(NamedTuple):
    """One field: its number and wire type, its number (0 for bytes) and bytes, and all its bytes with the tag."""

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
        tag, position = read_varint(data, position, where)
        number, kind = tag >> 3, tag & 7
        value, size = 0, 0
        if kind == VARINT:
            value, position = read_varint(data, position, where)
        elif kind == BYTES:
            size, position = read_varint(data, position, where)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise malformed(where, "a field of wire type 0, 1, 2 or 5", f"wire type {kind}")
        if size > len(data) - position and not cut:
            raise malformed(where, f"at most {len(data) - position:,} bytes in field {number}", f"{size:,} bytes")
        part = data[position : position + size]
        if kind in (FIXED32, FIXED64):
            value = int.from_bytes(part, "little")
        yield Field(number, kind, value, part, data[start : position + size])
        position += size


class Message:
    """One message: its fields by number, messages inside it unread until they are asked for.

    `where` names the message in errors: file and place.
    """

    def __init__(self, data: memoryview, where: str) -> None:
        self.where = where
        self._fields: dict[int, list[int | memoryview]] = {}
        for field in fields(data, where):
            self._fields.setdefault(field.number, []).append(field.data if field.kind == BYTES else field.value)

    def number(self, field: int) -> int:
        """The last whole number in `field`, signed; 0 where there is none."""
        value = self._fields.get(field, [0])[-1]
        if isinstance(value, memoryview):
            raise malformed(self.where, f"a number in field {field}", "bytes")
        return signed(value)

    def holds(self, field: int) -> bool:
        """Whether there is anything in `field`."""
        return field in self._fields

    def all_bytes(self, field: int) -> list[memoryview]:
        """Every value of the bytes, text or message field."""
        values = self._fields.get(field, [])
        found = [value for value in values if isinstance(value, memoryview)]
        if len(found) != len(values):
            raise malformed(self.where, f"bytes in field {field}", "a number")
        return found

    def text(self, field: int) -> str:
        """The last text in `field`; "" where there is none."""
        found = self.all_bytes(field)
        try:
            return str(found[-1], "utf-8") if found else ""
        except UnicodeDecodeError:
            raise malformed(self.where, f"UTF-8 text in field {field}", "other bytes") from None

    def messages(self, field: int) -> list[Message]:
        """Every message in `field`."""
        return [Message(data, self.where) for data in self.all_bytes(field)]

    def message(self, field: int) -> Message:
        """The last message in `field`; an empty one where there is none."""
        found = self.all_bytes(field)
        return Message(found[-1] if found else memoryview(b""), self.where)


def malformed(where: str, expected: str, got: str) -> UnreadableFile:
    """The error for bytes that are not what the format says."""
    return UnreadableFile(
        "the file breaks its own format",
        where=where,
        expected=expected,
        got=got,
        fix="copy the file again from where it came, or write it again with the program that made it",
    )


def signed(value: int) -> int:
    """A number as int64 holds it."""
    return value - (1 << 64) if value >> 63 else value


def read_varint(data: memoryview, position: int, where: str) -> tuple[int, int]:
    """The number of at most 64 bits at `position`, seven bits a byte, and the position behind it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise malformed(where, "a number", "the end of the data")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFFFFFFFFFFFFFF, position
    raise malformed(where, "a number of at most 10 bytes", "more bytes")


def varint(value: int) -> bytes:
    """A number from 0 on, seven bits a byte."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(field: int, value: int) -> bytes:
    """A field that holds a whole number from 0 on."""
    return varint(field << 3 | VARINT) + varint(value)


def fixed32_field(field: int, value: int) -> bytes:
    """A field that holds 32 bits."""
    return varint(field << 3 | FIXED32) + value.to_bytes(4, "little")


def bytes_field(field: int, data: bytes) -> bytes:
    """A field that holds bytes, text or a message."""
    return varint(field << 3 | BYTES) + varint(len(data)) + data
