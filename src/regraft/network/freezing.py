"""What frozen means for a graph: no gradient, evaluation for good, and features that never change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from regraft.errors import BadArgument, UnknownName
from regraft.network.flow import RANDOM, ancestors, by_name, data_refs
from regraft.network.graph import Graph, Node
from regraft.network.layers import parameters_of
from regraft.network.modes import specialise
from regraft.network.naming import matching

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork
    from regraft.network.plan import Plan


def frozen_graph(graph: Graph, frozen: Collection[str]) -> Graph:
    """The graph with some parameters frozen for good.

    They are no longer trained nor followed by moving averages, and conditionals on the mode are settled
    for evaluation where they hold a frozen layer or feed one: a frozen batch norm must not use the
    statistics of the batch, and dropout between two frozen layers stays off. Dropout above the last frozen
    layer stays on: it belongs to what is trained. A batch norm whose moving averages are frozen uses them in
    training too, whatever else of it is trained.

    Raises:
        BadArgument: a conditional chooses frozen moving averages together with what must not be settled.
    """
    if not frozen:
        return graph
    nodes = tuple(
        replace(node, kwargs={**node.kwargs, "frozen": True})
        if node.function == "parameter" and node.args[0] in frozen
        else node
        for node in graph.nodes
    )
    statistics = {parameter for parameter in graph.updates if parameter in frozen}
    updates = {parameter: tensor for parameter, tensor in graph.updates.items() if parameter not in frozen}
    graph = replace(graph, nodes=nodes, updates=updates)
    choices = _choices(graph)
    still = _fed_by_frozen_only(graph, frozen) | _sides_of_frozen(graph, frozen, choices)
    open_choices = [choice for choice in choices if choice.name not in still]
    return _settled(graph, still | _sides_of_statistics(graph, statistics, open_choices))


def frozen_parameters(trunk: GraphNetwork, plan: Plan, reused: Sequence[str]) -> frozenset[str]:
    """The parameters of a trunk that a plan keeps as they are.

    Args:
        reused: those that keep the source's values; no others are frozen.

    Raises:
        UnknownName: a pattern or a tensor of the plan fits nothing.
        BadArgument: a tensor has no parameter on its side.
    """
    frozen = set(matching(plan.freeze, reused, "freeze")) if plan.freeze is not None and reused else set[str]()
    for word, tensor in (("freeze_below", plan.freeze_below), ("freeze_above", plan.freeze_above)):
        if tensor is not None:
            below = _parameters_below(trunk, _resolved(trunk, word, tensor))
            wanted = {name for name in reused if (name in below) == (word == "freeze_below")}
            frozen |= _some(wanted, word, tensor)
    if plan.freeze_statistics:
        frozen |= {name for name in reused if name in trunk.graph.updates}
    return frozenset(frozen)


def _resolved(trunk: GraphNetwork, word: str, tensor: str) -> str:
    try:
        return trunk.resolve(tensor)
    except UnknownName as error:
        raise UnknownName(
            f"{word}: the trunk has no tensor {tensor!r}",
            expected=f"{trunk.outputs[0]}, or a tensor that it is computed from",
            nearest=error.nearest,
            fix=error.fix,
        ) from None


def _parameters_below(network: GraphNetwork, tensor: str) -> set[str]:
    """The parameters a tensor is computed from, and those that only the next values of these are."""
    nodes, updates = network.nodes, network.graph.updates

    def read(tensors: Iterable[str]) -> set[str]:
        return {nodes[name].args[0] for name in ancestors(nodes, tensors) if nodes[name].function == "parameter"}

    below = read([tensor])
    return below | read(updates[name] for name in below if name in updates)


def _some(names: set[str], word: str, tensor: str) -> set[str]:
    if not names:
        raise BadArgument(
            f"{word}: no reused parameter of the trunk lies {word.removeprefix('freeze_')} {tensor}",
            fix=f"leave out {word}, or name another tensor",
        )
    return names


def thawed(graph: Graph) -> Graph:
    """The graph without the marks an earlier plan left on its parameters."""
    nodes = tuple(
        replace(node, kwargs={"trainable": node.kwargs["trainable"]}) if node.function == "parameter" else node
        for node in graph.nodes
    )
    return replace(graph, nodes=nodes)


def feature_tensors(network: GraphNetwork, logits: str, source: GraphNetwork) -> tuple[str, ...]:
    """The highest tensors below `logits` that stay the same, example by example, however training goes.

    `logits` can be computed from them in training and in evaluation, though a conditional on the mode may read
    one tensor on one side and another on the other.

    Args:
        source: the network that this one was made of: what it knows of its tensors need not be found out again.
    """
    graph, inputs = network.graph, list(network.inputs)
    modes = [{n.name: n for n in specialise(graph, [logits], inputs, training=training)} for training in (True, False)]
    both = {**modes[0], **modes[1]}
    nodes = [both[node.name] for node in graph.nodes if node.name in both]
    differing = {name for name in both if all(name in mode for mode in modes) and modes[0][name] != modes[1][name]}
    moving = _downstream(nodes, {*differing, *(node.name for node in nodes if _moves(node, graph))})
    steady = {name for name in _fed(nodes, inputs) - moving if name in inputs or _per_example(both[name], source)}
    found = {name for mode in modes for name in _highest(mode, logits, steady)}
    return tuple(node.name for node in nodes if node.name in _merged(found, both, steady))


def _per_example(node: Node, source: GraphNetwork) -> bool:
    if node.name in source.nodes:
        tensor = source.tensors.get(node.name)  # an operation of several outputs is no tensor
        return tensor is not None and tensor.per_example
    return node.function not in ("fused_batch_norm", "item")  # of new layers, all but statistics of a batch


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
    if node.function == "loop":
        return any(_moves(inner, graph) for inner in node.kwargs["body"].nodes)
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


@dataclass(frozen=True, kw_only=True)
class _Choice:
    """A conditional that the outputs depend on: what its sides do not share, and the parameters read there."""

    name: str
    own: set[str]
    read: set[str]


def _choices(graph: Graph) -> list[_Choice]:
    nodes = by_name(graph)
    found: list[_Choice] = []
    for name in ancestors(nodes, graph.outputs):
        if nodes[name].function == "select":
            sides = [ancestors(nodes, [ref.name]) for ref in nodes[name].args[1:]]
            own = set.union(*sides) - set.intersection(*sides)
            read = {p for inner in own for p in parameters_of(nodes[inner], nodes)}
            read |= {nodes[inner].args[0] for inner in own if nodes[inner].function == "parameter"}
            found.append(_Choice(name=name, own=own, read=read))
    return found


def _sides_of_frozen(graph: Graph, frozen: Collection[str], choices: Iterable[_Choice]) -> set[str]:
    """Conditionals that read frozen parameters, and nothing trained, in what the two sides do not share."""
    nodes = by_name(graph)
    trained = {nodes[name].args[0] for name in _trained_nodes(graph)}
    return {choice.name for choice in choices if choice.read & set(frozen) and not choice.read & trained}


def _sides_of_statistics(graph: Graph, statistics: Collection[str], choices: Iterable[_Choice]) -> set[str]:
    """Conditionals between frozen moving averages and the statistics of the batch."""
    nodes = by_name(graph)
    found: set[str] = set()
    for choice in choices:
        if choice.read & set(statistics):
            noise = [name for name in choice.own if nodes[name].function in RANDOM]
            others = [*sorted(choice.read & graph.updates.keys()), *sorted(noise)]
            if others:
                raise BadArgument(
                    f"{min(choice.read & set(statistics))} cannot be frozen by itself",
                    where=choice.name,
                    got=f"what chooses between it and the batch's own statistics chooses {', '.join(others[:3])} too",
                    fix="freeze all moving averages there, or all that the tensor above is computed from",
                )
            found.add(choice.name)
    return found


def _settled(graph: Graph, names: Collection[str]) -> Graph:
    """The graph with the conditionals among `names`, also in loops, as they are in evaluation if the mode decides."""
    inputs = [spec.name for spec in graph.inputs]
    choosing = [node.name for node in graph.nodes if node.function in ("select", "loop") and node.name in names]
    evaluated = {node.name: node for node in specialise(graph, choosing, inputs, training=False)}
    nodes = tuple(evaluated[node.name] if node.name in choosing else node for node in graph.nodes)
    return replace(graph, nodes=nodes)
