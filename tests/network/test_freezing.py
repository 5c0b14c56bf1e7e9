"""Which tensors are stored as features: the ones that stay the same, in both modes, with a row for each example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from regraft.network import GraphNetwork, Node, Plan, Ref, Switch
from regraft.network.surgery import graft


def with_nodes(network: GraphNetwork, added: Sequence[Node], below: str, above: str) -> GraphNetwork:
    """The network with nodes put after `below`; what read it reads `above`."""
    nodes: list[Node] = []
    for node in network.graph.nodes:
        args = tuple(Ref(above) if arg == Ref(below) else arg for arg in node.args)
        nodes += [replace(node, args=args), *(added if node.name == below else ())]
    return GraphNetwork(replace(network.graph, nodes=tuple(nodes)), network.values, format=network.format)


def node(name: str, function: str, *args: object, **kwargs: object) -> Node:
    return Node(name=name, function=function, args=args, kwargs=kwargs)


def test_features_below_a_conditional_on_the_mode_serve_both_its_sides(
    dense_net: GraphNetwork, vectors: np.ndarray
) -> None:
    # tf.cond(is_training, dropout, identity): each side reads hidden2 through a Switch output of its own
    network = with_nodes(
        dense_net,
        [
            node("is_training:0", "input"),
            node("cond/on:0", "identity", Ref("dnn/hidden2/Relu:0")),
            node("cond/off:0", "identity", Ref("dnn/hidden2/Relu:0")),
            node("cond/dropout:0", "dropout", Ref("cond/on:0"), rate=0.5),
            node("cond/Identity:0", "identity", Ref("cond/off:0")),
            node("cond/Merge:0", "select", Ref("is_training:0"), Ref("cond/dropout:0"), Ref("cond/Identity:0")),
        ],
        "dnn/hidden2/Relu:0",
        "cond/Merge:0",
    )
    switches = (Switch(name="is_training:0", evaluation=False, training=True),)
    network = GraphNetwork(replace(network.graph, switches=switches), network.values, format="test")
    done = graft(network, Plan(at="dnn/hidden3/Relu", freeze="hidden[12]"), classes=2)
    assert done.features == ("dnn/hidden2/Relu:0",)
    below = done.network.run(vectors, to="dnn/hidden2/Relu:0")
    np.testing.assert_array_equal(
        done.network.run({"dnn/hidden2/Relu:0": below}, to=done.logits), done.network.run(vectors, to=done.logits)
    )


def test_features_have_a_row_for_each_example(conv_net: GraphNetwork) -> None:
    network = with_nodes(
        conv_net,
        [
            node("atrous/block:0", "constant", (2, 2), dtype="int32"),
            node("atrous/none:0", "constant", ((0, 0), (0, 0)), dtype="int32"),
            node("atrous/scale:0", "parameter", "atrous/scale", trainable=True),
            node(
                "atrous/split:0", "space_to_batch_nd", Ref("conv1/Relu:0"), Ref("atrous/block:0"), Ref("atrous/none:0")
            ),
            node("atrous/scaled:0", "mul", Ref("atrous/split:0"), Ref("atrous/scale:0")),
            node(
                "atrous/joined:0",
                "batch_to_space_nd",
                Ref("atrous/scaled:0"),
                Ref("atrous/block:0"),
                Ref("atrous/none:0"),
            ),
        ],
        "conv1/Relu:0",
        "atrous/joined:0",
    )
    network = GraphNetwork(network.graph, {**network.values, "atrous/scale": np.ones(4, "float32")}, format="test")
    done = graft(network, Plan(at="pool", freeze="conv1|bn1"), classes=2)
    assert done.features == ("conv1/Relu:0",)  # atrous/split:0 has four rows for each example
