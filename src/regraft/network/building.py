"""What importers build a graph with, node by node."""

from __future__ import annotations

from dataclasses import dataclass, field

from regraft.network.graph import Node, Ref
from regraft.network.new_layers import TRAINING


class Unsupported(Exception):
    """A layer or operation does what no function here does; the message says what."""


@dataclass(kw_only=True)
class Nodes:
    """The nodes that have been built.

    Attributes:
        nodes: by name, in running order.
        updates: the tensor that holds the next value of each moving average, by its name.
    """

    nodes: dict[str, Node] = field(default_factory=dict[str, Node])
    updates: dict[str, str] = field(default_factory=dict[str, str])

    def add(self, node: Node) -> Ref:
        """Put a node behind the others."""
        self.nodes[node.name] = node
        return Ref(node.name)

    def switch(self) -> Ref:
        """The predicate that is true in training."""
        return self.add(Node(name=TRAINING.name, function="input"))
