"""TensorFlow's number types in checkpoints: their numbers, their names, and how numpy holds them.

The numbers are those of DataType in tensorflow/core/framework/types.proto; the names are numpy's where it has one.
"""

from __future__ import annotations

import numpy as np

from regraft.errors import UnsupportedFormat
from regraft.formats.tf1.checkpoint.mapped import Array
from regraft.protobuf.wire import malformed

NAMES = {
    1: "float32",
    2: "float64",
    3: "int32",
    4: "uint8",
    5: "int16",
    6: "int8",
    7: "string",
    8: "complex64",
    9: "int64",
    10: "bool",
    11: "qint8",
    12: "quint8",
    13: "qint32",
    14: "bfloat16",
    15: "qint16",
    16: "quint16",
    17: "uint16",
    18: "complex128",
    19: "float16",
    20: "resource",
    21: "variant",
    22: "uint32",
    23: "uint64",
    24: "float8_e5m2",
    25: "float8_e4m3fn",
    26: "float8_e4m3fnuz",
    27: "float8_e4m3b11fnuz",
    28: "float8_e5m2fnuz",
    29: "int4",
    30: "uint4",
    31: "int2",
    32: "uint2",
}
NUMBERS = {name: number for number, name in NAMES.items()}

PACKED = ("string", "variant")  # these vary in size from element to element
WITHOUT_ARRAYS = ("resource", "variant", *(name for number, name in NAMES.items() if number >= 24))
_STORED = {"bfloat16": "uint16", "bool": "uint8", "string": "object"}


def dtype_name(number: int, where: str) -> str:
    """The name of type `number` of a file."""
    if number not in NAMES:
        raise malformed(where, f"a type from 1 to {max(NAMES)}", f"type {number}")
    return NAMES[number]


def stored_dtype(name: str, where: str) -> np.dtype:
    """The type of the bytes in the file; quantised numbers are read as the whole numbers they are."""
    if name in WITHOUT_ARRAYS:
        raise UnsupportedFormat(
            f"A tensor of type {name} cannot be read.",
            where=where,
            expected="numbers of a type numpy has, bfloat16, quantised numbers or strings",
            fix="Read the other tensors: this one stands in the way only of itself.",
        )
    return np.dtype(_STORED.get(name, name.removeprefix("q")))


def value_dtype(name: str, where: str) -> np.dtype:
    """The type of the array the user gets."""
    return np.dtype({"bfloat16": "float32", "bool": "bool"}.get(name, stored_dtype(name, where)))


def as_values(name: str, stored: Array) -> Array:
    """What the user gets for the bytes: float32 for bfloat16, else the type of that name."""
    if name == "bool":
        return stored != 0
    if name == "bfloat16":
        return (stored.astype(np.uint32) << np.uint32(16)).view(np.float32)
    return stored


def dtype_number(dtype: np.dtype) -> int | None:
    """The number of a numpy type; None where TensorFlow has none."""
    return NUMBERS["string"] if dtype.kind in "OSU" else NUMBERS.get(dtype.name)
