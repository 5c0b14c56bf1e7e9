"""Unpacks snappy blocks: TensorFlow 1.1 and some tools beside it wrote compressed tables.

Format: https://github.com/google/snappy/blob/main/format_description.txt
"""

from __future__ import annotations

from regraft.protobuf.wire import malformed, read_varint

# A copy of 64 bytes takes at least 3 bytes: no honest block grows more than this.
GROWTH = 22


def unpack(data: memoryview, where: str) -> bytes:
    """The plain bytes of one block."""
    size, position = read_varint(data, 0, where)
    if size > GROWTH * len(data):
        raise malformed(where, f"at most {GROWTH * len(data)} bytes from {len(data)} packed ones", f"{size} bytes")
    out = bytearray()
    while position < len(data):
        tag = data[position]
        position += 1
        if tag & 3 == 0:
            length, position = _literal_length(data, position, tag >> 2, where)
            out += _take(data, position, length, where)
            position += length
        else:
            length, width = (tag >> 2 & 7) + 4 if tag & 3 == 1 else (tag >> 2) + 1, (1, 2, 4)[(tag & 3) - 1]
            offset = int.from_bytes(_take(data, position, width, where), "little")
            position += width
            _copy(out, offset | tag >> 5 << 8 if width == 1 else offset, length, where)
        if len(out) > size:
            break
    if len(out) != size:
        raise malformed(where, f"{size} bytes from a packed block", f"{len(out)} bytes")
    return bytes(out)


def _literal_length(data: memoryview, position: int, code: int, where: str) -> tuple[int, int]:
    if code < 60:
        return code + 1, position
    width = code - 59
    return int.from_bytes(_take(data, position, width, where), "little") + 1, position + width


def _take(data: memoryview, position: int, length: int, where: str) -> memoryview:
    if length > len(data) - position:
        raise malformed(where, f"{length} more bytes in a packed block", f"{len(data) - position} bytes")
    return data[position : position + length]


def _copy(out: bytearray, offset: int, length: int, where: str) -> None:
    if not 0 < offset <= len(out):
        raise malformed(where, f"a copy from within the last {len(out)} bytes", f"from {offset} bytes back")
    pattern = out[len(out) - offset : len(out) - offset + length]
    out += (pattern * (length // len(pattern) + 1))[:length]
