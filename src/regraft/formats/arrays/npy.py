"""Numpy's .npy: an array where it lies, or a pickle of arrays."""

from __future__ import annotations

import ast
import re
from math import prod
from typing import Any

import numpy as np

from regraft.files.mapped import array_at, damaged
from regraft.formats.arrays.pickles import Machine

MAGIC = b"\x93NUMPY"
_HEADER = re.compile(
    r"\{'descr': '([^']{1,20})', 'fortran_order': (True|False), 'shape': (\([0-9L, ]*\)),? *\} *\n?", re.ASCII
)
_TYPE = re.compile(r"[<>|=]?[A-Za-z]\d*(\[\w{1,4}\])?", re.ASCII)  # of one type: numpy has a small language for several
_LONGEST = 10_000


def read_npy(data: memoryview, where: str, steps: int | None = None) -> Any:
    """The array of an .npy file; of one of Python objects, the lists and dictionaries in it.

    Args:
        steps: how many instructions a pickle in it may have; None: as many as its size allows.

    Raises:
        UnreadableFile: it is damaged, or not as long as its header says.
        UnsafeFile: it is a pickle of more than arrays.
    """
    descr, fortran, shape, start = _header(data, where)
    if descr.lstrip("<>|=") in ("O", "O8", "O4"):
        return Machine(data, where, position=start, steps=steps).load()
    try:
        dtype = np.dtype(descr) if _TYPE.fullmatch(descr) else None
    except (TypeError, ValueError):
        dtype = None
    if dtype is None:
        raise damaged(where, expected="a type of numbers", got=descr)
    needed = prod(shape) * dtype.itemsize
    if dtype.hasobject or needed != len(data) - start:
        raise damaged(where, expected=f"{needed} bytes for {descr} {shape}", got=f"{len(data) - start} bytes")
    return array_at(data[start:], dtype, shape, "F" if fortran else "C")


def _header(data: memoryview, where: str) -> tuple[str, bool, tuple[int, ...], int]:
    version = bytes(data[6:8])
    size = 2 if version == b"\1\0" else 4
    start = 8 + size
    length = int.from_bytes(data[8:start], "little")
    text = bytes(data[start : start + min(length, _LONGEST)]).decode("latin-1")
    found = _HEADER.fullmatch(text)
    if version not in (b"\1\0", b"\2\0", b"\3\0") or len(text) != length or not found:
        raise damaged(where, expected="the header of a numpy array", got=repr(text[:60]))
    try:
        shape = ast.literal_eval(found[3].replace("L", ""))
    except (SyntaxError, ValueError) as error:
        raise damaged(where, expected="a shape", got=found[3][:60]) from error
    if not isinstance(shape, tuple) or len(shape) > 32:
        raise damaged(where, expected="a shape", got=found[3][:60])
    return found[1], found[2] == "True", shape, start + length
