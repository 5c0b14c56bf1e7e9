"""Plans carried out: what is reused, what is frozen, what is new."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from network.conftest import Builder

from regraft.errors import BadArgument, ShapeMismatch, UnknownName
from regraft.network import Graph, GraphNetwork, InputSpec, New, Node, Plan, Slice
from regraft.network.surgery import Graft, graft


def in_state(done: Graft, state: str) -> list[str]:
    return [row.parameter for row in done.rows if row.state == state]


def trained(done: Graft) -> set[str]:
    return {name for name, weight in done.network.weights.items() if weight.requires_grad}


def gradients(done: Graft, inputs: np.ndarray, *, training: bool = True) -> dict[str, torch.Tensor]:
    module = done.network.module([done.logits], training=training)
    module(torch.from_numpy(inputs))[0].square().sum().backward()
    return {name: w.grad for name, w in done.network.weights.items() if w.grad is not None and bool(w.grad.any())}


def test_the_default_plan_is_frozen_and_linear_at_the_bottleneck(dense_net: GraphNetwork) -> None:
    done = graft(dense_net, Plan(), classes=7)
    assert done.at == "dnn/hidden3/Relu:0"
    assert done.features == ("dnn/hidden3/Relu:0",)
    assert in_state(done, "new") == in_state(done, "dropped") == ["outputs/kernel", "outputs/bias"]
    assert done.network.tensors[done.logits].shape == (None, 7)
    assert done.matched == {"tensors": 6, "of": 6, "percent": 100.0}
    assert trained(done) == {"outputs/kernel", "outputs/bias"}


def test_what_is_reused_keeps_its_values_and_the_rest_starts_fresh(dense_net: GraphNetwork) -> None:
    done = graft(dense_net, Plan(reuse="hidden[12]", freeze="hidden1"), classes=2)
    assert in_state(done, "frozen") == ["hidden1/kernel", "hidden1/bias"]
    assert in_state(done, "reused") == ["hidden2/kernel", "hidden2/bias"]
    assert in_state(done, "fresh") == ["hidden3/kernel", "hidden3/bias"]
    np.testing.assert_array_equal(done.network.values["hidden2/kernel"], dense_net.values["hidden2/kernel"])
    assert not np.array_equal(done.network.values["hidden3/kernel"], dense_net.values["hidden3/kernel"])
    assert done.features == ("dnn/hidden1/Relu:0",)


def test_patterns_fit_names_with_and_without_their_output_number(dense_net: GraphNetwork) -> None:
    assert len(graft(dense_net, Plan(reuse="hidden1/kernel$", freeze=None), classes=2).frozen) == 0
    done = graft(dense_net, Plan(reuse="hidden1/kernel:0", freeze=None), classes=2)
    assert in_state(done, "reused") == ["hidden1/kernel"]


def test_a_pattern_that_only_search_would_find_names_the_form_that_works(dense_net: GraphNetwork) -> None:
    with pytest.raises(UnknownName) as error:
        graft(dense_net, Plan(reuse="kernel"), classes=2)
    assert str(error.value) == (
        "reuse: the pattern 'kernel' matches no parameter\n"
        "  got: 6 parameters, first: hidden1/kernel, hidden1/bias, hidden2/kernel, hidden2/bias, hidden3/kernel\n"
        "  nearest: hidden1/kernel, hidden2/kernel, hidden3/kernel\n"
        "  to do: a pattern is matched from the start of the name: use '.*kernel' (it matches 3 parameters)"
    )
    with pytest.raises(UnknownName, match="freeze: the pattern 'conv' matches no parameter"):
        graft(dense_net, Plan(freeze="conv"), classes=2)


def test_nothing_frozen_trains_everything_from_the_inputs(dense_net: GraphNetwork, vectors: np.ndarray) -> None:
    done = graft(dense_net, Plan(freeze=None), classes=2)
    assert done.features == ("X:0",)
    assert set(gradients(done, vectors)) == set(done.network.parameters)


def test_parameters_are_renamed_by_pattern(dense_net: GraphNetwork) -> None:
    done = graft(dense_net, Plan(rename={r"hidden(\d)/(.*)": r"body/layer\1/\2"}, freeze="body/layer1"), classes=2)
    assert in_state(done, "frozen") == ["body/layer1/kernel", "body/layer1/bias"]
    assert [row.source for row in done.rows][:2] == ["hidden1/kernel", "hidden1/bias"]
    with pytest.raises(BadArgument, match="rename: 'hidden' is the full name of no parameter"):
        graft(dense_net, Plan(rename={"hidden": "body"}), classes=2)


def test_a_part_of_a_variable_is_renamed_with_its_whole(dense_net: GraphNetwork) -> None:
    names = {"hidden1/kernel": "a/w/part_0", "hidden2/kernel": "b/w/part_0", "hidden3/kernel": "c/w/part_0"}
    named = graft(dense_net, Plan(rename=names), classes=2).network
    slices = {name: Slice(whole=f"{name[0]}/w", shape=(9, 9), offset=(0, 0)) for name in names.values()}
    slices["outputs/kernel"] = Slice(whole="outputs", shape=(9, 9), offset=(0, 0))
    network = GraphNetwork(replace(named.graph, slices=slices), named.values, format="test")
    plan = Plan(rename={"b/(.*)": r"d/\1", "c/.*": "alone"}, at="dnn/hidden3/Relu")
    done = graft(network, plan, classes=2).network.graph.slices
    assert {name: part.whole for name, part in done.items()} == {"a/w/part_0": "a/w", "d/w/part_0": "d/w"}


def test_stopping_gradients_is_not_freezing(dense_net: GraphNetwork, vectors: np.ndarray) -> None:
    done = graft(dense_net, Plan(freeze=None, stop_gradient=("dnn/hidden2/Relu",)), classes=2)
    assert set(gradients(done, vectors)) == {"hidden3/kernel", "hidden3/bias", "outputs/kernel", "outputs/bias"}
    assert "hidden1/kernel" in trained(done)


def test_only_paths_through_the_stopped_tensor_are_stopped(conv_net: GraphNetwork, pictures: np.ndarray) -> None:
    through = graft(conv_net, Plan(freeze=None, stop_gradient=("conv2/Relu:0",)), classes=2)
    assert "conv1/kernel" in gradients(through, pictures)
    assert "conv2/kernel" not in gradients(through, pictures)
    both = graft(conv_net, Plan(freeze=None, stop_gradient=("conv2/Relu:0", "drop/Merge:0")), classes=2)
    assert "conv1/kernel" not in gradients(both, pictures)


def test_new_layers_of_every_kind_stand_on_each_other(conv_net: GraphNetwork, pictures: np.ndarray) -> None:
    new = (
        New(kind="conv", width=6, activation="relu", name="extra"),
        New(kind="batch_norm"),
        New(kind="dense", width=5, activation="tanh"),
        New(kind="batch_norm", name="flat"),
        New(kind="dropout", rate=0.3),
        New(kind="dense", name="classes"),
    )
    done = graft(conv_net, Plan(at="add", new=new), classes=4)
    assert done.network.run(pictures).shape == (5, 4)
    assert done.network.tensors["extra/Relu:0"].shape == (None, None, None, 6)
    assert set(done.network.graph.updates) == {
        "new2/moving_mean", "new2/moving_variance", "flat/moving_mean", "flat/moving_variance"
    }  # fmt: skip
    assert set(gradients(done, pictures)) == trained(done)
    flat = done.network.run(pictures, to="flat/normal:0", training=True)[:, 0, 0]
    np.testing.assert_allclose(flat.mean(0), 0, atol=1e-5)


def test_the_top_of_the_trunk_can_be_the_output(dense_net: GraphNetwork) -> None:
    done = graft(dense_net, Plan(at="dnn/outputs/BiasAdd", freeze="hidden[12]", new=()), classes=3)
    assert done.logits == "dnn/outputs/BiasAdd:0"
    with pytest.raises(ShapeMismatch, match="does not fit the task"):
        graft(dense_net, Plan(at="dnn/outputs/BiasAdd", new=()), classes=4)


def test_layers_that_do_not_fit_are_refused(dense_net: GraphNetwork) -> None:
    with pytest.raises(ShapeMismatch, match="the conv layer new1 cannot stand on dnn/hidden3/Relu:0"):
        graft(dense_net, Plan(new=(New(kind="conv", width=4),)), classes=2)
    with pytest.raises(BadArgument, match="the new layer 'hidden1' has the name of a layer that is there"):
        graft(dense_net, Plan(new=(New(kind="dense", width=4, name="hidden1"),)), classes=2)


def test_a_frozen_batch_norm_stays_in_evaluation_whatever_is_trained_above(
    conv_net: GraphNetwork, pictures: np.ndarray
) -> None:
    done = graft(conv_net, Plan(at="pool", freeze="conv1|bn1"), classes=2)
    assert done.network.graph.updates == {}
    np.testing.assert_array_equal(
        done.network.run(pictures, to="bn1/Merge:0", training=True), conv_net.run(pictures, to="bn1/Merge:0")
    )
    assert done.features == ("conv1/Relu:0",)  # the dropout above it is trained through: it stays on


def test_dropout_between_frozen_layers_is_off(conv_net: GraphNetwork, pictures: np.ndarray) -> None:
    done = graft(conv_net, Plan(at="pool"), classes=2)
    assert done.features == ("pool:0",)
    np.testing.assert_array_equal(
        done.network.run(pictures, to="drop/Merge:0", training=True), conv_net.run(pictures, to="drop/Merge:0")
    )


def test_a_batch_norm_that_is_not_frozen_keeps_its_moving_averages(conv_net: GraphNetwork) -> None:
    done = graft(conv_net, Plan(at="pool", freeze="conv1"), classes=2)
    assert set(done.network.graph.updates) == {"bn1/moving_mean"}
    assert done.features == ("conv1/Conv2D:0",)


def test_a_frozen_batch_norm_above_trained_layers_is_in_evaluation_too(
    conv_net: GraphNetwork, pictures: np.ndarray
) -> None:
    done = graft(conv_net, Plan(at="pool", freeze="bn1"), classes=2)
    np.testing.assert_array_equal(
        done.network.run(pictures, to="bn1/Merge:0", training=True), conv_net.run(pictures, to="bn1/Merge:0")
    )
    assert "conv1/kernel" in trained(done)


def test_fresh_weights_hang_on_the_seed_and_the_name_only(dense_net: GraphNetwork) -> None:
    one = graft(dense_net, Plan(), classes=2, seed=1).network.values["outputs/kernel"]
    again = graft(dense_net, Plan(reuse="hidden1"), classes=2, seed=1).network.values["outputs/kernel"]
    other = graft(dense_net, Plan(), classes=2, seed=2).network.values["outputs/kernel"]
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_source_is_never_changed(dense_net: GraphNetwork, vectors: np.ndarray) -> None:
    before = dense_net.run(vectors)
    done = graft(dense_net, Plan(freeze=None), classes=2)
    with torch.no_grad():
        for weight in done.network.weights.values():
            weight.zero_()
    np.testing.assert_array_equal(dense_net.run(vectors), before)


def test_a_plan_on_a_grafted_network_starts_from_its_own_marks(dense_net: GraphNetwork) -> None:
    frozen = graft(dense_net, Plan(), classes=2).network
    again = graft(frozen, Plan(freeze="hidden1"), classes=3)
    assert trained(again) == {
        "hidden2/kernel", "hidden2/bias", "hidden3/kernel", "hidden3/bias", "outputs/kernel", "outputs/bias"
    }  # fmt: skip


def of_tokens(b: Builder, top: str, *, turned: bool) -> GraphNetwork:
    """Six tokens of four numbers, (b t d); or turned by an operation, then convolved (b d t)."""
    if turned:
        top = b.add("turned", "aten.permute.default", top, (0, 2, 1))
        weight = b.parameter("conv.weight", 4, 4, 1)
        top = b.add("conv", "aten.conv1d.default", top, weight)
    spec = InputSpec(name="tokens", shape=(None, 6, 4), layout="NCHW")
    return GraphNetwork(Graph(nodes=tuple(b.nodes), inputs=(spec,), outputs=(top,)), b.values, format="test")


@pytest.mark.parametrize("turned", [False, True])
def test_a_dense_layer_averages_a_sequence_over_its_steps(turned: bool) -> None:
    b = Builder()
    network = of_tokens(b, b.add("tokens", "input"), turned=turned)
    done = graft(network, Plan(at=network.outputs[0], new=(New(kind="dense"),)), classes=3)
    x = np.random.default_rng(0).normal(size=(2, 6, 4)).astype("float32")
    steps = network.run(x)
    assert steps.shape == ((2, 4, 6) if turned else (2, 6, 4))
    expected = steps.mean(2 if turned else 1) @ done.network.values["outputs/kernel"]
    np.testing.assert_allclose(done.network.run(x), expected, rtol=1e-5, atol=1e-6)


def test_a_dense_layer_on_numbers_of_too_many_dimensions_is_refused() -> None:
    spec = InputSpec(name="x", shape=(None, 2, 3, 4, 5))
    network = GraphNetwork(
        Graph(nodes=(Node(name="x", function="input"),), inputs=(spec,), outputs=("x",)), {}, format="test"
    )
    with pytest.raises(ShapeMismatch) as error:
        graft(network, Plan(at="x"), classes=2)
    assert str(error.value) == (
        "the dense layer outputs cannot stand on x\n"
        "  expected: one vector an example (b d), or a picture (b h w c) or a sequence (b t d) to average over\n"
        "  got: (b, 2, 3, 4, 5)\n"
        "  to do: cut at another tensor: --at NAME"
    )
