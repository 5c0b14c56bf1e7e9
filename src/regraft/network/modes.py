"""One graph, two modes: which nodes run in evaluation and which in training.

A network opened from a training graph carries both sides of `tf.cond(is_training, ...)`. Running both
and choosing afterwards would cost twice and draw random numbers for nothing, so a graph is specialised
before it runs: predicates that depend on switches and constants alone are computed, and only the chosen
side is followed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from regraft.errors import BadArgument
from regraft.network.flow import RANDOM, by_name
from regraft.network.graph import Body, Graph, Node, Ref


def specialise(
    graph: Graph,
    to: Sequence[str],
    inputs: Collection[str],
    *,
    training: bool,
    switches: Mapping[str, bool | float] | None = None,
) -> list[Node]:
    """The nodes that compute `to` from `inputs` in one mode, in running order.

    Switches become constants and decided `select`s an `identity` of the chosen side.

    Args:
        switches: values of some switches by name, in place of the mode's.

    Raises:
        BadArgument: an input outside `inputs` is needed.
    """
    nodes = by_name(graph)
    values = {switch.name: switch.training if training else switch.evaluation for switch in graph.switches}
    decided = _Decisions(nodes, inputs, {**values, **(switches or {})})
    kept: dict[str, Node] = {}
    waiting = list(to)
    while waiting:
        name = waiting.pop()
        if name in kept:
            continue
        node = nodes[name] if name not in inputs else Node(name=name, function="input")
        if name not in inputs:
            node = decided.node(node)
        kept[name] = node
        waiting.extend(node.refs())
    missing = [n.name for n in kept.values() if n.function == "input" and n.name not in inputs]
    if missing:
        raise BadArgument(
            f"{', '.join(to[:3])} cannot be computed without a value for {', '.join(sorted(missing))}",
            fix="give it: run({name: array, ...})",
        )
    return [kept[node.name] for node in graph.nodes if node.name in kept]


class _Decisions:
    """What switches and constants decide; `inputs` are known only when the graph runs, whatever they come from.

    In the body of a loop some tensors are `handed` in: they are others outside.
    """

    def __init__(
        self,
        nodes: Mapping[str, Node],
        inputs: Collection[str],
        switches: Mapping[str, bool | float],
        handed: Mapping[str, tuple[_Decisions, str]] | None = None,
    ) -> None:
        self._nodes = nodes
        self._inputs = inputs
        self._switches = switches
        self._handed = handed or {}
        self._fixed: dict[str, Any] = {}

    def node(self, node: Node) -> Node:
        """The node as it runs in this mode."""
        if node.name in self._switches:
            value = self._switches[node.name]
            dtype = "bool" if isinstance(value, bool) else "float32"
            return Node(name=node.name, function="constant", args=(value,), kwargs={"dtype": dtype})
        if node.function == "loop":
            return self._loop(node)
        if node.function != "select":
            return node
        predicate, on_true, on_false = node.args
        if not self._hangs_on_constants(predicate.name):
            return node
        chosen: Ref = on_true if self._evaluate(predicate.name) else on_false
        return replace(node, function="identity", args=(chosen,))

    def _loop(self, node: Node) -> Node:
        """A loop with what is decided in its body; what goes from step to step never is."""
        body: Body = node.kwargs["body"]
        starts, given = node.args[: len(body.variables)], node.args[len(body.variables) :]
        outside: dict[str, Ref] = dict(zip(body.given, given, strict=True))
        handed = {name: (self, ref.name) for name, ref in outside.items()}
        inside = _Decisions({inner.name: inner for inner in body.nodes}, body.variables, {}, handed)
        needed = replace(body, nodes=tuple(map(inside.node, body.nodes))).needed()
        return replace(node, args=(*starts, *(outside[name] for name in needed.given)), kwargs={"body": needed})

    def _hangs_on_constants(self, name: str) -> bool:
        seen: set[str] = set()
        waiting = [name]
        while waiting:
            name = waiting.pop()
            if name in self._inputs:
                return False
            if name in seen or name in self._switches:
                continue
            seen.add(name)
            if name in self._handed:
                outside, there = self._handed[name]
                if not outside._hangs_on_constants(there):
                    return False
                continue
            node = self._nodes[name]
            if node.function in ("input", "parameter", *RANDOM):
                return False
            waiting.extend(node.refs())
        return True

    def _evaluate(self, name: str) -> Any:
        from regraft.network.fx import call

        if name in self._handed:
            outside, there = self._handed[name]
            return outside._evaluate(there)
        if name not in self._fixed:
            node = self.node(self._nodes[name])
            self._fixed[name] = call(node, self._evaluate)
        return self._fixed[name]
