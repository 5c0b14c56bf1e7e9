"""A network made of nothing but new layers, with fresh weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

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
        BadArgument, ShapeMismatch: a layer cannot stand on the one below it.
    """
    bare = Graph(nodes=(Node(name=spec.name, function="input"),), inputs=(spec,), outputs=(spec.name,))
    network = GraphNetwork(bare, {}, format=FORMAT)
    stack = begun(network, spec.name, seed)
    counts: dict[str, int] = {}
    for layer in layers:
        counts[layer.kind] = counts.get(layer.kind, 0) + 1
        put(stack, layer, layer.name or f"{layer.kind}{counts[layer.kind]}")
    made = joined(network, stack)
    graph = replace(made.graph, collections={CODE: (stack.top,)})
    return GraphNetwork(graph, made.values, format=FORMAT)
