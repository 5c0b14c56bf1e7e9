"""Zip files whose members are bytes in place: nothing is ever unpacked into a folder."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from pathlib import PurePosixPath

from regraft.errors import UnsafeFile, UnsupportedFormat
from regraft.files.mapped import damaged, inflated, room, spooled

MAGIC = b"PK\x03\x04"
_STORED, _DEFLATED = 0, 8
_MOST = 100_000  # members
_END, _END64, _LOCATOR64, _ENTRY, _LOCAL = b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07", b"PK\x01\x02", MAGIC
_WIDE = 0xFFFFFFFF
_BLOCK = 4 << 20


@dataclass(frozen=True, slots=True)
class Member:
    """A file inside a zip file, as its directory describes it."""

    method: int
    crc: int
    packed: int
    size: int
    offset: int


class Zip:
    """The members of a zip file by name.

    Raises:
        UnreadableFile: it is damaged or cut short.
        UnsafeFile: a member would leave the archive, or members lie over each other.
        UnsupportedFormat: it is encrypted, or compressed in an unusual way.
    """

    def __init__(self, data: memoryview, where: str) -> None:
        self._data = data
        self._where = where
        self._room = room(len(data))  # for all that is unpacked
        try:
            self.members = self._directory(*self._end())
        except struct.error as error:
            raise damaged(where, expected="a zip file", got="one that is cut short") from error
        if sum(member.packed for member in self.members.values()) > len(data):
            raise UnsafeFile("the members of the archive overlap", where=where, fix="do not use this file")

    def read(self, name: str) -> memoryview:
        """The bytes of a member: where they lie, or unpacked.

        Raises:
            UnreadableFile: they are damaged.
            UnsafeFile: they grow beyond all measure.
        """
        member, where = self.members[name], f"{self._where}, {name}"
        head = bytes(self._data[member.offset : member.offset + 30])
        if head[:4] != _LOCAL or len(head) < 30:
            raise damaged(where, expected="a member of the archive", got=repr(head[:4]))
        start = member.offset + 30 + sum(struct.unpack("<HH", head[26:30]))
        packed = self._data[start : start + member.packed]
        if len(packed) != member.packed:
            raise damaged(where, expected=f"{member.packed} bytes", got=f"{len(packed)} bytes")
        if member.method == _STORED:
            content = packed
        else:
            try:
                content = spooled(inflated(packed, -zlib.MAX_WBITS), self._room, where)
            except zlib.error as error:
                raise damaged(where, got=str(error)) from error
            self._room -= len(content)
        if len(content) != member.size:
            raise damaged(where, expected=f"{member.size} bytes", got=f"{len(content)} bytes")
        crc = 0
        for place in range(0, len(content), _BLOCK):
            crc = zlib.crc32(content[place : place + _BLOCK], crc)
        if crc != member.crc:
            raise damaged(where, expected=f"crc {member.crc:08x}", got=f"crc {crc:08x}")
        return content

    def _end(self) -> tuple[int, int]:
        """How many members there are, and where the directory begins."""
        tail = bytes(self._data[-(1 << 16) - 22 :])
        place = tail.rfind(_END)
        if place < 0:
            raise damaged(self._where, expected="the end of a zip file", got="none: it is cut short")
        _, _, _, count, _, start = struct.unpack("<4HII", tail[place + 4 : place + 20])
        if start == _WIDE or count == 0xFFFF:
            locator = tail[place - 20 : place] if place >= 20 else b""
            if locator[:4] == _LOCATOR64:
                (at,) = struct.unpack("<Q", locator[8:16])
                record = bytes(self._data[at : at + 56])
                if record[:4] != _END64:
                    raise damaged(self._where, expected="the end of a large zip file", got=repr(record[:4]))
                count, _, start = struct.unpack("<QQQ", record[32:56])
        if count > _MOST:
            raise UnsafeFile("the archive has too many members", where=self._where, got=f"{count}")
        return count, start

    def _directory(self, count: int, start: int) -> dict[str, Member]:
        found: dict[str, Member] = {}
        for _ in range(count):
            entry = bytes(self._data[start : start + 46])
            if entry[:4] != _ENTRY:
                raise damaged(self._where, expected="a directory of members", got=repr(entry[:4]))
            flags, method, crc, packed, size, *lengths = struct.unpack("<HH4xIIIHHH", entry[8:34])
            (offset,) = struct.unpack("<I", entry[42:46])
            name_end = start + 46 + lengths[0]
            name = bytes(self._data[start + 46 : name_end]).decode("utf-8", "replace")
            extra = bytes(self._data[name_end : name_end + lengths[1]])
            packed, size, offset = _widened(extra, (packed, size, offset), self._where)
            self._check(name, flags, method)
            if name in found:
                raise UnsafeFile("two members of the archive have one name", where=self._where, got=name)
            found[name] = Member(method, crc, packed, size, offset)
            start = name_end + lengths[1] + lengths[2]
        return found

    def _check(self, name: str, flags: int, method: int) -> None:
        path = PurePosixPath(name.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or "\0" in name or (len(name) > 1 and name[1] == ":"):
            raise UnsafeFile(
                "a member of the archive would leave its folder",
                where=self._where,
                got=name[:200],
                fix="do not use this file",
            )
        if flags & 1 or method not in (_STORED, _DEFLATED):
            raise UnsupportedFormat(
                "the archive is encrypted, or compressed in an unusual way",
                where=f"{self._where}, {name[:200]}",
                expected="members that are stored or deflated",
                got="an encrypted one" if flags & 1 else f"method {method}",
            )


def _widened(extra: bytes, sizes: tuple[int, int, int], where: str) -> tuple[int, int, int]:
    """Packed size, size and offset; those too large for 32 bits stand in the extra field."""
    packed, size, offset = sizes
    if _WIDE not in sizes:
        return sizes
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack("<HH", extra[place : place + 4])
        if kind == 1:
            numbers = list(struct.unpack(f"<{length // 8}Q", extra[place + 4 : place + 4 + length // 8 * 8]))
            try:
                size = numbers.pop(0) if size == _WIDE else size
                packed = numbers.pop(0) if packed == _WIDE else packed
                offset = numbers.pop(0) if offset == _WIDE else offset
            except IndexError:
                break
            return packed, size, offset
        place += 4 + length
    raise damaged(where, expected="the sizes of a large member", got="none")
