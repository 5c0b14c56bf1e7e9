"""Values inside graph files: TensorProto to numpy, attributes to Python values."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from regraft.errors import UnreadableFile, UnsafeFile, UnsupportedOp
from regraft.formats.tf1.checkpoint.dtypes import NAMES
from regraft.formats.tf1.checkpoint.partitions import MOST_DIMENSIONS, MOST_ELEMENTS

Array = np.ndarray[Any, np.dtype[Any]]

_VALUE_FIELDS = {
    "float32": "float_val", "float64": "double_val", "int32": "int_val", "uint8": "int_val", "int16": "int_val",
    "int8": "int_val", "uint16": "int_val", "int64": "int64_val", "bool": "bool_val", "complex64": "scomplex_val",
    "complex128": "dcomplex_val", "float16": "half_val", "bfloat16": "half_val", "uint32": "uint32_val",
    "uint64": "uint64_val", "qint8": "int_val", "quint8": "int_val", "qint32": "int_val", "qint16": "int_val",
    "quint16": "int_val",
}  # fmt: skip

# One value may stand for a whole tensor: the file says how large, and a lie costs it nothing. Repeating one value
# costs us nothing either; a longer list has to be copied, so it may not grow without bounds.
_MOST_REPEATED_BYTES = 1 << 28
_MOST_COPIED_BYTES = 1 << 20


def type_name(number: int) -> str:
    """The name of a TensorFlow type; a reference to a variable (its type + 100) has the type of its value."""
    return NAMES.get(number - 100 if number > 100 else number, "unknown")


def shape_of(proto: Any) -> tuple[int | None, ...] | None:
    """The shape in a TensorShapeProto: None for a free dimension, None as a whole where the rank is unknown."""
    if proto.unknown_rank:
        return None
    return tuple(dim.size if dim.size >= 0 else None for dim in proto.dim)


def array_of(proto: Any, where: str) -> Array:
    """The array a TensorProto holds; a repeated value is a view that takes no memory.

    Strings become an array of `bytes` objects, quantised integers the integers they are stored as, and
    bfloat16 float32.

    Raises:
        UnreadableFile: shape and content do not fit together.
        UnsafeFile: a few values claim to stand for a great many.
    """
    name = type_name(proto.dtype)
    shape = shape_of(proto.tensor_shape)
    sizes = tuple(size for size in shape or () if size is not None)
    definite = shape is not None and len(sizes) == len(shape) <= MOST_DIMENSIONS
    if not definite or prod(max(size, 1) for size in sizes) > MOST_ELEMENTS:
        raise UnreadableFile("a constant has no definite shape", where=where, got=str(shape)[:100])
    if name == "string":
        return _filled(np.array([*proto.string_val, None], dtype=object)[:-1], sizes, where)
    if name not in _VALUE_FIELDS:
        raise UnsupportedOp(f"constants of type {name} cannot be read", where=where)
    content = proto.tensor_content
    return _whole(content, name, sizes, where) if content else _filled(_listed(proto, name), sizes, where)


def _whole(content: bytes, name: str, shape: tuple[int, ...], where: str) -> Array:
    plain = "uint16" if name == "bfloat16" else name.removeprefix("q")
    stored = np.dtype(plain).newbyteorder("<")
    if prod(shape) * stored.itemsize != len(content):
        raise UnreadableFile(
            "a constant holds another number of values than its shape says",
            where=where,
            expected=f"{prod(shape) * stored.itemsize} bytes of {name} for shape {shape}",
            got=f"{len(content)} bytes",
        )
    values = np.frombuffer(content, stored)
    return (_widened(values) if name == "bfloat16" else values).reshape(shape)


def _widened(bits: Array) -> Array:
    """A bfloat16 is the upper half of a float32."""
    return (bits.astype(np.uint32) << 16).view(np.float32)


def _listed(proto: Any, name: str) -> Array:
    values = getattr(proto, _VALUE_FIELDS[name])
    if name in ("float16", "bfloat16"):
        bits = np.array(values, dtype=np.int64).astype(np.uint16)
        return bits.view(np.float16) if name == "float16" else _widened(bits)
    if name.startswith("complex"):
        pairs = np.array(values[: len(values) // 2 * 2], dtype=f"float{int(name[7:]) // 2}")
        return pairs.view(name)
    dtype = np.dtype(name.removeprefix("q"))
    wide = {"i": np.dtype(np.int64), "u": np.dtype(np.int64)}.get(dtype.kind, dtype) if dtype.itemsize < 8 else dtype
    return np.array(values, dtype=wide).astype(dtype)


def _filled(values: Array, shape: tuple[int, ...], where: str) -> Array:
    """The values in that shape; the last one is repeated where they are too few (tensor.proto says so)."""
    count = prod(shape)
    if values.size == count:
        return values.reshape(shape)
    if values.size > count:
        raise UnreadableFile(
            "a constant holds more values than its shape says", where=where, expected=f"{count}", got=f"{values.size}"
        )
    limit = _MOST_REPEATED_BYTES if values.size <= 1 else max(_MOST_COPIED_BYTES, 64 * values.nbytes)
    if count * values.dtype.itemsize > limit:
        raise UnsafeFile(
            "a constant claims to be very large and holds next to nothing",
            where=where,
            got=f"shape {shape} from {values.size} values",
        )
    if values.size == 0:
        values = np.array([b""], dtype=object) if values.dtype == object else np.zeros(1, values.dtype)
    if values.size == 1:
        return np.broadcast_to(values.reshape(()), shape)
    return np.concatenate([values, np.broadcast_to(values[-1], (count - values.size,))]).reshape(shape)


def attribute_of(proto: Any) -> Any:
    """An AttrValue as a Python value; None for tensors and functions, which nodes do not take as attributes."""
    kind = proto.WhichOneof("value")
    if kind != "list":
        return _plain(kind, getattr(proto, kind)) if kind else None
    fields = [field.name for field, _ in proto.list.ListFields()]
    return tuple(_plain(fields[0], item) for item in getattr(proto.list, fields[0])) if fields else ()


def _plain(kind: str, value: Any) -> Any:
    if kind == "s":
        return value.decode("utf-8", errors="replace")
    if kind == "type":
        return type_name(value)
    if kind == "shape":
        return shape_of(value)
    return value if kind in ("i", "f", "b") else None
