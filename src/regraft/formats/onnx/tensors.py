"""Tensors of the file as arrays. Every size is checked against the bytes that are there before anything is made."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import MissingFile, UnreadableFile, UnsafeFile, UnsupportedOp
from regraft.formats.onnx.modelfile import ModelFile
from regraft.formats.onnx.numbers import Array, listed, require
from regraft.formats.onnx.skeleton import lying
from regraft.protobuf.wire import BYTES, fields

# TensorProto.DataType -> numpy's name.
DTYPES: dict[int, str] = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64", 9: "bool",
    10: "float16", 11: "float64", 12: "uint32", 13: "uint64", 14: "complex64", 15: "complex128",
}  # fmt: skip
# Types that hold numbers torch's functions do not compute with.
_OTHERS: dict[int, str] = {
    8: "string", 16: "bfloat16", 17: "float8e4m3fn", 18: "float8e4m3fnuz", 19: "float8e5m2", 20: "float8e5m2fnuz",
    21: "uint4", 22: "int4", 23: "float4e2m1", 24: "float8e8m0", 25: "uint2", 26: "int2",
}  # fmt: skip
_EXTERNAL = 1
_SEGMENT, _RAW = 3, 9  # fields of a TensorProto
_MOST_AXES = 32
_LOCATION, _OFFSET, _LENGTH = "location", "offset", "length"


def type_name(code: int) -> str:
    """What a type is called, also one that cannot be used."""
    return DTYPES.get(code) or _OTHERS.get(code, f"type {code}")


def dtype_of(code: int, where: str) -> str:
    """Numpy's name of a type.

    Raises:
        UnsupportedOp: no tensor of that type can be used here.
        UnreadableFile: there is no such type.
    """
    if code in DTYPES:
        return DTYPES[code]
    if code in _OTHERS:
        raise UnsupportedOp(f"numbers of type {_OTHERS[code]} cannot be used", where=where)
    raise UnreadableFile("there is no such type of tensors", where=where, got=str(code))


def to_array(tensor: Any, file: ModelFile, where: str) -> Array:
    """The array a TensorProto holds; a view of the file where its numbers lie there as in memory.

    Args:
        tensor: of the file, or of the `onnx` package's own functions.

    Raises:
        UnreadableFile: it holds more or fewer numbers than its shape says.
        UnsafeFile: its data lie outside of the file's folder.
        UnsupportedOp: it is of a type that cannot be used.
    """
    where = f"{where}, tensor {tensor.name}" if tensor.name else where
    dtype = np.dtype(dtype_of(tensor.data_type, where))
    shape = tuple(tensor.dims)
    if len(shape) > _MOST_AXES or any(size < 0 for size in shape):
        raise UnreadableFile("a tensor has an impossible shape", where=where, got=str(shape[:_MOST_AXES]))
    if tensor.data_location == _EXTERNAL:
        return _external(tensor, dtype, shape, file.path.parent, where)
    message, raw = lying(tensor, file.data), None
    for field in fields(message, where):
        if field.number == _SEGMENT:
            raise UnsupportedOp("a tensor in segments cannot be read", where=where)
        raw = field.data if field.number == _RAW and field.kind == BYTES else raw
    if raw is None:
        return listed(message, dtype, prod(shape), where).reshape(shape)
    require(len(raw), prod(shape) * dtype.itemsize, "bytes", where)
    return np.frombuffer(raw, dtype.newbyteorder("<")).astype(dtype, copy=False).reshape(shape)


def _external(tensor: Any, dtype: np.dtype[Any], shape: tuple[int, ...], folder: Path, where: str) -> Array:
    """An array in a file beside the model."""
    said = {entry.key: entry.value for entry in tensor.external_data}
    if not all(isinstance(text, str) for entry in said.items() for text in entry):
        raise UnreadableFile("the place of external data is no text", where=where)
    path = _inside(folder, said.get(_LOCATION, ""), where)
    wanted = prod(shape) * dtype.itemsize
    offset = _number(said.get(_OFFSET, "0"), where)
    length = _number(said.get(_LENGTH, str(wanted)), where)
    require(length, wanted, "bytes", where)
    if offset + length > path.stat().st_size:
        raise UnreadableFile(
            "the file beside the model is too short",
            where=f"{where}, in {path.name}",
            expected=f"{offset + length:,} bytes",
            got=f"{path.stat().st_size:,}",
            fix="copy both files again",
        )
    if not wanted:
        return np.zeros(shape, dtype)
    found = np.memmap(path, dtype.newbyteorder("<"), "r", offset, shape)
    return found.view(np.ndarray).astype(dtype, copy=False)


def _inside(folder: Path, location: str, where: str) -> Path:
    """The file of that name in the folder.

    Raises:
        UnsafeFile: the name leads out of it.
        MissingFile: there is no such file.
    """
    path = folder / location
    try:
        inside = location and "\0" not in location and path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError):  # a loop of links
        inside = False
    if not inside or Path(location).is_absolute() or ".." in Path(location).parts or "\\" in location:
        raise UnsafeFile(
            "external data must lie in the folder of the model", where=where, got=f"{location[:100]!r}",
            fix="put the data beside the model, and name them so in it",
        )  # fmt: skip
    if not path.is_file():
        raise MissingFile(
            "the file with the weights is not beside the model", where=where, expected=str(path),
            fix="copy it there: a model with external data is two files",
        )  # fmt: skip
    return path


def _number(text: str, where: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 20:
        raise UnreadableFile("the place of external data is no number", where=where, got=repr(text[:100]))
    return int(text)
