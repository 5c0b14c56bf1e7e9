"""What hangs on weights alone is computed once: the same numbers from fewer nodes."""

from __future__ import annotations

import numpy as np
import pytest
from network.test_fusing import EXAMPLES, functions

from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref
from regraft.network.settling import settled


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_convolution_and_its_batch_norm_are_one_node_with_weights_of_its_own(name: str) -> None:
    network, to, x = EXAMPLES[name]()
    network = network.towards(to)
    found = settled(network)
    assert len(functions(found.graph.nodes)) == 1
    assert {node.function for node in found.graph.nodes}.isdisjoint({"normalising_filters", "item"})
    assert found.values.keys() == {node.args[0] for node in found.graph.nodes if node.function == "parameter"}
    np.testing.assert_allclose(found.run(x), network.run(x), rtol=1e-4, atol=1e-4)


def test_other_weights_settle_under_the_same_names() -> None:
    network, to, x = EXAMPLES["torch"]()
    network = network.towards(to)
    other = network.assign({name: 2 * parameter.value for name, parameter in network.parameters.items()})
    assert settled(other).values.keys() == settled(network).values.keys()
    np.testing.assert_allclose(settled(other).run(x), other.run(x), rtol=1e-4, atol=1e-4)


def test_sizes_and_random_numbers_stay_where_they_are() -> None:
    """The row of weights is computed; its length, and what is drawn anew each time, are not."""
    nodes = (
        Node(name="x:0", function="input"),
        Node(name="w:0", function="parameter", args=("w",), kwargs={"trainable": True}),
        Node(name="axes:0", function="constant", args=((0,),), kwargs={"dtype": "int32"}),
        Node(name="row:0", function="sum", args=(Ref("w:0"), Ref("axes:0"))),
        Node(name="size:0", function="shape", args=(Ref("row:0"),)),
        Node(name="noise:0", function="random_uniform", args=(Ref("size:0"),), kwargs={"dtype": "float32"}),
        Node(name="near:0", function="add", args=(Ref("noise:0"), Ref("row:0"))),
        Node(name="y:0", function="mul", args=(Ref("x:0"), Ref("near:0"))),
    )
    graph = Graph(nodes=nodes, inputs=(InputSpec(name="x:0", shape=(None, 3), layout="other"),), outputs=("y:0",))
    weights = np.arange(6, dtype="float32").reshape(2, 3)
    found = settled(GraphNetwork(graph, {"w": weights}, format="test"))
    assert [node.function for node in found.graph.nodes] == [
        "input",
        "parameter",
        "shape",
        "random_uniform",
        "add",
        "mul",
    ]
    assert {name: value.tolist() for name, value in found.values.items()} == {"row:0": [3.0, 5.0, 7.0]}
    first, second = (found.run(np.ones((1, 3), "float32")) for _ in range(2))
    assert not np.array_equal(first, second)
    assert (np.floor(first) == [[3, 5, 7]]).all()
