"""Shapes, types and FLOPs of every tensor, without computing a number: the graph runs on the meta device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

import torch
from torch.utils.flop_counter import FlopCounterMode

from regraft.network.fx import call, substituted
from regraft.network.graph import Graph, InputSpec, Node
from regraft.network.lengths import free_size
from regraft.network.modes import specialise

# Sizes put in place of free dimensions. Two passes with different ones show which dimensions of a tensor
# are free; both suit nets that halve a picture five times.
_PASSES = ((2, 224), (3, 288))

_LARGE = 1 << 20  # numbers; sizes and indices are computed from few

# Functions whose results are told from what they are given: on the meta device torch works these out in Python, in
# milliseconds each, of which a network has hundreds.
TOLD: Mapping[str, Callable[..., object]] = {
    "aten.batch_norm.default": lambda x, *_: torch.empty_like(x),
    "aten.hardtanh.default": lambda x, *_: torch.empty_like(x),
    "batch_norm_in_training": lambda x, _, __, mean, variance, *___: (torch.empty_like(x), mean, variance),
}

# What functions raise where a shape is computed from data, of which there are no values here.
UNKNOWN_WITHOUT_VALUES = (
    RuntimeError, NotImplementedError, ValueError, IndexError, TypeError, ZeroDivisionError
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tensor:
    """A named activation. `shape` is with the batch, None where free; None as a whole where it cannot be told."""

    name: str
    shape: tuple[int | None, ...] | None
    dtype: str | None
    flops: int = 0  # for one example: a multiplication and an addition count as two
    per_example: bool = True  # whether its first axis is the batch; True as well where it cannot be told

    def has_places(self, inputs: Mapping[str, InputSpec]) -> bool:
        """Whether it is a sequence (b t d) with a place for each that an input (b t) has."""
        lengths = [spec.shape[1] for spec in inputs.values() if len(spec.shape) == 2]
        return self.shape is not None and len(self.shape) == 3 and self.shape[1] in lengths


def propagate(graph: Graph, values: Mapping[str, tuple[tuple[int, ...], str]]) -> dict[str, Tensor]:
    """What is known of every tensor of the graph in evaluation.

    Args:
        values: shape and numpy type of each parameter.
    """
    with FlopCounterMode(display=False) as counter:
        first = _run(graph, values, *_PASSES[0], counter)
    second = _run(graph, values, *_PASSES[1])
    tensors: dict[str, Tensor] = {}
    for node in graph.nodes:
        one, other = first.get(node.name), second.get(node.name)
        if one is None or other is None:
            tensors[node.name] = Tensor(name=node.name, shape=None, dtype=None)
        elif isinstance(one.value, torch.Tensor) and isinstance(other.value, torch.Tensor):
            shape = _merged(one.value.shape, other.value.shape)
            flops = one.flops // _PASSES[0][0] if shape and shape[0] is None else one.flops
            tensors[node.name] = Tensor(
                name=node.name,
                shape=shape,
                dtype=_numpy_name(one.value.dtype),
                flops=flops,
                per_example=(*one.value.shape[:1], *other.value.shape[:1]) == tuple(batch for batch, _ in _PASSES),
            )
        # what remains is an operation of several outputs: no tensor itself
    return tensors


@dataclass
class _Seen:
    value: object
    flops: int


def _run(
    graph: Graph,
    values: Mapping[str, tuple[tuple[int, ...], str]],
    batch: int,
    size: int,
    counter: FlopCounterMode | None = None,
) -> dict[str, _Seen]:
    specs = {spec.name: spec for spec in graph.inputs}
    size = free_size(graph.inputs, size)
    seen: dict[str, _Seen] = {}
    for node in specialise(graph, [n.name for n in graph.nodes], list(specs), training=False):
        if node.function == "input":
            if specs[node.name].shape:
                seen[node.name] = _Seen(sample(specs[node.name], batch, size), 0)
        elif node.function == "parameter":
            shape, dtype = values[node.args[0]]
            seen[node.name] = _Seen(meta(shape, dtype), 0)
        elif all(name in seen for name in node.refs()):
            before = counter.get_total_flops() if counter else 0
            with suppress(*UNKNOWN_WITHOUT_VALUES):
                value = known(_value(node, lambda name: seen[name].value))
                seen[node.name] = _Seen(value, counter.get_total_flops() - before if counter else 0)
    return seen


def known(value: object) -> object:
    """A value as it is kept for others: of a large tensor that hangs on constants alone, no numbers."""
    return value.to("meta") if isinstance(value, torch.Tensor) and value.numel() > _LARGE else value


def _value(node: Node, value_of: Callable[[str], object]) -> object:
    told = TOLD.get(node.function)
    return told(*substituted(node.args, value_of)) if told else call(node, value_of)


def sample(spec: InputSpec, batch: int, size: int) -> torch.Tensor:
    """A tensor without values for an input: `size` stands in free dimensions behind the batch."""
    free = [batch, *[size] * (len(spec.shape) - 1)][: len(spec.shape)]
    return meta(tuple(have or put for have, put in zip(spec.shape, free, strict=True)), spec.dtype)


def meta(shape: tuple[int, ...], dtype: str) -> torch.Tensor:
    """A tensor without values."""
    return torch.empty(shape, dtype=getattr(torch, dtype), device="meta")


def _merged(one: torch.Size, other: torch.Size) -> tuple[int | None, ...] | None:
    if len(one) != len(other):
        return None
    return tuple(a if a == b else None for a, b in zip(one, other, strict=True))


def _numpy_name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
