"""A head that is one dense layer on frozen features: a convex problem, with an answer that does not depend on luck.

It starts from zero and sees features of mean 0 and spread 1, so that the same learning rate and the same penalty
suit every network; mean and spread are folded into the layer afterwards. What is saved is the trunk and a plain
dense layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from regraft.errors import BadArgument
from regraft.network import Graph, GraphNetwork, Node, Ref
from regraft.network.surgery import Graft
from regraft.tasks.head import array
from regraft.tasks.rows import Scaling


@dataclass(frozen=True, kw_only=True)
class Linear:
    """The parameters of such a head."""

    kernel: str  # (d k)
    bias: str  # (k)


def linear_head(graft: Graft) -> Linear | None:
    """The head of a graft, if it is logits = features @ kernel + bias, both trained; else None."""
    if len(graft.features) != 1 or (found := _layer_on(graft, graft.features[0])) is None:
        return None
    return found if _all_trained(graft.network.graph, found) else None


def output_layer(graft: Graft) -> Linear | None:
    """The last layer of a graft, if it is x @ kernel + bias of new parameters, whatever x; else None."""
    found = _layer_on(graft)
    new = {row.parameter for row in graft.rows if row.state == "new"}
    return found if found and {found.kernel, found.bias} <= new else None


def _layer_on(graft: Graft, tensor: str | None = None) -> Linear | None:
    """The dense layer without an activation that gives the logits, on a certain tensor or on any."""
    nodes = graft.network.nodes
    added = nodes[graft.logits]
    if added.function != "bias_add":
        return None
    product, bias = (_read(nodes, added, k) for k in (0, 1))
    if product.function != "mat_mul" or bias.function != "parameter":
        return None
    features, kernel = (_read(nodes, product, k) for k in (0, 1))
    plain = not (product.kwargs.get("transpose_a") or product.kwargs.get("transpose_b"))
    if tensor not in (None, features.name) or kernel.function != "parameter" or not plain:
        return None
    return Linear(kernel=kernel.args[0], bias=bias.args[0])


def require_linear(graft: Graft) -> Linear:
    """The same.

    Raises:
        BadArgument: the head is something else.
    """
    found = linear_head(graft)
    if found is None:
        raise BadArgument(
            "only a head of one dense layer on frozen features can be trained on centred ones",
            got=f"{graft.logits} on {', '.join(graft.features)}",
            fix="leave out `centred`",
        )
    return found


def zeroed(network: GraphNetwork, head: Linear) -> GraphNetwork:
    """The network with the head at zero."""
    return network.assign({name: np.zeros_like(network.values[name]) for name in (head.kernel, head.bias)})


def folded(values: Mapping[str, np.ndarray], head: Linear, scaling: Scaling) -> dict[str, np.ndarray]:
    """The weights for features as they are, from those for scaled features."""
    kernel = values[head.kernel].astype(np.float64) / scaling.spread
    bias = values[head.bias] - array(scaling.mean.double()) @ kernel
    return {
        **values,
        head.kernel: kernel.astype(values[head.kernel].dtype),
        head.bias: bias.astype(values[head.bias].dtype),
    }


def _read(nodes: Mapping[str, Node], node: Node, position: int) -> Node:
    ref = node.args[position]
    assert isinstance(ref, Ref)
    return nodes[ref.name]


def _all_trained(graph: Graph, head: Linear) -> bool:
    marks = {node.args[0]: node.kwargs for node in graph.nodes if node.function == "parameter"}
    return all(marks[name]["trainable"] and not marks[name].get("frozen") for name in (head.kernel, head.bias))
