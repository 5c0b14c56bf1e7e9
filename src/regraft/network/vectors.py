"""One vector an example at any tensor, or one for each of its places: what a dense layer put there would read."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from regraft.errors import ShapeMismatch
from regraft.network.network import GraphNetwork
from regraft.network.new_layers import Stack, average, require_sequence
from regraft.network.surgery import stack_on


@dataclass(frozen=True, kw_only=True)
class Vector:
    """A tensor (b width), or (b t width)."""

    name: str
    width: int


def with_vectors(
    network: GraphNetwork, tensors: Iterable[str], *, each_place: bool = False
) -> tuple[GraphNetwork, dict[str, Vector]]:
    """The network with a vector of each tensor as its outputs, and the vectors by the tensors they are of.

    Pictures are averaged over their places and sequences over their steps, as a new dense layer does; a vector stands
    for itself. Tensors no dense layer can stand on are left out.

    Args:
        each_place: whether there is an answer for each place of a sequence: then each place keeps its own vector.
    """
    found: dict[str, Vector] = {}
    nodes = list(network.graph.nodes)
    for tensor in tensors:
        stack = stack_on(network, tensor, seed=0)
        if stack is not None and _read(stack, f"{tensor}@vector", each_place):
            found[tensor] = Vector(name=stack.top, width=stack.shape[-1] or 0)
            nodes += stack.nodes
    outputs = tuple(vector.name for vector in found.values())
    return GraphNetwork(
        replace(network.graph, nodes=tuple(nodes), outputs=outputs), network.values, format=network.format
    ), found


def _read(stack: Stack, name: str, each_place: bool) -> bool:
    try:
        (require_sequence if each_place else average)(stack, name)
    except ShapeMismatch:
        return False
    return True
