"""What a network remembers of its training data: the statistics its first batch norm was left with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from regraft.errors import BadArgument
from regraft.network.flow import data_refs
from regraft.network.graph import Node
from regraft.network.modes import specialise
from regraft.network.network import GraphNetwork

_ADDS = ("add", "add_v2")
# Channels that were silent in training have a variance near 0; next to this they do not count.
_FLOOR = 1e-3


@dataclass(frozen=True, kw_only=True)
class Statistics:
    """Mean and variance (c) of each channel of a tensor, as training left them. `axis` is where channels lie."""

    tensor: str
    axis: int
    mean: np.ndarray
    variance: np.ndarray

    def gap(self, values: np.ndarray) -> float:
        """How far the channels of `values` are from these statistics.

        |log variance - log variance| + |mean - mean| / standard deviation, averaged over the channels. Real networks
        on pictures prepared rightly: 0.3 to 0.6; in another range: 0.9 and more.
        """
        axes = tuple(axis for axis in range(values.ndim) if axis != self.axis % values.ndim)
        x = torch.from_numpy(values)  # numpy takes three times as long
        middle = x.mean(axes, keepdim=True)
        mean, variance = middle.flatten().double().numpy(), (x - middle).square_().mean(axes).double().numpy() + _FLOOR
        known = self.variance + _FLOOR
        spread = np.abs(np.log(variance) - np.log(known))
        shift = np.abs(mean - self.mean) / np.sqrt(np.maximum(variance, known))
        return float((spread + shift).mean())


def first_statistics(network: GraphNetwork, given: str) -> Statistics | None:
    """The statistics of the first batch norm after the input `given`; None where the network has none.

    Fused batch norms, and the ones written out as x * f + (beta - mean * f) with f = rsqrt(variance + epsilon),
    times gamma or not, which `tf.nn.batch_normalization` leaves.
    """
    try:
        nodes = specialise(network.graph, list(network.outputs), list(network.inputs), training=False)
    except BadArgument:
        return None
    search = _Search({node.name: node for node in nodes}, network.values, given)
    found = (search.batch_norm(node) for node in nodes)
    return next((statistics for statistics in found if statistics is not None), None)


class _Search:
    """Looks at the nodes of one graph, in evaluation."""

    def __init__(self, nodes: Mapping[str, Node], values: Mapping[str, np.ndarray], given: str) -> None:
        self._nodes = nodes
        self._values = values
        self._fed = {given}
        for node in nodes.values():
            if any(name in self._fed for name in data_refs(node)):
                self._fed.add(node.name)

    def batch_norm(self, node: Node) -> Statistics | None:
        if node.name not in self._fed:
            return None
        if node.function == "fused_batch_norm" and not node.kwargs.get("is_training", True):
            axis = -1 if str(node.kwargs.get("data_format", "NHWC")).endswith("C") else 1
            return self._statistics(node.args[0].name, node.args[3].name, node.args[4].name, axis)
        if node.function == "batch_norm_with_global_normalization":
            return self._statistics(node.args[0].name, node.args[1].name, node.args[2].name, -1)
        return self._written_out(node) if node.function == "mul" else None

    def _written_out(self, product: Node) -> Statistics | None:
        """Of x * f."""
        for x, factor in _orders(product):
            variance = None if factor in self._fed else self._variance(factor)
            if variance is None or x not in self._fed:
                continue
            for other in self._nodes.values():
                for mean, same in _orders(other) if other.function == "mul" else ():
                    if other is not product and self._source(same) == self._source(factor):
                        found = self._statistics(x, mean, variance, -1)
                        if found:
                            return found
        return None

    def _variance(self, factor: str) -> str | None:
        """Of f = rsqrt(variance + epsilon), or f = rsqrt(...) * gamma."""
        node = self._nodes[self._source(factor)]
        if node.function == "mul":
            roots = [self._nodes[self._source(name)] for name in node.refs()]
            node = next((root for root in roots if root.function == "rsqrt"), node)
        if node.function != "rsqrt":
            return None
        inner = self._nodes[self._source(node.args[0].name)]
        if inner.function not in _ADDS:
            return None
        sizes = {name: value.size for name in inner.refs() if (value := self._value(name)) is not None}
        return next((name for name, size in sizes.items() if size > 1), None)

    def _statistics(self, x: str, mean: str, variance: str, axis: int) -> Statistics | None:
        means, variances = self._value(mean), self._value(variance)
        if means is None or variances is None or means.shape != variances.shape or not means.size:
            return None
        # 1 x 1 x 1 x c is a usual form of written out ones
        channels = means.size
        axis = axis if means.ndim < 2 else means.shape.index(channels) - means.ndim
        flat = means.reshape(-1).astype(np.float64), variances.reshape(-1).astype(np.float64)
        return Statistics(tensor=x, axis=axis, mean=flat[0], variance=flat[1])

    def _value(self, name: str) -> np.ndarray | None:
        node = self._nodes[self._source(name)]
        if node.function == "parameter":
            return self._values[node.args[0]]
        return np.asarray(node.args[0]) if node.function == "constant" else None

    def _source(self, name: str) -> str:
        while self._nodes[name].function == "identity":
            name = self._nodes[name].args[0].name
        return name


def _orders(node: Node) -> list[tuple[str, str]]:
    """The two inputs of a commutative node, either way round."""
    refs = list(node.refs())
    return [(refs[0], refs[1]), (refs[1], refs[0])] if len(refs) == 2 else []
