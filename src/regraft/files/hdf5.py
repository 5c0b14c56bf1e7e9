"""HDF5 files read with h5py, which believes all that a file says: here links and sizes are looked at first."""

from __future__ import annotations

import importlib
import struct
from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from regraft.errors import MissingExtra, UnsafeFile
from regraft.files.mapped import GROWTH, damaged, scratch

MAGIC = b"\x89HDF\r\n\x1a\n"
_HEAP = b"GCOL\1\0\0\0"
_NUMBER, _LENGTH = struct.Struct("<H"), struct.Struct("<Q")
_BLOCK = 1 << 20
_SMALL = 64 << 10  # bytes read without a second thought


def check_heaps(data: memoryview, where: str) -> None:
    """Look at the heaps that hold a file's texts: libhdf5 walks them for ever where one has an object of no size.

    Raises:
        UnreadableFile: an object reaches over its heap, or not at all.
    """
    for start in range(0, len(data), _BLOCK):
        block = bytes(data[start : start + _BLOCK + len(_HEAP) - 1])
        found = block.find(_HEAP)
        while found >= 0:
            place = start + found
            (size,) = _LENGTH.unpack(bytes(data[place + 8 : place + 16]).ljust(8, b"\0"))
            _check_heap(data[place : min(place + size, len(data))], where)
            found = block.find(_HEAP, found + 1)


def _check_heap(heap: memoryview, where: str) -> None:
    place = 16
    while place + 16 <= len(heap):
        (number,), (size,) = _NUMBER.unpack_from(heap, place), _LENGTH.unpack_from(heap, place + 8)
        step = size if number == 0 else 16 + -(-size // 8) * 8  # number 0 is what is free
        if not 0 < step <= len(heap) - place:
            raise damaged(where, expected="texts inside of their heap", got=f"one of {size} bytes")
        place += step


def library(what: str, where: str) -> Any:
    """The package h5py.

    Raises:
        MissingExtra: it is not installed; `what` says why it is needed.
    """
    try:
        return importlib.import_module("h5py")
    except ImportError:
        raise MissingExtra(
            f"{what} is HDF5, which needs a package", where=where, fix="pip install 'regraft[keras]'"
        ) from None


def names(group: Any, where: str, skip: str = "\0") -> Iterator[str]:
    """The names of what lies in a group, those left out that begin with `skip`.

    Raises:
        UnsafeFile: one is a link to somewhere else, in this file or another.
    """
    h5py = importlib.import_module("h5py")
    for name in group:
        if name.startswith(skip):
            continue
        if not isinstance(group.get(name, getlink=True), h5py.HardLink):
            raise UnsafeFile(
                "the file points to something outside of itself",
                where=f"{where}, {group.name}",
                got=f"a link {name}"[:100],
                fix="do not use this file",
            )
        yield name


def attribute(owner: Any, name: str, where: str) -> Any:
    """The texts or numbers that a group or dataset has as an attribute; None: it has none of that name.

    Raises:
        UnreadableFile: it is of another type: libhdf5 crashes where a damaged file makes a list of a text.
    """
    h5t = importlib.import_module("h5py").h5t
    if name not in owner.attrs:
        return None
    kind = owner.attrs.get_id(name).get_type().get_class()
    if kind not in (h5t.STRING, h5t.INTEGER, h5t.FLOAT):
        raise damaged(f"{where}, {owner.name}", expected=f"text or numbers as {name}", got=f"HDF5's type {kind}")
    return owner.attrs[name]


def numbers(data: Any, where: str) -> np.ndarray:
    """What a dataset holds.

    Raises:
        UnsafeFile: it lies in another file, or claims more than it holds.
    """
    if data.external or data.is_virtual:
        raise UnsafeFile("a variable lies in another file", where=f"{where}, {data.name}")
    stored = data.id.get_storage_size()
    chunk = prod(data.chunks or ()) * data.dtype.itemsize  # libhdf5 unpacks whole ones
    if max(data.nbytes, chunk) > stored * GROWTH + _SMALL:
        raise UnsafeFile(
            "the file claims more numbers than it can hold",
            where=f"{where}, {data.name}",
            expected=f"at most {stored * GROWTH + _SMALL} bytes from {stored}",
            got=f"shape {data.shape}",
        )
    if data.nbytes <= _SMALL:
        return data[()]
    array = np.frombuffer(scratch(data.nbytes), data.dtype).reshape(data.shape)
    data.read_direct(array)
    return array
