"""What can be read off a graph: which tensors are pictures with their channels first."""

from __future__ import annotations

from typing import Any

import pytest

from regraft.network import Graph, InputSpec, Node, Ref
from regraft.network.flow import convolves_first

NHWC, NCHW = {"data_format": "NHWC"}, {"data_format": "NCHW"}


@pytest.mark.parametrize(
    ("function", "options", "first"),
    [
        ("aten.conv2d.default", {}, True),
        ("onnx_conv", {}, True),
        ("conv2d", NCHW, True),
        ("conv2d", NHWC, False),
        ("conv2d", {}, False),
        ("mat_mul", {}, False),
    ],
)
def test_the_first_layer_with_weights_tells_how_a_tensor_lies(
    function: str, options: dict[str, Any], first: bool
) -> None:
    nodes = (
        Node(name="x", function="input"),
        Node(name="w", function="parameter", args=("w",)),
        Node(name="side", function="aten.conv2d.default", args=(Ref("w"), Ref("w"))),
        Node(name="curve", function="relu", args=(Ref("x"),)),
        Node(name="layer", function=function, args=(Ref("curve"), Ref("w")), kwargs=options),
        Node(name="next", function="aten.linear.default", args=(Ref("layer"), Ref("w"))),
    )
    graph = Graph(nodes=nodes, inputs=(InputSpec(name="x", shape=(None, 3, 8, 8)),), outputs=("next",))
    assert convolves_first(graph, "x") is first
    assert convolves_first(graph, "curve") is first
    assert not convolves_first(graph, "layer")
    assert not convolves_first(graph, "next")
