"""Looking into a network and running it."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest

from regraft.errors import BadArgument, ShapeMismatch, UnknownName
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref


def test_a_dense_net_computes_what_numpy_computes(dense_net: GraphNetwork, vectors: np.ndarray) -> None:
    value = vectors
    for scope in ("hidden1", "hidden2", "hidden3"):
        value = np.maximum(value @ dense_net.values[f"{scope}/kernel"] + dense_net.values[f"{scope}/bias"], 0)
    expected = value @ dense_net.values["outputs/kernel"] + dense_net.values["outputs/bias"]
    np.testing.assert_allclose(dense_net.run(vectors), expected, rtol=1e-5, atol=1e-5)


def test_every_tensor_is_addressable_and_cutting_there_changes_nothing(
    conv_net: GraphNetwork, pictures: np.ndarray
) -> None:
    whole = conv_net.run(pictures)
    for cut in conv_net.cuts(all=True):
        value = conv_net.run(pictures, to=cut.tensor)
        np.testing.assert_array_equal(conv_net.run({cut.tensor: value}), whole)
        trunk, rest = conv_net.split([cut.tensor])
        np.testing.assert_array_equal(rest.run(trunk.run(pictures)), whole)


def test_cuts_stand_after_activations_and_residual_adds(conv_net: GraphNetwork, dense_net: GraphNetwork) -> None:
    assert [cut.tensor for cut in conv_net.cuts()] == ["conv1/Relu:0", "pool:0"]
    assert [cut.tensor for cut in dense_net.cuts()] == [f"dnn/hidden{k}/Relu:0" for k in (1, 2, 3)]
    assert [cut.layers for cut in dense_net.cuts()] == [1, 2, 3]
    assert [cut.parameters for cut in dense_net.cuts()] == [54, 89, 113]


@pytest.mark.parametrize("name", ["1", "class", "1/class", "", "größe"])
def test_a_tensor_of_any_name_can_be_fed(name: str) -> None:
    nodes = (Node(name=name, function="input"), Node(name="twice", function="add", args=(Ref(name), Ref(name))))
    graph = Graph(nodes=nodes, inputs=(InputSpec(name=name, shape=(None, 2)),), outputs=("twice",))
    x = np.ones((3, 2), np.float32)
    assert np.array_equal(GraphNetwork(graph, {}, format="small").run({name: x}), 2 * x)


def test_a_pickle_holds_the_data_and_gives_the_same(conv_net: GraphNetwork, pictures: np.ndarray) -> None:
    before = pickle.dumps(conv_net)
    whole = conv_net.run(pictures)
    assert "_modules" in vars(conv_net)
    assert len(pickle.dumps(conv_net)) == len(before)
    again = pickle.loads(pickle.dumps(conv_net))
    assert again.graph == conv_net.graph
    assert again.format == conv_net.format
    assert again.values.keys() == conv_net.values.keys()
    np.testing.assert_array_equal(again.run(pictures), whole)
    assert list(again.layers) == list(conv_net.layers)


def test_a_cut_that_data_flow_past_is_refused(conv_net: GraphNetwork) -> None:
    with pytest.raises(BadArgument, match="data flow past the cut conv2/Relu:0"):
        conv_net.split(["conv2/Relu:0"])


def test_a_cut_of_two_tensors_carries_what_one_cannot(conv_net: GraphNetwork, pictures: np.ndarray) -> None:
    trunk, rest = conv_net.split(["conv2/Relu:0", "drop/Merge:0"])
    one, other = trunk.run(pictures)
    np.testing.assert_array_equal(rest.run({"conv2/Relu:0": one, "drop/Merge:0": other}), conv_net.run(pictures))


def test_the_bottleneck_is_the_input_of_the_last_weighted_layer(conv_net: GraphNetwork) -> None:
    assert conv_net.bottleneck() == "pool:0"


def test_the_bottleneck_is_below_the_dropout_of_the_last_layer(conv_net: GraphNetwork) -> None:
    nodes = list(conv_net.graph.nodes)
    last = next(k for k, node in enumerate(nodes) if node.function == "mat_mul")
    nodes[last] = replace(nodes[last], args=(Ref("fc/kept:0"), nodes[last].args[1]))
    whole = [
        Node(name="fc/dropout:0", function="dropout", args=(Ref("pool:0"),), kwargs={"rate": 0.5}),
        Node(name="fc/kept:0", function="identity", args=(Ref("fc/dropout:0"),)),
    ]
    by_hand = [
        Node(name="fc/shape:0", function="shape", args=(Ref("pool:0"),), kwargs={"out_type": "int32"}),
        Node(name="fc/uniform:0", function="random_uniform", args=(Ref("fc/shape:0"),), kwargs={"dtype": "float32"}),
        Node(name="fc/mask:0", function="floor", args=(Ref("fc/uniform:0"),)),
        Node(name="fc/kept:0", function="mul", args=(Ref("pool:0"), Ref("fc/mask:0"))),
    ]
    for dropout in (whole, by_hand):
        graph = replace(conv_net.graph, nodes=(*nodes[:last], *dropout, *nodes[last:]))
        assert GraphNetwork(graph, conv_net.values, format="test").bottleneck() == "pool:0"


def test_a_network_of_two_inputs_is_not_cut_at_one_of_them(dense_net: GraphNetwork) -> None:
    nodes = list(dense_net.graph.nodes)
    last = next(k for k in reversed(range(len(nodes))) if nodes[k].function == "bias_add")
    nodes[last:] = [
        Node(name="right:0", function="input"),
        Node(name="own:0", function="mat_mul", args=(Ref("right:0"), Ref("hidden1/kernel:0"))),
        Node(name="both:0", function="concat_v2", args=(Ref("dnn/hidden1/Relu:0"), Ref("own:0"), Ref("axis:0"))),
    ]
    nodes.insert(0, Node(name="axis:0", function="constant", args=(1,), kwargs={"dtype": "int32"}))
    specs = (*dense_net.graph.inputs, InputSpec(name="right:0", shape=(None, 8)))
    graph = replace(dense_net.graph, nodes=tuple(nodes), inputs=specs, outputs=("both:0",))
    with pytest.raises(BadArgument, match="no layer of this network can be told to be the last trainable one"):
        GraphNetwork(graph, dense_net.values, format="test").bottleneck()


def test_the_mode_decides_which_side_of_a_conditional_runs(conv_net: GraphNetwork, pictures: np.ndarray) -> None:
    before, stored, batch = conv_net.run(pictures, to=["conv1/Conv2D", "bn1/Merge", "bn1/batch:0"])
    mean, variance = before.mean((0, 1, 2)), before.var((0, 1, 2))
    np.testing.assert_allclose(stored, (before - 0.3) / np.sqrt(2.001) * 1.5 + 0.2, rtol=1e-4, atol=1e-5)
    trained = conv_net.run(pictures, to="bn1/Merge", training=True)
    np.testing.assert_allclose(trained, (before - mean) / np.sqrt(variance + 1e-3) * 1.5 + 0.2, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(trained, batch, rtol=1e-6)


def test_moving_averages_come_out_beside_the_outputs_in_training(conv_net: GraphNetwork, pictures: np.ndarray) -> None:
    import torch

    module = conv_net.module(conv_net.outputs, training=True, updates=True)
    _, following = module(torch.from_numpy(pictures))
    assert module.updated == ("bn1/moving_mean",)
    before = conv_net.run(pictures, to="conv1/Conv2D")
    np.testing.assert_allclose(following.detach().numpy(), 0.3 + before.mean((0, 1, 2)), rtol=1e-4, atol=1e-5)


def test_shapes_counts_and_flops(conv_net: GraphNetwork) -> None:
    assert conv_net.tensors["conv1/Relu:0"].shape == (None, None, None, 4)
    assert conv_net.tensors["pool:0"].shape == (None, 4)
    layers = conv_net.layers
    assert list(layers) == ["conv1", "bn1", "drop", "conv2", "add", "pool", "dnn/logits"]
    assert layers["dnn/logits"].parameters == ("logits/kernel", "logits/bias")
    assert layers["dnn/logits"].parameter_count == 15
    assert layers["dnn/logits"].flops == 2 * 4 * 3


def test_names_that_look_alike_to_torch_stay_apart() -> None:
    values = {name: np.full(1, value, "float32") for name, value in (("a_b_2", 1), ("a_b", 10), ("a.b", 100))}
    nodes = [Node(name="x:0", function="input")]
    for name in values:
        before = nodes[-1].name
        nodes.append(Node(name=f"{name}:0", function="parameter", args=(name,), kwargs={"trainable": True}))
        nodes.append(Node(name=f"{name}/sum:0", function="add", args=(Ref(before), Ref(f"{name}:0"))))
    spec = InputSpec(name="x:0", shape=(None, 1))
    network = GraphNetwork(Graph(nodes=tuple(nodes), inputs=(spec,), outputs=(nodes[-1].name,)), values, format="test")
    assert network.run(np.zeros((1, 1), "float32")).item() == 111


def test_names_are_given_with_or_without_their_output_number(dense_net: GraphNetwork) -> None:
    assert dense_net.resolve("dnn/hidden1/Relu") == dense_net.resolve("dnn/hidden1/Relu:0") == "dnn/hidden1/Relu:0"


def test_an_unknown_tensor_gives_the_nearest_names(dense_net: GraphNetwork) -> None:
    with pytest.raises(UnknownName) as error:
        dense_net.resolve("dnn/hiden1/Relu:0")
    assert str(error.value) == (
        "there is no tensor 'dnn/hiden1/Relu:0'\n"
        "  where: test network\n"
        "  nearest: dnn/hidden1/Relu:0, dnn/hidden3/Relu:0, dnn/hidden2/Relu:0\n"
        "  to do: `regraft show --tensors '.*'` lists all tensors"
    )


def test_an_input_of_another_shape_is_refused(dense_net: GraphNetwork) -> None:
    with pytest.raises(ShapeMismatch) as error:
        dense_net.run(np.zeros((2, 9)))
    assert str(error.value) == (
        "the array for X:0 does not fit\n  expected: (None, 8)\n  got: (2, 9)\n  to do: None stands for any size"
    )


def test_new_values_give_a_new_network(dense_net: GraphNetwork, vectors: np.ndarray) -> None:
    before = dense_net.run(vectors)
    zeroed = dense_net.assign({"outputs/kernel": np.zeros((4, 3), "float32")})
    np.testing.assert_array_equal(dense_net.run(vectors), before)
    np.testing.assert_array_equal(zeroed.run(vectors), np.tile(dense_net.values["outputs/bias"], (5, 1)))
    with pytest.raises(ShapeMismatch, match="the new value of outputs/bias does not fit"):
        dense_net.assign({"outputs/bias": np.zeros(4, "float32")})


def test_shapes_are_found_out_once_for_all_values(conv_net: GraphNetwork) -> None:
    known = conv_net.tensors
    assert conv_net.assign({}).tensors is known
    (spec,) = conv_net.inputs.values()
    assert conv_net.with_input(replace(spec, range=(0.0, 1.0))).tensors is known
    larger = conv_net.with_input(replace(spec, shape=(*spec.shape[:1], 64, 64, *spec.shape[3:])))
    assert larger.tensors[spec.name].shape != known[spec.name].shape


def test_assigned_numbers_get_the_parameters_type(dense_net: GraphNetwork, vectors: np.ndarray) -> None:
    changed = dense_net.assign({"outputs/bias": np.array([0.5, 1, 2])})
    assert changed.parameters["outputs/bias"].dtype == "float32"
    assert changed.run(vectors).dtype == np.float32


def test_what_cannot_be_assigned(conv_net: GraphNetwork) -> None:
    with pytest.raises(ShapeMismatch) as error:
        conv_net.assign({"conv1/kernel": np.zeros((4, 2, 3, 3), "float32")})
    assert str(error.value) == (
        "the new value of conv1/kernel does not fit\n"
        "  expected: (3, 3, 2, 4) as (h w i o)\n"
        "  got: (4, 2, 3, 3)\n"
        "  to do: it fits turned, o i h w -> h w i o: regraft.match says which"
    )
    with pytest.raises(BadArgument) as wrong:
        conv_net.assign({"bn1/gamma": np.zeros(4, "int64")})
    assert str(wrong.value) == (
        "the new value of bn1/gamma is of another kind of number\n  expected: float32\n  got: int64"
    )
    with pytest.raises(UnknownName) as unknown:
        conv_net.assign({"conv1/kernels": np.zeros(4)})
    assert str(unknown.value).startswith("there is no parameter 'conv1/kernels'\n  nearest: conv1/kernel")


def test_every_operation_the_rules_name_exists() -> None:
    from regraft.network import flow
    from regraft.network.functions import FUNCTIONS

    named = flow.SHAPE_READS | flow.WEIGHTED | flow.RANDOM | flow.BLOCK_ENDS
    assert named <= {*FUNCTIONS, "loop"}


def test_a_parameter_may_be_called_like_a_part_of_torch_s_modules() -> None:
    names = ("half", "type", "training", "forward", "weight", "and")
    nodes = [Node(name=f"{n}:0", function="parameter", args=(n,), kwargs={"trainable": True}) for n in names]
    total = Node(name="y:0", function="add_n", args=tuple(Ref(f"{name}:0") for name in names))
    values = {name: np.ones(2, np.float32) for name in names}
    network = GraphNetwork(Graph(nodes=(*nodes, total), inputs=(), outputs=("y:0",)), values, format="test")
    assert network.run({}, "y:0").tolist() == [6, 6]
