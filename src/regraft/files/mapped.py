"""A file as bytes: mapped where it lies; what is compressed is unpacked into a file without a name and mapped there.

Arrays are views of these bytes, so that a file is never in memory twice, and one that lies about its size gets none.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import mmap
import shutil
import stat
import sys
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from regraft.errors import MissingExtra, MissingFile, OutOfSpace, UnreadableFile, UnsafeFile

COPY_AGAIN = "copy the file again from where it came; no part of it has been used"
# Trained weights shrink by a few times at most; a file that grows more than this was made to fill a disk.
GROWTH, ALLOWANCE = 200, 64 << 20
_BLOCK = 1 << 20
_XZ_MEMORY = 80 << 20

# The first bytes of what a whole file may be compressed with.
GZIP, BZ2, XZ, LZ4 = b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x04\x22\x4d\x18"
_ZLIB = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")
_LZMA = b"\x5d\0\0"
_MAGIC = (GZIP, BZ2, XZ, LZ4, _LZMA, *_ZLIB)
_DAMAGE = (OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, RuntimeError)


def damaged(where: str, *, expected: str | None = None, got: str | None = None) -> UnreadableFile:
    """The error for bytes that contradict themselves."""
    return UnreadableFile("the file is damaged", where=where, expected=expected, got=got, fix=COPY_AGAIN)


def mapped(path: Path) -> memoryview:
    """All bytes of a file, read by the system as they are touched.

    Raises:
        MissingFile: there is none.
        UnreadableFile: it is no plain file, or the system refuses it.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UnreadableFile(f"{path.name} cannot be opened", where=str(path), expected="a file")
        with path.open("rb") as file:
            return _mapping(file)
    except FileNotFoundError:
        raise MissingFile(f"there is no file {path.name}", where=str(path)) from None
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be opened", where=str(path), got=error.strerror) from None


def array_at(data: memoryview, dtype: np.dtype[Any], shape: tuple[int, ...], order: str = "C") -> np.ndarray:
    """Bytes seen as an array; the caller has compared their number with the shape.

    Raises:
        UnreadableFile: it has no numbers, and sizes that no array has.
    """
    if max(shape, default=0) > sys.maxsize:
        raise UnreadableFile("an array of the file has sizes that no array has", got=str(shape)[:100])
    flat = np.frombuffer(data, dtype) if len(data) else np.empty(0, dtype)
    return flat.reshape(shape, order="F" if order == "F" else "C")


def is_packed(head: bytes | memoryview) -> bool:
    """Whether a file that starts so is compressed as a whole."""
    start = bytes(head[:6])
    return start.startswith(_MAGIC)


def unpacked(path: Path) -> memoryview:
    """What a compressed file holds.

    Raises:
        UnreadableFile: it is damaged.
        UnsafeFile: it grows beyond all measure.
        OutOfSpace: there is no room for it.
        MissingExtra: it is compressed with lz4, and that is not installed.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        try:
            return spooled(_blocks(file, str(path)), room(size), str(path))
        except (UnsafeFile, UnreadableFile, OutOfSpace, MissingExtra):
            raise
        except _DAMAGE as error:
            raise damaged(str(path), got=f"{type(error).__name__} while it is unpacked: {error}") from error


def room(packed: int) -> int:
    """How many bytes may come out of so many that are compressed."""
    return packed * GROWTH + ALLOWANCE


def spooled(blocks: Iterator[bytes], most: int, where: str) -> memoryview:
    """At most so many bytes written to a file without a name, block by block, and mapped.

    Raises:
        UnsafeFile: there are more.
    """
    with tempfile.TemporaryFile() as plain:
        for block in blocks:
            if plain.tell() + len(block) > most:
                raise UnsafeFile(
                    "the file grows too much when it is unpacked",
                    where=where,
                    expected=f"at most {most} bytes",
                    fix="do not use this file, or unpack it yourself and give what comes out",
                )
            _write(cast("IO[bytes]", plain), block)
        return _mapping(cast("IO[bytes]", plain))


def scratch(size: int) -> memoryview:
    """Room for so many bytes in a file without a name, mapped, to be written to."""
    with tempfile.TemporaryFile() as plain:
        plain.truncate(max(1, size))
        return memoryview(mmap.mmap(plain.fileno(), max(1, size)))[:size]


def inflated(data: memoryview, window: int) -> Iterator[bytes]:
    """A deflated stream block by block; the window is zlib's (-15: a stream without header).

    Raises:
        zlib.error: it is damaged or cut short.
    """
    stream = zlib.decompressobj(window)
    for start in range(0, len(data), _BLOCK):
        rest: bytes | memoryview = data[start : start + _BLOCK]
        while rest and not stream.eof:
            block = stream.decompress(rest, _BLOCK)
            rest = stream.unconsumed_tail
            yield block
    while not stream.eof:  # what did not fit into the last block
        block = stream.decompress(b"", _BLOCK)
        if not block:
            raise zlib.error("cut short")
        yield block


def _write(plain: IO[bytes], block: bytes) -> None:
    try:
        plain.write(block)
        plain.flush()
    except OSError as error:
        folder = tempfile.gettempdir()
        raise OutOfSpace(
            "there is no room to unpack the file",
            where=folder,
            got=f"{shutil.disk_usage(folder).free} bytes free",
            fix="set TMPDIR to a folder with more room",
        ) from error


def _mapping(file: IO[bytes]) -> memoryview:
    if not file.seek(0, 2):  # the system maps no empty file
        return memoryview(b"")
    return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def _blocks(file: IO[bytes], where: str) -> Iterator[bytes]:
    """The unpacked bytes of a file."""
    head = file.read(6)
    file.seek(0)
    if head.startswith(_ZLIB):
        yield from inflated(_mapping(file), zlib.MAX_WBITS)
        return
    if head.startswith((XZ, _LZMA)):
        yield from _unxz(file)
        return
    stream = _stream(head, file, where)
    while block := stream.read(_BLOCK):
        yield block


def _stream(head: bytes, file: IO[bytes], where: str) -> IO[bytes]:
    if head.startswith(GZIP):
        return cast("IO[bytes]", gzip.GzipFile(fileobj=file))
    if head.startswith(BZ2):
        return cast("IO[bytes]", bz2.BZ2File(file))
    return _lz4(where).LZ4FrameFile(file)


def _unxz(file: IO[bytes]) -> Iterator[bytes]:
    """The .xz or .lzma streams of a file, which may not have the reader keep more of them than xz -9 writes."""
    packed = file.read(_BLOCK)
    while packed.strip(b"\0"):  # streams may be filled up with zeros
        stream = lzma.LZMADecompressor(memlimit=_XZ_MEMORY)
        while not stream.eof:
            if stream.needs_input and not (packed := packed or file.read(_BLOCK)):
                raise EOFError("it is cut short")
            yield stream.decompress(packed, _BLOCK)
            packed = b""
        packed = stream.unused_data.lstrip(b"\0") or file.read(_BLOCK)


def _lz4(where: str) -> Any:
    try:
        return importlib.import_module("lz4.frame")
    except ImportError:
        raise MissingExtra(
            "the file is compressed with lz4, which needs a package",
            where=where,
            fix="pip install 'regraft[lz4]'",
        ) from None
