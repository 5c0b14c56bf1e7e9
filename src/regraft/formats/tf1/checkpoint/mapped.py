"""A file seen as bytes in memory, with checksums, without its pages piling up in memory."""

from __future__ import annotations

import mmap
import stat
import sys
from pathlib import Path
from typing import Any

import google_crc32c
import numpy as np
import numpy.typing as npt

from regraft.errors import MissingFile, UnreadableFile
from regraft.protobuf.varints import Bytes

Array = npt.NDArray[Any]

COPY_AGAIN = "Copy the file again from where it came from; no part of it has been used."
CHUNK = 4 << 20  # bytes


def damaged(path: Path, place: str, *, expected: str, got: str) -> UnreadableFile:
    """The error for a file whose bytes contradict themselves at `place`."""
    return UnreadableFile(
        f"{path.name} is damaged.", where=f"{path}, {place}", expected=expected, got=got, fix=COPY_AGAIN
    )


class MappedFile:
    """A regular file, mapped read-only: `bytes` is all of it, read by the system as it is touched."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._map: mmap.mmap | None = None
        try:
            if not stat.S_ISREG(path.stat().st_mode):
                raise UnreadableFile(
                    f"{path.name} cannot be opened.", where=str(path), expected="a file", got="a folder or a device"
                )
            with path.open("rb") as file:
                if file.seek(0, 2):  # the system maps no empty file
                    self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except FileNotFoundError:
            raise MissingFile(f"There is no file {path.name}.", where=str(path)) from None
        except OSError as error:
            raise UnreadableFile(f"{path.name} cannot be opened.", where=str(path), got=error.strerror) from None
        self.bytes: Bytes = np.frombuffer(self._map or b"", np.uint8)

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self.bytes.size

    def checksum(self, offset: int, size: int, start: int = 0) -> int:
        """CRC-32C of `size` bytes from `offset` on, going on from the checksum `start`."""
        for low in range(offset, offset + size, CHUNK):
            start = extend(start, self.bytes[low : min(low + CHUNK, offset + size)])
            if size >= CHUNK:
                self.release()
        return start

    def settle(self, values: Array) -> Array:
        """The values, copied if they do not lie where their type wants it.

        Where they are no view of the file any more, the pages they were made from are given back.
        """
        settled = values if values.flags.aligned else values.copy()
        if not np.may_share_memory(settled, self.bytes):
            self.release()
        return settled

    def release(self) -> None:
        """Give the pages read so far back to the system; those touched again are read again."""
        if self._map is not None and sys.platform != "win32":
            self._map.madvise(mmap.MADV_DONTNEED)


def extend(checksum: int, data: Bytes) -> int:
    """The CRC-32C `checksum` of some bytes, continued over `data`."""
    return google_crc32c.extend(checksum, data)


def masked(checksum: int) -> int:
    """How TensorFlow stores a checksum, so that a checksum of checksums still tells something (leveldb, crc32c.h)."""
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF
