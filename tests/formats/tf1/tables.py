"""Tables put together by hand, with every checksum right, so that what is inside can be as wrong as a test wants."""

from __future__ import annotations

import google_crc32c

MAGIC = bytes.fromhex("57fb808b247547db")
PLAIN, SNAPPY = 0, 1


def number(value: int) -> bytes:
    """A varint."""
    out = b""
    while value > 0x7F:
        out += bytes([value & 0x7F | 0x80])
        value >>= 7
    return out + bytes([value])


def entry(key: bytes, value: bytes, shared: int = 0) -> bytes:
    """One entry of a block; `key` is what it does not share with the key before."""
    return number(shared) + number(len(key)) + number(len(value)) + key + value


def block(*entries: bytes, restarts: int = 1) -> bytes:
    """The entries and, though they may lie, the places of whole keys."""
    return b"".join(entries) + b"\0\0\0\0" + restarts.to_bytes(4, "little")


def sealed(content: bytes, kind: int = PLAIN) -> bytes:
    """A block with its trailer."""
    checksum = google_crc32c.value(content + bytes([kind]))
    masked = ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
    return content + bytes([kind]) + masked.to_bytes(4, "little")


def table(*blocks: bytes, kind: int = PLAIN, handles: list[tuple[int, int]] | None = None) -> bytes:
    """A table of blocks, whose index says the truth unless `handles` (offset, size) say something else."""
    out, places = b"", list[tuple[int, int]]()
    for content in blocks:
        places.append((len(out), len(content)))
        out += sealed(content, kind)
    meta = number(len(out)) + number(len(block()))
    out += sealed(block())
    index = block(*(entry(b"%09d" % n, number(at) + number(size)) for n, (at, size) in enumerate(handles or places)))
    where = number(len(out)) + number(len(index))
    return out + sealed(index) + (meta + where).ljust(40, b"\0") + MAGIC
