"""What a card says of a network, found out from the network itself."""

from __future__ import annotations

from math import prod
from typing import Any

from regraft.features.key import trunk_hash
from regraft.network import GraphNetwork

_KINDS = {"NHWC": "image", "NCHW": "image", "tokens": "text", "bytes": "text", "flat": "rows"}


def described(network: GraphNetwork) -> dict[str, Any]:
    """The kind of its input, its parameters, FLOPs and architecture, as `Card` has them."""
    weights = [p for p in network.parameters.values() if p.trainable]
    data = [spec for spec in network.graph.inputs if not spec.side]
    return {
        "input": _KINDS.get(data[0].layout, "other") if data else "none",
        "parameters": sum(prod(p.shape) for p in weights),
        "flops": sum(layer.flops for layer in network.layers.values()) if network.outputs else None,
        "architecture": trunk_hash(
            network, network.outputs or list(network.nodes), list(network.inputs), weights=False
        ),
    }


def cuts_of(network: GraphNetwork) -> tuple[dict[str, Any], ...]:
    """The cuts of a network as `Details` has them; (): there is no graph."""
    if not network.outputs:
        return ()
    found: list[dict[str, Any]] = []
    below = list(network.inputs)
    for cut in network.cuts():
        block = trunk_hash(network, [cut.tensor], below)
        found.append({**vars(cut), "block": block})
        below = [*network.inputs, cut.tensor]  # tokens tell above a cut too how long texts are
    return tuple(found)
