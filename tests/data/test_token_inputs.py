"""Networks of numbers of words made to read texts: what has to be said of them, and what cannot be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from encoders import table
from formats.keras.making import data, dense, functional, h5, layer

import regraft
from regraft.data.said import parse_input, with_user
from regraft.data.token_inputs import reads_texts
from regraft.data.tokens import encoded
from regraft.errors import BadArgument
from regraft.network import GraphNetwork, InputSpec


def net(folder: Path, length: int | None = 4, rows: int = 5) -> GraphNetwork:
    """An embedding, a mean, and a dense layer."""
    table = np.arange(rows * 3, dtype=np.float32).reshape(rows, 3)
    layers = (
        data(length, name="words"),
        layer("Embedding", "table", "words", input_dim=rows, output_dim=3),
        layer("GlobalAveragePooling1D", "mean", "table"),
        dense("told", "mean", 2),
    )
    weights = {"table": {"embeddings": table}, "told": {"kernel": np.ones((3, 2), np.float32), "bias": np.zeros(2)}}
    return regraft.open(h5(folder / "net.h5", functional(*layers), weights))


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("words.txt").write_text("dog\ncat\nbird\n")
    return "vocabulary=words.txt,rules=spaces"


def test_texts_go_in(words: str, tmp_path: Path) -> None:
    network = reads_texts(net(tmp_path), parse_input(words))
    (spec,) = network.inputs.values()
    assert (spec.layout, spec.shape, spec.dtype) == ("tokens", (None, 4), "float32")
    assert encoded(["bird dog", "a dog cat cat cat cat"], spec).tolist() == [[3, 1, 0, 0], [1, 2, 2, 2]]
    (front,) = reads_texts(net(tmp_path), parse_input(words + ",pad=pre")).inputs.values()
    assert encoded(["bird dog", "a dog cat cat cat cat"], front).tolist() == [[0, 0, 3, 1], [2, 2, 2, 2]]


def test_a_new_task_is_told_by_the_saved_model_alone(words: str, tmp_path: Path) -> None:
    net(tmp_path, None)
    result = regraft.fit("net.h5", table(tmp_path / "t.csv", 60), input=f"{words},length=6", out=tmp_path / "run")
    Path("words.txt").unlink()
    Path("net.h5").unlink()
    assert result.test is not None
    assert regraft.evaluate(tmp_path / "run", tmp_path / "t.csv").n == 60
    (spec,) = regraft.open(tmp_path / "run").inputs.values()
    assert encoded(["cat dog"], spec).tolist() == [[2, 1, 0, 0, 0, 0]]


@pytest.mark.parametrize(
    ("input", "message"),
    [
        ("rules=keras",
         "what is said of the input does not go together\n"
         "  expected: vocabulary=FILE with some of rules, lower, pad, length; or tokenizer=FILE with length\n"
         "  got: rules"),
        ("vocabulary=words.txt,rules=spaces,range=0..1",
         "what is said of the input does not go together\n"
         "  expected: vocabulary=FILE with some of rules, lower, pad, length; or tokenizer=FILE with length\n"
         "  got: vocabulary, rules, range"),
        ("vocabulary=words.txt,rules=spaces",
         "nobody says how long texts are, and what fills them up is read by the network too\n  where: words\n"
         "  to do: say how long they were in its training: --input vocabulary=FILE,length=50"),
    ],
)  # fmt: skip
def test_what_is_said_and_what_is_not(input: str, message: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        reads_texts(net(tmp_path, None), parse_input(input))
    assert str(caught.value) == message


def test_networks_that_take_no_words(words: str, tmp_path: Path) -> None:
    pictures = regraft.open(h5(tmp_path / "p.h5", functional(data(8, 8, 3), layer("Flatten", "flat", "data"))))
    with pytest.raises(BadArgument) as caught:
        reads_texts(pictures, parse_input(words))
    assert str(caught.value) == (
        "the network has no input for the numbers of words\n  expected: one input (b t)\n  got: data (None, 8, 8, 3)"
    )
    once = reads_texts(net(tmp_path), parse_input(words))
    with pytest.raises(BadArgument) as twice:
        reads_texts(once, parse_input(words))
    assert str(twice.value) == (
        "the network itself says how it reads texts\n  where: words\n  to do: leave that out of --input"
    )
    with pytest.raises(BadArgument) as late:
        with_user(InputSpec(name="x", shape=(None, 9), layout="bytes"), parse_input(words))
    assert str(late.value) == (
        "how texts become numbers cannot be said of the input x\n"
        "  expected: a network that was trained on the numbers of words or characters\n  got: vocabulary, rules"
    )
