"""Outputs that rate tags in a row: the scores of each word, and beside them those of one tag after another."""

from __future__ import annotations

from dataclasses import dataclass, replace

from regraft.network.graph import Node
from regraft.network.halves import restricted
from regraft.network.network import GraphNetwork

CHAINED = "chained"  # the function of such an output


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The parameters of such an output, each (k+1 k+1): `docs/why/027-a-chain-beside-the-scores.md` says of what."""

    transitions: str
    possible: str


def chain_of(network: GraphNetwork, output: str) -> Chain | None:
    """That of an output; None where each word is told by itself."""
    node = network.nodes[output]
    while node.function == "identity":
        node = network.nodes[next(node.refs())]
    if node.function != CHAINED:
        return None
    _, transitions, possible = (network.nodes[name] for name in node.refs())
    return Chain(transitions=transitions.args[0], possible=possible.args[0])


def without_chains(network: GraphNetwork) -> GraphNetwork:
    """The network with the scores of words alone; itself where it has no other."""
    nodes = tuple(map(_alone, network.graph.nodes))
    if nodes == network.graph.nodes:
        return network
    graph = restricted(replace(network.graph, nodes=nodes), network.outputs)
    return GraphNetwork(graph, network.values, format=network.format)


def _alone(node: Node) -> Node:
    return replace(node, function="identity", args=node.args[:1]) if node.function == CHAINED else node
