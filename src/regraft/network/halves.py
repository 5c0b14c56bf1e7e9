"""Splitting a network at a cut, and proving on a sample that the halves give what the whole gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from regraft.errors import BadArgument
from regraft.network.flow import TOLD_BY_TOKENS, ancestors
from regraft.network.graph import WORD, Graph, InputSpec, Node, Ref

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork

_BATCH = 2  # of the sample


def split(network: GraphNetwork, at: Sequence[str]) -> tuple[GraphNetwork, GraphNetwork]:
    """Trunk and rest of a network cut at the tensors `at` (full names)."""
    trunk = restricted(network.graph, at)
    specs = tuple(_spec(network, name) for name in at)
    rest = _above(network.graph, specs)
    if _past(rest, at):  # it may only ask there how large the batch is, for a mask
        rest = _above(_asking(network, at[0]), specs)
    past = _past(rest, at)
    if past:
        raise BadArgument(
            f"data flow past the cut {', '.join(at)}",
            got=f"the rest still needs {', '.join(past)}",
            fix="add the tensors that go round it to the cut, or take one of net.cuts(all=True)",
        )
    halves = tuple(type(network)(graph, network.values, format=network.format) for graph in (trunk, rest))
    _prove(network, halves[0], halves[1], at)
    return halves[0], halves[1]


def _past(rest: Graph, at: Sequence[str]) -> list[str]:
    """The inputs from which data flow past the cut."""
    return [spec.name for spec in rest.inputs if spec.name not in at and not spec.side]


def _asking(network: GraphNetwork, cut: str) -> Graph:
    """The graph, in which who asks a tensor below the cut for the size of the batch asks the cut."""
    below = ancestors(network.nodes, [cut])
    asked = {
        node.name: node.args[0].name
        for node in network.graph.nodes
        if node.function == "aten.sym_size.int" and node.args[1] == 0 and node.args[0].name in below
    }
    tensors = [cut, *dict.fromkeys(asked.values())]
    sample = {spec.name: _sample(spec) for spec in network.inputs.values()}
    rows = {name: value.shape[:1] for name, value in zip(tensors, network.run(sample, tensors), strict=True)}
    batches = {name for name, tensor in asked.items() if rows[tensor] == rows[cut] == (_BATCH,)}
    changed = [replace(n, args=(Ref(cut), 0)) if n.name in batches else n for n in network.graph.nodes]
    return replace(network.graph, nodes=tuple(changed))


def restricted(graph: Graph, outputs: Sequence[str]) -> Graph:
    """The part of a graph that computes `outputs`."""
    nodes = {node.name: node for node in graph.nodes}
    kept = ancestors(nodes, outputs)
    inside = {nodes[name].args[0] for name in kept if nodes[name].function == "parameter"}
    updates = {p: tensor for p, tensor in graph.updates.items() if p in inside}
    kept |= ancestors(nodes, updates.values())
    parameters = {nodes[name].args[0] for name in kept if nodes[name].function == "parameter"}
    return replace(
        graph,
        nodes=tuple(node for node in graph.nodes if node.name in kept),
        inputs=tuple(spec for spec in graph.inputs if spec.name in kept),
        switches=tuple(switch for switch in graph.switches if switch.name in kept),
        outputs=tuple(outputs),
        updates=updates,
        slices={parameter: part for parameter, part in graph.slices.items() if parameter in parameters},
        training=None,
    )


def _above(graph: Graph, specs: tuple[InputSpec, ...]) -> Graph:
    cut = {spec.name for spec in specs}
    # How long texts are, and which of two is which, goes round the cut: what tells it is an input of the rest.
    told = tuple(
        InputSpec(name=node.name, shape=(None, None), dtype="int64", side=True)
        for node in graph.nodes
        if node.function in TOLD_BY_TOKENS and node.name not in cut
    )
    known = {spec.name for spec in (*specs, *told)}
    inputs = [Node(name=spec.name, function="input") for spec in (*specs, *told)]
    nodes = (*inputs, *(node for node in graph.nodes if node.name not in known))
    opened = replace(graph, nodes=nodes, inputs=(*specs, *told, *(s for s in graph.inputs if s.name not in known)))
    return restricted(opened, graph.outputs)


def _spec(network: GraphNetwork, name: str) -> InputSpec:
    tensor = network.tensors[name]
    if tensor.shape is None or tensor.dtype is None:
        raise BadArgument(f"the shape of {name} depends on the data: the network cannot be cut there")
    return InputSpec(name=name, shape=tensor.shape, dtype=tensor.dtype, layout="other")


def _prove(whole: GraphNetwork, trunk: GraphNetwork, rest: GraphNetwork, at: Sequence[str]) -> None:
    sample = {spec.name: _sample(spec) for spec in whole.inputs.values()}
    expected = whole.run(sample, list(whole.outputs))
    below = trunk.run({name: sample[name] for name in trunk.inputs}, list(at))
    beside = [name for name in rest.inputs if name not in at]
    known = dict(zip(beside, whole.run(sample, beside), strict=True)) if beside else {}
    got = rest.run({**known, **dict(zip(at, below, strict=True))}, list(whole.outputs))
    for name, one, other in zip(whole.outputs, expected, got, strict=True):
        if not np.array_equal(one, other, equal_nan=True):
            raise BadArgument(
                f"cut at {', '.join(at)}, the two halves do not compute {name} as the whole does",
                got=f"a difference of up to {np.max(np.abs(one - other)):.3g} on a sample",
                fix="take one of net.cuts(all=True)",
            )


def _sample(spec: InputSpec) -> np.ndarray:
    is_real = "float" in spec.dtype
    side = 224 if is_real else 16  # of a picture, of a text
    shape = (_BATCH, *((size or side) for size in spec.shape[1:])) if spec.shape else ()
    random = np.random.default_rng(0)
    word = WORD if spec.layout == "tokens" else int(spec.side)
    return random.uniform(-1, 1, shape).astype(spec.dtype) if is_real else np.full(shape, word, spec.dtype)
