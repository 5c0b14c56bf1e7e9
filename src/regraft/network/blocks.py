"""Blocks of a network that was made of torch modules: its units of repetition, after each of which it may be cut.

The names of tensors tell the modules they come from ("layer1.0/add", "features.3.conv.1"). Going down from the whole
model, a module is a block if, in it or in one of its siblings of the same kind of name ("features.3" and "features.4"),
tensors are joined by an operation of its own, as a residual block does; or if data cannot be cut between its parts; or
if it holds one layer with weights at most.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from regraft.network.flow import WEIGHTED, data_refs, narrow_points
from regraft.network.graph import Node

_NUMBER = re.compile(r"\d+")


def is_of_modules(nodes: Sequence[Node]) -> bool:
    """Whether the nodes are named after torch modules."""
    return any(node.function.startswith("aten.") for node in nodes)


def block_outputs(path: Sequence[Node]) -> list[Node]:
    """Of the narrow points before each block of a data path, the last that computes something.

    What only reads out (pooling over all places, flattening, dropout) belongs to what comes above it.
    """
    points = {node.name for node in narrow_points(path)}
    starts = _starts(path, points)
    ends: list[Node] = []
    candidate: Node | None = None
    started = goes_on = False
    for node in path:
        reads_out = _reads_out(node)
        if node.name in starts:
            if candidate and started:
                ends.append(candidate)
            candidate, started = None, True
        if node.name in points and not reads_out:
            candidate, goes_on = node, False
        else:
            goes_on = goes_on or node.function in _POOLS
    return [*ends, candidate] if candidate and started and goes_on else ends


def _starts(path: Sequence[Node], points: Collection[str]) -> set[str]:
    """The first layer with weights of each block."""
    joining = {_kind(_owner(node)) for node in path if _joins(node, path_names(path))}
    return set(_descend(path, "", points, joining))


def path_names(path: Sequence[Node]) -> set[str]:
    """The names of the nodes on a path."""
    return {node.name for node in path}


def _descend(nodes: Sequence[Node], module: str, points: Collection[str], joining: Collection[str]) -> Iterator[str]:
    weighted = [node for node in nodes if node.function in WEIGHTED]
    if not weighted:
        return
    if module and (_kind(module) in joining or len(weighted) == 1 or not _divided(nodes, points)):
        parts = {_part(node, module) for node in weighted}
        if _kind(module) in joining or len(weighted) == 1 or len(parts) > 1 or module in parts:
            yield weighted[0].name
            return
    parts_in_order: dict[str, list[Node]] = {}
    for node in nodes:
        parts_in_order.setdefault(_part(node, module), []).append(node)
    for part, inside in parts_in_order.items():
        if part == module:
            yield from (node.name for node in inside if node.function in WEIGHTED)
        else:
            yield from _descend(inside, part, points, joining)


def _divided(nodes: Sequence[Node], points: Collection[str]) -> bool:
    """Whether the nodes can be cut between two of their layers with weights."""
    places = [k for k, node in enumerate(nodes) if node.function in WEIGHTED]
    return any(node.name in points for node in nodes[places[0] : places[-1]])


def _part(node: Node, module: str) -> str:
    """The module inside `module` that a node belongs to; `module` itself for an operation of its own."""
    owner = _owner(node)
    if owner == module:
        return module
    rest = owner.removeprefix(f"{module}.") if module else owner
    first = rest.partition(".")[0]
    return f"{module}.{first}" if module else first


def _owner(node: Node) -> str:
    """The module a node is an operation of."""
    return node.name.partition("/")[0].partition("@")[0] if _is_named_so(node) else ""


def _is_named_so(node: Node) -> bool:
    return ":" not in node.name


def _kind(module: str) -> str:
    return _NUMBER.sub("#", module)


def _joins(node: Node, known: Collection[str]) -> bool:
    return node.function.startswith("aten.") and len({name for name in data_refs(node) if name in known}) > 1


def _reads_out(node: Node) -> bool:
    """Whether a node gives numbers that are there already, or the mean over all places."""
    drops = node.function == "select" and any(name.endswith("/dropped") for name in node.refs())
    return drops or node.function in _POOLS or (node.function in _MOVES and "/" in node.name) or node.function in _ROWS


_POOLS = frozenset({"aten.adaptive_avg_pool2d.default", "aten.mean.dim", "aten.select.int"})
_ROWS = frozenset({"identity", "aten.flatten.using_ints", "aten.squeeze.dim", "aten.squeeze.dims", "aten.slice.Tensor"})
_MOVES = frozenset(
    {
        "item", "aten.view.default", "aten.reshape.default", "aten.permute.default", "aten.transpose.int",
        "aten.contiguous.default", "aten.clone.default", "aten.unsqueeze.default",
    }
)  # fmt: skip
