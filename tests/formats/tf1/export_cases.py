"""Networks that are written for TensorFlow: opened and grafted ones, and some written out by hand."""

from __future__ import annotations

import numpy as np

from regraft.network import Graph, GraphNetwork, InputSpec, New, Node, Plan, Ref, Switch

TOP = Plan(
    at="dnn/hidden3/Relu",
    reuse="hidden[12]|second",
    rename={"hidden2/(.*)": r"second/\1"},
    freeze="hidden1",
    stop_gradient=("dnn/hidden1/Relu",),
    new=(New(kind="dense", width=4, activation="tanh", name="extra"),),
)
TALL = Plan(
    at="joined",
    freeze="conv1.*",
    new=(
        New(kind="conv", width=4, activation="elu", name="over"),
        New(kind="batch_norm", name="over_bn"),
        New(kind="dense", width=6, name="wide"),
        New(kind="batch_norm", activation="sigmoid", name="wide_bn"),
    ),
)
DROPPED = Plan(at="dnn/hidden3/Relu", new=(New(kind="dropout", rate=0.25, name="drop"),))

# name -> (source, plan or None: as opened, whether the switches are on in the training step that is compared)
MADE = {
    "dense": ("dense/model.ckpt-3", None, False),
    "dense_grafted": ("dense/model.ckpt-3", TOP, False),
    "dense_dropped": ("dense/model.ckpt-3", DROPPED, False),
    "dense_frozen": ("dense/frozen.pb", None, False),
    "conv": ("conv/model.ckpt-3", None, True),
    "conv_grafted": ("conv/model.ckpt-3", TALL, True),
    "conv_resources": ("conv_resources/model.ckpt-3", None, True),
    "conv_frozen": ("conv/frozen.pb", TALL, True),
}
MTCNN, MOBILENET = "models/mtcnn_tf1", "models/mobilenet_v1_imagenet_tf1/retrained_graph.pb"
REAL = {
    "mtcnn_p": (f"{MTCNN}/PNet_landmark/PNet-18", None, False),
    "mtcnn_r": (f"{MTCNN}/RNet_landmark/RNet-14", None, False),
    "mobilenet": (MOBILENET, Plan(freeze=None, new=(New(kind="dropout"), New(kind="dense"))), False),
}

NEW_NAMES = {"w": "w_1:0"}  # a parameter of that name has the first right to it


OVER_2015 = Plan(freeze=None, new=(New(kind="batch_norm", name="new_bn"), New(kind="dense", name="new")))


def of_2015() -> GraphNetwork:
    """A layer as the first Inception has them, by an operation that later versions gave up."""
    random = np.random.default_rng(5)
    values = {name: random.uniform(0.5, 1, 4).astype("float32") for name in ("mean", "variance", "beta", "gamma")}
    values |= {"kernel": random.normal(size=(3, 3, 3, 4)).astype("float32")}
    parameters = [
        Node(name=f"{n}:0", function="parameter", args=(n,), kwargs={"trainable": n != "mean"}) for n in values
    ]
    refs = [Ref(f"{name}:0") for name in values]
    strides = {"strides": (1, 1, 1, 1), "padding": "SAME"}
    old = {"variance_epsilon": 1e-3, "scale_after_normalization": True}
    nodes = (
        Node(name="Mul:0", function="input"),
        *parameters,
        Node(name="conv:0", function="conv2d", args=(Ref("Mul:0"), refs[-1]), kwargs=strides),
        Node(
            name="bn:0",
            function="batch_norm_with_global_normalization",
            args=(Ref("conv:0"), *refs[:-1]),
            kwargs=old,
        ),
        Node(name="relu:0", function="relu", args=(Ref("bn:0"),)),
        Node(name="last:0", function="conv2d", args=(Ref("relu:0"), Ref("kernel_2:0")), kwargs=strides),
    )
    second = Node(name="kernel_2:0", function="parameter", args=("kernel_2",), kwargs={"trainable": True})
    values["kernel_2"] = random.normal(size=(1, 1, 4, 5)).astype("float32")
    spec = InputSpec(name="Mul:0", shape=(None, 9, 9, 3), layout="NHWC")
    graph = Graph(nodes=(second, *nodes), inputs=(spec,), outputs=("last:0",))
    return GraphNetwork(graph, values, format="test")


def odd() -> GraphNetwork:
    """What other sources may hold: outputs computed apart, names TensorFlow forbids or has given away."""
    nodes = (
        Node(name="feed:1", function="input"),
        Node(name="on:0", function="input"),
        Node(name="_w@1", function="parameter", args=("w",), kwargs={"trainable": True}),
        Node(name="w/Assign:0", function="identity", args=(Ref("_w@1"),)),
        Node(name="save/Const:0", function="mat_mul", args=(Ref("feed:1"), Ref("w/Assign:0"))),
        Node(name="switch:0", function="identity", args=(Ref("save/Const:0"),)),
        Node(name="switch:1", function="identity", args=(Ref("save/Const:0"),)),
        Node(name="-a b", function="relu", args=(Ref("switch:1"),)),
        Node(name="if:0", function="select", args=(Ref("on:0"), Ref("-a b"), Ref("switch:0"))),
        Node(name="if:2", function="select", args=(Ref("on:0"), Ref("switch:0"), Ref("-a b"))),
        Node(name="top", function="top_k", args=(Ref("if:0"), Ref("two:0")), kwargs={"sorted": True}),
        Node(name="values:0", function="item", args=(Ref("top"), 0)),
        Node(name="top:1", function="item", args=(Ref("top"), 1)),
        Node(name="w", function="add", args=(Ref("values:0"), Ref("if:2"))),
        Node(name="feed:0", function="input"),
    )
    two = Node(name="two:0", function="constant", args=(2,), kwargs={"dtype": "int32"})
    graph = Graph(
        nodes=(two, *nodes),
        inputs=(InputSpec(name="feed:1", shape=(None, 3)), InputSpec(name="feed:0", shape=(None,), dtype="int64")),
        outputs=("w",),
        switches=(Switch(name="on:0", evaluation=False, training=True),),
        collections={"activations": ("if:0", "switch:1", "gone:0")},
    )
    value = np.random.default_rng(2).normal(size=(3, 2)).astype("float32")
    return GraphNetwork(graph, {"w": value, "w/Momentum": value}, format="test")


def tiny(**more: np.ndarray) -> GraphNetwork:
    """y = x w."""
    nodes = (
        Node(name="x:0", function="input"),
        Node(name="w:0", function="parameter", args=("w",), kwargs={"trainable": True}),
        Node(name="y:0", function="mat_mul", args=(Ref("x:0"), Ref("w:0"))),
    )
    graph = Graph(nodes=nodes, inputs=(InputSpec(name="x:0", shape=(None, 2)),), outputs=("y:0",))
    return GraphNetwork(graph, {"w": np.ones((2, 3), "float32"), **more}, format="test")
