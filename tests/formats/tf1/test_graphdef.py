"""What a graph computes after it was read, against TensorFlow."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats.tf1.comparing import compare, difference, gradients, stored
from formats.tf1.making import dense

from regraft.errors import UnknownName, UnsupportedOp
from regraft.formats import tf1

FORWARD = {
    "adversaries": "",
    "autoencoder": "",
    "classic_layers": "",
    "conditional_by_hand": "",
    "conditional_by_hand_v2": "",
    "conditional_mixed": "",
    "conditional_reference": "",
    "conditional_resource": "",
    "decoded_in_loop": "model",
    "dense": "",
    "embedding": "",
    "fixed_batch": "",
    "fixed_batch_made": "",
    "inception_2015": "classify_image_graph_def.pb",
    "iterated": "",
    "keras_training": "",
    "loop_in_loop": "",
    "loop_trained": "",
    "partitioned": "",
    "queued": "",
    "queued_batch": "",
    "rare_optimizer": "",
    "recurrent": "",
    "recurrent_both_ways": "",
    "recurrent_functions": "",
    "recurrent_lengths": "",
    "recurrent_time_major": "",
    "residual": "",
    "saved_model": "model",
    "sentences": "",
    "summed_loss": "",
    "unscaled": "",
}


@pytest.mark.parametrize("case", FORWARD)
def test_every_tensor_has_the_value_tensorflow_gives(graphs: Path, case: str) -> None:
    network = tf1.read(graphs / case / FORWARD[case])

    compared = compare(network, graphs / case, leaving=("dropout/add",))

    assert compared & {*network.outputs, "dense/Softmax:0"}


@pytest.mark.parametrize("case", ["conditional_by_hand", "conditional_by_hand_v2", "conditional_mixed"])
def test_the_same_in_training(graphs: Path, case: str) -> None:
    assert len(compare(tf1.read(graphs / case), graphs / case, name="training")) > 10


@pytest.mark.parametrize(
    "case",
    [
        "conditional_mixed",
        "conditional_reference",
        "conditional_resource",
        "dense",
        "recurrent_both_ways",
        "recurrent_functions",
        "recurrent_lengths",
        "recurrent_time_major",
        "sentences",
    ],
)
def test_the_gradients_of_the_loss_agree(graphs: Path, case: str) -> None:
    network = tf1.read(graphs / case)
    expected = stored(graphs / case, "gradients")

    got = gradients(network, stored(graphs / case, "feeds"), network.graph.training.loss)

    assert set(expected) <= set(got)
    assert {name: difference(got[name], expected[name]) for name in expected} == pytest.approx(
        dict.fromkeys(expected, 0.0), abs=1e-4
    )


@pytest.mark.parametrize("case", ["conditional_mixed", "conditional_reference", "conditional_resource"])
def test_a_frozen_graph_computes_what_it_was_frozen_from(graphs: Path, case: str) -> None:
    frozen = tf1.read(graphs / case / "frozen.pb")

    compared = compare(frozen, graphs / case)

    assert frozen.outputs == ("logits/BiasAdd:0",)
    assert set(frozen.outputs) <= compared
    trained = {p.name for p in frozen.parameters.values() if p.trainable}
    assert trained == {p.name for p in tf1.read(graphs / case).parameters.values() if p.trainable}
    assert not frozen.parameters["bn1/moving_mean"].trainable


@pytest.mark.parametrize("case", ["loop", "loop_v2"])
def test_operations_that_cannot_be_run_are_all_named_and_the_cut_works(graphs: Path, case: str) -> None:
    with pytest.raises(UnsupportedOp) as error:
        tf1.read(graphs / case)

    assert str(error.value) == (
        "the graph uses operations that regraft cannot run\n"
        f"  where: {graphs / case}/model.ckpt.meta\n"
        "  got: Bucketize (1): strange\n"
        "  to do: cut before them: the first safe cut is 'hidden:0' (--at, or open(..., to=...))"
    )
    network = tf1.read(graphs / case, to="hidden:0")
    assert compare(network, graphs / case) >= {"hidden:0"}


def test_the_safe_cut_is_where_all_data_flow(tmp_path: Path) -> None:
    made = dense().node("hidden", "Relu", "out").node("one", "Tanh", "hidden").node("other", "Sigmoid", "hidden")
    path = made.node("end", "Strange", "one", "other").write(tmp_path / "model.pb")

    with pytest.raises(UnsupportedOp) as error:
        tf1.read(path)

    assert str(error.value) == (
        "the graph uses operations that regraft cannot run\n"
        f"  where: {path}\n"
        "  got: Strange (1): end\n"
        "  to do: cut before them: the first safe cut is 'hidden:0' (--at, or open(..., to=...))"
    )


def test_only_what_a_wanted_tensor_needs_is_kept(graphs: Path) -> None:
    network = tf1.read(graphs / "dense", to=["dnn/hidden1/Relu"])

    assert network.outputs == ("dnn/hidden1/Relu:0",)
    assert set(network.inputs) == {"X:0"}
    assert list(network.parameters) == ["hidden1/kernel", "hidden1/bias"]
    assert network.graph.training is None
    assert "outputs/kernel" in network.values


def test_an_unknown_tensor_is_answered_with_the_nearest(graphs: Path) -> None:
    with pytest.raises(UnknownName) as error:
        tf1.read(graphs / "dense", to="dnn/hidden1/Rlu:0")

    assert str(error.value) == (
        "there is no tensor 'dnn/hidden1/Rlu:0'\n"
        f"  where: {graphs / 'dense'}/model.ckpt.meta\n"
        "  nearest: dnn/hidden1/Relu, dnn/hidden2/Elu, dnn/hidden1/MatMul\n"
        "  to do: `regraft show --tensors '.*'` lists all tensors"
    )


def test_other_ends_of_the_graph_stay_addressable(graphs: Path) -> None:
    network = tf1.read(graphs / "dense")

    assert network.outputs == ("dnn/outputs/BiasAdd:0",)
    assert {"dnn/Y_proba:0", "eval/accuracy:0", "loss/loss:0"} <= set(network.nodes)
    assert list(network.inputs) == ["X:0", "y:0"]


def test_a_second_reading_gives_an_equal_graph(graphs: Path) -> None:
    for case in ("conditional_resource", "fixed_batch", "always_training"):
        assert tf1.read(graphs / case).graph == tf1.read(graphs / case).graph
