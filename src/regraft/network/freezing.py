"""What frozen means for a graph: no gradient, evaluation for good, and features that never change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from regraft.network.flow import RANDOM, ancestors, by_name, data_refs
from regraft.network.graph import Graph, Node
from regraft.network.layers import parameters_of
from regraft.network.modes import specialise

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork


def frozen_graph(graph: Graph, frozen: Collection[str]) -> Graph:
    """The graph with some parameters frozen for good.

    They are no longer trained nor followed by moving averages, and conditionals on the mode are settled
    for evaluation where they hold a frozen layer or feed one: a frozen batch norm must not use the
    statistics of the batch, and dropout between two frozen layers stays off. Dropout above the last frozen
    layer stays on: it belongs to what is trained.
    """
    if not frozen:
        return graph
    nodes = tuple(
        replace(node, kwargs={**node.kwargs, "frozen": True})
        if node.function == "parameter" and node.args[0] in frozen
        else node
        for node in graph.nodes
    )
    updates = {parameter: tensor for parameter, tensor in graph.updates.items() if parameter not in frozen}
    graph = replace(graph, nodes=nodes, updates=updates)
    return _settled(graph, _fed_by_frozen_only(graph, frozen) | _sides_of_frozen(graph, frozen))


def thawed(graph: Graph) -> Graph:
    """The graph without the marks an earlier plan left on its parameters."""
    nodes = tuple(
        replace(node, kwargs={"trainable": node.kwargs["trainable"]}) if node.function == "parameter" else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def feature_tensors(network: GraphNetwork, logits: str) -> tuple[str, ...]:
    """The highest tensors below `logits` that stay the same, example by example, however training goes.

    `logits` can be computed from them in training and in evaluation, though a conditional on the mode may read
    one tensor on one side and another on the other.
    """
    graph, inputs = network.graph, list(network.inputs)
    modes = [{n.name: n for n in specialise(graph, [logits], inputs, training=training)} for training in (True, False)]
    both = {**modes[0], **modes[1]}
    nodes = [both[node.name] for node in graph.nodes if node.name in both]
    differing = {name for name in both if all(name in mode for mode in modes) and modes[0][name] != modes[1][name]}
    moving = _downstream(nodes, {*differing, *(node.name for node in nodes if _moves(node, graph))})
    steady = {name for name in _fed(nodes, inputs) - moving if name in inputs or _per_example(network, name)}
    found = {name for mode in modes for name in _highest(mode, logits, steady)}
    return tuple(node.name for node in nodes if node.name in _merged(found, both, steady))


def _per_example(network: GraphNetwork, name: str) -> bool:
    tensor = network.tensors.get(name)  # an operation of several outputs is no tensor
    return tensor is not None and tensor.per_example


def _fed(nodes: Iterable[Node], inputs: Collection[str]) -> set[str]:
    """The inputs, and the nodes that read values of theirs."""
    fed = set(inputs)
    fed.update(node.name for node in nodes if any(name in fed for name in data_refs(node)))
    return fed


def _highest(table: Mapping[str, Node], top: str, among: Collection[str]) -> set[str]:
    """The first tensors of `among` on every way down from `top`."""
    found: set[str] = set()
    seen: set[str] = set()
    waiting = [top]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        # Shape arithmetic is not stored: it is done again above, from the tensor whose shape it reads.
        if name in among:
            found.add(name)
        else:
            waiting.extend(table[name].refs())
    return found


def _merged(names: Collection[str], table: Mapping[str, Node], among: Collection[str]) -> set[str]:
    """The names, with one tensor in place of several that are copies of it, as the sides of a conditional read."""
    origins: dict[str, str] = {}
    for name in names:
        origin = name
        while table[origin].function == "identity" and (below := next(table[origin].refs())) in among:
            origin = below
        origins[name] = origin
    shared = Counter(origins.values())
    return {origin if shared[origin] > 1 else name for name, origin in origins.items()}


def is_trained(node: Node) -> bool:
    """Whether the optimizer changes a parameter node."""
    return node.kwargs["trainable"] and not node.kwargs.get("frozen", False)


def _moves(node: Node, graph: Graph) -> bool:
    """Whether a node's value changes while the network trains, or depends on who else is in the batch."""
    if node.function == "parameter":
        return is_trained(node) or node.args[0] in graph.updates
    return node.function in RANDOM or bool(node.kwargs.get("is_training"))


def _downstream(nodes: Iterable[Node], sources: Iterable[str]) -> set[str]:
    reached = set(sources)
    for node in nodes:
        if any(name in reached for name in node.refs()):
            reached.add(node.name)
    return reached


def _trained_nodes(graph: Graph) -> set[str]:
    """Names of the parameter nodes that training or moving averages change."""
    return {
        node.name
        for node in graph.nodes
        if node.function == "parameter" and (is_trained(node) or node.args[0] in graph.updates)
    }


def _fed_by_frozen_only(graph: Graph, frozen: Collection[str]) -> set[str]:
    """Nodes at or below a frozen layer that has nothing trained below it."""
    nodes = by_name(graph)
    warm = _downstream(graph.nodes, _trained_nodes(graph))
    layers = [n.name for n in graph.nodes if n.name not in warm and set(parameters_of(n, nodes)) & set(frozen)]
    return ancestors(nodes, layers)


def _sides_of_frozen(graph: Graph, frozen: Collection[str]) -> set[str]:
    """Conditionals that read frozen parameters, and nothing trained, in what the two sides do not share."""
    nodes = by_name(graph)
    trained = {nodes[name].args[0] for name in _trained_nodes(graph)}
    found: set[str] = set()
    for node in graph.nodes:
        if node.function == "select":
            sides = [ancestors(nodes, [ref.name]) for ref in node.args[1:]]
            own = set.union(*sides) - set.intersection(*sides)
            read = {p for name in own for p in parameters_of(nodes[name], nodes)}
            if read & set(frozen) and not read & trained:
                found.add(node.name)
    return found


def _settled(graph: Graph, names: Collection[str]) -> Graph:
    """The graph with the conditionals among `names` that depend on the mode replaced by their evaluation side."""
    inputs = [spec.name for spec in graph.inputs]
    selects = [node.name for node in graph.nodes if node.function == "select" and node.name in names]
    evaluated = {node.name: node for node in specialise(graph, selects, inputs, training=False)}
    nodes = tuple(evaluated[node.name] if node.name in selects else node for node in graph.nodes)
    return replace(graph, nodes=nodes)
