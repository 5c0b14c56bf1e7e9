"""Word vectors as sources: GloVe's and word2vec's text, safetensors with a vocabulary; broken and hostile files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from encoders import WORDS, columns, sentences, table
from safetensors.numpy import save_file

import regraft
from regraft.data.said import parse_input
from regraft.data.token_inputs import reads_texts
from regraft.data.tokens import encoded, encoded_words
from regraft.errors import RegraftError, ShapeMismatch, UnreadableFile
from regraft.formats import vectors
from regraft.network import GraphNetwork, New, Plan

VECTORS = np.random.default_rng(0).normal(size=(len(WORDS), 20)).astype(np.float32)


def written(path: Path, words: list[str] = WORDS, *, header: bool = False, end: str = "\n") -> Path:
    lines = [f"{word} " + " ".join(map(repr, row.tolist())) for word, row in zip(words, VECTORS, strict=False)]
    path.write_text(f"{len(lines)} 20\n" * header + end.join(lines) + end, encoding="utf-8")
    return path


def means(network: GraphNetwork, texts: list[str]) -> np.ndarray:
    return network.run(encoded(texts, network.inputs["input_ids"]), to="sentence")


@pytest.mark.parametrize(("header", "end"), [(False, "\n"), (True, " \n"), (True, "\r\n")])
def test_a_text_is_the_mean_of_its_words(header: bool, end: str, tmp_path: Path) -> None:
    path = written(tmp_path / "vectors.txt", header=header, end=end)
    assert vectors.opens(path)
    network = regraft.open(path)
    texts = ["the dog", "The old-DOG, nowhere; (cat)!", "", "nowhere"]
    rows = dict(zip(WORDS, VECTORS, strict=True))
    wanted = [[rows[word] for word in words] for words in (["the", "dog"], ["the", "old", "dog", "cat"])]
    np.testing.assert_allclose(means(network, texts)[:2], [np.mean(one, 0) for one in wanted], rtol=1e-5, atol=1e-6)
    assert not means(network, texts)[2:].any()
    assert network.parameters["vectors"].trainable
    assert network.bottleneck() == "sentence"


def test_words_that_stand_for_themselves(tmp_path: Path) -> None:
    """Where capitals have vectors letters stay; what has a vector is not parted; words may hold spaces."""
    network = regraft.open(written(tmp_path / "v.vec", ["U.S.", "dog", "Dog", ". .", "é", "s"]))
    (spec,) = network.inputs.values()
    assert encoded(["U.S. Dog's dog-É", "u.s. é"], spec).tolist() == [[1, 3, 6, 2], [6, 5, 0, 0]]
    found, places = encoded_words([["U.S.", "nowhere", "Dog's"]], spec)
    assert (found.tolist(), places[0].tolist()) == ([[1, 0, 3, 6]], [0, 1, 2])


def test_other_texts_are_none(tmp_path: Path) -> None:
    for name, text in (
        ("a", "the dog sees\nthe cat\n"),
        ("b", "in 1 2 3\nof 1 2 3 4\n"),
        ("c", "2 8\nthe 1 2 3\n"),
        ("d", "the 1 2 3\n"),
        ("e", "name: 1 2 three\nname: 1 2 three\n"),
        ("f", ""),
    ):
        (tmp_path / name).write_text(text)
        assert not vectors.opens(tmp_path / name), name
    assert not vectors.opens(tmp_path)
    assert not vectors.opens(tmp_path / "nothing")


@pytest.mark.filterwarnings("error")
def test_words_that_stand_twice_are_said(tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(b"a 1 2 3\nb 4 5 6\na 7 8 9\n\xff 1 1 1\n")
    with pytest.warns(UserWarning, match="left out") as caught:
        network = regraft.open(path)
    assert str(caught[0].message) == "v.txt: 2 words stand there twice or are no UTF-8: left out"
    assert network.values["vectors"].tolist() == [[0, 0, 0], [1, 2, 3], [4, 5, 6]]


GOOD = b"a 1 2 3\n" * 6


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        (GOOD + b"b 1 2\n", UnreadableFile,
         "a line is of another length\n  where: {}, line 7\n  expected: a word and 3 numbers\n  got: 2 numbers"),
        (GOOD + b"b  1 2\n", UnreadableFile,
         "a line is of another length\n  where: {}, line 7\n  expected: a word and 3 numbers\n  got: 2 numbers"),
        (GOOD + b"b 1 2 x\n", UnreadableFile,
         "here stands no number\n  where: {}, line 7\n  expected: a number\n  got: 'x'"),
        (GOOD + b"b 1 nan 3\n", UnreadableFile,
         "here stands no number\n  where: {}, line 7\n  expected: a number\n  got: 'nan'"),
        (GOOD + b"b 1 1e99 3\n", UnreadableFile,
         "here stands no number\n  where: {}, line 7\n  expected: a number\n  got: '1e99'"),
        (GOOD + b"b" * 2000, UnreadableFile,
         "a line is too long\n  where: {}, line 7\n  expected: at most 1216 bytes\n  got: more"),
        (b"999999999 3\n" + GOOD, UnreadableFile,
         "the file holds another number of words than its first line says\n  where: {}\n"
         "  expected: 999999999\n  got: 6\n"
         "  to do: copy the file again from where it came; no part of it has been used"),
        (GOOD + b"b 1 2 3 4\n", UnreadableFile,
         "a line is of another length\n  where: {}, line 7\n  expected: a word and 3 numbers\n  got: 4 numbers"),
    ],
)  # fmt: skip
def test_broken_and_hostile_files(content: bytes, error: type[RegraftError], message: str, tmp_path: Path) -> None:
    path = tmp_path / "v.txt"
    path.write_bytes(content)
    assert vectors.opens(path)
    with pytest.raises(error) as caught:
        regraft.open(path)
    assert str(caught.value) == message.format(path)


def test_safetensors_with_a_vocabulary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_file({"weight": VECTORS}, "v.safetensors")
    Path("words.txt").write_text("\n".join(WORDS))
    said = parse_input("vocabulary=words.txt,rules=spaces")
    found = reads_texts(regraft.open("v.safetensors"), said)
    np.testing.assert_allclose(means(found, ["the a"])[0], VECTORS[:2].mean(0), rtol=1e-5)
    save_file({"weight": np.concatenate([VECTORS[:1], VECTORS])}, "v.safetensors")
    found = reads_texts(regraft.open("v.safetensors"), said)
    np.testing.assert_allclose(means(found, ["the a"])[0], VECTORS[:2].mean(0), rtol=1e-5)
    save_file({"weight": VECTORS[1:]}, "v.safetensors")
    with pytest.raises(ShapeMismatch) as caught:
        reads_texts(regraft.open("v.safetensors"), said)
    assert str(caught.value) == (
        "the vocabulary does not fit the vectors\n  where: words.txt\n"
        "  expected: (18, width), a row for each number, or (17, width), for each but 0\n  got: (16, 20)"
    )


def test_fitted_thawed_and_predicted(tmp_path: Path) -> None:
    source, data = written(tmp_path / "vectors.txt"), table(tmp_path / "t.csv")
    frozen = regraft.fit(source, data, out=tmp_path / "run")
    assert frozen.test is not None
    assert frozen.test.accuracy > 0.8
    source.unlink()
    (tmp_path / "q.txt").write_text("dog\na very small cat\n")
    told = regraft.predict(tmp_path / "run", tmp_path / "q.txt").as_json()["predictions"]
    assert [one["class"] for one in told] == ["dog", "cat"]


def test_vectors_are_trained_but_for_what_fills_up(tmp_path: Path) -> None:
    source, data = written(tmp_path / "vectors.txt"), table(tmp_path / "t.csv", 60)
    plan = Plan(freeze=None, new=(New(kind="dense"),))
    thawed = regraft.fit(source, data, plan=plan, settings={"epochs": 3}, out=tmp_path / "run")
    before, after = regraft.open(source).values["vectors"], regraft.open(thawed.model).values["vectors"]
    assert not after[0].any()
    assert (after[1:] != before[1:]).any()


@pytest.mark.slow
def test_searched_and_tagged(tmp_path: Path) -> None:
    source = written(tmp_path / "vectors.txt")
    found = regraft.search(source, table(tmp_path / "t.csv"), passes=12, out=tmp_path / "search")
    assert found.as_json()["winner"]["test"]["accuracy"] > 0.8
    words = [text.split() for text, _ in sentences(200)]
    tagged = [[(word, "N" if word in ("dog", "cat", "bird") else "X") for word in one] for one in words]
    result = regraft.fit(source, columns(tmp_path / "t.conll", tagged), out=tmp_path / "tagged")
    assert result.test is not None
    assert result.test.accuracy > 0.95
