"""Whole numbers a graph computes from constants alone: the sizes TensorFlow's layers write out in operations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from regraft.formats.tf1.graph.constants import Array, attribute_of
from regraft.formats.tf1.graph.source import PASSING, Flow, Operation

_DEEPEST = 12  # operations between a constant and the size made of it
_LONGEST = 64  # numbers in a shape, generously


def known_size(flow: Flow, tensor: str, depth: int = 0) -> Array | None:
    """The whole numbers of a tensor; None where they are not known, or where it is no shape."""
    operation = flow.of(tensor)
    if operation.type == "Const":
        value = flow.value(operation)
        return value if value.dtype.kind == "i" and value.size <= _LONGEST and value.ndim < 2 else None
    compute = _COMPUTED.get(operation.type)
    if compute is None or depth > _DEEPEST:
        return None
    inputs = [known_size(flow, read, depth + 1) for read in flow.reads(tensor)]
    known = [value for value in inputs if value is not None]
    try:
        return compute(operation, known) if len(known) == len(inputs) else None
    except (ValueError, IndexError, ZeroDivisionError):
        return None


def _strided(operation: Operation, inputs: list[Array]) -> Array:
    values, begin, end, stride = inputs
    if any(_mask(operation, name) for name in ("ellipsis_mask", "new_axis_mask")):
        raise ValueError
    if _mask(operation, "shrink_axis_mask"):
        return values[int(begin[0])]
    first = None if _mask(operation, "begin_mask") else int(begin[0])
    last = None if _mask(operation, "end_mask") else int(end[0])
    return values[first : last : int(stride[0])]


def _sliced(operation: Operation, inputs: list[Array]) -> Array:
    values, begin, size = inputs
    first, count = int(begin[0]), int(size[0])
    return values[first:] if count < 0 else values[first : first + count]


def _mask(operation: Operation, name: str) -> int:
    return int(attribute_of(operation.attrs[name])) if name in operation.attrs else 0


def _first(operation: Operation, inputs: list[Array]) -> Array:
    return inputs[0]


_COMPUTED: dict[str, Callable[[Operation, list[Array]], Array]] = {
    "Identity": _first,
    "Cast": _first,
    PASSING: _first,
    "StridedSlice": _strided,
    "Slice": _sliced,
    "Prod": lambda _, inputs: np.asarray(np.prod(inputs[0])),
    "Mul": lambda _, inputs: inputs[0] * inputs[1],
    "Add": lambda _, inputs: inputs[0] + inputs[1],
    "AddV2": lambda _, inputs: inputs[0] + inputs[1],
    "Sub": lambda _, inputs: inputs[0] - inputs[1],
    "FloorDiv": lambda _, inputs: inputs[0] // inputs[1],
    "Pack": lambda _, inputs: np.stack(inputs),
    "ConcatV2": lambda _, inputs: np.concatenate(inputs[:-1]),
    "ExpandDims": lambda _, inputs: inputs[0].reshape(1),
    "Squeeze": lambda _, inputs: inputs[0].reshape(()),
}
