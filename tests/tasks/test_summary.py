"""What is said of a plan before a training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from regraft.network import Graph, GraphNetwork, InputSpec, New, Node, Plan, Ref, Switch
from regraft.network.surgery import graft
from regraft.tasks.summary import summary, switches


def source() -> GraphNetwork:
    """x (b 4) -> one (3) -> divided by keep_prob, or not in evaluation -> two (3) -> top (2)."""
    nodes = [Node(name="x:0", function="input"), Node(name="keep_prob:0", function="input")]
    nodes.append(Node(name="is_training:0", function="input"))
    values: dict[str, np.ndarray] = {}
    top = "x:0"
    for name, size in (("one", (4, 3)), ("two", (3, 3)), ("top", (3, 2))):
        values[name] = np.ones(size, np.float32)
        nodes.append(Node(name=f"{name}:0", function="parameter", args=(name,), kwargs={"trainable": True}))
        nodes.append(Node(name=f"{name}/MatMul:0", function="mat_mul", args=(Ref(top), Ref(f"{name}:0"))))
        top = f"{name}/MatMul:0"
        if name == "one":
            nodes.append(Node(name="div:0", function="real_div", args=(Ref(top), Ref("keep_prob:0"))))
            chosen = (Ref("is_training:0"), Ref("div:0"), Ref(top))
            nodes.append(Node(name="drop:0", function="select", args=chosen))
            top = "drop:0"
    graph = Graph(
        nodes=tuple(nodes),
        inputs=(InputSpec(name="x:0", shape=(None, 4), layout="flat"),),
        outputs=(top,),
        switches=(
            Switch(name="keep_prob:0", evaluation=1.0, training=0.5),
            Switch(name="is_training:0", evaluation=False, training=True),
        ),
    )
    return GraphNetwork(graph, values, format="test")


def test_the_switches_of_what_is_trained_and_where_gradients_stop() -> None:
    assert summary(graft(source(), Plan(freeze=None, stop_gradient=("one/MatMul",)), classes=2)).splitlines() == [
        "trunk up to two/MatMul:0: 2/2 tensors reused, 100 % of the trunk's parameters",
        "  reused      2 tensors           21 numbers  one ... two",
        "  new         2 tensors            8 numbers  outputs/kernel ... outputs/bias",
        "  dropped     1 tensors            6 numbers  top",
        "  no gradient goes below one/MatMul:0",
        "  switch keep_prob:0: 1.0 in evaluation, 0.5 in training",
        "  switch is_training:0: False in evaluation, True in training",
    ]


def test_switches_of_a_frozen_trunk_and_our_own_are_not_spoken_of() -> None:
    plan = Plan(new=(New(kind="dropout"), New(kind="dense")))
    assert "switch" not in summary(graft(source(), plan, classes=2))


def test_a_switch_for_which_the_file_gives_one_value_only() -> None:
    network = source()
    given = (Switch(name="keep_prob:0", evaluation=1.0, training=1.0), network.graph.switches[1])
    network = GraphNetwork(replace(network.graph, switches=given), network.values, format="test")
    assert switches(network, ["div:0"]) == [
        "  switch keep_prob:0: 1.0 in evaluation, 1.0 in training as well: --switch NAME=VALUE says otherwise"
    ]
