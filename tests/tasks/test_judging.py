from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tasks.small import WIDTH, points, source

import regraft
from regraft.data import open_splits
from regraft.errors import BadArgument, BadData, UnreadableFile
from regraft.network import Graph, GraphNetwork, InputSpec, New, Node, Plan, Ref
from regraft.network.from_layers import from_layers
from regraft.network.surgery import graft
from regraft.run import Progress
from regraft.tasks.evaluate import evaluate
from regraft.tasks.inputs import settled
from regraft.tasks.judging import class_names, read_names
from regraft.tasks.predict import Predictions, joined, predict_in_pieces

QUIET = Progress(silent=True)
NAMES = ("0", "1", "2", "3")


def predict(network: GraphNetwork, inputs: Any, **how: Any) -> Predictions:
    found = joined(predict_in_pieces(network, inputs, progress=QUIET, **how))
    assert isinstance(found, Predictions)
    return found


def told_by_bytes() -> GraphNetwork:
    spec = InputSpec(name="texts", shape=(None, 8), dtype="int64", layout="bytes")
    layers = New(kind="embedding", width=4), New(kind="conv", width=8), New(kind="global_max_pool")
    return graft(from_layers(spec, layers), Plan(), classes=3).network


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits.astype(np.float64))
    return powers / powers.sum(axis=1, keepdims=True)


def test_predictions_are_the_softmax_of_the_logits() -> None:
    x = points().test.examples.items[:70]
    found = predict(source(), x, classes=("a", "b", "c", "d"))
    assert np.allclose(found.probability, softmax(source().run(x)), atol=1e-6)
    first = found.as_json()["predictions"][0]
    best = found.probability[0].argmax()
    assert first == {"input": "row 0", "class": "abcd"[best], "probability": float(found.probability[0, best])}
    assert len(found.inputs) == 70


def test_pieces_are_computed_when_they_are_asked_for(tmp_path: Path) -> None:
    """A network on bytes: what a text is taken for hangs on the text alone."""
    path, network = tmp_path / "t.txt", told_by_bytes()
    texts = [f"text {k}" for k in range(70)]
    path.write_text("\n".join(texts))
    pieces = predict_in_pieces(network, path, progress=QUIET)
    first = next(pieces)
    path.write_text("\n".join(texts[:40]))
    assert isinstance(first, Predictions)
    assert first.inputs == tuple(texts[:32])
    with pytest.raises(UnreadableFile, match=r"^the file has become shorter since it was opened\n"):
        list(pieces)
    whole = predict(network, path)
    assert whole.inputs == tuple(texts[:40])
    assert np.array_equal(whole.probability[:32], first.probability)


def test_the_first_piece_tells_whether_they_are_probabilities() -> None:
    """Of logits (0.4, 0.6) alone nobody could tell."""
    nodes = (
        Node(name="x:0", function="input"),
        Node(name="y:0", function="identity", args=(Ref("x:0"),)),
    )
    spec = InputSpec(name="x:0", shape=(None, 2), layout="flat")
    network = GraphNetwork(Graph(nodes=nodes, inputs=(spec,), outputs=("y:0",)), {}, format="small")
    x = np.tile(np.float32([3, -2]), (33, 1))
    x[32] = 0.4, 0.6
    assert np.allclose(predict(network, x).probability, softmax(x))


def test_evaluation_counts_what_prediction_gets_right() -> None:
    splits = points(classes=4)
    found = evaluate(source(), splits.test, classes=NAMES, progress=QUIET)
    taken = source().run(splits.test.examples.items[splits.test.indices]).argmax(axis=1)
    assert found.accuracy == (taken == splits.test.labels).mean()
    assert found.confusion.sum() == found.n == len(splits.test)


def test_data_with_fewer_classes_are_matched_by_name() -> None:
    splits = points(classes=3)
    names = ("3", "2", "1", "0")
    found = evaluate(source(), splits.test, classes=names, progress=QUIET)
    assert found.confusion.shape == (4, 4)
    assert found.confusion[0].sum() == 0
    assert found.confusion[3].sum() == (splits.test.labels == 0).sum()


def test_a_graph_built_for_one_size_of_batch() -> None:
    nodes = (
        Node(name="x:0", function="input"),
        Node(name="y:0", function="identity", args=(Ref("x:0"),)),
    )
    spec = InputSpec(name="x:0", shape=(4, WIDTH), layout="flat")
    network = GraphNetwork(Graph(nodes=nodes, inputs=(spec,), outputs=("y:0",)), {}, format="small")
    x = np.random.default_rng(0).normal(size=(10, WIDTH)).astype("float32")
    assert np.allclose(predict(network, x).probability, softmax(x))


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("one\ntwo\n")
    names = read_names(tmp_path / "labels.txt")
    with pytest.raises(BadArgument) as caught:
        predict(source(), points().test.examples.items, classes=names)
    assert str(caught.value) == (
        "the labels do not fit the network\n"
        "  where: top/BiasAdd:0\n"
        "  expected: 4 names, one for each class\n"
        "  got: 2 names"
    )


def test_what_is_left_out_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("0", "1"):
        (tmp_path / name).mkdir()
        Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / name / "good.png")
    (tmp_path / "1/bad.png").write_bytes(b"nothing")
    nodes = (Node(name="x:0", function="input"), Node(name="y:0", function="identity", args=(Ref("x:0"),)))
    spec = InputSpec(name="x:0", shape=(None, 4), layout="flat", range=(0.0, 1.0))
    network = GraphNetwork(Graph(nodes=nodes, inputs=(spec,), outputs=("y:0",)), {}, format="small")
    found = evaluate(network, tmp_path, classes=NAMES, skip_bad=True)
    assert found.n == 2
    assert "skipped 1/bad.png: " in capsys.readouterr().err


@pytest.mark.slow
def test_data_unlike_the_training_data_are_warned_of(shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = regraft.open(
        shared / "models/mobilenet_v1_imagenet_tf1/retrained_graph.pb",
        to="MobilenetV1/MobilenetV1/Conv2d_0/Relu6",
    )
    (spec,) = network.inputs.values()
    photos = open_splits(shared / "data/flowers5").validation
    warning = "warning: the data look unlike what the network was trained on"
    assert settled(network, spec, photos, "range=0..255", Progress()).range == (0.0, 255.0)
    assert warning in capsys.readouterr().err
    assert settled(network, spec, photos, None, Progress()).range == (-1.0, 1.0)
    said = capsys.readouterr().err
    assert "input input:0: range=-1..1,channels=rgb, guessed from the network's own statistics" in said
    assert warning not in said


def test_examples_without_labels_cannot_be_compared() -> None:
    splits = points()
    unlabelled = type(splits.test.examples)(
        source="points", items=splits.test.examples.items, labels=np.full(240, -1), classes=(), hashes=()
    )
    with pytest.raises(BadData) as caught:
        evaluate(source(), unlabelled, progress=QUIET)
    assert str(caught.value) == (
        "these examples are not labelled\n  where: points\n  to do: `regraft predict` takes such"
    )


def test_an_output_that_tells_nothing_apart() -> None:
    network = source()
    graph = replace(network.graph, outputs=("two/Tanh:0", "top/BiasAdd:0"))
    several = GraphNetwork(graph, network.values, format="small")
    with pytest.raises(BadArgument) as caught:
        class_names(several, None)
    assert str(caught.value) == (
        "it cannot be told which output of the network tells classes apart\n"
        "  expected: one output (b, classes)\n"
        "  got: two/Tanh:0 (None, 8), top/BiasAdd:0 (None, 4)\n"
        "  to do: open the network for one tensor: open(path, to=NAME), --to NAME"
    )


@pytest.mark.slow
def test_three_photos_are_named_with_a_guessed_range(shared: Path) -> None:
    folder = shared / "data/imagenet_photos"
    network = regraft.open(
        shared / "models/mobilenet_v1_imagenet_tf1/retrained_graph.pb", to="MobilenetV1/Logits/SpatialSqueeze"
    )
    found = predict(network, folder / "photos", classes=read_names(folder / "imagenet_labels.txt"))
    named = {Path(p["input"]).stem: p["class"] for p in found.as_json()["predictions"]}
    assert named == {"cat_720p": "Egyptian cat", "hot_dog": "hotdog, hot dog, red hot", "parrot": "macaw"}
