"""Smaller learning rates further down: what lies low was learned on more data, and serves most tasks as it is."""

from __future__ import annotations

from regraft.network.flow import ancestors
from regraft.network.surgery import Graft
from regraft.train.settings import Settings


def layer_rates(graft: Graft, settings: Settings) -> dict[str, float]:
    """What the learning rate of each weight is multiplied with: `layer_decay` to the power of its depth."""
    if settings.layer_decay is None:
        return {}
    return {name: settings.layer_decay**depth for name, depth in depths(graft).items()}


def depths(graft: Graft) -> dict[str, int]:
    """How many blocks of the trunk lie between each parameter and the new layers.

    Blocks end at the network's cuts. New layers, and the highest block that has parameters, are at depth 0.
    """
    network = graft.network
    trunk = ancestors(network.nodes, [graft.at])
    ends = [cut.tensor for cut in network.cuts() if cut.tensor in trunk and cut.tensor != graft.at]
    blocks: list[set[str]] = []
    below: set[str] = set()
    for end in (*ends, graft.at):
        inside = ancestors(network.nodes, [end])
        read = {network.nodes[name].args[0] for name in inside if network.nodes[name].function == "parameter"}
        blocks.append(read - below)
        below |= read
    filled = [block for block in reversed(blocks) if block]
    found = dict.fromkeys(network.parameters, 0)
    return found | {name: depth for depth, block in enumerate(filled) for name in block}
