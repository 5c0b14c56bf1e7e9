"""What a graph is taken to be made for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.tf1.making import Made, dense

from regraft.errors import BadArgument
from regraft.formats import tf1

OUTPUTS = {
    "adversaries": ("discriminator/b/BiasAdd:0", "discriminator_1/b/BiasAdd:0"),
    "autoencoder": ("outputs/BiasAdd:0",),
    "conditional_by_hand": ("out:0",),
    "dense": ("dnn/outputs/BiasAdd:0",),
    "embedding": ("Logits/BiasAdd:0",),
    "fixed_batch": ("chances:0",),
    "keras_training": ("dense/BiasAdd:0",),
    "rare_optimizer": ("logits:0",),
    "recurrent": ("out/BiasAdd:0",),
    "residual": ("out:0",),
    "sentences": ("output/scores:0",),
    "summed_loss": ("chances:0",),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_what_the_loss_looks_at_is_the_output(graphs: Path, case: str) -> None:
    assert tf1.read(graphs / case).outputs == OUTPUTS[case]


def test_the_forward_graph_stays_addressable(graphs: Path) -> None:
    assert {"embeddings:0", "embeddings/Sum:0", "input:0"} <= set(tf1.read(graphs / "embedding").nodes)
    assert "dense/Softmax:0" in tf1.read(graphs / "keras_training").nodes
    assert "generator/b/Tanh:0" in tf1.read(graphs / "adversaries").nodes


def test_what_nothing_reads_is_the_output(tmp_path: Path) -> None:
    made = dense().constant("axis", np.int32(1)).constant("tag", np.int32(0))
    made.node("chances", "Softmax", "out").node("class", "ArgMax", "chances", "axis")

    assert tf1.read(made.write(tmp_path / "model.pb")).outputs == ("chances:0",)


def test_two_ends_are_two_outputs(tmp_path: Path) -> None:
    made = dense().node("one", "Softmax", "out").node("other", "Tanh", "out")

    assert tf1.read(made.write(tmp_path / "model.pb")).outputs == ("one:0", "other:0")


def test_what_a_layer_goes_on_from_is_no_output(tmp_path: Path) -> None:
    made = dense().constant("v", np.ones((2, 3), np.float32)).node("v/read", "Identity", "v")
    made.node("aside", "Tanh", "out").node("end", "MatMul", "out", "v/read")

    network = tf1.read(made.write(tmp_path / "model.pb"))

    assert network.outputs == ("end:0",)
    assert "aside:0" in network.nodes


def test_a_class_in_another_shape_is_still_a_verdict(tmp_path: Path) -> None:
    made = dense().constant("axis", np.int32(1)).node("class", "ArgMax", "out", "axis")
    made.node("column", "ExpandDims", "class", "axis")

    assert tf1.read(made.write(tmp_path / "model.pb")).outputs == ("out:0",)


def test_names_of_classes_are_a_verdict(tmp_path: Path) -> None:
    made = dense().constant("axis", np.int32(1)).node("class", "ArgMax", "out", "axis")
    made.node("names", "Const", dtype="string").node("name", "GatherV2", "names", "class", "axis", Tparams="string")
    made.node("written", "AsString", "out")

    assert tf1.read(made.write(tmp_path / "model.pb")).outputs == ("out:0",)


def test_what_only_a_measure_with_labels_reads_stays_addressable(tmp_path: Path) -> None:
    made = dense().placeholder("y", -1, 2).node("loss", "SoftmaxCrossEntropyWithLogits", "out", "y")
    made.constant("axis", np.int32(1)).node("true", "ArgMax", "y", "axis")
    made.node("chances", "Softmax", "out").node("class", "ArgMax", "chances", "axis").node(
        "hit", "Equal", "class", "true"
    )

    network = tf1.read(made.write(tmp_path / "model.pb"))

    assert network.outputs == ("out:0", "chances:0")
    assert list(network.inputs) == ["x:0"]
    assert "class:0" in network.nodes


def test_summaries_are_no_reason_to_go_on(tmp_path: Path) -> None:
    made = dense().node("tag", "Const", dtype="string").node("seen", "HistogramSummary", "tag", "out")

    assert tf1.read(made.write(tmp_path / "model.pb")).outputs == ("out:0",)


def test_a_graph_that_ends_nowhere(tmp_path: Path) -> None:
    path = Made().placeholder("x", -1, 4).node("y", "Relu", "x").write(tmp_path / "model.pb")

    with pytest.raises(BadArgument) as error:
        tf1.read(path)

    assert str(error.value) == (
        "no output of this graph can be told: nothing in it is computed from an input and from weights\n"
        f"  where: {path}\n"
        "  to do: name the tensor you want: --at NAME, or open(..., to=NAME)"
    )
    assert tf1.read(path, to="y").run(np.array([[1, -1, 0, 2]])).tolist() == [[1, 0, 0, 2]]
