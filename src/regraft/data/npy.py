"""Numpy's own files, read without pickle and without believing their headers."""

from __future__ import annotations

import struct
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from regraft.errors import BadData, UnreadableFile, UnsafeFile, UnsupportedFormat
from regraft.files.mapped import room

_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
)


def read_npy(path: Path) -> np.ndarray:
    """The array in a .npy file, memory-mapped.

    Raises:
        UnsafeFile: it holds Python objects.
        UnreadableFile: it is damaged, or its size is not what its header says.
    """
    with open(path, "rb") as file:
        shape, fortran, dtype = _header(file, str(path))
        return _mapped(path, file.tell(), path.stat().st_size - file.tell(), (shape, fortran, dtype), str(path))


def npz_keys(path: Path) -> tuple[str, ...]:
    """The names of the arrays in a .npz file.

    Raises:
        UnreadableFile: it is no .npz file, or damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except _DAMAGE as error:
        raise UnreadableFile("this is no .npz file", where=str(path), got=str(error)) from error
    return tuple(name.removesuffix(".npy") for name in names if name.endswith(".npy"))


def read_npz(path: Path, key: str) -> np.ndarray:
    """One array of a .npz file: memory-mapped where it is stored as it is, else unpacked.

    Raises:
        UnsafeFile: it holds Python objects, or lies about its size.
        UnreadableFile: it is damaged.
        UnsupportedFormat: it is encrypted or compressed in an unusual way.
    """
    where = f"{path}, {key}"
    try:
        with zipfile.ZipFile(path) as archive:
            info = archive.getinfo(f"{key}.npy")
            if info.flag_bits & 1 or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                raise UnsupportedFormat(
                    "the array is encrypted, or compressed in a way numpy does not write",
                    where=where,
                    fix="np.savez it again",
                )
            with archive.open(info) as file:
                shape, fortran, dtype = _header(file, where)
                start = file.tell()
                if info.compress_type == zipfile.ZIP_STORED:
                    array = _mapped(
                        path, _data_start(path, info) + start, info.file_size - start, (shape, fortran, dtype), where
                    )
                    _check_crc(path, info, where)
                    return array
                return _unpacked(file, info, start, (shape, fortran, dtype), where)
    except (UnsafeFile, UnreadableFile, UnsupportedFormat, BadData):
        raise
    except _DAMAGE as error:
        raise UnreadableFile("the array is damaged", where=where, got=str(error)) from error


_Header = tuple[tuple[int, ...], bool, np.dtype[Any]]


def _header(file: IO[bytes], where: str) -> _Header:
    """Shape, Fortran order and type, from the start of an .npy stream."""
    try:
        version = np.lib.format.read_magic(file)
        if version not in ((1, 0), (2, 0), (3, 0)):
            raise ValueError(f"format version {version}")
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(file)
    except Exception as error:  # numpy's parser may break in any way on a damaged header
        raise UnreadableFile("this is no numpy array", where=where, got=str(error)) from error
    if dtype.hasobject:
        raise UnsafeFile(
            "the array holds Python objects, which only pickle reads, and pickle runs code",
            where=where,
            fix="save it with a plain type: np.save(path, array.astype('float32'))",
        )
    if dtype.fields or dtype.kind not in "biufUS" or not dtype.itemsize or min(shape, default=0) < 0:
        raise BadData("the array holds no plain numbers or words", where=where, got=f"{dtype} {shape}")
    return shape, bool(fortran), dtype


def _mapped(path: Path, start: int, there: int, header: _Header, where: str) -> np.ndarray:
    shape, fortran, dtype = header
    _check_size(there, header, where)
    if not prod(shape):
        return np.empty(shape, dtype)
    return np.memmap(path, dtype, "r", start, shape, "F" if fortran else "C")


def _unpacked(file: IO[bytes], info: zipfile.ZipInfo, start: int, header: _Header, where: str) -> np.ndarray:
    shape, fortran, dtype = header
    _check_size(info.file_size - start, header, where)
    if info.file_size > room(info.compress_size):
        raise UnsafeFile(
            "the array lies about its size",
            where=where,
            expected=f"at most {room(info.compress_size)} bytes",
            got=f"{info.file_size} bytes",
        )
    data = file.read()
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _check_size(there: int, header: _Header, where: str) -> None:
    shape, _, dtype = header
    needed = prod(shape) * dtype.itemsize
    if needed != there:
        raise UnreadableFile(
            "the array is not as large as its header says",
            where=where,
            expected=f"{needed} bytes for {dtype} {shape}",
            got=f"{there} bytes",
        )


def _data_start(path: Path, info: zipfile.ZipInfo) -> int:
    """Where a member's bytes begin: after its local header, whose two last lengths need not be the directory's."""
    with open(path, "rb") as file:
        file.seek(info.header_offset)
        local = file.read(30)
    name, extra = struct.unpack("<HH", local[26:30])
    return info.header_offset + 30 + name + extra


def _check_crc(path: Path, info: zipfile.ZipInfo, where: str) -> None:
    crc = 0
    with open(path, "rb") as file:
        file.seek(_data_start(path, info))
        left = info.file_size
        while block := file.read(min(left, 2**22)):
            crc, left = zlib.crc32(block, crc), left - len(block)
    if crc != info.CRC:
        raise UnreadableFile("the array is damaged", where=where, expected=f"crc {info.CRC:08x}", got=f"crc {crc:08x}")
