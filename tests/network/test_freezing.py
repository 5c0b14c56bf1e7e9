"""What a plan freezes, and which tensors are stored as features: the same in both modes, a row for each example."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from thawing import assert_same_in_both_modes, draws, of_state, thawed

import regraft
from regraft.errors import BadArgument, UnknownName
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


def test_what_lies_below_a_tensor_is_frozen(conv_net: GraphNetwork) -> None:
    done = graft(conv_net, Plan(at="pool", freeze_below="conv1/Relu"), classes=2)
    assert done.frozen == {"conv1/kernel", "bn1/gamma", "bn1/beta", "bn1/moving_mean", "bn1/moving_variance"}
    assert done.features == ("conv1/Relu:0",)
    assert done.plan.freeze is None
    assert graft(conv_net, Plan(at="pool", freeze="conv2", freeze_below="conv1/Conv2D"), classes=2).frozen == {
        "conv1/kernel", "conv2/kernel"
    }  # fmt: skip


def test_what_lies_above_a_tensor_is_frozen_and_the_bottom_is_trained(conv_net: GraphNetwork) -> None:
    done = graft(conv_net, Plan(at="pool", freeze_above="conv1/Relu"), classes=2)
    assert done.frozen == {"conv2/kernel"}
    assert done.features == ("image:0",)
    assert set(done.network.graph.updates) == {"bn1/moving_mean"}
    middle = graft(conv_net, Plan(at="pool", freeze_below="conv1/Conv2D", freeze_above="conv1/Relu"), classes=2)
    assert middle.frozen == {"conv1/kernel", "conv2/kernel"}
    assert middle.features == ("conv1/Conv2D:0",)


def test_a_bottom_that_all_else_of_is_frozen_learns(conv_net: GraphNetwork, pictures: np.ndarray) -> None:
    done = thawed(conv_net, Plan(at="pool", freeze_above="conv1/Relu"), pictures)
    assert {"conv1/kernel", "bn1/gamma", "bn1/beta", "bn1/moving_mean"} == done.changed


def test_fresh_weights_are_not_frozen(conv_net: GraphNetwork) -> None:
    done = graft(conv_net, Plan(at="pool", reuse="conv1", freeze_below="conv1/Relu"), classes=2)
    assert done.frozen == {"conv1/kernel"}


def test_batch_norms_with_frozen_statistics_use_them_in_training(conv_net: GraphNetwork, pictures: np.ndarray) -> None:
    plain = graft(conv_net, Plan(at="pool", freeze=None), classes=3)
    assert not np.array_equal(
        plain.network.run(pictures, to="bn1/Merge:0", training=True), conv_net.run(pictures, to="bn1/Merge:0")
    )
    for plan in (Plan(at="pool", freeze=None, freeze_statistics=True), Plan(at="pool", freeze="bn1/moving_mean")):
        done = thawed(conv_net, plan, pictures)
        assert done.graft.frozen == {"bn1/moving_mean"}  # the only one that this network follows
        assert done.changed == {"conv1/kernel", "bn1/gamma", "bn1/beta", "conv2/kernel"}
        assert_same_in_both_modes(done.graft, pictures, "bn1/Merge:0")
        assert draws(done.graft, pictures)


def test_statistics_that_start_fresh_are_followed(conv_net: GraphNetwork) -> None:
    done = graft(conv_net, Plan(at="pool", reuse="conv", freeze=None, freeze_statistics=True), classes=2)
    assert done.frozen == frozenset()
    assert set(done.network.graph.updates) == {"bn1/moving_mean"}


def test_statistics_cannot_be_frozen_where_dropout_would_be_turned_off_with_them(conv_net: GraphNetwork) -> None:
    sides = {"batch": "bn1/batch:0", "stored": "bn1/stored:0"}
    network = with_nodes(
        conv_net,
        [
            node("net/dropped:0", "dropout", Ref(sides["batch"]), rate=0.5),
            node("net/Merge:0", "select", Ref("is_training:0"), Ref("net/dropped:0"), Ref(sides["stored"])),
        ],
        "bn1/Merge:0",
        "net/Merge:0",
    )
    with pytest.raises(BadArgument) as error:
        graft(network, Plan(at="pool", freeze=None, freeze_statistics=True), classes=2)
    assert str(error.value) == (
        "bn1/moving_mean cannot be frozen by itself\n"
        "  where: net/Merge:0\n"
        "  got: what chooses between it and the batch's own statistics chooses net/dropped:0 too\n"
        "  to do: freeze all moving averages there, or all that the tensor above is computed from"
    )
    assert graft(network, Plan(at="pool", freeze_below="conv1/Relu"), classes=2).features == ("conv1/Relu:0",)


def test_a_tensor_that_divides_nothing_is_refused(conv_net: GraphNetwork) -> None:
    with pytest.raises(BadArgument) as error:
        graft(conv_net, Plan(at="pool", freeze_below="image"), classes=2)
    assert str(error.value) == (
        "freeze_below: no reused parameter of the trunk lies below image\n"
        "  to do: leave out freeze_below, or name another tensor"
    )
    with pytest.raises(BadArgument, match="freeze_above: no reused parameter of the trunk lies above pool"):
        graft(conv_net, Plan(at="pool", freeze_above="pool"), classes=2)


def test_a_tensor_outside_of_the_trunk_is_refused(conv_net: GraphNetwork) -> None:
    with pytest.raises(UnknownName) as error:
        graft(conv_net, Plan(at="conv1/Relu", freeze_below="conv2/Relu"), classes=2)
    assert str(error.value) == (
        "freeze_below: the trunk has no tensor 'conv2/Relu'\n"
        "  expected: conv1/Relu:0, or a tensor that it is computed from\n"
        "  nearest: conv1/Relu:0, conv1/kernel:0\n"
        "  to do: `regraft show --tensors '.*'` lists all tensors"
    )


@pytest.mark.slow
@pytest.mark.parametrize("tensor", ["features.13", "features.15.conv.0.0", "features.17.conv.3"])
def test_mobilenet_is_thawed_from_the_features_below(tensor: str, shared: Path) -> None:
    (file,) = (shared / "models").glob("*mobilenet*v2*/*.pth")
    with warnings.catch_warnings(action="ignore"):
        network = regraft.open("torchvision:mobilenet_v2", weights=file)
    x = np.random.default_rng(0).normal(size=(4, 3, 224, 224)).astype("float32")
    done = thawed(network, Plan(freeze_below=tensor, freeze_statistics=True), x)
    shortcut = {"features.15.conv.0.0": ("features.14.conv.3", "features.15.conv.0.0")}
    assert done.graft.features == shortcut.get(tensor, (tensor,))
    assert done.changed == of_state(done.graft, "reused")
    assert not any("running" in name for name in done.changed)
    assert {"features.18.1.weight", "features.18.1.bias", "features.18.0.weight"} <= done.changed
    assert_same_in_both_modes(done.graft, x, done.graft.at)
