"""A plan carried out: the trunk that stays, the layers that go on top, and what of it will be trained."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from types import MappingProxyType
from typing import Literal

import numpy as np

from regraft.errors import BadArgument, ShapeMismatch, nearest_names
from regraft.network.flow import WEIGHTED, ancestors, by_name, channels_first
from regraft.network.freezing import feature_tensors, frozen_graph, frozen_parameters, thawed
from regraft.network.fresh import fresh_value, is_weight
from regraft.network.graph import ANSWERS, TASKS, VECTOR, Graph, Node, Ref, Slice
from regraft.network.halves import restricted
from regraft.network.naming import matching, renamed, whole_of
from regraft.network.network import GraphNetwork
from regraft.network.new_layers import TRAINING, Stack, put
from regraft.network.plan import New, Plan, with_output

State = Literal["frozen", "reused", "fresh", "new", "dropped"]


@dataclass(frozen=True, kw_only=True)
class Row:
    """What happens to one parameter."""

    parameter: str
    shape: tuple[int, ...]
    state: State
    source: str | None  # its name in the source; None for a new one

    @property
    def count(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True, kw_only=True)
class Graft:
    """A source with a plan carried out on it.

    Attributes:
        network: the trunk and the new layers; its one output is `logits`.
        at: where the trunk ends.
        rows: what happens to each parameter of the source, then the new ones.
        frozen: parameters (new names) that stay as they are.
        features: the highest tensors that stay the same however the rest is trained: computed once and stored.
        logits: the output, (b classes), or (b t classes) where each word gets an answer.
        plan: as carried out, with `at` and `new` filled in.
    """

    network: GraphNetwork
    at: str
    rows: tuple[Row, ...]
    frozen: frozenset[str]
    features: tuple[str, ...]
    logits: str
    plan: Plan

    @property
    def matched(self) -> dict[str, float]:
        """How much of the trunk keeps the source's values: {tensors, of, percent} (of the numbers)."""
        trunk = [row for row in self.rows if row.state in ("frozen", "reused", "fresh")]
        kept = [row for row in trunk if row.state != "fresh"]
        total = sum(row.count for row in trunk)
        return {
            "tensors": len(kept),
            "of": len(trunk),
            "percent": round(100 * sum(row.count for row in kept) / total, 2) if total else 0.0,
        }


@dataclass(frozen=True, kw_only=True)
class Grown:
    """A plan carried out on a source, but for freezing.

    Attributes:
        network: the trunk and the new layers on it.
        trunk: what of it comes from the source, under new names.
        fresh: the trunk's parameters that do not keep the source's values.
        frozen: parameters (new names) that shall stay as they are.
        at, logits, plan: as a `Graft` has them.
    """

    source: GraphNetwork
    network: GraphNetwork
    trunk: GraphNetwork
    fresh: frozenset[str]
    frozen: frozenset[str]
    at: str
    logits: str
    plan: Plan

    def finished(self, network: GraphNetwork) -> Graft:
        """The graft, with the network as it is when it is frozen; it may hold the heads of other plans too."""
        return Graft(
            network=network,
            at=self.at,
            rows=(
                *_trunk_rows(self.trunk, self._names, self.frozen, self.fresh),
                *_new_rows(self.network, self.trunk),
                *_dropped_rows(self.source, self._names.values()),
            ),
            frozen=self.frozen,
            features=feature_tensors(network, self.logits, self.source),
            logits=self.logits,
            plan=self.plan,
        )

    @property
    def _names(self) -> dict[str, str]:
        """The names of the trunk's parameters in the source."""
        inside = _inside(self.source, self.at)
        names = [name for name in _parameter_names(self.source.graph) if name in inside]
        return {renamed(old, self.plan.rename): old for old in names}


def graft(network: GraphNetwork, plan: Plan, *, classes: int, seed: int = 0, each_place: bool = False) -> Graft:
    """Carry out a plan.

    Args:
        classes: width of the output layer.
        seed: of the fresh weights.
        each_place: whether there is an answer for each place of a sequence, not one for the whole.

    Raises:
        UnknownName: a tensor or a pattern of the plan fits nothing.
        ShapeMismatch: the new layers do not fit the trunk, or the output is not one number a class.
    """
    grown = grow(network, plan, classes=classes, seed=seed, each_place=each_place)
    return grown.finished(with_frozen(grown.network, grown.frozen))


def with_frozen(network: GraphNetwork, frozen: Collection[str]) -> GraphNetwork:
    """The network with some parameters frozen for good."""
    return GraphNetwork(frozen_graph(network.graph, frozen), network.values, format=network.format)


def end_of_trunk(network: GraphNetwork, plan: Plan, *, each_place: bool) -> str:
    """The tensor where a plan cuts a network: the one it names, or the usual one."""
    usual = network.last_sequence if each_place else network.bottleneck
    return usual() if plan.at is None else network.resolve(plan.at)


def grow(network: GraphNetwork, plan: Plan, *, classes: int, seed: int, each_place: bool) -> Grown:
    """Carry out a plan, but for freezing; raises what `graft` does."""
    at = end_of_trunk(network, plan, each_place=each_place)
    stack = replace(begun(network, at, seed), each_place=each_place)
    kept = restricted(network.graph, [at] if stack.mask is None else [at, stack.mask])
    collections = {name: of for name, of in kept.collections.items() if not name.startswith((TASKS, ANSWERS, VECTOR))}
    kept = replace(kept, collections=collections)  # what its old outputs answered is no matter any more
    trunk = GraphNetwork(replace(thawed(kept), outputs=(at,)), network.values, format=network.format)
    trunk = _renamed(trunk, plan)
    trained = [name for name in trunk.parameters if is_weight(trunk, name)]
    reused = set(matching(plan.reuse, trained, "reuse")) if trained else set[str]()
    fresh = {name: fresh_value(trunk, name, seed) for name in trained if name not in reused}
    layers = with_output(plan.new)
    grown, logits = _topped(_stopped(trunk, plan), stack, layers, classes, fresh)
    return Grown(
        source=network,
        network=grown,
        trunk=trunk,
        fresh=frozenset(fresh),
        frozen=frozen_parameters(trunk, plan, [name for name in trained if name in reused]),
        at=at,
        logits=logits,
        plan=replace(plan, at=at, new=tuple(layers)),
    )


def _inside(network: GraphNetwork, at: str) -> set[str]:
    nodes = network.nodes
    return {nodes[name].args[0] for name in ancestors(nodes, [at]) if nodes[name].function == "parameter"}


def _parameter_names(graph: Graph) -> list[str]:
    return list(dict.fromkeys(node.args[0] for node in graph.nodes if node.function == "parameter"))


def _renamed(network: GraphNetwork, plan: Plan) -> GraphNetwork:
    if not plan.rename:
        return network
    old_names = list(network.parameters)
    new = {old: renamed(old, plan.rename) for old in old_names}
    for pattern in plan.rename:
        if not any(renamed(old, {pattern: plan.rename[pattern]}) != old for old in old_names):
            raise BadArgument(
                f"rename: {pattern!r} is the full name of no parameter of the trunk",
                nearest=nearest_names(pattern, old_names),
                fix="`regraft show --params '.*'` lists all parameters",
            )
    if len(set(new.values())) < len(new):
        raise BadArgument("rename: two parameters would get the same name", got=str(plan.rename))
    nodes = tuple(replace(n, args=(new[n.args[0]],)) if n.function == "parameter" else n for n in network.graph.nodes)
    values = {new.get(name, name): value for name, value in network.values.items()}
    graph = replace(
        network.graph,
        nodes=nodes,
        updates={new[p]: tensor for p, tensor in network.graph.updates.items()},
        slices=_renamed_slices(network.graph, new),
    )
    return GraphNetwork(graph, values, format=network.format)


def _renamed_slices(graph: Graph, new: Mapping[str, str]) -> dict[str, Slice]:
    """The parts of variables under new names, which say how the whole is called; a part named otherwise is none."""
    found: dict[str, Slice] = {}
    for old, part in graph.slices.items():
        whole = part.whole if new[old] == old else whole_of(new[old])
        if whole:
            found[new[old]] = replace(part, whole=whole)
    return found


def _stopped(network: GraphNetwork, plan: Plan) -> GraphNetwork:
    """The network with gradients stopped at tensors: what reads them reads a copy without gradient."""
    stops = {network.resolve(name): f"{name}@stop_gradient" for name in plan.stop_gradient}
    if not stops:
        return network
    nodes: list[Node] = []
    for node in network.graph.nodes:
        nodes.append(replace(node, args=_redirected(node.args, stops)))
        if node.name in stops:
            nodes.append(Node(name=stops[node.name], function="stop_gradient", args=(Ref(node.name),)))
    outputs = tuple(stops.get(name, name) for name in network.graph.outputs)
    return GraphNetwork(
        replace(network.graph, nodes=tuple(nodes), outputs=outputs), network.values, format=network.format
    )


def _redirected(args: tuple[object, ...], to: Mapping[str, str]) -> tuple[object, ...]:
    def redirect(value: object) -> object:
        if isinstance(value, Ref):
            return Ref(to.get(value.name, value.name))
        return _redirected(value, to) if isinstance(value, tuple) else value

    return tuple(redirect(value) for value in args)


def stack_on(network: GraphNetwork, tensor: str, seed: int) -> Stack | None:
    """New layers begin here, on a tensor; None where its shape or type is not known."""
    known = network.tensors[tensor]
    if known.shape is None or known.dtype is None:
        return None
    shape = known.shape[1:]
    first = _steps_last(network.graph, tensor) if len(shape) == 2 else _channels_first(network.graph, tensor)
    mask = _mask(network, tensor) if len(shape) == 2 else None
    return Stack(top=tensor, shape=shape, dtype=known.dtype, channels_first=first, seed=seed, mask=mask)


def _mask(network: GraphNetwork, sequence: str) -> str | None:
    """What tells where the texts stand that a sequence (b t d) is of, as long as it has their length."""
    found = next((node.name for node in network.graph.nodes if node.function == "token_mask"), None)
    shapes = [network.tensors[name].shape or () for name in (sequence, found)] if found else [(), ()]
    return found if shapes[0][1:2] == shapes[1][1:2] else None


def begun(network: GraphNetwork, at: str, seed: int) -> Stack:
    """New layers begin here, on a tensor.

    Raises:
        BadArgument: nothing is known of its shape.
    """
    stack = stack_on(network, at, seed)
    if stack is None:
        raise BadArgument(
            f"the shape of {at} depends on the data: nothing can be put on it", fix="cut below it: --at NAME"
        )
    return stack


def _topped(
    trunk: GraphNetwork, stack: Stack, layers: Sequence[New], classes: int, fresh: Mapping[str, np.ndarray]
) -> tuple[GraphNetwork, str]:
    """The trunk with the new layers on top, and the name of its output."""
    stack.vector = stack.top if len(stack.shape) == 1 else None
    stack.top = trunk.graph.outputs[0]
    taken = {name.partition("/")[0] for name in (*trunk.nodes, *trunk.parameters)}
    for index, layer in enumerate(layers):
        name = _name(layer, index, taken)
        taken.add(name)
        wide = replace(layer, width=classes) if layer.is_output else layer
        put(stack, wide, name)
    if stack.shape[-1:] != (classes,) or len(stack.shape) != 1 + stack.each_place:
        expected = f"(b, t, {classes}): one number a class for each word" if stack.each_place else ""
        raise ShapeMismatch(
            f"the output {stack.top} does not fit the task",
            expected=expected or f"(b, {classes}): one number a class",
            got=f"(b, {', '.join(str(size or '?') for size in stack.shape)})",
            fix="let the new layers end with a dense layer without a width",
        )
    return joined(trunk, stack, fresh), stack.top


def _name(layer: New, index: int, taken: Collection[str]) -> str:
    """The name of a new layer: the plan's, or one that is free."""
    if layer.name is None:
        wanted = "outputs" if layer.is_output else f"new{index + 1}"
        numbered = (f"{wanted}_{k}" for k in itertools.count(1))
        return next(name for name in itertools.chain([wanted], numbered) if name not in taken)
    if layer.name in taken:
        raise BadArgument(
            f"the new layer {layer.name!r} has the name of a layer that is there", fix="give it another name"
        )
    return layer.name


def joined(trunk: GraphNetwork, stack: Stack, fresh: Mapping[str, np.ndarray] = MappingProxyType({})) -> GraphNetwork:
    """A network with the layers of a stack on top, whose end is its one output.

    Args:
        fresh: new values for parameters of the network.
    """
    graph = trunk.graph
    switches = (*graph.switches, TRAINING) if stack.uses_switch and TRAINING not in graph.switches else graph.switches
    known = {node.name for node in graph.nodes}
    texts = any(spec.layout == "tokens" for spec in graph.inputs)
    joined = replace(
        graph,
        nodes=(*graph.nodes, *(node for node in stack.nodes if node.name not in known)),
        outputs=(stack.top,),
        switches=switches,
        updates={**graph.updates, **stack.updates},
        collections={**graph.collections, **(stack.vectors if texts else {})},
    )
    inside = set(_parameter_names(joined))
    values = {name: value for name, value in trunk.values.items() if name in inside}
    return GraphNetwork(joined, {**values, **fresh, **stack.values}, format=trunk.format)


def _channels_first(graph: Graph, tensor: str) -> bool:
    """The layout of a spatial tensor: what the nearest operation below it that has one says."""
    told = (channels_first(node) for node in _downwards(graph, tensor))
    by_input = any(spec.layout == "NCHW" for spec in graph.inputs)
    return next((first for first in told if first is not None), by_input)


def _steps_last(graph: Graph, tensor: str) -> bool:
    """Whether a sequence is (b d t), as convolutions of torch and ONNX leave it, and not (b t d)."""
    for node in _downwards(graph, tensor):
        told = channels_first(node)
        if told is not None or node.function in (*WEIGHTED, *_TURNS):
            return node.function in _OVER_STEPS if told is None else told
    return False


_OVER_STEPS = ("aten.conv1d.default", "aten.conv_transpose1d.default", "onnx_conv", "onnx_conv_transpose")
_TURNS = ("aten.permute.default", "aten.transpose.int", "onnx_transpose", "transpose")


def _downwards(graph: Graph, tensor: str) -> Iterator[Node]:
    """A tensor's node and those it is computed from, the nearest first."""
    nodes = by_name(graph)
    waiting, seen = [tensor], {tensor}
    while waiting:
        node = nodes[waiting.pop(0)]
        yield node
        waiting += [name for name in dict.fromkeys(node.refs()) if name not in seen]
        seen.update(node.refs())


def _trunk_rows(
    trunk: GraphNetwork, sources: Mapping[str, str], frozen: Collection[str], fresh: Collection[str]
) -> list[Row]:
    def state(name: str) -> State:
        return "frozen" if name in frozen else "fresh" if name in fresh else "reused"

    return [
        Row(parameter=name, shape=trunk.parameters[name].shape, state=state(name), source=sources[name])
        for name in trunk.parameters
    ]


def _new_rows(grown: GraphNetwork, trunk: GraphNetwork) -> list[Row]:
    return [
        Row(parameter=p.name, shape=p.shape, state="new", source=None)
        for p in grown.parameters.values()
        if p.name not in trunk.parameters
    ]


def _dropped_rows(network: GraphNetwork, kept: Collection[str]) -> list[Row]:
    return [
        Row(parameter=p.name, shape=p.shape, state="dropped", source=p.name)
        for p in network.parameters.values()
        if p.name not in kept
    ]
