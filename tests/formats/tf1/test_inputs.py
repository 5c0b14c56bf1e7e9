"""What a graph is said to expect."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.tf1.making import Made

from regraft.formats import tf1
from regraft.network.graph import InputSpec, Switch


def test_placeholders_with_what_the_file_says_of_them(graphs: Path) -> None:
    network = tf1.read(graphs / "conditional_reference")

    assert network.graph.inputs == (
        InputSpec(name="x:0", shape=(None, 16, 16, 3), layout="NHWC", channels="rgb"),
        InputSpec(name="y:0", shape=(None,), dtype="int64"),
    )


def test_labels_of_no_told_shape_are_a_vector(graphs: Path) -> None:
    assert tf1.read(graphs / "dense").inputs["y:0"].shape == (None,)


@pytest.mark.parametrize(
    ("product", "turned"), [("MatMul", {}), ("BatchMatMulV2", {}), ("BatchMatMulV2", {"adj_y": True})]
)
def test_an_input_of_no_told_shape_is_as_wide_as_its_weights(
    tmp_path: Path, product: str, turned: dict[str, bool]
) -> None:
    made = Made().node("x", "Placeholder", dtype="float32")
    made.constant("w", np.ones((2, 4) if turned else (4, 2), np.float32)).node("w/read", "Identity", "w")
    made.node("out", product, "x", "w/read", **turned)

    network = tf1.read(made.write(tmp_path / "model.pb"))

    assert network.inputs["x:0"].shape == (None, 4)


def test_a_predicate_is_a_switch(graphs: Path) -> None:
    for case in ("conditional_reference", "conditional_resource", "conditional_mixed"):
        network = tf1.read(graphs / case)
        assert network.graph.switches == (Switch(name="training:0", evaluation=False, training=True),)


def test_keep_prob_keeps_all_in_evaluation(graphs: Path) -> None:
    network = tf1.read(graphs / "classic_layers")

    assert Switch(name="keep_prob:0", evaluation=1.0, training=1.0) in network.graph.switches
    assert list(network.inputs) == ["input:0"]


def test_keep_prob_is_what_the_user_says_in_training(graphs: Path) -> None:
    network = tf1.read(graphs / "classic_layers").with_switches({"keep_prob": 0.5})
    x = np.random.default_rng(0).normal(size=(9, *network.graph.inputs[0].shape[1:])).astype("float32")
    before = network.run(x, "flat")

    np.testing.assert_array_equal(network.run(x, "dropout/mul"), before)
    kept = network.run(x, "dropout/mul", training=True)[before != 0] != 0
    assert 0.3 < kept.mean() < 0.7


def test_a_decoded_and_scaled_picture_becomes_the_input_after_it(graphs: Path) -> None:
    network = tf1.read(graphs / "inception_2015/classify_image_graph_def.pb")

    assert network.graph.inputs == (
        InputSpec(
            name="Mul:0",
            shape=(None, 33, 33, 3),
            layout="NHWC",
            channels="rgb",
            range=(-1.0, 0.9921875),
            resize="tf1",
            origin="file",
        ),
    )
    assert network.run(np.zeros((5, 33, 33, 3), np.float32)).shape == (5, 10)


def test_pictures_decoded_in_a_loop_are_the_input_after_it(graphs: Path) -> None:
    network = tf1.read(graphs / "decoded_in_loop/model")

    (spec,) = network.graph.inputs
    assert (spec.name, spec.shape) == ("map/TensorArrayStack/TensorArrayGatherV3:0", (None, 8, 8, 3))
    assert network.outputs == ("ArgMax:0", "softmax_tensor:0")


def test_what_queues_and_iterators_give_is_the_input(graphs: Path) -> None:
    assert list(tf1.read(graphs / "queued").inputs) == ["net/x:0", "batch:1"]
    pictures, labels = tf1.read(graphs / "iterated").graph.inputs
    assert (pictures.name, pictures.shape, pictures.dtype) == ("IteratorGetNext:0", (None, 9, 9, 3), "uint8")
    assert (pictures.range, pictures.origin) == ((0.0, 255.0), "file")
    assert (labels.name, labels.shape, labels.dtype) == ("IteratorGetNext:1", (None,), "int64")


def test_the_batch_of_a_queue_is_free(graphs: Path) -> None:
    network = tf1.read(graphs / "queued_batch")

    assert {name: spec.shape for name, spec in network.inputs.items()} == {
        "batch:0": (None, 4, 4, 1),
        "batch:1": (None, 1),
    }
    assert network.tensors["logits:0"].shape == (None, 3)
    feeds = {"batch:0": np.ones((3, 4, 4, 1), np.float32), "batch:1": np.zeros((3, 1), np.int32)}
    assert np.isfinite(network.run(feeds, to=network.graph.training.loss))


@pytest.mark.parametrize("rows", [1, 3, 8, 24])
def test_a_graph_built_for_one_batch_takes_any(graphs: Path, rows: int) -> None:
    network = tf1.read(graphs / "fixed_batch")
    feeds = dict(np.load(graphs / "fixed_batch/feeds.npz"))
    repeated = {name: np.resize(value, (rows, *value.shape[1:])) for name, value in feeds.items()}

    got = network.run({"x:0": repeated["x:0"]}, to="chances:0")

    expected = np.load(graphs / "fixed_batch/values.npz")["chances:0"]
    np.testing.assert_allclose(got, np.resize(expected, (rows, 3)), rtol=1e-5)
    assert np.isfinite(network.run(repeated, to="loss:0"))


def test_transposed_convolutions_and_drawn_masks_take_any_batch(graphs: Path) -> None:
    network = tf1.read(graphs / "fixed_batch_made")
    feeds = dict(np.load(graphs / "fixed_batch_made/feeds.npz"))

    got = network.run(feeds["z:0"][:2])

    np.testing.assert_allclose(got, np.load(graphs / "fixed_batch_made/values.npz")["out:0"][:2], rtol=1e-5, atol=1e-6)
    assert network.run(feeds["z:0"][:2], training=True).shape == (2, 4, 4, 4)


def test_what_always_drops_is_quiet_in_evaluation(graphs: Path) -> None:
    network = tf1.read(graphs / "always_training")
    x = np.load(graphs / "always_training/feeds.npz")["x:0"]

    first, again = network.run({"x:0": x}, to="dropout/SelectV2"), network.run({"x:0": x}, to="dropout/SelectV2")
    trained, differently = (network.run({"x:0": x}, to="dropout/SelectV2", training=True) for _ in range(2))

    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, network.run({"x:0": x}, to="flatten/Reshape"))
    assert (trained == 0).mean() > 0.4
    assert not np.array_equal(trained, differently)
    assert network.graph.switches == (Switch(name="regraft/training:0", evaluation=False, training=True),)
