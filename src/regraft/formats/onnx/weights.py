"""Which tensors of the file are weights: trained, kept as moving averages, or mere settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from regraft.formats.onnx.operations import Operation
from regraft.formats.onnx.source import Source
from regraft.formats.onnx.tensors import Array

Kind = Literal["weight", "average", "fixed", "setting"]

SMALL = 64  # numbers that a setting may have; more are kept as a parameter that is not trained

_SHUT = -99.0

# The inputs of an operation that are weights of a layer.
_LAYERS: Mapping[str, frozenset[int]] = {
    **dict.fromkeys(("Conv", "ConvTranspose", "CausalConvWithState"), frozenset({1, 2})),
    "DeformConv": frozenset({1, 3}),
    "Gemm": frozenset({0, 1, 2}),
    "MatMul": frozenset({0, 1}),
    "Einsum": frozenset(range(8)),
    "RNN": frozenset({1, 2, 3, 5}),
    "GRU": frozenset({1, 2, 3, 5}),
    "LSTM": frozenset({1, 2, 3, 5, 6, 7}),
    "Gather": frozenset({0}),
    "PRelu": frozenset({1}),
    **dict.fromkeys(
        ("BatchNormalization", "InstanceNormalization", "GroupNormalization", "LayerNormalization", "RMSNormalization"),
        frozenset({1, 2}),
    ),
}
_AVERAGES = {"BatchNormalization": frozenset({3, 4})}
# Sums and products: their constant is a weight where a layer lies below; before all layers it prepares the input.
_SUMS = frozenset({"Add", "Sub", "Sum"})
_PRODUCTS = frozenset({"Mul", "Div"})
# Operations that hand a weight on: it is still that weight.
_PASSING: Mapping[str, int | None] = {
    **dict.fromkeys(("Identity", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Cast", "CastLike"), 0),
    **dict.fromkeys(("Expand", "Tile", "Slice", "Split", "Pad", "DepthToSpace", "SpaceToDepth"), 0),
    "Concat": None,
}


def kinds(source: Source) -> dict[str, Kind]:
    """What each value of the file is.

    "weight": trained. "average": followed in training, not trained. "fixed": not trained, and too large for a
    setting. "setting": a constant.
    """
    readers = _readers(source.operations)
    above = _above_layers(source)
    found: dict[str, Kind] = {}
    for name, value in source.values.items():
        roles = set(_roles(name, readers, above, single=value.size == 1, constant=name in source.constants))
        if value.dtype.kind != "f" or not value.ndim:
            found[name] = "setting" if value.size <= SMALL else "fixed"
        elif "weight" in roles and not _is_mask(value):
            found[name] = "weight"
        elif "average" in roles:
            found[name] = "average"
        else:
            found[name] = "setting" if value.size <= SMALL else "fixed"
    return found


def _is_mask(value: Array) -> bool:
    """Whether what is added only shuts places out: all numbers are 0, or one so low that nothing is left of them."""
    lowest = float(value.min(initial=0))
    return lowest <= _SHUT and bool(((value == 0) | (value == lowest)).all())


def _readers(operations: Iterable[Operation]) -> dict[str, list[tuple[Operation, int]]]:
    readers: dict[str, list[tuple[Operation, int]]] = {}
    for one in operations:
        for place, name in enumerate(one.inputs):
            if name:
                readers.setdefault(name, []).append((one, place))
    return readers


def _roles(
    name: str,
    readers: Mapping[str, Sequence[tuple[Operation, int]]],
    above: frozenset[str] | None,
    *,
    single: bool,
    constant: bool,
) -> Iterable[str]:
    """What a value is to those that read it, at first or second hand."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        tensor = waiting.pop()
        if tensor in seen:
            continue
        seen.add(tensor)
        for one, place in readers.get(tensor, ()):
            if one.domain:
                continue
            if place in _LAYERS.get(one.type, ()):
                yield "weight"
            elif place in _AVERAGES.get(one.type, ()):
                yield "average"
            elif one.type in _SUMS or one.type in _PRODUCTS:
                stands = above is None or any(other in above for other in one.inputs)
                if stands and not (single and (constant or one.type in _PRODUCTS)):
                    yield "weight"
            elif one.type in _PASSING and _PASSING[one.type] in (None, place):
                waiting.extend(name for name in one.outputs if name)


def _above_layers(source: Source) -> frozenset[str] | None:
    """The tensors computed by layers or after them; None where the graph has no layer."""
    above: set[str] = set()
    for one in source.operations:
        weights = _LAYERS.get(one.type, frozenset()) if not one.domain else frozenset[int]()
        held = any(place in weights and name in source.values for place, name in enumerate(one.inputs))
        if held or any(name in above for name in one.inputs):
            above.update(one.outputs)
    return frozenset(above) or None


def lie_as_torch(source: Source) -> set[str]:
    """The weights that lie as torch's layers hold theirs; all others lie as they are multiplied: (in out)."""
    found: set[str] = set()
    for one in source.operations:
        if one.domain or len(one.inputs) < 2:
            continue
        if one.type in ("Conv", "ConvTranspose", "DeformConv") or (one.type == "Gemm" and _is_set(one, "transB")):
            found.add(one.inputs[1])
    turned = {one.outputs[0]: one.inputs[0] for one in source.operations if one.title == "Transpose" and one.inputs}
    read = {name for one in source.operations if one.title == "MatMul" for name in one.inputs[1:2]}
    found.update(turned[name] for name in read & turned.keys())
    return found & source.values.keys()


def _is_set(one: Operation, attribute: str) -> bool:
    found = one.attributes.get(attribute)
    return found is not None and bool(found.i)
