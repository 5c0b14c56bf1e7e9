"""Which tensors of the file are weights: trained, kept as moving averages, or mere settings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    **dict.fromkeys(("Gather", "GatherND"), frozenset({0})),
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

    What regraft noted in the file counts; else it is seen from what reads the values. "weight": trained. "average":
    followed in training, not trained. "fixed": not trained, and too large for a setting. "setting": a constant.
    """
    roles = _roles(source.operations, _above_layers(source))
    found: dict[str, Kind] = {}
    for name, value in source.values.items():
        role = roles.get(name, set[str]())
        single, constant = value.size == 1, name in source.constants
        weight = "weight" in role or ("sum" in role and not (single and constant)) or ("product" in role and not single)
        if source.trained is not None:
            weight = name in source.trained
        if value.dtype.kind != "f" or not value.ndim:
            found[name] = "setting" if value.size <= SMALL else "fixed"
        elif weight and (source.trained is not None or not _is_mask(value)):
            found[name] = "weight"
        elif "average" in role:
            found[name] = "average"
        else:
            found[name] = "setting" if value.size <= SMALL else "fixed"
    return found


def _is_mask(value: Array) -> bool:
    """Whether what is added only shuts places out: all numbers are 0, or one so low that nothing is left of them."""
    lowest = float(value.min(initial=0))
    return lowest <= _SHUT and bool(((value == 0) | (value == lowest)).all())


def _roles(operations: Sequence[Operation], above: frozenset[str] | None) -> dict[str, set[str]]:
    """What each tensor is to those that read it, at first or second hand.

    Args:
        above: tensors computed by layers: before them, a constant of a sum or product prepares the input.
    """
    roles: dict[str, set[str]] = {}
    for one in reversed(operations):
        if one.domain:
            continue
        for place, name in enumerate(one.inputs):
            role = roles.setdefault(name, set())
            if place in _LAYERS.get(one.type, ()):
                role.add("weight")
            elif place in _AVERAGES.get(one.type, ()):
                role.add("average")
            elif one.type in _SUMS or one.type in _PRODUCTS:
                if above is None or any(other in above for other in one.inputs):
                    role.add("sum" if one.type in _SUMS else "product")
            elif one.type in _PASSING and name in _handed_on(one):
                role.update(*(roles.get(output, ()) for output in one.outputs))
    return roles


def _handed_on(one: Operation) -> Sequence[str]:
    """The inputs whose values an operation of that kind hands on."""
    return one.inputs if _PASSING[one.type] is None else one.inputs[:1]


def _above_layers(source: Source) -> frozenset[str] | None:
    """The tensors computed by layers or after them; None where the graph has no layer."""
    above, handed = set[str](), {*source.values}
    for one in source.operations:
        weights = _LAYERS.get(one.type, frozenset()) if not one.domain else frozenset[int]()
        held = any(place in weights and name in handed for place, name in enumerate(one.inputs))
        if held or any(name in above for name in one.inputs):
            above.update(one.outputs)
        elif one.type in _PASSING and not one.domain and handed.issuperset(_handed_on(one)):
            handed.update(one.outputs)
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
