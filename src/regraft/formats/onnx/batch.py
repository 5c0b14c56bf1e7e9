"""Files written for one batch size, made to take any.

A fixed batch stands in the inputs and in the shapes that exporters write into `Reshape`. Such a shape is changed only
where that keeps what the graph computes for the batch it was written for. Where something else holds the batch it
stays, and what holds it is said.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from regraft.formats.onnx.source import Source
from regraft.network.graph import InputSpec, Node, Ref

BATCH = "regraft/batch"
_DEEPEST = 32  # dimensions of a shape, and operations that put it together
_SHAPED = {"onnx_reshape": "Reshape", "onnx_expand": "Expand"}


def freed(
    source: Source, nodes: Sequence[Node], specs: Sequence[InputSpec]
) -> tuple[list[Node], list[InputSpec], str | None]:
    """The nodes and inputs with a free batch, and what keeps it from being free, if anything does."""
    fixed = {spec.name: spec.shape[0] for spec in specs if len(spec.shape) > 1 and spec.shape[0]}
    sizes = {spec.shape[0] for spec in specs if spec.shape}
    if not fixed or len(sizes) != 1 or any(len(spec.shape) < 2 for spec in specs):
        return list(nodes), list(specs), None  # several inputs of different lengths have no batch in common
    (batch,) = set(fixed.values())
    freeing = _Freeing(source, nodes, specs[0].name, int(batch or 0))
    changed = [freeing.visit(node) for node in nodes]
    if freeing.holder:
        return list(nodes), list(specs), freeing.holder
    free = [replace(spec, shape=(None, *spec.shape[1:])) for spec in specs]
    return freeing.with_batch(changed), free, None


class _Freeing:
    """Changes the nodes that have the batch in a constant."""

    def __init__(self, source: Source, nodes: Sequence[Node], first: str, batch: int) -> None:
        self._values = source.values
        self._first = first
        self._batch = batch
        self._table = {node.name: node for node in nodes}
        self._fed: set[str] = set()
        self._needs_batch = False
        for node in nodes:
            if node.function == "input" or any(name in self._fed for name in node.refs()):
                self._fed.add(node.name)
        self.holder: str | None = None

    def visit(self, node: Node) -> Node:
        """The node for any batch."""
        if node.function == "onnx_reshape" and node.args[0].name in self._fed:
            return self._reshaped(node)
        if node.function == "onnx_expand" and node.args[0].name in self._fed:
            shape = self._parts(node.args[1])
            if shape is None or (self._batch > 1 and shape[:1] == [self._batch]):
                self._hold(node)
        if node.function == "onnx_concat" and node.kwargs.get("axis") != 0:
            return self._joined(node)
        return node

    def _reshaped(self, node: Node) -> Node:
        parts = self._parts(node.args[1])
        if parts is None or (parts and not isinstance(parts[0], Ref) and parts[0] not in (0, -1, self._batch)):
            self._hold(node)
            return node
        if not parts or parts[0] != self._batch:
            return node
        rest = tuple(parts[1:])
        if all(isinstance(part, int) and part > 0 for part in rest):
            return replace(node, args=(node.args[0], (-1, *rest)))
        self._needs_batch = True
        return replace(node, args=(node.args[0], (Ref(BATCH), *rest)))

    def _joined(self, node: Node) -> Node:
        """What does not come from the input (a class token) has a row for each example of the batch written for."""
        fed = {arg.name in self._fed for arg in node.args if isinstance(arg, Ref)}
        if fed != {True, False}:
            return node
        if self._batch > 1:
            self._hold(node)
        return replace(node, function="concat_rows")

    def with_batch(self, nodes: Sequence[Node]) -> list[Node]:
        """The nodes, with those that tell the batch where one of them needs it."""
        if not self._needs_batch:
            return list(nodes)
        told = [
            Node(name=f"{BATCH}/shape", function="shape", args=(Ref(self._first),), kwargs={"out_type": "int64"}),
            Node(name=BATCH, function="onnx_slice", args=(Ref(f"{BATCH}/shape"), (0,), (1,), (0,), (1,))),
        ]
        start = next(place for place, node in enumerate(nodes) if node.function != "input")
        return [*nodes[:start], *told, *nodes[start:]]

    def _parts(self, arg: Any, depth: int = 0) -> list[int | Ref] | None:
        """The numbers of a shape, a Ref where one is computed from the input; None where they cannot be told.

        A shape that is computed as a whole is one Ref: what computes it knows the batch.
        """
        if isinstance(arg, tuple):
            return list(arg)
        node = self._table[arg.name]
        if depth > _DEEPEST:
            return None
        if node.function == "constant":
            value: Any = node.args[0]
            return [int(number) for number in value] if isinstance(value, tuple) else [int(value)]
        if node.function in ("onnx_concat", "concat_rows"):
            joined: list[int | Ref] = []
            for part in node.args:
                found = self._parts(part, depth + 1)
                if found is None or len(joined) + len(found) > _DEEPEST:
                    return None
                joined += found
            return joined
        if node.function in ("onnx_unsqueeze", "onnx_squeeze", "onnx_cast", "identity") and node.name not in self._fed:
            return self._parts(node.args[0], depth + 1)
        return [arg] if node.name in self._fed else None

    def _hold(self, node: Node) -> None:
        if self.holder is None:
            self.holder = f"{_SHAPED.get(node.function, 'Concat')} {node.name}"
