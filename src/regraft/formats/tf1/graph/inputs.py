"""What a graph expects from outside: its inputs, and the switches that tell training from evaluation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal

from regraft.formats.tf1.graph.constants import attribute_of, shape_of
from regraft.formats.tf1.graph.dropout import Dropout
from regraft.formats.tf1.graph.pictures import constant_value, scaling
from regraft.formats.tf1.graph.pipelines import placeholder
from regraft.formats.tf1.graph.source import CONDITIONAL, PASSING, PLACEHOLDERS, Flow, Given, Operation, Picture
from regraft.network.graph import InputSpec, Layout, Switch

Shape = tuple[int | None, ...]

# What a predicate of unknown shape is called that is used in arithmetic too.
_TRAINING = re.compile(r"train|phase", re.IGNORECASE)
_LOGIC = ("Identity", "LogicalNot", "LogicalAnd", "LogicalOr", "Cast", PASSING)
_CHOICES = (CONDITIONAL, "Select", "SelectV2")
_WINDOWED = ("Conv2D", "DepthwiseConv2dNative")
_SPATIAL = (*_WINDOWED, "MaxPool", "AvgPool", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
_COMPARED_WITH_CLASSES = ("SparseSoftmaxCrossEntropyWithLogits", "InTopK", "InTopKV2")
_PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2")
_KEEPING_SHAPE = ("Identity", "Cast", "Sub", "Mul", "Add", "AddV2", "RealDiv", "Div", PASSING)


def switches(flow: Flow, dropouts: Iterable[Dropout]) -> dict[str, Switch]:
    """The scalar placeholders that only tell training from evaluation."""
    found: dict[str, Switch] = {}
    for dropout in dropouts:
        for tensor, whole in ((dropout.kept, 1.0), (dropout.dropped, 0.0)):
            if tensor and placeholder(flow.of(tensor)).dtype.startswith("float"):
                default = _default(flow, flow.of(tensor))
                found[tensor] = Switch(name=tensor, evaluation=whole, training=whole if default is None else default)
    for operation in flow.operations.values():
        if operation.type in PLACEHOLDERS and _is_switch(flow, operation):
            tensor = f"{operation.name}:0"
            found[tensor] = Switch(name=tensor, evaluation=False, training=True)
    return found


def _is_switch(flow: Flow, operation: Operation) -> bool:
    known = placeholder(operation)
    if known.dtype != "bool" or known.shape:
        return False
    return known.shape == () or bool(_TRAINING.search(operation.name)) or _only_chooses(flow, f"{operation.name}:0")


def _only_chooses(flow: Flow, tensor: str) -> bool:
    """Whether a predicate's value is used for conditionals only."""
    waiting, seen = [tensor], {tensor}
    while waiting:
        tensor = waiting.pop()
        for use in flow.uses().get(tensor, ()):
            reader = flow.of(use)
            if reader.type in _LOGIC and use not in seen:
                seen.add(use)
                waiting.append(use)
            elif reader.type not in _LOGIC and not (reader.type in _CHOICES and reader.inputs[0] == tensor):
                return False
    return True


def _default(flow: Flow, operation: Operation) -> float | None:
    value = constant_value(flow, operation.inputs[0]) if operation.inputs else None
    return float(value.reshape(-1)[0]) if value is not None else None


def standing_alone(flow: Flow) -> Flow:
    """The flow with every placeholder whose default is made up (zeros for a picture) as an input.

    A default that the graph computes from another input is the network's own way: it is passed on.
    """
    found = dict(flow.operations)
    for operation in flow.operations.values():
        if operation.type == "PlaceholderWithDefault" and placeholder(operation).shape:
            above = flow.ancestors(operation.inputs)
            if not any(name in flow.given or flow.of(name).type in PLACEHOLDERS for name in above):
                found[operation.name] = replace(operation, type="Placeholder", inputs=())
    return Flow(found, flow.where, flow.given)


def known_of(flow: Flow, tensor: str, producer: int) -> Given:
    """What is known of an input, its shape found from what reads it where the file does not say."""
    known = flow.given.get(tensor) or placeholder(flow.of(tensor), producer)
    return known if known.shape is not None else replace(known, shape=_shape_from_readers(flow, tensor))


def described(flow: Flow, tensor: str, known: Given, *, free_batch: bool) -> InputSpec:
    """The description of one input."""
    shape = known.shape or ()
    if shape and free_batch:
        shape = (None, *shape[1:])
    layout = _layout(flow, tensor, shape)
    spec = InputSpec(name=tensor, shape=shape, dtype=known.dtype, layout=layout, channels=_channels(shape, layout))
    if layout not in ("NHWC", "NCHW"):
        return spec
    if known.picture is not None and known.picture.scale:
        return _prepared(spec, known.picture)
    values = (0.0, 255.0) if known.dtype == "uint8" else _values_expected(scaling(flow, tensor))
    return replace(spec, range=values, origin="file") if values else spec


def _prepared(spec: InputSpec, picture: Picture) -> InputSpec:
    """A picture of values 0..255 is taken times `scale`, plus `offset`."""
    resize: Literal["antialias", "tf1"] = "tf1" if picture.old_corners else "antialias"
    if len(picture.scale) == len(picture.offset) == 1:
        low = picture.offset[0]
        return replace(spec, range=(low, low + 255 * picture.scale[0]), resize=resize, origin="file")
    count = max(len(picture.scale), len(picture.offset))
    scale, offset = (values * (count // len(values)) for values in (picture.scale, picture.offset))
    return replace(
        spec,
        range=(0.0, 255.0),
        mean=tuple(-b / a for a, b in zip(scale, offset, strict=True)),
        std=tuple(1 / a for a in scale),
        resize=resize,
        origin="file",
    )


def _values_expected(picture: Picture) -> tuple[float, float] | None:
    """The values a network expects that scales them itself: its zero point lies in their middle."""
    middle = [-b / a for a in picture.scale for b in picture.offset]
    if all(60 <= value <= 180 for value in middle):
        return (0.0, 255.0)
    if all(0.3 <= value <= 0.6 for value in middle):
        return (0.0, 1.0)
    factor = picture.scale[0]
    if abs(factor / 255 - 1) < 0.02:
        return (0.0, 1.0)
    scaled_bytes = picture.offset == (0.0,) and any(abs(factor * 255 / top - 1) < 0.02 for top in (1, 2))
    return (0.0, 255.0) if scaled_bytes else None


def _channels(shape: Shape, layout: Layout) -> Literal["rgb", "grey"] | None:
    """TensorFlow's decoders give red, green, blue, and so its networks expect."""
    count = shape[-1] if layout == "NHWC" else shape[1] if layout == "NCHW" else None
    return "rgb" if count == 3 else "grey" if count == 1 else None


def _layout(flow: Flow, tensor: str, shape: Shape) -> Layout:
    if len(shape) == 2:
        return "flat"
    if len(shape) != 4:
        return "other"
    formats = (_format(reader) for reader in _readers_below(flow, tensor) if reader.type in _SPATIAL)
    return "NCHW" if next(formats, "NHWC") == "NCHW" else "NHWC"


def _format(operation: Operation) -> str:
    return str(attribute_of(operation.attrs["data_format"])) if "data_format" in operation.attrs else "NHWC"


def _shape_from_readers(flow: Flow, tensor: str) -> Shape | None:
    """The shape of an input as the first layer, or the loss, that reads it takes it."""
    for reader in _readers_below(flow, tensor, _KEEPING_SHAPE):
        weights = _weights_shape(flow, reader.inputs[1]) if len(reader.inputs) > 1 else None
        if weights and reader.type in _WINDOWED and len(weights) == 4:
            last = weights[2]
            return (None, last, None, None) if _format(reader) == "NCHW" else (None, None, None, last)
        if weights and reader.type in _PRODUCTS and len(weights) == 2:
            turned = any(key in reader.attrs and attribute_of(reader.attrs[key]) for key in ("transpose_b", "adj_y"))
            return (None, weights[1 if turned else 0])
        if reader.type in _COMPARED_WITH_CLASSES:
            return (None,)
    return None


def _weights_shape(flow: Flow, tensor: str) -> Shape | None:
    source = flow.of(flow.through(tensor, ("Identity", "ReadVariableOp", PASSING)))
    if source.type == "Const":
        return shape_of(source.attrs["value"].tensor.tensor_shape)
    return shape_of(source.attrs["shape"].shape) if "shape" in source.attrs else None


def _readers_below(flow: Flow, tensor: str, through: Iterable[str] | None = None) -> Iterable[Operation]:
    """The operations below a tensor, nearest first; only going on through some types where these are given."""
    waiting, seen = [tensor], {tensor}
    for name in waiting:
        for use in flow.uses().get(name, ()):
            if use not in seen:
                seen.add(use)
                yield flow.of(use)
                if through is None or flow.of(use).type in through:
                    waiting.append(use)
