"""Several networks as one, in which whatever they compute alike is there once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regraft.features.key import numbered
from regraft.network import Graph, GraphNetwork, InputSpec, Node
from regraft.network.modes import specialise

_INPUT = "input:0"


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """Some tensors of a network, computed from one of its inputs."""

    network: GraphNetwork
    tensors: tuple[str, ...]
    given: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Merged:
    """One network instead of several.

    Attributes:
        network: its outputs are all the tensors wanted, each distinct one once.
        names: for each part, what its tensors are called here.
    """

    network: GraphNetwork
    names: tuple[tuple[str, ...], ...]


def merged(parts: Sequence[Part], spec: InputSpec) -> Merged:
    """The parts as one network for evaluation, which reads one input.

    Two nodes are one where they are the same operation on the same nodes, or hold the same numbers: networks whose
    blocks are equal up to a cut become one network up to there.

    Args:
        spec: how the input of each of them is fed.
    """
    nodes = _Nodes()
    names = tuple(nodes.add(part) for part in parts)
    graph = Graph(
        nodes=(Node(name=_INPUT, function="input"), *nodes.kept.values()),
        inputs=(replace(spec, name=_INPUT),),
        outputs=tuple(dict.fromkeys(name for own in names for name in own)),
    )
    return Merged(network=GraphNetwork(graph, nodes.values, format="merged"), names=names)


class _Nodes:
    """Nodes of several networks, by what they compute."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Any, ...], Node] = {}
        self.values: dict[str, np.ndarray] = {}

    def add(self, part: Part) -> tuple[str, ...]:
        """Put in what a part needs; what its tensors are called here."""
        called = {part.given: _INPUT}
        for node in specialise(part.network.graph, part.tensors, [part.given], training=False):
            if node.name in called:
                continue
            if node.function == "identity":
                called[node.name] = called[next(node.refs())]
            elif node.function == "parameter":
                called[node.name] = self._parameter(node, part.network.values[node.args[0]])
            else:
                called[node.name] = self._operation(node, called)
        return tuple(called[name] for name in part.tensors)

    def _parameter(self, node: Node, value: np.ndarray) -> str:
        digest = hashlib.blake2b(np.ascontiguousarray(value).data, digest_size=16).digest()
        name = f"weight{len(self.values)}"
        made = Node(name=f"{name}:0", function="parameter", args=(name,), kwargs=node.kwargs)
        kept = self.kept.setdefault(("parameter", value.dtype.str, value.shape, digest), made)
        if kept is made:
            self.values[name] = value
        return kept.name

    def _operation(self, node: Node, called: Mapping[str, str]) -> str:
        args = numbered(node.args, called)
        made = Node(name=f"tensor{len(self.kept)}:0", function=node.function, args=args, kwargs=node.kwargs)
        return self.kept.setdefault((node.function, repr(args), repr(sorted(node.kwargs.items()))), made).name
