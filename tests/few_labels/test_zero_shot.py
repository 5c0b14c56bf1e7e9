"""Classes without an example: the closed form, what is chosen, whole studies, and the files of attributes."""

from __future__ import annotations

import re
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from encoders import minilm

import regraft
from regraft.data.arrays import labelled
from regraft.errors import BadArgument, BadData, MissingFile, UnreadableFile
from regraft.few_labels import Nearest, Recognised
from regraft.few_labels.methods import Centred
from regraft.few_labels.semantics import read_semantics
from regraft.few_labels.sentences import Sentences
from regraft.few_labels.zero_shot import Choice, Eszsl, chosen, recognised, zero_shot
from regraft.network import Graph, GraphNetwork, InputSpec, Node
from regraft.run import Progress

CLASSES, ATTRIBUTES, WIDTH = 10, 5, 40


def world(each: int = 30, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points whose classes' centres hang on what is known of them by a matrix; labels; and what is known."""
    random = np.random.default_rng(0)
    known = random.normal(size=(CLASSES, ATTRIBUTES))
    known /= np.linalg.norm(known, axis=1, keepdims=True)
    centres = known @ random.normal(size=(ATTRIBUTES, WIDTH))
    labels = np.repeat(np.arange(CLASSES), each)
    return centres[labels] + noise * random.normal(size=(len(labels), WIDTH)), labels, known


def as_it_is() -> GraphNetwork:
    """A network that gives back what it is fed."""
    spec = InputSpec(name="x:0", shape=(None, WIDTH), layout="flat")
    graph = Graph(nodes=(Node(name="x:0", function="input"),), inputs=(spec,), outputs=("x:0",))
    return GraphNetwork(graph, {}, format="test")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.parametrize("each", [3, 30])  # fewer examples than features, and more
def test_the_closed_form(each: int) -> None:
    points, labels, known = world(each)
    seen = labels < 8
    found = Eszsl(points[seen], labels[seen], known).scores(points, Choice(features=0.7, classes=0.2, less=0.0))
    centre = Centred().fit(points[seen], labels[seen])
    x, s = centre.transform(points[seen]), known[:8]
    truth = np.where(labels[seen][:, None] == np.arange(8), 1.0, -1.0)
    left = np.linalg.inv(x.T @ x + 0.7 * np.eye(WIDTH)) @ x.T @ truth @ s
    expected = centre.transform(points) @ left @ np.linalg.inv(s.T @ s + 0.2 * np.eye(ATTRIBUTES)) @ known.T
    np.testing.assert_allclose(found, expected / expected[:, :8].std(), rtol=1e-8, atol=1e-10)


def test_what_is_taken_from_seen_classes_is_taken_from_them_alone() -> None:
    points, labels, known = world()
    model = Eszsl(points[labels < 8], labels[labels < 8], known)
    plain, less = (model.scores(points, Choice(features=1, classes=1, less=value)) for value in (0.0, 0.5))
    np.testing.assert_allclose(plain[:, :8] - less[:, :8], 0.5)
    np.testing.assert_array_equal(plain[:, 8:], less[:, 8:])


def test_the_choice_hangs_on_the_examples_alone() -> None:
    points, labels, known = world()
    seen = labels < 8
    one = chosen(points[seen], labels[seen], known)
    known[8:] = 0  # of classes that are not seen
    assert chosen(points[seen], labels[seen], known) == one


def test_classes_never_seen_are_told() -> None:
    points, labels, known = world()
    examples = labelled(points.astype(np.float32), np.array([f"class {k}" for k in labels]), "points")
    semantics = {f"class {k}": vector for k, vector in enumerate(known)}
    found = zero_shot(as_it_is(), examples, semantics, None, at="x:0", progress=Progress(silent=True))
    assert [one.unseen for one in found.told] == [(f"class {k}",) for k in range(CLASSES)]
    assert np.mean([one.harmonic for one in found.told]) > 0.9
    assert all(one.among_unseen is None for one in found.told)
    (two,) = zero_shot(
        as_it_is(), examples, semantics, ["class 8", "class 9"], at="x:0", progress=Progress(silent=True)
    ).told
    assert two.among_unseen is not None
    assert two.among_unseen > 0.9
    shuffled = {f"class {k}": known[(k + 1) % CLASSES] for k in range(CLASSES)}  # nothing true is known
    lost = zero_shot(as_it_is(), examples, shuffled, None, at="x:0", progress=Progress(silent=True))
    assert np.mean([one.harmonic for one in lost.told]) < 0.5


def test_attributes_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text("class,tall,red\nrose,1,3\n tulip ,0,2\n")
    found = read_semantics(path, None)
    assert list(found) == ["rose", "tulip"]
    np.testing.assert_allclose(found["rose"], np.array([1, 3]) / np.sqrt(10))


def test_descriptions_go_to_the_encoder(tmp_path: Path) -> None:
    path = tmp_path / "classes.tsv"
    path.write_text("rose\tred, with thorns\ntulip\ta cup on a stalk\n")
    asked = list[str]()

    def encode(texts: list[str]) -> np.ndarray:
        asked.extend(texts)
        return np.eye(2)

    assert list(read_semantics(path, encode)) == ["rose", "tulip"]  # pyright: ignore[reportArgumentType]
    assert asked == ["red, with thorns", "a cup on a stalk"]
    with pytest.raises(BadArgument, match=r"descriptions need a text encoder\n.*\n.*\n  to do: name one"):
        read_semantics(path, None)


@pytest.mark.parametrize(
    ("text", "kind", "what"),
    [
        ("rose,1,2\nrose,1,3\n", BadData, "a class stands twice"),
        ("", BadData, "the file is empty"),
        ("rose,1,2\ntulip,1\n", BadData, "the attributes of tulip are not like those of rose"),
        ("rose,1,2\ntulip,1,nan\n", BadData, "the attributes of tulip are not like those of rose"),
        ("rose,red,tall\ntulip,yellow,low\n", BadData, "a class has neither attributes nor a description"),
        ('"rose,1\n', UnreadableFile, "this is no table of classes"),
    ],
)
def test_files_that_are_refused(text: str, kind: type[Exception], what: str, tmp_path: Path) -> None:
    path = tmp_path / "classes.csv"
    path.write_text(text)
    with pytest.raises(kind, match=re.escape(what)):
        read_semantics(path, None)
    with pytest.raises(MissingFile, match="there is no such file of classes"):
        read_semantics(tmp_path / "none.csv", None)


def test_what_cannot_be_studied() -> None:
    points, labels, known = world()
    examples = labelled(points.astype(np.float32), labels, "points")
    semantics = {str(k): vector for k, vector in enumerate(known)}
    for unseen, what in ((["11"], "there is no class 11"), ([str(k) for k in range(8)], "too few classes are left")):
        with pytest.raises(BadArgument, match=what):
            zero_shot(as_it_is(), examples, semantics, unseen, at="x:0")
    with pytest.raises(BadData, match="the class 9 has too few examples"):
        zero_shot(as_it_is(), examples.some(np.arange(len(labels) - 28)).examples, semantics, None, at="x:0")
    del semantics["4"]
    with pytest.raises(BadData, match="nothing is known of the class 4"):
        zero_shot(as_it_is(), examples, semantics, None, at="x:0")


def test_queries_of_all_classes_are_told() -> None:
    points, labels, known = world()
    semantics = {str(k): vector for k, vector in enumerate(known)}
    rows = points.astype(np.float32)
    seen, asked = labels < 8, np.arange(len(labels)) % 30 < 5
    support, query = (
        labelled(rows[seen & ~asked], labels[seen & ~asked], "seen"),
        labelled(rows[asked], labels[asked], "q"),
    )
    found = recognised(as_it_is(), support, query, semantics, at="x:0", progress=Progress(silent=True))
    assert (found.method, found.inputs[:2]) == ("ESZSL", ("row 0", "row 1"))
    right = np.array(found.classes) == labels[asked].astype(str)
    assert right[labels[asked] < 8].mean() > 0.6
    assert right[labels[asked] >= 8].mean() > 0.6
    del semantics["3"]
    with pytest.raises(BadData, match="nothing is known of the class 3"):
        recognised(as_it_is(), support, query, semantics, at="x:0")


def test_a_class_alone_is_described_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "c.csv").write_text('rose\ntulip,a cup on a stalk\n"lily, white",\n')
    texts = list[str]()

    def encode(given: Sequence[str]) -> np.ndarray:
        texts.extend(given)
        return np.eye(len(given))

    assert list(read_semantics(tmp_path / "c.csv", encode)) == ["rose", "tulip", "lily, white"]
    assert texts == ["rose", "a cup on a stalk", "lily, white"]


TOLD = {
    "food": ["bread and butter", "a bowl of soup", "fried eggs"],
    "sport": ["a football match", "she ran a marathon"],
}


@pytest.mark.slow
def test_texts_told_by_the_nearest_description(tmp_path: Path) -> None:
    lines = [f"{text},{name}" for name, texts in TOLD.items() for text in texts]
    (tmp_path / "t.csv").write_text("\n".join(["text,label", *lines]))
    (tmp_path / "t.txt").write_text("\n".join(text for texts in TOLD.values() for text in texts))
    (tmp_path / "c.csv").write_text("sport\nfood,things to eat\n")
    source = f"hf:{minilm()}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = regraft.zeroshot(source, tmp_path / "t.csv", templates=["about {}", "{}"])
        told = regraft.zeroshot(source, None, tmp_path / "c.csv", query=tmp_path / "t.txt")
        network = regraft.open(source)
    assert isinstance(found, Nearest)
    assert (found.n, found.accuracy, found.balanced, found.majority) == (5, 1.0, 1.0, 0.6)
    assert isinstance(told, Recognised)
    assert told.classes == ("food",) * 3 + ("sport",) * 2
    with pytest.raises(BadArgument) as caught:
        Sentences(network, ["a photo"])
    assert str(caught.value) == (
        "a template has no place for the class\n  expected: {} in it: 'a photo of a {}'\n  got: a photo"
    )
    np.save(tmp_path / "x.npy", np.zeros((3, 4)))
    with pytest.raises(BadArgument) as caught:
        regraft.zeroshot(source, None, tmp_path / "c.csv", query=tmp_path / "x.npy")
    assert str(caught.value) == (
        f"this network makes points of texts alone\n  where: {tmp_path}/x.npy\n"
        "  expected: texts, or a network with an output picture, as those of CLIP have\n"
        "  got: examples of the kind array\n  to do: name a network for such examples, and this one as --encoder"
    )
    (tmp_path / "a.csv").write_text("sport,1,2\nfood,2,1\n")
    for words, text in (
        ({"classes": tmp_path / "a.csv"}, "attributes cannot be compared with the points of a network\n"),
        ({"unseen": ["food"]}, "a source that reads texts itself learns from no class"),
        ({"at": "sentence"}, "a source that reads texts itself learns from no class"),
    ):
        with pytest.raises(BadArgument, match=text):
            regraft.zeroshot(network, tmp_path / "t.csv", **words)
    with pytest.raises(BadArgument, match="without labelled examples something must be known of the classes\n"):
        regraft.zeroshot(network, None, query=tmp_path / "t.txt")
    more = "food,things to eat\nsport\nweather,rain and wind\nbread and butter,bread and butter\n"
    (tmp_path / "more.csv").write_text(more)
    found = regraft.zeroshot(network, tmp_path / "t.csv", tmp_path / "more.csv")
    assert isinstance(found, Nearest)
    assert found.accuracy < 1  # some are taken for classes of which there is no example


@pytest.mark.slow
def test_sentences_are_those_of_transformers() -> None:
    folder, transformers = minilm(), pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = Sentences(regraft.open(f"hf:{folder}"))
    texts = ["a rose", "The quick brown fox jumps over the lazy dog.", "", "word " * 600]
    import torch

    tokens = transformers.AutoTokenizer.from_pretrained(folder)(
        texts, padding=True, truncation=True, max_length=128, return_tensors="pt"
    )
    with torch.no_grad():
        words = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval()(**tokens)[0]
    mask = tokens["attention_mask"][..., None]
    expected = torch.nn.functional.normalize((words * mask).sum(1) / mask.sum(1)).numpy()
    np.testing.assert_allclose(found.points(texts), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.points(texts[:1]), expected[:1], rtol=1e-4, atol=1e-5)
