"""Graphs that decode, resize and scale their pictures themselves: all that becomes the input's description."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from regraft.formats.tf1.graph.constants import Array, attribute_of
from regraft.formats.tf1.graph.pipelines import placeholder
from regraft.formats.tf1.graph.source import Flow, Given, Operation, Picture

_RESIZES = ("ResizeBilinear", "ResizeBicubic", "ResizeArea", "ResizeNearestNeighbor")
_SHIFTS = {"Sub": -1.0, "Add": 1.0, "AddV2": 1.0}
_SCALES = {"Mul": 1.0, "Div": -1.0, "RealDiv": -1.0}


@dataclass(frozen=True, kw_only=True)
class _Step:
    """A tensor on the way from a picture to the network."""

    tensor: str
    dtype: str
    batched: bool = False
    picture: Picture


def prepared(flow: Flow, given: Mapping[str, Given]) -> dict[str, Given]:
    """The given tensors, each picture replaced by the tensor at the end of its preparation.

    A decoded picture is followed through resizing and scaling. A placeholder for a single picture (height,
    width, channels) is followed to where it gets its batch: that tensor is the input.
    """
    found: dict[str, Given] = {}
    readers = flow.readers()
    for tensor, known in {**given, **_single_pictures(flow)}.items():
        operation = flow.of(tensor)
        decoded = operation.type.startswith("Decode") and operation.type != "DecodeRaw"
        if not decoded and tensor in given:
            found[tensor] = known
            continue
        picture = _decoded(operation) if decoded else Picture(channels=known.shape[-1] if known.shape else None)
        step = _Step(tensor=tensor, dtype=known.dtype, picture=picture)
        end = _followed(flow, readers, step, scaling=decoded or known.dtype == "uint8")
        size = end.picture.size or (None, None)
        shape = (*((None,) if end.batched else ()), *size, end.picture.channels)
        whole = end.picture if decoded or known.dtype == "uint8" else replace(end.picture, scale=(), offset=())
        found[end.tensor] = Given(shape=shape, dtype=end.dtype, picture=whole)
    return found


def scaling(flow: Flow, tensor: str) -> Picture:
    """How constants shift and scale the values of an input before anything else is done with them."""
    step = _Step(tensor=tensor, dtype="float32", batched=True, picture=Picture())
    return _followed(flow, flow.readers(), step, scaling=True).picture


def _single_pictures(flow: Flow) -> dict[str, Given]:
    found: dict[str, Given] = {}
    for operation in flow.operations.values():
        if operation.type == "Placeholder":
            known = placeholder(operation)
            if known.shape and len(known.shape) == 3 and known.shape[2] in (1, 3):
                tensor = f"{operation.name}:0"
                step = _Step(tensor=tensor, dtype=known.dtype, picture=Picture())
                if _followed(flow, flow.readers(), step, scaling=False).batched:
                    found[tensor] = known
    return found


def _decoded(decoder: Operation) -> Picture:
    channels = attribute_of(decoder.attrs["channels"]) if "channels" in decoder.attrs else 0
    dtype = attribute_of(decoder.attrs["dtype"]) if "dtype" in decoder.attrs else "uint8"
    whole = {"float32": 1 / 255, "uint16": 257.0}.get(str(dtype), 1.0)
    return Picture(channels=channels or 3, scale=(whole,))


def _followed(flow: Flow, readers: Mapping[str, list[Operation]], start: _Step, *, scaling: bool) -> _Step:
    """The last step of a picture's preparation that has a batch; the last of all where none has."""
    step, best = start, start
    seen: set[str] = set()
    while step.tensor not in seen:
        seen.add(step.tensor)
        following = readers.get(step.tensor, [])
        after = _next(flow, step, following[0], scaling) if len(following) == 1 else None
        if after is None:
            break
        step = after
        if step.batched or not best.batched:
            best = step
    return best


def _next(flow: Flow, step: _Step, operation: Operation, scaling: bool) -> _Step | None:
    """The step an operation makes; None where it is no preparation of a picture."""
    after = replace(step, tensor=f"{operation.name}:0")
    others = [constant_value(flow, tensor) for tensor in operation.inputs if tensor != step.tensor]
    other = others[0] if others else None
    if operation.type == "Identity":
        return after
    if operation.type == "Cast":
        return replace(after, dtype=str(attribute_of(operation.attrs["DstT"])))
    if other is None:
        return None
    if operation.type == "ExpandDims" and not step.batched and int(other.reshape(-1)[0]) == 0:
        return replace(after, batched=True)
    if operation.type == "Reshape" and not step.batched and other.size == 4 and other[0] in (1, -1):
        return replace(after, batched=True)
    if operation.type in _RESIZES and other.size == 2:
        old = operation.type == "ResizeBilinear" and not _flag(operation, "half_pixel_centers")
        old = old and not _flag(operation, "align_corners")
        size = (int(other[0]), int(other[1]))
        return replace(after, dtype="float32", picture=replace(step.picture, size=size, old_corners=old))
    picture = _scaled(step.picture, operation, other) if scaling else None
    turned = operation.inputs[0] != step.tensor and operation.type not in ("Add", "AddV2", "Mul")
    return replace(after, picture=picture) if picture and not turned else None


def _scaled(picture: Picture, operation: Operation, other: Array) -> Picture | None:
    values = tuple(float(value) for value in other.reshape(-1)) if other.size in (1, 3) else ()
    if not values or (0.0 in values and operation.type in _SCALES):
        return None
    if operation.type in _SHIFTS:
        shift = [_SHIFTS[operation.type] * value for value in values]
        return replace(picture, offset=_combined(np.add, picture.offset, shift))
    if operation.type in _SCALES:
        factor = [value ** _SCALES[operation.type] for value in values]
        scale, offset = (_combined(np.multiply, old, factor) for old in (picture.scale, picture.offset))
        return replace(picture, scale=scale, offset=offset)
    return None


def _combined(function: np.ufunc, one: tuple[float, ...], other: list[float]) -> tuple[float, ...]:
    return tuple(float(value) for value in np.atleast_1d(function(one, other)))


def constant_value(flow: Flow, tensor: str) -> Array | None:
    """The numbers of a constant; None for anything else."""
    operation = flow.of(flow.through(tensor, ("Identity",)))
    if operation.type != "Const":
        return None
    value = flow.value(operation)
    return value if value.size and value.dtype.kind in "iuf" else None


def _flag(operation: Operation, name: str) -> bool:
    return bool(attribute_of(operation.attrs[name])) if name in operation.attrs else False
