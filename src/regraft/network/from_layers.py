"""A network made of nothing but new layers, with fresh weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from regraft.errors import BadArgument
from regraft.network.graph import CODE, Graph, InputSpec, Node
from regraft.network.network import GraphNetwork
from regraft.network.new_layers import put
from regraft.network.plan import New
from regraft.network.surgery import begun, joined

FORMAT = "layers"


def from_layers(spec: InputSpec, layers: Sequence[New], seed: int = 0) -> GraphNetwork:
    """The layers on top of each other on an input; the last one's output is the code that new heads stand on.

    Args:
        spec: the input, its sizes known but for the batch.
        layers: from the lowest to the highest; they are called by their kinds and numbers ("conv1", "dense2").
        seed: of the weights.

    Raises:
        BadArgument, ShapeMismatch: a layer cannot stand on the one below it, or two have one name.
    """
    bare = Graph(nodes=(Node(name=spec.name, function="input"),), inputs=(spec,), outputs=(spec.name,))
    network = GraphNetwork(bare, {}, format=FORMAT)
    stack = begun(network, spec.name, seed)
    for layer, name in zip(layers, _names(layers), strict=True):
        put(stack, layer, name)
    made = joined(network, stack)
    graph = replace(made.graph, collections={CODE: (stack.top,)})
    return GraphNetwork(graph, made.values, format=FORMAT)


def _names(layers: Sequence[New]) -> list[str]:
    """The names that were given, and kinds with numbers for the others."""
    counts: dict[str, int] = {}
    found = list[str]()
    for layer in layers:
        counts[layer.kind] = counts.get(layer.kind, 0) + 1
        found.append(layer.name or f"{layer.kind}{counts[layer.kind]}")
    twice = [name for name in found if found.count(name) > 1]
    if twice:
        raise BadArgument(f"two layers are called {twice[0]}", fix="give them different names, or none")
    return found
