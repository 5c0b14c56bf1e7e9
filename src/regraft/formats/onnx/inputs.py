"""What a network expects at its inputs, as its file says it."""

from __future__ import annotations

from typing import Any

from regraft.errors import UnsupportedOp
from regraft.formats.onnx.source import Source
from regraft.formats.onnx.tensors import dtype_of
from regraft.network.graph import InputSpec, Layout

_CHANNELS = (1, 3)
_LONGEST = (1 << 31) - 1


def spec_of(info: Any, source: Source) -> InputSpec:
    """The description of one input.

    Raises:
        UnsupportedOp: it is no tensor, or of a type that cannot be used.
    """
    where = f"{source.where}, input {info.name}"
    kind = info.type.WhichOneof("value")
    if kind != "tensor_type":
        raise UnsupportedOp("only tensors can be fed", where=where, got=kind or "nothing")
    dtype = dtype_of(info.type.tensor_type.elem_type, where)
    shape = _shape(info.type.tensor_type)
    return InputSpec(name=info.name, shape=shape, dtype=dtype, layout=_layout(shape, dtype))


def _shape(type: Any) -> tuple[int | None, ...]:
    if not type.HasField("shape"):
        return ()
    sizes = [dim.dim_value if dim.HasField("dim_value") else None for dim in type.shape.dim]
    return tuple(size if size is not None and 0 <= size <= _LONGEST else None for size in sizes)


def _layout(shape: tuple[int | None, ...], dtype: str) -> Layout:
    if len(shape) == 4 and shape[1] in _CHANNELS:
        return "NCHW"
    if len(shape) == 4 and shape[3] in _CHANNELS:
        return "NHWC"
    return "flat" if len(shape) == 2 and dtype.startswith("float") else "other"
