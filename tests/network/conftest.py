"""Small networks written out by hand: every room above stands on these laws."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref, Switch


class Builder:
    """Writes a graph node by node, as an importer does."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.values: dict[str, np.ndarray] = {}
        self.random = np.random.default_rng(3)

    def add(self, name: str, function: str, *args: object, **kwargs: object) -> str:
        refs = tuple(Ref(arg) if isinstance(arg, str) else arg for arg in args)
        self.nodes.append(Node(name=name, function=function, args=refs, kwargs=kwargs))
        return name

    def parameter(self, name: str, *shape: int, trainable: bool = True, value: float | None = None) -> str:
        array = self.random.normal(size=shape) if value is None else np.full(shape, value)
        self.values[name] = array.astype("float32")
        self.nodes.append(Node(name=f"{name}:0", function="parameter", args=(name,), kwargs={"trainable": trainable}))
        return f"{name}:0"

    def constant(self, name: str, value: object, dtype: str) -> str:
        self.nodes.append(Node(name=name, function="constant", args=(value,), kwargs={"dtype": dtype}))
        return name

    def dense(self, scope: str, source: str, width_in: int, width: int, activation: str | None = "relu") -> str:
        kernel = self.parameter(f"{scope}/kernel", width_in, width)
        bias = self.parameter(f"{scope}/bias", width)
        top = self.add(f"dnn/{scope}/MatMul:0", "mat_mul", source, kernel, transpose_a=False, transpose_b=False)
        top = self.add(f"dnn/{scope}/BiasAdd:0", "bias_add", top, bias, data_format="NHWC")
        return self.add(f"dnn/{scope}/{activation.capitalize()}:0", activation, top) if activation else top

    def conv(self, scope: str, source: str, channels: int, filters: int) -> str:
        kernel = self.parameter(f"{scope}/kernel", 3, 3, channels, filters)
        settings = {"strides": (1, 1, 1, 1), "padding": "SAME", "dilations": (1, 1, 1, 1), "data_format": "NHWC"}
        return self.add(f"{scope}/Conv2D:0", "conv2d", source, kernel, **settings)

    def batch_norm(self, scope: str, source: str, channels: int, switch: str) -> str:
        gamma = self.parameter(f"{scope}/gamma", channels, value=1.5)
        beta = self.parameter(f"{scope}/beta", channels, value=0.2)
        mean = self.parameter(f"{scope}/moving_mean", channels, trainable=False, value=0.3)
        variance = self.parameter(f"{scope}/moving_variance", channels, trainable=False, value=2.0)
        shared = {"epsilon": 1e-3, "data_format": "NHWC"}
        empty = self.constant(f"{scope}/empty:0", (), "float32")
        self.add(f"{scope}/batch", "fused_batch_norm", source, gamma, beta, empty, empty, is_training=True, **shared)
        for k in range(3):
            self.add(f"{scope}/batch:{k}", "item", f"{scope}/batch", k)
        self.add(
            f"{scope}/stored", "fused_batch_norm", source, gamma, beta, mean, variance, is_training=False, **shared
        )
        self.add(f"{scope}/stored:0", "item", f"{scope}/stored", 0)
        self.add(f"{scope}/next_mean:0", "add", mean, f"{scope}/batch:1")
        return self.add(f"{scope}/Merge:0", "select", switch, f"{scope}/batch:0", f"{scope}/stored:0")


@pytest.fixture
def dense_net() -> GraphNetwork:
    """X (b 8) -> hidden1 (6) -> hidden2 (5) -> hidden3 (4) -> outputs (3)."""
    b = Builder()
    top = b.add("X:0", "input")
    for scope, width_in, width in (("hidden1", 8, 6), ("hidden2", 6, 5), ("hidden3", 5, 4)):
        top = b.dense(scope, top, width_in, width)
    top = b.dense("outputs", top, 4, 3, activation=None)
    spec = InputSpec(name="X:0", shape=(None, 8), layout="flat")
    return GraphNetwork(Graph(nodes=tuple(b.nodes), inputs=(spec,), outputs=(top,)), b.values, format="test")


@pytest.fixture
def conv_net() -> GraphNetwork:
    """image (b h w 2) -> conv1, batch norm, relu -> dropout -> conv2, relu, + what went in -> mean -> logits (3)."""
    b = Builder()
    image, switch = b.add("image:0", "input"), b.add("is_training:0", "input")
    top = b.conv("conv1", image, 2, 4)
    top = b.add("conv1/Relu:0", "relu", b.batch_norm("bn1", top, 4, switch))
    dropped = b.add("drop/random:0", "dropout", top, rate=0.5)
    kept = b.add("drop/Merge:0", "select", switch, dropped, top)
    top = b.add("conv2/Relu:0", "relu", b.conv("conv2", kept, 4, 4))
    top = b.add("add:0", "add", top, kept)
    axes = b.constant("axes:0", (1, 2), "int32")
    top = b.add("pool:0", "mean", top, axes, keep_dims=False)
    top = b.dense("logits", top, 4, 3, activation=None)
    graph = Graph(
        nodes=tuple(b.nodes),
        inputs=(InputSpec(name="image:0", shape=(None, None, None, 2), layout="NHWC"),),
        outputs=(top,),
        switches=(Switch(name=switch, evaluation=False, training=True),),
        updates={"bn1/moving_mean": "bn1/next_mean:0"},
    )
    return GraphNetwork(graph, b.values, format="test")


@pytest.fixture
def vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 8)).astype("float32")


@pytest.fixture
def pictures() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(5, 6, 7, 2)).astype("float32")
