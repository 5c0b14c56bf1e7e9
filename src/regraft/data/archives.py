"""Pictures in an archive, read one by one where they lie: nothing is ever unpacked into a folder."""

from __future__ import annotations

import gzip
import mmap
import shutil
import stat
import struct
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, cast

from regraft.data.listing import Listing
from regraft.data.pictures import LARGEST
from regraft.errors import OutOfSpace, RegraftError, UnreadableFile, UnsafeFile, UnsupportedFormat
from regraft.files.mapped import room

ENDINGS = (".zip", ".tar", ".tar.gz", ".tgz")
# Deflate cannot do better than 1032 bytes from one; a header that says more lies.
_DEFLATE = 1032
# What the archive readers of Python raise on damaged files.
_DAMAGE = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, struct.error,
    OSError, EOFError, ValueError, OverflowError, NotImplementedError,
)  # fmt: skip


def list_archive(path: Path) -> Listing:
    """What lies in a .zip, .tar, .tar.gz or .tgz file.

    Raises:
        UnsafeFile: a member would leave the archive's folder, is a link or a device, or lies about its size.
        UnreadableFile: the archive is damaged.
        UnsupportedFormat: a member is encrypted, or compressed in a way regraft does not read.
    """
    files: dict[str, Callable[[], bytes]] = {}
    folders: set[str] = set()
    try:
        members = _zip(path) if path.name.lower().endswith(".zip") else _tar(path)
    except RegraftError:
        raise
    except _DAMAGE as error:
        raise UnreadableFile("the archive is damaged", where=str(path), got=str(error)) from error
    for name, read in members:
        inside = _inside(path, name)
        folders.update(str(parent) for parent in PurePosixPath(inside).parents if str(parent) != ".")
        if read is None:
            folders.add(inside)
        elif inside in files:
            raise UnsafeFile("two members of the archive have one name", where=str(path), got=inside)
        else:
            files[inside] = read
    return Listing(source=str(path), files=files, folders=frozenset(folders - {"."}))


_Member = tuple[str, Callable[[], bytes] | None]  # a folder has nothing to read


def _inside(path: Path, name: str) -> str:
    """The name of a member, if it stays inside the archive."""
    clean = PurePosixPath(name.replace("\\", "/"))
    if clean.is_absolute() or ".." in clean.parts or PureWindowsPath(name).drive:
        raise UnsafeFile(
            "a member of the archive would leave its folder", where=str(path), got=name, fix="do not use this archive"
        )
    return str(clean)


# --- zip ----------------------------------------------------------------------------------------------


def _zip(path: Path) -> list[_Member]:
    archive = zipfile.ZipFile(path)
    infos = archive.infolist()
    packed = sum(info.compress_size for info in infos)
    if packed > path.stat().st_size:
        raise UnsafeFile(
            "the members of the archive overlap",
            where=str(path),
            expected=f"at most {path.stat().st_size} bytes, the size of the file",
            got=f"{packed} bytes in all",
            fix="do not use this archive",
        )
    return [_zip_member(path, archive, info) for info in infos]


def _zip_member(path: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> _Member:
    where = f"{path}, {info.filename}"
    if info.is_dir():
        return info.filename, None
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG):
        raise UnsafeFile("a member of the archive is a link or a device", where=where, fix="do not use this archive")
    if info.flag_bits & 1:
        raise UnsupportedFormat("the archive is encrypted", where=where, fix="unpack it and give the folder")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise UnsupportedFormat(
            "the archive is compressed in a way regraft does not read",
            where=where,
            expected="stored or deflated members",
            got=f"method {info.compress_type}",
            fix="unpack it and give the folder",
        )
    most = info.compress_size if info.compress_type == zipfile.ZIP_STORED else info.compress_size * _DEFLATE + 64
    if info.file_size > most:
        raise UnsafeFile(
            "a member of the archive lies about its size",
            where=where,
            expected=f"at most {most} bytes",
            got=f"{info.file_size} bytes",
            fix="do not use this archive",
        )
    return info.filename, partial(_read_zip, archive, info)


def _read_zip(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.file_size > LARGEST:
        raise UnreadableFile(f"{info.filename} has {info.file_size} bytes, more than {LARGEST} in one picture")
    try:
        return archive.read(info)
    except _DAMAGE as error:
        raise UnreadableFile(f"{info.filename} is damaged in its archive", got=str(error)) from error


# --- tar ----------------------------------------------------------------------------------------------


class _Header(tarfile.TarInfo):
    """A member's header that may not say a negative size: tarfile would go round in circles (CVE-2025-8194)."""

    def _block(self, count: int) -> int:
        if count < 0:
            raise tarfile.ReadError("a negative size")
        return -(-count // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE


def _tar(path: Path) -> list[_Member]:
    with open(path, "rb") as file:
        if path.name.lower().endswith(".tar"):
            return _tar_members(path, file)
        with tempfile.TemporaryFile() as plain:
            _gunzip(path, file, cast("IO[bytes]", plain))
            return _tar_members(path, cast("IO[bytes]", plain))


def _tar_members(path: Path, file: IO[bytes]) -> list[_Member]:
    size = file.seek(0, 2)
    file.seek(0)
    if not size:
        raise tarfile.ReadError("it is empty")
    content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    members: list[_Member] = []
    with tarfile.open(fileobj=file, mode="r:", tarinfo=_Header) as archive:
        for info in archive:
            where = f"{path}, {info.name}"
            if info.isdir():
                members.append((info.name, None))
                continue
            if not info.isreg() or info.sparse is not None:
                raise UnsafeFile(
                    "a member of the archive is a link or a device", where=where, fix="do not use this archive"
                )
            if not 0 <= info.size <= size - info.offset_data:
                raise UnreadableFile(
                    "the archive is cut short",
                    where=where,
                    expected=f"{info.size} bytes",
                    got=f"{size - info.offset_data} bytes",
                )
            members.append((info.name, partial(_slice, content, info.offset_data, info.size)))
        # tarfile takes a damaged header for the end; a sound archive ends with blocks of zeros
        if content[archive.offset : archive.offset + tarfile.BLOCKSIZE] != bytes(tarfile.BLOCKSIZE):
            raise tarfile.ReadError(f"no end mark, and no sound header at byte {archive.offset}")
    return members


def _slice(content: mmap.mmap, start: int, size: int) -> bytes:
    return content[start : start + size]


def _gunzip(path: Path, packed: IO[bytes], plain: IO[bytes]) -> None:
    """Unpack into a nameless file: a .tgz has no other way to its middle."""
    most = room(path.stat().st_size)
    with gzip.open(packed) as stream:
        while block := stream.read(2**20):
            if plain.tell() + len(block) > most:
                raise UnsafeFile(
                    "the archive grows too much when it is unpacked",
                    where=str(path),
                    expected=f"at most {most} bytes",
                    fix="do not use this archive, or unpack it and give the folder",
                )
            try:
                plain.write(block)
                plain.flush()
            except OSError as error:
                free = shutil.disk_usage(tempfile.gettempdir()).free
                raise OutOfSpace(
                    "there is no room to unpack the archive",
                    where=tempfile.gettempdir(),
                    got=f"{free} bytes free",
                    fix="set TMPDIR to a folder with more room, or unpack it and give the folder",
                ) from error
