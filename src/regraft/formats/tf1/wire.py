"""The few words of the protobuf wire format that checkpoints need, read without copying.

Reading with protobuf itself would copy every tensor of a V1 checkpoint; see
https://protobuf.dev/programming-guides/encoding for the format.
"""

from __future__ import annotations

from collections.abc import Iterator

from regraft.errors import UnreadableFile

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class Message:
    """One message: its fields by number, messages inside it unread until they are asked for.

    `where` names the message in errors: file and place.
    """

    def __init__(self, data: memoryview, where: str) -> None:
        self.where = where
        self._fields: dict[int, list[int | memoryview]] = {}
        for number, value in self._split(data):
            self._fields.setdefault(number, []).append(value)

    def number(self, field: int) -> int:
        """The last whole number in `field`, signed; 0 where there is none."""
        value = self._fields.get(field, [0])[-1]
        if isinstance(value, memoryview):
            raise self._malformed(f"a number in field {field}", "bytes")
        return value - (1 << 64) if value >> 63 else value

    def holds(self, field: int) -> bool:
        """Whether there is anything in `field`."""
        return field in self._fields

    def all_bytes(self, field: int) -> list[memoryview]:
        """Every value of the bytes, text or message field."""
        values = self._fields.get(field, [])
        found = [value for value in values if isinstance(value, memoryview)]
        if len(found) != len(values):
            raise self._malformed(f"bytes in field {field}", "a number")
        return found

    def text(self, field: int) -> str:
        """The last text in `field`; "" where there is none."""
        found = self.all_bytes(field)
        try:
            return str(found[-1], "utf-8") if found else ""
        except UnicodeDecodeError:
            raise self._malformed(f"UTF-8 text in field {field}", "other bytes") from None

    def messages(self, field: int) -> list[Message]:
        """Every message in `field`."""
        return [Message(data, self.where) for data in self.all_bytes(field)]

    def message(self, field: int) -> Message:
        """The last message in `field`; an empty one where there is none."""
        found = self.all_bytes(field)
        return Message(found[-1] if found else memoryview(b""), self.where)

    def _split(self, data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
        position = 0
        while position < len(data):
            tag, position = read_varint(data, position, self.where)
            kind = tag & 7
            if kind == VARINT:
                value, position = read_varint(data, position, self.where)
                yield tag >> 3, value
                continue
            if kind == BYTES:
                size, position = read_varint(data, position, self.where)
            elif kind in (FIXED32, FIXED64):
                size = 4 if kind == FIXED32 else 8
            else:
                raise self._malformed("a field of wire type 0, 1, 2 or 5", f"wire type {kind}")
            if size > len(data) - position:
                raise self._malformed(f"at most {len(data) - position} bytes in field {tag >> 3}", f"{size} bytes")
            part = data[position : position + size]
            yield tag >> 3, part if kind == BYTES else int.from_bytes(part, "little")
            position += size

    def _malformed(self, expected: str, got: str) -> UnreadableFile:
        return malformed(self.where, expected, got)


def malformed(where: str, expected: str, got: str) -> UnreadableFile:
    """The error for bytes that are not what the format says."""
    return UnreadableFile(
        "The checkpoint breaks its own format.",
        where=where,
        expected=expected,
        got=got,
        fix="Copy the file again from where it came from, or write it again with the program that made it.",
    )


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
