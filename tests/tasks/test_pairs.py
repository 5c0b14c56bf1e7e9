"""Pairs of texts classified: what an encoder reads of both, and every verb on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from encoders import bert_in, minilm, module_of, opened, pairs, table_of_pairs

import regraft
from regraft.data import open_unlabelled
from regraft.errors import BadArgument
from regraft.features import Place, extract
from regraft.network import GraphNetwork, InputSpec, New, Plan
from regraft.network.from_layers import from_layers

LONG = ("the dog sees the cat " * 8, "a small bird " * 9)  # longer than the small encoders read


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bert_in(tmp_path_factory.mktemp("bert"))


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def of_transformers(folder: Path, texts: list[tuple[str, str]], most: int) -> tuple[Any, np.ndarray]:
    """What transformers feeds an encoder, and the means of the words it gives."""
    module, tokenizer = module_of(folder)
    typed = module.config.type_vocab_size > 1
    firsts, seconds = map(list, zip(*texts, strict=True))
    how: dict[str, Any] = {"padding": True, "truncation": True, "max_length": most, "return_tensors": "pt"}
    fed = tokenizer(firsts, seconds, return_token_type_ids=typed, **how)
    with torch.no_grad():
        words, mask = module(**fed).last_hidden_state, fed["attention_mask"][..., None]
    return fed, ((words * mask).sum(1) / mask.sum(1)).numpy()


def frozen(folder: Path, texts: list[tuple[str, str]], tmp_path: Path) -> np.ndarray:
    """The features that a frozen encoder stores of a table of pairs."""
    (tmp_path / "t.csv").write_text("sentence1,sentence2\n" + "".join(f"{one},{other}\n" for one, other in texts))
    network, examples = opened(folder), open_unlabelled([tmp_path / "t.csv"])
    found = extract(network, ["sentence"], examples, network.inputs["input_ids"], Place(root=tmp_path / "features"))
    return found.rows("sentence", np.arange(len(texts)))


@pytest.mark.parametrize("kind", ["Bert", "Roberta"])
def test_features_are_those_of_transformers(kind: str, tmp_path: Path) -> None:
    texts = [*((first, second) for first, second, _ in pairs(40)), LONG]
    folder = bert_in(tmp_path / kind, kind)
    fed, expected = of_transformers(folder, texts, 20)
    np.testing.assert_allclose(frozen(folder, texts, tmp_path), expected, rtol=1e-5, atol=1e-5)
    if kind == "Bert":
        types = opened(folder).run(fed["input_ids"].numpy(), to="token_type_ids")
        np.testing.assert_array_equal(types, fed["token_type_ids"].numpy())
        assert types.any()
    else:
        assert "token_type_ids" not in opened(folder).tensors


@pytest.mark.slow
def test_features_of_a_real_encoder(tmp_path: Path) -> None:
    texts = [
        ("A man is playing a guitar on stage.", "Somebody makes music."),
        ("How do I cook rice?", "What is the best way to cook rice without a cooker?"),
        ("Yes.", "No; " * 200),
    ]
    _, expected = of_transformers(minilm(), texts, 128)
    np.testing.assert_allclose(frozen(minilm(), texts, tmp_path), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_fitted_evaluated_and_predicted(bert: Path, tmp_path: Path) -> None:
    data, out = table_of_pairs(tmp_path / "t.csv"), tmp_path / "run"
    settings = {"epochs": 15, "lr": 5e-3}
    result = regraft.fit(opened(bert), data, plan=Plan(freeze=None), settings=settings, out=out)
    assert result.test is not None
    assert result.test.accuracy > 0.8 > result.baselines["majority class"]  # the second text tells, not the first
    assert regraft.evaluate(out, data).accuracy > 0.8
    asked = [("a dog sees the tree", "one cat"), ("a dog sees the tree", "one dog")]
    told = regraft.predict(out, asked)
    (tmp_path / "asked.tsv").write_text("premise\thypothesis\n" + "".join(f"{a}\t{b}\n" for a, b in asked))
    again = regraft.predict(out, tmp_path / "asked.tsv")
    np.testing.assert_array_equal(told.probability, again.probability)
    answers = told.as_json()["predictions"]
    assert [one["input"] for one in answers] == ["a dog sees the tree | one cat", "a dog sees the tree | one dog"]
    assert [one["class"] for one in answers] == ["cat", "dog"]


@pytest.mark.parametrize("strange", [("one", "two", "three"), ("one", 2), "a path"])
def test_what_is_no_pair(strange: Any, byte_reader: GraphNetwork) -> None:
    with pytest.raises(BadArgument) as caught:
        regraft.predict(byte_reader, [("one", "two"), strange])
    assert str(caught.value) == f"this is no pair of texts\n  expected: two strings\n  got: {strange!r}"


def test_a_tokenizer_that_puts_nothing_between(tmp_path: Path) -> None:
    from tokenizers import Tokenizer
    from tokenizers.processors import TemplateProcessing

    folder = bert_in(tmp_path / "bert")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = TemplateProcessing(
        "[CLS] $A [SEP]", "[CLS] $A $B:1 [SEP]:1", [("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    with pytest.raises(BadArgument) as caught:
        regraft.fit(opened(folder), table_of_pairs(tmp_path / "t.csv"), out=tmp_path / "run")
    assert str(caught.value) == (
        "the network reads no pairs of texts\n  where: input_ids\n"
        "  expected: a tokenizer that puts a token between two texts, and types from there on if it has types\n"
        "  to do: name one column of texts: --text COLUMN"
    )


def test_pairs_are_not_pretrained_on(tmp_path: Path) -> None:
    data = table_of_pairs(tmp_path / "t.csv")
    with pytest.raises(BadArgument) as caught:
        regraft.pretrain(data, "corruption", out=tmp_path / "run")
    assert str(caught.value) == (
        f"a network is pretrained on single texts, and these are pairs\n  where: {data}\n"
        "  to do: name one column: --text COLUMN"
    )


@pytest.fixture(scope="module")
def byte_reader() -> GraphNetwork:
    """A network that tells two classes by bytes, with fresh weights."""
    spec = InputSpec(name="texts", shape=(None, None), dtype="int64", layout="bytes")
    layers = [New(kind="embedding", width=8), New(kind="conv", width=16, kernel=5, activation="relu")]
    return from_layers(spec, [*layers, New(kind="dense", width=2)])


def test_a_network_that_reads_bytes(byte_reader: GraphNetwork, tmp_path: Path) -> None:
    data = table_of_pairs(tmp_path / "t.csv")
    result = regraft.fit(byte_reader, data, plan=Plan(freeze=None), settings={"epochs": 2}, out=tmp_path / "run")
    assert result.test is not None
    assert regraft.predict(tmp_path / "run", [("a dog", "a cat")]).probability.shape == (1, 2)


@pytest.mark.slow
def test_a_few_pairs_of_each_class(bert: Path, tmp_path: Path) -> None:
    data = table_of_pairs(tmp_path / "t.csv")
    found = regraft.fewshot(opened(bert), data, shots=[3], ways=2, episodes=20)
    assert [one.features for one in found.results if one.method == "nearest centroid"] == [
        "source",
        "untrained trunk",
        "bag of words",
    ]
    told = regraft.recognise(opened(bert), data, data)
    assert len(told.classes) == 240


@pytest.mark.slow
def test_a_search(bert: Path, tmp_path: Path) -> None:
    found = regraft.search(opened(bert), table_of_pairs(tmp_path / "t.csv"), passes=60, out=tmp_path / "run").as_json()
    assert [point["cut"] for point in found["curve"]][-1] == "sentence"
    assert found["winner"]["test"]["accuracy"] > 0.6
