"""Graphs made ready to be traced: what hangs on shapes and constants alone becomes numbers in the calls."""

from __future__ import annotations

import numpy as np
from formats.onnx.test_export import constant, network, node, parameter, tensorflow_like

from regraft.network import GraphNetwork, Node, Ref
from regraft.network.literals import with_literals
from regraft.network.modes import specialise


def literal(source: GraphNetwork) -> dict[str, Node]:
    nodes = specialise(source.graph, source.outputs, list(source.inputs), training=False)
    parameters = {p.name: (p.shape, p.dtype) for p in source.parameters.values()}
    return {one.name: one for one in with_literals(nodes, source.graph.inputs, parameters, source.outputs)}


def test_a_size_that_grows_with_the_batch_stays_free() -> None:
    nodes = literal(tensorflow_like())
    assert nodes["flat/Reshape:0"].args == (Ref("conv/read:0"), (Ref("x:0@rows*1+0"), 36))
    assert dict(nodes["x:0@rows*1+0"].kwargs) == {"times": 1, "plus": 0}
    assert not {"flat/Shape:0", "flat/batch:0", "flat/pack:0", "flat/size:0"} & set(nodes)


def test_sizes_of_the_picture_become_numbers() -> None:
    sliced = [constant(name, (value,)) for name, value in (("one", 1), ("three", 3), ("step", 1))]
    source = network(
        *sliced,
        node("shape", "shape", "x:0"),
        node("side", "strided_slice", "shape", "one", "three", "step"),
        constant("two", 2),
        node("twice", "mul", "side", "two"),
        node("y", "resize_bilinear", "x:0", "twice"),
    )
    nodes = literal(source)
    assert nodes["y"].args == (Ref("x:0"), (12, 10))
    assert set(nodes) == {"x:0", "y"}


def test_multiples_of_the_batch_and_more() -> None:
    source = network(
        constant("block", (2, 2)),
        constant("none", ((0, 0), (0, 1))),
        node("blocks", "space_to_batch_nd", "x:0", "block", "none"),
        node("shape", "shape", "blocks"),
        constant("half", 0.5, "float32"),
        node("filled", "fill", "shape", "half"),
        node("y", "add", "blocks", "filled"),
    )
    assert literal(source)["filled"].args[0] == (Ref("x:0@rows*4+0"), 3, 3, 3)


def test_tensors_that_are_data_stay_tensors() -> None:
    source = network(
        parameter("b"),
        constant("three", 3, "float32"),
        node("scaled", "mul", "b:0", "three"),
        constant("axes", (1, 2)),
        node("means", "mean", "x:0", "axes", keep_dims=False),
        constant("first", (0, 1)),
        node("chosen", "gather", "means", "first"),
        node("total", "sum", "chosen", "first", keep_dims=True),
        node("y", "add", "total", "scaled"),
    )
    nodes = literal(source)
    assert nodes["scaled"].args == (Ref("b:0"), Ref("three"))  # a factor
    assert nodes["chosen"].args == (Ref("means"), Ref("first"))  # places to look up
    assert nodes["total"].args == (Ref("chosen"), (0, 1))  # the same tensor as axes


def test_random_numbers_are_never_constants() -> None:
    source = network(
        constant("size", (1, 1)),
        constant("zero", 0),
        constant("one", 1),
        node("drawn", "random_uniform_int", "size", "zero", "one"),  # 0, every time
        node("as_float", "cast", "drawn", DstT="float32"),
        constant("axes", (1, 2)),
        node("means", "mean", "x:0", "axes", keep_dims=False),
        node("y", "add", "means", "as_float"),
    )
    assert literal(source)["drawn"].function == "random_uniform_int"


def test_the_values_are_the_same() -> None:
    source = tensorflow_like()
    nodes = literal(source)
    made = GraphNetwork(
        type(source.graph)(nodes=tuple(nodes.values()), inputs=source.graph.inputs, outputs=source.outputs),
        source.values,
        format="test",
    )
    x = np.random.default_rng(0).normal(size=(5, 6, 5, 3)).astype(np.float32)
    np.testing.assert_array_equal(made.run(x), source.run(x))
