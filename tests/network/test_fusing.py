"""Training through stored statistics: the numbers and the gradients of a convolution and a batch norm by themselves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import regraft
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Plan, Ref
from regraft.network.functions import FUNCTIONS
from regraft.network.fusing import fused
from regraft.network.fx import build, normalising_filters
from regraft.network.modes import specialise
from regraft.network.surgery import graft

NORMS = ("aten.batch_norm.default", "fused_batch_norm")
Example = tuple[GraphNetwork, str, np.ndarray]


def functions(nodes: Sequence[Node]) -> list[str]:
    return [node.function for node in nodes if node.function in NORMS or "conv" in node.function]


def in_training(network: GraphNetwork, to: Sequence[str]) -> list[Node]:
    return specialise(network.graph, to, list(network.inputs), training=True)


def learned(nodes: Sequence[Node], network: GraphNetwork, to: str, x: np.ndarray) -> tuple[Tensor, list[Tensor]]:
    """What nodes give, and the gradients of all weights."""
    got = build(nodes, network.weights, list(network.inputs), [to])(torch.from_numpy(x))[0]
    weights = [weight for weight in network.weights.values() if weight.requires_grad]
    return got.detach(), list(torch.autograd.grad(got.square().sum(), weights, materialize_grads=True))


def of_torch(convolution: nn.Module, *, affine: bool = True) -> Example:
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(6, affine=affine)
    for value in norm.state_dict().values():
        if value.is_floating_point():
            value.uniform_(0.5, 2)
    network = regraft.open(nn.Sequential(convolution, norm, nn.ReLU()), sample=torch.zeros(2, 4, 9, 8))
    done = graft(network, Plan(at="2", freeze=None, freeze_statistics=True), classes=2)
    return done.network, "2", np.random.default_rng(0).normal(size=(3, 4, 9, 8)).astype("float32")


def of_tensorflow(function: str, shape: tuple[int, ...], form: str = "NHWC", **settings: Any) -> Example:
    """A convolution of 4 channels and a batch norm, as a graph says them."""
    random = np.random.default_rng(0)
    channels = 8 if function.startswith("depthwise") else 6
    values = {name: random.uniform(0.5, 2, channels) for name in ("gamma", "beta", "mean", "variance")}
    values["filters"] = random.normal(size=shape)
    settings = {"strides": (1, 1, 1, 1), "padding": "SAME", "data_format": form, **settings}
    given = [Ref(f"{name}:0") for name in ("gamma", "beta", "mean", "variance")]
    nodes = [
        Node(name="x:0", function="input"),
        *(
            Node(name=f"{name}:0", function="parameter", args=(name,), kwargs={"trainable": name[0] not in "mv"})
            for name in values
        ),
        Node(name="conv:0", function=function, args=(Ref("x:0"), Ref("filters:0")), kwargs=settings),
        Node(
            name="norm",
            function="fused_batch_norm",
            args=(Ref("conv:0"), *given),
            kwargs={"is_training": False, "epsilon": 1e-3, "data_format": form},
        ),
        Node(name="norm:0", function="item", args=(Ref("norm"), 0)),
    ]
    sizes = (None, 9, 8, 4) if form == "NHWC" else (None, 4, 9, 8)
    spec = InputSpec(name="x:0", shape=sizes, layout=form)  # pyright: ignore[reportArgumentType]
    graph = Graph(nodes=tuple(nodes), inputs=(spec,), outputs=("norm:0",))
    weights = {name: value.astype("float32") for name, value in values.items()}
    return GraphNetwork(graph, weights, format="test"), "norm:0", random.normal(size=(3, *sizes[1:])).astype("float32")


EXAMPLES: dict[str, Callable[[], Example]] = {
    "torch": lambda: of_torch(nn.Conv2d(4, 6, 3, bias=False)),
    "torch, biases": lambda: of_torch(nn.Conv2d(4, 6, 3, stride=2, padding=1)),
    "torch, groups": lambda: of_torch(nn.Conv2d(4, 6, 3, groups=2)),
    "torch, nothing learned": lambda: of_torch(nn.Conv2d(4, 6, 3), affine=False),
    "tensorflow": lambda: of_tensorflow("conv2d", (3, 3, 4, 6)),
    "tensorflow, channels first": lambda: of_tensorflow("conv2d", (3, 3, 4, 6), "NCHW"),
    "tensorflow, depthwise": lambda: of_tensorflow("depthwise_conv2d_native", (3, 3, 4, 2)),
    "caffe": lambda: of_tensorflow("conv2d", (6, 2, 3, 3), "NCHW", filter_format="OIHW", groups=2),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_same_numbers_and_gradients(name: str) -> None:
    network, to, x = EXAMPLES[name]()
    nodes = in_training(network, [to])
    joined = fused(nodes, [to])
    assert len(functions(nodes)) == 2
    assert len(functions(joined)) == 1
    (plain, wanted), (quick, got) = (learned(one, network, to, x) for one in (nodes, joined))
    torch.testing.assert_close(quick, plain, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-3)


def test_half_precision_filters_stay_so() -> None:
    filters = torch.ones(6, 4, 3, 3, dtype=torch.float16)
    norm = [torch.ones(6) for _ in range(4)]
    got = normalising_filters(filters, None, *norm, epsilon=1e-3, channels=(0,))
    assert [one.dtype for one in got] == [torch.float16, torch.float16]


def test_what_is_wanted_or_read_elsewhere_stays() -> None:
    network, to, _ = EXAMPLES["tensorflow"]()
    nodes = in_training(network, [to])
    assert fused(nodes, [to, "conv:0"]) == nodes
    other = Node(name="other:0", function="relu", args=(Ref("conv:0"),))
    assert fused([*nodes, other], [to, "other:0"]) == [*nodes, other]
    mean = Node(name="norm:1", function="item", args=(Ref("norm"), 1))
    assert fused([*nodes, mean], [to, "norm:1"]) == [*nodes, mean]


def test_axes_that_are_no_channels_stay() -> None:
    network, to, _ = EXAMPLES["tensorflow"]()
    nodes = in_training(network, [to])
    turned = [
        replace(node, kwargs={**node.kwargs, "data_format": "NCHW"}) if node.function == "conv2d" else node
        for node in nodes
    ]
    assert fused(turned, [to]) == turned


def test_a_training_fuses_stored_statistics_and_no_others(conv_net: GraphNetwork) -> None:
    done = graft(conv_net, Plan(at="add", freeze=None, freeze_statistics=True), classes=2)
    called = {node.target for node in done.network.module([done.logits], training=True, updates=True).graph.nodes}
    assert normalising_filters in called
    assert FUNCTIONS["fused_batch_norm"] not in called
    called = {node.target for node in conv_net.module(["add:0"], training=True, updates=True).graph.nodes}
    assert FUNCTIONS["fused_batch_norm"] in called
