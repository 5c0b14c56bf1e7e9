"""Values fed to a network: switches among them, and everything that is no array of numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from regraft.errors import BadArgument, ShapeMismatch, UnknownName
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref, Switch


def scaled() -> GraphNetwork:
    """x (b 2) divided by keep_prob."""
    nodes = (
        Node(name="x:0", function="input"),
        Node(name="keep_prob:0", function="input"),
        Node(name="div:0", function="real_div", args=(Ref("x:0"), Ref("keep_prob:0"))),
    )
    graph = Graph(
        nodes=nodes,
        inputs=(InputSpec(name="x:0", shape=(None, 2)),),
        outputs=("div:0",),
        switches=(Switch(name="keep_prob:0", evaluation=1.0, training=0.5),),
    )
    return GraphNetwork(graph, {}, format="test")


@pytest.mark.parametrize("value", [True, 1, np.bool_(True), np.array(True)])
def test_a_fed_switch_decides_whatever_the_mode_is(conv_net: GraphNetwork, pictures: np.ndarray, value: object) -> None:
    stored, trained = conv_net.run(pictures, "bn1/Merge"), conv_net.run(pictures, "bn1/Merge", training=True)
    assert not np.allclose(stored, trained)
    np.testing.assert_array_equal(conv_net.run({"image:0": pictures, "is_training:0": value}, "bn1/Merge"), trained)
    fed = conv_net.run({"image": pictures, "is_training": not value}, "bn1/Merge", training=True)
    np.testing.assert_array_equal(fed, stored)
    np.testing.assert_array_equal(conv_net.run(pictures, "bn1/Merge"), stored)


def test_a_fed_number_takes_the_place_of_the_modes() -> None:
    x = np.ones((1, 2), np.float32)
    network = scaled()
    for given, expected in ((0.25, 4.0), (np.float32(0.8), 1.25), (1, 1.0)):
        assert network.run({"x:0": x, "keep_prob:0": given}, training=True)[0, 0] == expected
    assert network.run(x, training=True)[0, 0] == 2.0
    assert network.run(x)[0, 0] == 1.0


def test_a_tensor_fed_between_a_switch_and_its_conditional_decides(
    conv_net: GraphNetwork, pictures: np.ndarray
) -> None:
    nodes: list[Node] = []
    for node in conv_net.graph.nodes:
        renamed = tuple(Ref("pred:0") if arg == Ref("is_training:0") else arg for arg in node.args)
        nodes.append(replace(node, args=renamed))
        if node.name == "is_training:0":
            nodes.append(Node(name="pred:0", function="identity", args=(Ref(node.name),)))
    network = GraphNetwork(replace(conv_net.graph, nodes=tuple(nodes)), conv_net.values, format="test")
    trained = network.run(pictures, "bn1/Merge", training=True)
    fed = network.run({"image:0": pictures, "pred:0": np.array(True)}, "bn1/Merge")
    np.testing.assert_array_equal(fed, trained)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (0.5, "the value for the switch is_training:0 cannot be used\n  expected: True or False\n  got: 0.5"),
        (2, "the value for the switch is_training:0 cannot be used\n  expected: True or False\n  got: 2"),
        (
            [True, False],
            "the value for the switch is_training:0 cannot be used\n"
            "  expected: True or False\n"
            "  got: an array of shape (2,)",
        ),
        (
            "yes",
            "the value for is_training:0 holds no numbers\n"
            "  expected: True or False\n"
            "  got: str, which makes an array of <U3",
        ),
        (
            None,
            "the value for is_training:0 holds no numbers\n"
            "  expected: True or False\n"
            "  got: NoneType, which makes an array of object",
        ),
    ],
)
def test_a_switch_takes_one_truth_value(
    conv_net: GraphNetwork, pictures: np.ndarray, value: object, message: str
) -> None:
    with pytest.raises(BadArgument) as error:
        conv_net.run({"image:0": pictures, "is_training:0": value})
    assert str(error.value) == message


def test_a_share_takes_a_number() -> None:
    with pytest.raises(BadArgument) as error:
        scaled().run({"x:0": np.ones((1, 2)), "keep_prob:0": True})
    assert str(error.value) == (
        "the value for the switch keep_prob:0 cannot be used\n  expected: a number\n  got: True"
    )


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "abc",
            "the value for X:0 holds no numbers\n"
            "  expected: an array of float32\n"
            "  got: str, which makes an array of <U3",
        ),
        (
            [["1", "2"]],
            "the value for X:0 holds no numbers\n"
            "  expected: an array of float32\n"
            "  got: list, which makes an array of <U1",
        ),
        (
            np.array([[1.0] * 8], dtype=object),
            "the value for X:0 holds no numbers\n"
            "  expected: an array of float32\n"
            "  got: ndarray, which makes an array of object",
        ),
        (
            [[1.0, 2.0], [3.0]],
            "the value for X:0 is no array\n"
            "  expected: an array of float32\n"
            "  got: setting an array element with a sequence. The requested array has an inhomogeneous shape after 1 "
            "dimensions. The detected shape was (2,) + inhomogeneous part.",
        ),
    ],
)
def test_what_is_no_array_of_numbers_is_refused(dense_net: GraphNetwork, value: object, message: str) -> None:
    with pytest.raises(BadArgument) as error:
        dense_net.run(value)
    assert str(error.value) == message


def test_an_array_of_another_shape_is_refused(dense_net: GraphNetwork) -> None:
    with pytest.raises(ShapeMismatch) as error:
        dense_net.run({"dnn/hidden1/Relu:0": np.zeros((2, 7))})
    assert str(error.value) == (
        "the array for dnn/hidden1/Relu:0 does not fit\n"
        "  expected: (None, 6)\n"
        "  got: (2, 7)\n"
        "  to do: None stands for any size"
    )


def test_switches_take_other_values_in_training() -> None:
    x = np.ones((1, 2), np.float32)
    changed = scaled().with_switches({"keep_prob": 0.25})
    assert changed.run(x, training=True)[0, 0] == 4.0
    assert changed.run(x)[0, 0] == 1.0
    with pytest.raises(UnknownName) as unknown:
        scaled().with_switches({"keep_probe": 0.5})
    assert str(unknown.value) == (
        "the network has no switch 'keep_probe'\n  nearest: keep_prob:0\n"
        "  to do: `regraft show` lists the switches, which are scalars that only tell training from evaluation"
    )
    with pytest.raises(BadArgument, match="the value for the switch keep_prob:0 cannot be used"):
        scaled().with_switches({"keep_prob": True})
