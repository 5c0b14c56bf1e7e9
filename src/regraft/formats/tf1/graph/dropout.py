"""Dropout that a training graph always does: in evaluation its result is what went in.

Graphs write dropout out in small operations, which differ from version to version of TensorFlow: uniform random
numbers, made a mask of zeros and ones by `Floor` or by a comparison, multiplied with (or selecting from) the
input, which was divided by the share that is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from regraft.formats.tf1.graph.additions import TRAINING, free_name, training_switch
from regraft.formats.tf1.graph.source import CONDITIONAL, PASSING, Flow, Operation

_DRAWS = ("RandomUniform", "StatelessRandomUniform", "StatelessRandomUniformV2")
_STILL_RANDOM = ("Mul", "Add", "AddV2", "Sub", "Identity")
_MASKS = ("Floor", "GreaterEqual", "Greater", "Less", "LessEqual")
_STILL_MASK = ("Cast", "Identity")
_QUOTIENTS = ("RealDiv", "Div")
_COPIES = ("Identity", PASSING, "Cast")


@dataclass(frozen=True, kw_only=True)
class Dropout:
    """A dropout found in a graph.

    Attributes:
        result: the operation that gives its result.
        input: the tensor that goes in.
        kept: a scalar placeholder with the share that is kept, if there is one.
        dropped: the same for the share that is dropped.
    """

    result: Operation
    input: str
    kept: str | None = None
    dropped: str | None = None


def found(flow: Flow) -> list[Dropout]:
    """The dropouts of a graph."""
    readers = flow.readers()
    draws = [f"{operation.name}:0" for operation in flow.operations.values() if operation.type in _DRAWS]
    results = {result.name: (result, scaled) for draw in draws for result, scaled in _results(flow, readers, draw)}
    return [_described(flow, result, scaled) for result, scaled in results.values()]


def optional(flow: Flow, dropouts: list[Dropout]) -> Flow:
    """The flow with every dropout that no conditional guards done in training only."""
    operations = dict(flow.operations)
    for dropout in dropouts:
        if not dropout.result.guards:
            operations.setdefault(TRAINING, training_switch())
            raw = replace(dropout.result, name=free_name(dropout.result.name, operations))
            operations[raw.name] = raw
            operations[dropout.result.name] = replace(
                dropout.result, type=CONDITIONAL, inputs=(f"{TRAINING}:0", f"{raw.name}:0", dropout.input), attrs={}
            )
    return Flow(operations, flow.where, flow.given)


def _results(flow: Flow, readers: Mapping[str, list[Operation]], draw: str) -> Iterator[tuple[Operation, str]]:
    """The operations that apply a mask made of random numbers, and the tensor each applies it to."""
    waiting = [(draw, False)]
    seen: set[str] = set()
    while waiting:
        tensor, is_mask = waiting.pop()
        for reader in readers.get(tensor, []):
            output = f"{reader.name}:0"
            if is_mask and _applies(reader, tensor):
                data = reader.inputs[1] if reader.type.startswith("Select") else _other(reader, tensor)
                yield reader, data
            elif output not in seen and reader.type in (_STILL_MASK if is_mask else _STILL_RANDOM + _MASKS):
                seen.add(output)
                waiting.append((output, is_mask or reader.type in _MASKS))


def _applies(reader: Operation, mask: str) -> bool:
    if reader.type in ("Select", "SelectV2"):
        return reader.inputs[:1] == (mask,) and len(reader.inputs) == 3
    return reader.type == "Mul" and len(reader.inputs) == 2


def _other(operation: Operation, tensor: str) -> str:
    return operation.inputs[1] if operation.inputs[0] == tensor else operation.inputs[0]


def _described(flow: Flow, result: Operation, scaled: str) -> Dropout:
    scaling = flow.of(scaled)
    if scaling.type in _QUOTIENTS:
        data, share = scaling.inputs
    elif scaling.type == "Mul":
        data, share = _data_and_scale(flow, scaling)
        quotient = flow.of(flow.through(share, _COPIES))
        share = quotient.inputs[1] if quotient.type in _QUOTIENTS else share
    else:
        return Dropout(result=result, input=scaled)
    placeholder, is_kept = _share(flow, share)
    return Dropout(
        result=result,
        input=data,
        kept=placeholder if is_kept else None,
        dropped=None if is_kept else placeholder,
    )


def _data_and_scale(flow: Flow, product: Operation) -> tuple[str, str]:
    """The scale is the factor that is a constant or computed from constants and scalar placeholders by a division."""
    one, other = product.inputs
    scale = flow.of(flow.through(one, _COPIES))
    return (other, one) if scale.type == "Const" else (one, other)


def _share(flow: Flow, tensor: str) -> tuple[str | None, bool]:
    """The placeholder a share comes from, and whether it is the kept one: each `1 - x` turns it round."""
    is_kept = True
    for _ in range(10):
        tensor = flow.through(tensor, _COPIES)
        operation = flow.of(tensor)
        if operation.type.startswith("Placeholder"):
            return tensor, is_kept
        if operation.type != "Sub":
            break
        tensor, is_kept = operation.inputs[1], not is_kept
    return None, is_kept
