"""Fresh weights for layers of a source, as each would have been initialised before anything was learned."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.network.graph import Node
from regraft.network.layers import parameters_of
from regraft.network.network import GraphNetwork
from regraft.network.new_layers import glorot_uniform


def is_weight(network: GraphNetwork, name: str) -> bool:
    """Whether a parameter is a weight: counters and other whole numbers are kept, never reset or frozen."""
    return network.parameters[name].value.dtype.kind == "f"


def untrained(network: GraphNetwork, seed: int) -> GraphNetwork:
    """The same network with fresh weights, as its layers would have been initialised."""
    weights = [name for name in network.parameters if is_weight(network, name)]
    return network.assign({name: fresh_value(network, name, seed) for name in weights})


def fresh_value(network: GraphNetwork, name: str, seed: int) -> np.ndarray:
    """A fresh value for a parameter that is not reused: as its layer would have been initialised."""
    old = network.parameters[name]
    readers = [node for node in network.graph.nodes if name in parameters_of(node, network.nodes)]
    if any(_is_filter_first(node) for node in readers) and old.value.ndim > 2:
        value = np.moveaxis(glorot_uniform(name, (*old.shape[2:], *old.shape[1::-1]), seed), (-1, -2), (0, 1))
    elif old.value.ndim >= 2:
        value = glorot_uniform(name, old.shape, seed)
    elif name.rpartition("/")[2] in ("gamma", "moving_variance", "scale") or _multiplies(network, name, readers):
        value = np.ones(old.shape)
    else:
        value = np.zeros(old.shape)
    return value.astype(old.dtype)


def _is_filter_first(node: Node) -> bool:
    """Whether a convolution holds its weights as (out in h w)."""
    return node.kwargs.get("filter_format") == "OIHW" or node.function.startswith("aten.conv")


# Which of the parameters that a normalisation reads are factors or variances, by how many it reads.
_FACTORS = {1: (0,), 2: (0,), 4: (0, 3)}
_FACTORS_OF_OLD = (1, 3)  # of TensorFlow's first batch norm, which reads mean, variance, beta, gamma


def _multiplies(network: GraphNetwork, name: str, readers: Sequence[Node]) -> bool:
    """Whether a parameter is the scale or the variance of its layer, 1 where nothing is learned yet."""
    for node in readers:
        read = parameters_of(node, network.nodes)
        old = node.function == "batch_norm_with_global_normalization"
        factors = _FACTORS_OF_OLD if old else _FACTORS.get(len(read), ())
        if "norm" in node.function and read.index(name) in factors:
            return True
    return any(node.function == "mul_along" for node in readers)
