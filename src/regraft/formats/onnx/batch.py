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
            shape = self._numbers(node.args[1])
            if shape and shape[0] != 1 and self._batch in shape[:1]:
                self._hold(node)
        if node.function == "onnx_concat" and node.kwargs.get("axis") != 0:
            self._check_concat(node)
        return node

    def _reshaped(self, node: Node) -> Node:
        shape = self._numbers(node.args[1])
        if shape is None or not shape or shape[0] in (0, -1):
            return node
        if shape[0] != self._batch or node.kwargs.get("allowzero"):
            self._hold(node)
            return node
        rest = shape[1:]
        if -1 not in rest and 0 not in rest:
            return replace(node, args=(node.args[0], (-1, *rest)))
        self._needs_batch = True
        return replace(node, args=(node.args[0], (Ref(BATCH), *rest)))

    def _check_concat(self, node: Node) -> None:
        """What does not come from the input has one row for each example of the batch it was written for."""
        refs = [arg for arg in node.args if isinstance(arg, Ref)]
        if any(ref.name in self._fed for ref in refs) and not all(ref.name in self._fed for ref in refs):
            shapes = [self._values[ref.name].shape for ref in refs if ref.name in self._values]
            if any(len(shape) > 1 and shape[0] == self._batch for shape in shapes):
                self._hold(node)

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

    def _numbers(self, arg: Any) -> list[int] | None:
        """The numbers of a constant shape."""
        node = self._table.get(arg.name) if isinstance(arg, Ref) else None
        if node is None or node.function != "constant":
            return None
        value: Any = node.args[0]
        return [int(number) for number in value] if isinstance(value, tuple) else [int(value)]

    def _hold(self, node: Node) -> None:
        if self.holder is None:
            self.holder = f"{_SHAPED.get(node.function, 'Concat')} {node.name}"


