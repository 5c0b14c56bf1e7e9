"""A graph made ready to be traced: sizes and axes become numbers in the calls.

A tracer follows tensors without their values, so a shape that lies in a tensor cannot be read. What hangs on constants
and on shapes alone is therefore computed beforehand, at two batch sizes. What is the same at both is a constant; what
grows with the batch becomes `times * batch + plus`, and stays free. What is another where other free dimensions are, as
positions of words are in longer texts, is left to the tracer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from regraft.network.flow import RANDOM
from regraft.network.fx import call
from regraft.network.graph import InputSpec, Node, Ref
from regraft.network.lengths import free_size
from regraft.network.shapes import UNKNOWN_WITHOUT_VALUES, known, meta, sample

_BATCHES = (2, 3)
_SIZES = (224, 256)  # of other free dimensions
_MOST = 4096  # numbers in a literal: shapes, axes and paddings are short

Value = Any  # a tensor, or a tuple of them


def with_literals(
    nodes: Sequence[Node],
    inputs: Sequence[InputSpec],
    parameters: Mapping[str, tuple[tuple[int, ...], str]],
    to: Sequence[str],
) -> list[Node]:
    """The nodes, those that hang on shapes and constants alone computed, their values put into the calls.

    Args:
        nodes: specialised for one mode, in running order.
        inputs: of the nodes.
        parameters: shape and numpy type of each parameter.
        to: the tensors wanted.
    """
    one, other = (free_size(inputs, size) for size in _SIZES)
    first, second = (_values(nodes, inputs, parameters, batch, one) for batch in _BATCHES)
    if any(None in spec.shape[1:] for spec in inputs):
        longer = _values(nodes, inputs, parameters, _BATCHES[0], other)
        first = {name: value for name, value in first.items() if _stays(value, longer.get(name))}
    free = next((spec.name for spec in inputs if spec.shape and spec.shape[0] is None), None)
    made: dict[str, Node] = {}
    for node in nodes:
        if node.function in ("input", "parameter", "constant"):
            made[node.name] = node
        elif _same(first.get(node.name), second.get(node.name)):
            made[node.name] = _constant(node.name, first[node.name])
        else:
            args, new = _filled(node, first, second, free)
            made.update((one.name, one) for one in new)
            made[node.name] = replace(node, args=args)
    return _used(list(made.values()), to)


def _values(
    nodes: Sequence[Node],
    inputs: Sequence[InputSpec],
    parameters: Mapping[str, tuple[tuple[int, ...], str]],
    batch: int,
    size: int,
) -> dict[str, Value]:
    """What is known of each node: data as tensors without values, what hangs on shapes alone with them."""
    specs = {spec.name: spec for spec in inputs}
    seen: dict[str, Value] = {}
    for node in nodes:
        if node.function == "input":
            seen[node.name] = sample(specs[node.name], batch, size)
        elif node.function == "parameter":
            seen[node.name] = meta(*parameters[node.args[0]])
        elif all(name in seen for name in node.refs()):
            with suppress(*UNKNOWN_WITHOUT_VALUES):
                value = call(node, seen.__getitem__)
                seen[node.name] = value.to("meta") if node.function in RANDOM else known(value)
    return seen


def _is_known(value: Value) -> bool:
    return isinstance(value, torch.Tensor) and not value.is_meta


def _stays(value: Value, longer: Value) -> bool:
    """Whether a value, if it is known, is the same where other free dimensions are."""
    return not _is_known(value) or _same(value, longer)


def _same(one: Value, other: Value) -> bool:
    return _is_known(one) and _is_known(other) and one.dtype == other.dtype and torch.equal(one, other)


def _constant(name: str, value: torch.Tensor) -> Node:
    dtype = str(value.dtype).removeprefix("torch.")
    return Node(name=name, function="constant", args=(_nested(value.tolist()),), kwargs={"dtype": dtype})


def _nested(value: Any) -> Any:
    return tuple(_nested(one) for one in value) if isinstance(value, list) else value


def _filled(
    node: Node, first: Mapping[str, Value], second: Mapping[str, Value], free: str | None
) -> tuple[tuple[Any, ...], list[Node]]:
    """The arguments of a node with numbers in place of small tensors, where its function takes them."""
    args, known, new = list(node.args), list(node.args), list[Node]()  # known: with the numbers of the first batch
    for place, arg in enumerate(node.args):
        if not isinstance(arg, Ref) or not _is_number(first.get(arg.name)) or not _is_number(second.get(arg.name)):
            continue
        literal = _nested(first[arg.name].tolist())
        tried = (*known[:place], literal, *known[place + 1 :])
        if not _takes(replace(node, args=tried), first):
            continue
        grown = _grown(literal, _nested(second[arg.name].tolist()), free, new)
        if grown is not None:
            args[place], known[place] = grown, literal
    return tuple(args), new


def _is_number(value: Value) -> bool:
    """Whether a value is a size, an axis or a list of them."""
    return _is_known(value) and value.numel() <= _MOST


def _takes(node: Node, values: Mapping[str, Value]) -> bool:
    try:
        result = call(node, values.__getitem__)
    except Exception:  # whatever a function says to numbers where it wants tensors
        return False
    known = values.get(node.name)
    return known is None or _form(result) == _form(known)


def _form(value: Value) -> Any:
    if isinstance(value, tuple):
        return [_form(one) for one in value]
    return (tuple(value.shape), value.dtype) if isinstance(value, torch.Tensor) else value


def _grown(one: Any, other: Any, free: str | None, new: list[Node]) -> Any:
    """Numbers at two batch sizes as one argument; None where they do not grow with the batch."""
    if isinstance(one, tuple):
        if not isinstance(other, tuple) or len(one) != len(other):
            return None
        items = tuple(_grown(a, b, free, new) for a, b in zip(one, other, strict=True))
        return None if None in items else items
    if one == other:
        return one
    times = (other - one) // (_BATCHES[1] - _BATCHES[0])
    plus = one - times * _BATCHES[0]
    if free is None or not isinstance(one, int) or not isinstance(other, int):
        return None
    name = f"{free}@rows*{times}+{plus}"
    if all(node.name != name for node in new):
        new.append(Node(name=name, function="rows", args=(Ref(free),), kwargs={"times": times, "plus": plus}))
    return Ref(name)


def _used(nodes: Sequence[Node], to: Sequence[str]) -> list[Node]:
    """The nodes that are still read, or wanted."""
    needed, kept = set(to), list[Node]()
    for node in reversed(nodes):
        if node.name in needed:
            kept.append(node)
            needed.update(node.refs())
    return kept[::-1]
