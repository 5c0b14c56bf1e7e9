"""Values for graph files: arrays to TensorProto, Python values to attributes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from regraft.formats.tf1.checkpoint.dtypes import NUMBERS
from regraft.formats.tf1.operation import Kind
from regraft.formats.tf1.protos import attribute, new

Shape = Sequence[int | None]


class Value(NamedTuple):
    """An attribute's value and how it is written."""

    kind: Kind | Literal["types", "shapes", "tensor"]
    value: Any


_FIELDS = {"int": "i", "float": "f", "bool": "b"}


def attr_value(value: Value) -> Any:
    """The AttrValue message of an attribute."""
    match value.kind:
        case "int" | "float" | "bool":
            return attribute(_FIELDS[value.kind], value.value)
        case "str":
            return attribute("s", value.value.encode())
        case "type":
            return attribute("type", NUMBERS[value.value])
        case _:
            return _composed(value)


def _composed(value: Value) -> Any:
    """An attribute that is a message of its own, which is there even if nothing is in it (the shape of a scalar)."""
    proto = new("AttrValue")
    match value.kind:
        case "types":
            proto.list.SetInParent()
            proto.list.type.extend(NUMBERS[name] for name in value.value)
        case "ints":
            proto.list.SetInParent()
            proto.list.i.extend(value.value)
        case "shapes":
            proto.list.shape.extend(shape_proto(shape) for shape in value.value)
        case "shape":
            proto.shape.SetInParent()
            proto.shape.CopyFrom(shape_proto(value.value))
        case _:
            proto.tensor.CopyFrom(value.value)
    return proto


def shape_proto(shape: Shape | None) -> Any:
    """A TensorShapeProto: None is a free dimension, or as a whole an unknown rank."""
    proto = new("TensorShapeProto")
    if shape is None:
        proto.unknown_rank = True
    for size in shape or ():
        proto.dim.add(size=-1 if size is None else size)
    return proto


def type_of(dtype: np.dtype[Any]) -> str:
    """The name of the type that holds these numbers, or text or bytes."""
    return "string" if dtype.kind in "OSU" else dtype.name


def tensor_proto(array: np.ndarray[Any, np.dtype[Any]]) -> Any:
    """A TensorProto that holds the array; arrays of text or bytes become strings."""
    proto = new("TensorProto")
    proto.dtype = NUMBERS[type_of(array.dtype)]
    proto.tensor_shape.CopyFrom(shape_proto(array.shape))
    if array.dtype.kind in "OSU":
        proto.string_val.extend(item.encode() if isinstance(item, str) else item for item in array.ravel().tolist())
    else:
        proto.tensor_content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
    return proto
