"""Reads V2 checkpoints: an index table that says where in which data file each tensor lies.

See tensorflow/core/protobuf/tensor_bundle.proto and tensorflow/core/util/tensor_bundle/tensor_bundle.h.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from regraft.errors import MissingFile, UnsupportedFormat
from regraft.formats.tf1.checkpoint.dtypes import (
    PACKED,
    WITHOUT_ARRAYS,
    as_values,
    dtype_name,
    stored_dtype,
    value_dtype,
)
from regraft.formats.tf1.checkpoint.locate import file_of
from regraft.formats.tf1.checkpoint.mapped import Array, Bytes, MappedFile, damaged, masked
from regraft.formats.tf1.checkpoint.packed import read_strings, strings_checksum, variants_checksum
from regraft.formats.tf1.checkpoint.partitions import (
    Entry,
    Region,
    assemble,
    check_cover,
    read_part,
    read_shape,
    region_shape,
)
from regraft.formats.tf1.checkpoint.slice_keys import slice_key
from regraft.formats.tf1.checkpoint.table import read_table
from regraft.protobuf.wire import Message, malformed

VERSION = 1  # of the format; a file says from which version on a reader understands it
MOST_NAMED = 5  # missing files in an error


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """Where the bytes of a tensor, or of one part of it, lie."""

    entry: Entry
    shard: int
    offset: int
    size: int
    checksum: int
    where: str


class Bundle:
    """A V2 checkpoint whose index has been read and whose data files are all there and large enough."""

    version = "v2"

    def __init__(self, prefix: Path) -> None:
        self._index = file_of(prefix, ".index")
        self.entries: dict[str, Entry] = {}
        self._stored: dict[bytes, Stored] = {}
        self._partitioned: dict[str, list[Message]] = {}
        table = read_table(MappedFile(self._index))
        shards = self._read_header(next(table, (None, memoryview(b""))))
        for key, value in table:
            self._read_entry(key, Message(value, self._where(key)))
        self._parts = {name: self._find_parts(name, parts) for name, parts in self._partitioned.items()}
        self._shards = _open_shards(prefix, self._index, shards)
        self._check_extents()

    def verify(self) -> None:
        """Compare the checksum of every tensor and part, used or not, with the one in the index."""
        for stored in self._stored.values():
            found = self._checksum(stored)
            if found != stored.checksum:
                raise damaged(
                    self._shards[stored.shard].path,
                    f"tensor {stored.entry.name!r} at byte {stored.offset}",
                    expected=f"checksum {stored.checksum:08x}",
                    got=f"checksum {found:08x}",
                )
        for shard in self._shards:
            shard.release()

    def read(self, name: str) -> Array:
        """A tensor by name; where the file's bytes are numpy's too, they are not copied."""
        if name not in self._parts:
            return self._values(self._stored[name.encode()])
        entry = self.entries[name]
        return assemble(entry, value_dtype(entry.dtype, self._where(name.encode())), self._part_values(name))

    def _read_header(self, first: tuple[bytes | None, memoryview]) -> int:
        """How many data files there are."""
        key, value = first
        header = Message(value, f"{self._index}, header")
        if key != b"":
            raise malformed(header.where, "a header under the empty key", "none" if key is None else f"key {key!r}")
        needed = header.message(3).number(2)
        if needed > VERSION:
            raise UnsupportedFormat(
                f"{self._index.name} is of a newer format.",
                where=header.where,
                expected=f"version {VERSION}",
                got=f"version {needed}",
            )
        if header.number(2) not in (0, 1) or not 0 < header.number(1) < 1 << 31:
            found = f"{header.number(1)} data files, byte order {header.number(2)}"
            raise malformed(header.where, "at least 1 data file, byte order 0 or 1", found)
        self._order: Literal["<", ">"] = ">" if header.number(2) else "<"
        return header.number(1)

    def _read_entry(self, key: bytes, message: Message) -> None:
        # Keys that begin with a zero byte are parts of partitioned variables.
        try:
            name = repr(key) if key.startswith(b"\0") else key.decode()
        except UnicodeDecodeError:
            raise malformed(message.where, "a name in UTF-8", "other bytes") from None
        dtype = dtype_name(message.number(1), message.where)
        entry = Entry(name=name, shape=read_shape(message.message(2)), dtype=dtype)
        if not key.startswith(b"\0"):
            self.entries[name] = entry
        if parts := message.messages(7):
            if key.startswith(b"\0"):
                raise malformed(message.where, "parts of a whole variable", "parts of a part")
            self._partitioned[name] = parts
            return
        stored = Stored(
            entry=entry,
            shard=message.number(3),
            offset=message.number(4),
            size=message.number(5),
            checksum=message.number(6),
            where=message.where,
        )
        if not _fits(entry, stored.size) or stored.offset < 0:
            raise malformed(message.where, f"the bytes of {entry}", f"{stored.size} bytes from {stored.offset} on")
        self._stored[key] = stored

    def _find_parts(self, name: str, messages: list[Message]) -> list[tuple[Region, Stored]]:
        """The region and the bytes of each part of a partitioned variable."""
        entry, where = self.entries[name], self._where(name.encode())
        found = list[tuple[Region, Stored]]()
        for message in messages:
            part = read_part(message)
            region = part.region(entry.shape, where)
            stored = self._stored.get(slice_key(name, part))
            wanted = Entry(name=name, shape=region_shape(region), dtype=entry.dtype)
            if stored is None:
                raise malformed(where, f"its part {part}", "none")
            if (stored.entry.shape, stored.entry.dtype) != (wanted.shape, wanted.dtype):
                raise malformed(stored.where, str(wanted), str(stored.entry))
            found.append((region, stored))
        check_cover(entry, [region for region, _ in found], where)
        return found

    def _check_extents(self) -> None:
        """Fail unless every tensor lies inside its data file, and they have room there beside each other."""
        claimed = dict[int, set[tuple[int, int]]]()
        for stored in self._stored.values():
            if not 0 <= stored.shard < len(self._shards):
                raise malformed(stored.where, f"a data file below {len(self._shards)}", f"number {stored.shard}")
            shard, end = self._shards[stored.shard], stored.offset + stored.size
            if end > shard.size:
                place = f"tensor {stored.entry.name!r}"
                raise damaged(shard.path, place, expected=f"at least {end} bytes", got=f"{shard.size} bytes")
            claimed.setdefault(stored.shard, set()).add((stored.offset, stored.size))
        for number, extents in claimed.items():
            shard, total = self._shards[number], sum(size for _, size in extents)
            if total > shard.size:
                got = f"tensors of {total} bytes that lie over each other"
                raise malformed(str(self._index), f"at most the {shard.size} bytes of {shard.path.name}", got)

    def _checksum(self, stored: Stored) -> int:
        if stored.entry.dtype == "string":
            return strings_checksum(self._bytes(stored), stored.entry.size, stored.where)
        if stored.entry.dtype == "variant":
            return variants_checksum(self._bytes(stored), stored.entry.size, stored.where)
        return masked(self._shards[stored.shard].checksum(stored.offset, stored.size))

    def _bytes(self, stored: Stored) -> Bytes:
        return self._shards[stored.shard].bytes[stored.offset : stored.offset + stored.size]

    def _values(self, stored: Stored) -> Array:
        entry, dtype = stored.entry, stored_dtype(stored.entry.dtype, stored.where)
        if entry.dtype == "string":
            return read_strings(self._bytes(stored), entry.size, stored.where).reshape(entry.shape)
        found = self._bytes(stored).view(dtype.newbyteorder(self._order))
        values = as_values(entry.dtype, found.astype(dtype, copy=False))
        return self._shards[stored.shard].settle(values).reshape(entry.shape)

    def _part_values(self, name: str) -> Iterator[tuple[Region, Array]]:
        for region, stored in self._parts[name]:
            yield region, self._values(stored)
            self._shards[stored.shard].release()  # the part has been copied into the whole

    def _where(self, key: bytes) -> str:
        return f"{self._index}, entry {key!r}" if key.startswith(b"\0") else f"{self._index}, entry {str(key)[1:]}"


def _fits(entry: Entry, size: int) -> bool:
    """Whether so many bytes can be the tensor: nothing is allocated for a shape that lies."""
    if entry.dtype in PACKED:
        return entry.size <= size  # each string has a length of at least one byte
    if entry.dtype in WITHOUT_ARRAYS:
        return size >= 0
    return size == entry.size * stored_dtype(entry.dtype, entry.name).itemsize


def _open_shards(prefix: Path, index: Path, count: int) -> list[MappedFile]:
    """All data files, or an error that names those that are missing."""
    present = {path.name for path in prefix.parent.iterdir()}
    missing, shards = list[str](), list[MappedFile]()
    for number in range(count):
        path = file_of(prefix, f".data-{number:05d}-of-{count:05d}")
        if path.name in present:
            shards.append(MappedFile(path))
        else:
            missing.append(path.name)
        if len(missing) == MOST_NAMED:
            break
    if not missing:
        return shards
    stem = file_of(prefix, ".data-").name
    found = sum(name.startswith(stem) and name.endswith(f"-of-{count:05d}") for name in present)
    raise MissingFile(
        f"The checkpoint lacks {count - found} of its {count} data files.",
        where=str(index),
        expected=", ".join(missing),
        got=", ".join(sorted(name for name in present if name.startswith(stem))[:MOST_NAMED]) or "none of them",
        fix=f"Copy what is missing into {prefix.parent}",
    )
