"""Several plans carried out on one source: what they reuse is shared, and each task has a head of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from regraft.errors import BadArgument
from regraft.network.freezing import is_trained, thawed
from regraft.network.graph import ANSWERS, TASKS, VECTOR, Graph, Node, Ref
from regraft.network.network import GraphNetwork
from regraft.network.plan import Plan, with_output
from regraft.network.surgery import Graft, Grown, end_of_trunk, grow, with_frozen

_NAME = re.compile(r"[A-Za-z]\w*")


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a task wants of a source.

    Attributes:
        plan: its own; of what several share they must say the same.
        classes: the names of its classes.
        answers: what it answers, where that is no class: "multilabel", "regress".
        each_place: whether there is an answer for each place of a sequence, not one for the whole.
        detached: whether its loss leaves the trunk alone.
    """

    plan: Plan
    classes: tuple[str, ...]
    answers: str | None = None
    each_place: bool = False
    detached: bool = False


def classes_of_task(task: str) -> str:
    """The collection that holds the names of a task's classes."""
    return f"{TASKS}/{task}"


def graft_tasks(network: GraphNetwork, wanted: Mapping[str, Wanted], seed: int) -> dict[str, Graft]:
    """Carry out the plans of several tasks on one source.

    All grafts have the same network, whose outputs are called as the tasks are. Tasks that the source has learned
    before are kept: nothing that they are computed from is trained.

    Raises:
        UnknownName, ShapeMismatch: a plan does not fit the source.
        BadArgument: plans do not go together, or one would change a task that the source has learned.
    """
    known = network.collections.get(TASKS, ())
    _require_names(wanted, known)
    grown = {task: _grown(network, task, one, seed) for task, one in wanted.items()}
    kept = network.towards(*known) if known else None
    _require_alike(grown)
    if kept is not None:
        _require_untouched(kept, grown)
    classes = {classes_of_task(task): one.classes for task, one in wanted.items()}
    answers = {ANSWERS + task: (one.answers,) for task, one in wanted.items() if one.answers}
    vectors = {
        VECTOR + task: vector
        for task, one in grown.items()
        if (vector := one.network.collections.get(VECTOR + one.logits))
    }
    whole = _united(kept, grown, classes | answers | vectors)
    frozen = frozenset(kept.parameters if kept else ()).union(*(one.frozen for one in grown.values()))
    shared = with_frozen(whole, frozen)
    return {task: one.finished(shared) for task, one in grown.items()}


def named_after(task: str, plan: Plan) -> Plan:
    """The plan with new layers named after a task: the output as the task itself.

    Raises:
        BadArgument: the plan adds no layer.
    """
    layers = with_output(plan.new)
    if not layers:
        raise BadArgument(f"{task} has no layer of its own", expected="new layers, the last a dense one", got="none")
    names = [task if layer.is_output else f"{task}_{layer.name or place}" for place, layer in enumerate(layers, 1)]
    return replace(plan, new=tuple(replace(layer, name=name) for layer, name in zip(layers, names, strict=True)))


def _grown(network: GraphNetwork, task: str, one: Wanted, seed: int) -> Grown:
    plan = named_after(task, one.plan)
    if one.detached:
        plan = replace(plan, stop_gradient=(end_of_trunk(network, plan, each_place=one.each_place),))
    return grow(network, plan, classes=len(one.classes), seed=seed, each_place=one.each_place)


def _require_names(wanted: Mapping[str, Wanted], known: Sequence[str]) -> None:
    for task in wanted:
        if not _NAME.fullmatch(task):
            raise BadArgument(f"a task cannot be called {task!r}", expected="letters, digits and _, a letter first")
        if task in known:
            raise BadArgument(
                f"the network has learned {task} already", got=", ".join(known), fix="give the new task another name"
            )


def _require_alike(grown: Mapping[str, Grown]) -> None:
    """Refuse plans of which one trains, or begins anew, what another keeps."""
    found: dict[str, tuple[str, tuple[bool, bool]]] = {}
    for task, one in grown.items():
        for name in one.trunk.parameters:
            state = (name in one.fresh, name in one.frozen)
            other, before = found.setdefault(name, (task, state))
            if before != state:
                raise BadArgument(
                    f"{other} and {task} want two different things of {name}, which they share",
                    got="a plan that keeps it and one that does not",
                    fix="let all plans reuse and freeze the same; a task that shall not train the trunk is detached",
                )


def _require_untouched(kept: GraphNetwork, grown: Mapping[str, Grown]) -> None:
    """Refuse plans that would change what the source's own tasks are computed from."""
    for task, one in grown.items():
        changed = [
            node.args[0]
            for node in one.trunk.graph.nodes
            if node.function == "parameter" and is_trained(node) and node.args[0] not in one.frozen
        ]
        if changed:
            raise BadArgument(
                f"{task} would change what {', '.join(kept.outputs)} of this network are computed from",
                got=f"a plan that trains {', '.join(changed[:3])}",
                fix="freeze all of the trunk",
            )


def _united(
    kept: GraphNetwork | None, grown: Mapping[str, Grown], collections: Mapping[str, tuple[str, ...]]
) -> GraphNetwork:
    """One network with the outputs of all tasks, and what else is known of these."""
    parts = [one.network for one in grown.values()]
    graphs = [*([thawed(kept.graph)] if kept else []), *(part.graph for part in parts)]
    ends = [Node(name=task, function="identity", args=(Ref(one.logits),)) for task, one in grown.items()]
    first = graphs[0]
    graph = replace(
        first,
        nodes=(*_same_nodes(graphs), *ends),
        inputs=tuple({spec.name: spec for graph in graphs for spec in graph.inputs}.values()),
        outputs=(*(kept.outputs if kept else ()), *grown),
        switches=tuple({switch.name: switch for graph in graphs for switch in graph.switches}.values()),
        updates={parameter: tensor for graph in graphs for parameter, tensor in graph.updates.items()},
        slices={parameter: part for graph in graphs for parameter, part in graph.slices.items()},
        collections={**first.collections, **collections, TASKS: (*first.collections.get(TASKS, ()), *grown)},
        training=None,
    )
    values = {name: value for part in (*([kept] if kept else []), *parts) for name, value in part.values.items()}
    return GraphNetwork(graph, values, format=parts[0].format)


def _same_nodes(graphs: Sequence[Graph]) -> list[Node]:
    """The nodes of all graphs, each once, in running order.

    Raises:
        BadArgument: one is something else in two of them.
    """
    found: dict[str, Node] = {}
    for graph in graphs:
        for node in graph.nodes:
            if found.setdefault(node.name, node) != node:
                raise BadArgument(
                    f"the plans want two different things of {node.name}, which they share",
                    fix="let all of them reuse, rename and stop the same; `at` and `new` may differ",
                )
    return list(found.values())
