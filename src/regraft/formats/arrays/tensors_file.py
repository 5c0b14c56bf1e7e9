"""safetensors: a JSON header and the numbers behind it."""

from __future__ import annotations

import json
from math import prod
from typing import Any

import numpy as np

from regraft.errors import UnsupportedFormat
from regraft.files.mapped import array_at, damaged
from regraft.formats.arrays.torch_files import widened

_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "BOOL": "?",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
}  # fmt: skip
_MOST = 100 << 20  # bytes of a header; the format's own limit


def is_tensors_file(head: bytes, size: int) -> bool:
    """Whether a file that starts so is one of safetensors."""
    length = int.from_bytes(head[:8], "little")
    return len(head) > 8 and head[8:9] == b"{" and 2 <= length <= min(_MOST, size - 8)


def read_tensors(data: memoryview, where: str) -> dict[str, np.ndarray]:
    """Its arrays by name; bfloat16 comes as float32.

    Raises:
        UnreadableFile: it is damaged: its tensors do not lie one after the other to the end.
        UnsupportedFormat: a type of numbers that numpy does not have.
    """
    start = 8 + int.from_bytes(data[:8], "little")
    try:
        header = json.loads(bytes(data[8:start]).decode("utf-8"), object_pairs_hook=_once)
        entries = [(name, *_entry(entry)) for name, entry in header.items() if name != "__metadata__"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(where, expected="the header of a safetensors file", got=str(error)[:200]) from error
    found: dict[str, np.ndarray] = {}
    end = start
    for name, code, shape, low, high in sorted(entries, key=lambda entry: entry[3:]):
        place = f"{where}, {name[:200]}"
        if code not in _DTYPES:
            raise UnsupportedFormat(
                "a type of numbers that numpy does not have", where=place, expected=", ".join(_DTYPES), got=code[:50]
            )
        dtype = np.dtype(_DTYPES[code])
        if start + low != end or high - low != prod(shape) * dtype.itemsize or start + high > len(data):
            raise damaged(place, expected=f"{prod(shape) * dtype.itemsize} bytes from {end}", got=f"{low} to {high}")
        array = array_at(data[start + low : start + high], dtype, shape)
        found[name] = widened(array) if code == "BF16" else array
        end = start + high
    if end != len(data):
        raise damaged(where, expected=f"{end} bytes", got=f"{len(data)} bytes")
    return {name: found[name] for name, *_ in entries}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _entry(entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    shape, (low, high) = tuple(entry["shape"]), entry["data_offsets"]
    if not all(type(number) is int and number >= 0 for number in (*shape, low, high)) or len(shape) > 32:
        raise ValueError("a size that is no number from 0 on")
    return str(entry["dtype"]), shape, low, high
