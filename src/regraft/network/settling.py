"""A network for programs that run it and train nothing: what hangs on weights alone is computed once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from regraft.network.flow import RANDOM, ancestors
from regraft.network.fusing import fused
from regraft.network.graph import Graph, Node
from regraft.network.modes import specialise
from regraft.network.network import GraphNetwork


def settled(network: GraphNetwork) -> GraphNetwork:
    """The network in evaluation, with batch norms taken into the convolutions below them.

    Its parameters are those that examples meet: weights as they were, and under the name of a tensor what was computed
    of weights. It rounds otherwise.
    """
    graph, outputs = network.graph, network.outputs
    nodes = fused(specialise(graph, outputs, [spec.name for spec in graph.inputs], training=False), outputs)
    made = _computed(network, nodes)
    nodes = [_parameter(node.name) if node.name in made else node for node in nodes]
    below = ancestors({node.name: node for node in nodes}, outputs)
    nodes = [node for node in nodes if node.name in below]
    names = [node.args[0] for node in nodes if node.function == "parameter"]
    values = {name: made[name] if name in made else network.values[name] for name in names}
    return GraphNetwork(
        Graph(nodes=tuple(nodes), inputs=graph.inputs, outputs=graph.outputs), values, format=network.format
    )


def _parameter(name: str) -> Node:
    return Node(name=name, function="parameter", args=(name,), kwargs={"trainable": False})


def _computed(network: GraphNetwork, nodes: Sequence[Node]) -> Mapping[str, np.ndarray]:
    """The tensors that hang on weights alone, and are read by what does not."""
    import torch

    from regraft.network.fx import build

    weights = {node.name for node in nodes if node.function == "parameter"}
    constants = {node.name for node in nodes if node.function == "constant"}
    fixed = set(weights)
    for node in nodes:
        read = set(node.refs())
        if read & fixed and read <= fixed | constants and node.function not in RANDOM:
            fixed.add(node.name)
    wanted = {name for node in nodes if node.name not in fixed for name in node.refs()} & (fixed - weights)
    with torch.inference_mode():
        found = build([node for node in nodes if node.name in fixed | constants], network.weights, [], list(wanted))()
    pairs = zip(wanted, found, strict=True)
    # a list, or a size, is left where it is
    return {
        name: value.detach().numpy()
        for name, value in pairs
        if isinstance(value, torch.Tensor) and value.is_floating_point()
    }
