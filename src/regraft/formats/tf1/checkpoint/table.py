"""The sorted table of keys and values that a V2 `.index` and a V1 checkpoint are.

Blocks of entries (each key shares a prefix with the one before), then an index block that says where they lie, then
a footer that says where the index lies. Every block ends in its compression and a checksum.
Format: https://github.com/google/leveldb/blob/main/doc/table_format.md
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from regraft.formats.tf1.checkpoint import snappy
from regraft.formats.tf1.checkpoint.mapped import MappedFile, damaged, extend, masked
from regraft.protobuf.wire import malformed, read_varint, varint

MAGIC = bytes.fromhex("57fb808b247547db")
FOOTER = 48  # bytes
TRAILER = 5  # bytes: compression and checksum, behind every block
BLOCK = 256 << 10  # bytes; a block written is closed when it has grown to this
RESTART = 16  # entries written between two keys that are written whole

# TensorFlow writes at least every 16th key whole, so its keys never grow more than 16 times. A hostile table could
# let each key repeat all of the one before and fill any memory.
KEY_GROWTH = 64
SHOWN = 80  # bytes of a key in an error


def is_table(path: Path) -> bool:
    """Whether the file ends as a table does."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - len(MAGIC)))
            return size >= FOOTER and file.read() == MAGIC
    except (OSError, ValueError):  # a path with a zero byte in it is a ValueError
        return False


def read_table(file: MappedFile) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values in order, the checksum of each block checked before its entries are given."""
    index, handles = _index(file)
    end, last = 0, None
    for offset, size in handles:
        where = f"{file.path}, block at byte {offset}"
        # Blocks lie behind each other. One that is listed twice could make a small file grow without bound.
        if offset < end or offset + size > index:
            raise malformed(where, f"a block between bytes {end} and {index}", f"bytes {offset} to {offset + size}")
        end = offset + size + TRAILER
        for key, value in _entries(_block(file, offset, size), where):
            if last is not None and key <= last:
                raise malformed(where, f"a key after {last[:SHOWN]!r}", repr(key[:SHOWN]))
            last = key
            yield key, value


def write_table(items: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A table of `items`, which come in the order of their keys."""
    out, handles = bytearray(), list[tuple[bytes, bytes]]()
    pending, size = list[tuple[bytes, bytes]](), 0
    for item in items:
        pending.append(item)
        size += len(item[0]) + len(item[1])
        if size >= BLOCK:
            handles.append((item[0], _append(out, pending)))
            pending, size = [], 0
    if pending or not handles:
        handles.append((pending[-1][0] if pending else b"", _append(out, pending)))
    meta = _append(out, [])
    index = _append(out, handles, restart=1)
    return bytes(out + (meta + index).ljust(FOOTER - len(MAGIC), b"\0") + MAGIC)


def _index(file: MappedFile) -> tuple[int, list[tuple[int, int]]]:
    """Where the index block begins, and (offset, size) of every block it lists."""
    data = file.bytes.data
    if file.size < FOOTER or bytes(data[-len(MAGIC) :]) != MAGIC:
        tail = bytes(data[-len(MAGIC) :]).hex() or "nothing"
        raise damaged(file.path, f"end of {file.size} bytes", expected=f"the last bytes {MAGIC.hex()}", got=tail)
    where = f"{file.path}, footer"
    footer, position = data[file.size - FOOTER :], 0
    places = list[int]()
    for _ in range(4):
        place, position = read_varint(footer, position, where)
        places.append(place)
    meta, meta_size, offset, size = places
    _block(file, meta, meta_size)
    where = f"{file.path}, index at byte {offset}"
    handles = list[tuple[int, int]]()
    for _, value in _entries(_block(file, offset, size), where):
        start, position = read_varint(value, 0, where)
        length, _ = read_varint(value, position, where)
        handles.append((start, length))
    return offset, handles


def _block(file: MappedFile, offset: int, size: int) -> memoryview:
    """The plain bytes of one block."""
    place, room = f"block at byte {offset}", file.size - FOOTER - TRAILER
    if offset + size > room:
        raise damaged(file.path, place, expected=f"an end before byte {room}", got=f"byte {offset + size}")
    data = file.bytes.data
    kind = data[offset + size]
    stored = int.from_bytes(data[offset + size + 1 : offset + size + TRAILER], "little")
    found = masked(file.checksum(offset, size + 1))
    if stored != found:
        raise damaged(file.path, place, expected=f"checksum {stored:08x}", got=f"checksum {found:08x}")
    block = data[offset : offset + size]
    if kind > 1:
        raise malformed(f"{file.path}, {place}", "compression 0 (none) or 1 (snappy)", f"compression {kind}")
    return block if kind == 0 else memoryview(snappy.unpack(block, f"{file.path}, {place}"))


def _entries(block: memoryview, where: str) -> Iterator[tuple[bytes, memoryview]]:
    restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 * (restarts + 1)
    if len(block) < 4 or end < 0:
        raise malformed(where, f"at most {max(0, len(block) // 4 - 1)} restarts", f"{restarts} restarts")
    key, grown, position = b"", 0, 0
    while position < end:
        shared, position = read_varint(block, position, where)
        own, position = read_varint(block, position, where)
        size, position = read_varint(block, position, where)
        if shared > len(key) or own + size > end - position:
            raise malformed(where, "a key and a value inside the block", f"{shared} + {own} and {size} bytes")
        grown += shared + own
        if grown > KEY_GROWTH * len(block):
            raise malformed(where, f"keys of at most {KEY_GROWTH * len(block)} bytes together", f"{grown} bytes")
        key = key[:shared] + bytes(block[position : position + own])
        yield key, block[position + own : position + own + size]
        position += own + size


def _append(out: bytearray, items: list[tuple[bytes, bytes]], restart: int = RESTART) -> bytes:
    """Append one block to `out`; returns the two numbers that say where it lies."""
    offset, restarts, last = len(out), [0], b""
    for count, (key, value) in enumerate(items):
        shared = 0
        if count % restart:
            while shared < min(len(key), len(last)) and key[shared] == last[shared]:
                shared += 1
        elif count:
            restarts.append(len(out) - offset)
        out += varint(shared) + varint(len(key) - shared) + varint(len(value)) + key[shared:] + value
        last = key
    out += b"".join(place.to_bytes(4, "little") for place in [*restarts, len(restarts)])
    size = len(out) - offset
    out += b"\0"
    out += masked(extend(0, np.frombuffer(bytes(out[offset:]), np.uint8))).to_bytes(4, "little")
    return varint(offset) + varint(size)
