"""Text encoders reused: texts go in, the frozen part is computed once, and what is filled up never counts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from encoders import bert_in, module_of, opened, sentences, table

import regraft
from regraft.data import open_unlabelled
from regraft.data.tokens import encoded
from regraft.errors import BadArgument, ShapeMismatch
from regraft.features import Place, extract
from regraft.network import New, Plan
from regraft.network.surgery import graft
from regraft.network.vectors import with_vectors

LAYER = "encoder.layer.1.output.LayerNorm"


@pytest.fixture(scope="module", params=["Bert", "Roberta"])
def encoder(request: pytest.FixtureRequest, small_encoder: Callable[[str], Path]) -> Path:
    return small_encoder(request.param)


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def of_transformers(bert: Path, texts: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Words (b t d) of the layer in the middle, and where texts stand (b t)."""
    module, tokenizer = module_of(bert)
    fed = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = module(**fed, output_hidden_states=True).hidden_states
    return hidden[2].numpy(), fed["attention_mask"].numpy()


def test_one_input_of_texts(bert: Path) -> None:
    network = opened(bert)
    (spec,) = network.inputs.values()
    assert (spec.name, spec.layout, spec.shape) == ("input_ids", "tokens", (None, None))
    assert network.bottleneck() == network.outputs[-1] == "sentence"
    assert encoded(["the dog", "unknown " * 40], spec).shape == (2, 20)  # as many positions as there are
    assert encoded(["the dog", "a small cat sees"], spec).tolist() == [[2, 4, 7, 3, 0, 0], [2, 5, 17, 8, 11, 3]]


def test_vectors_are_means_over_the_words(bert: Path) -> None:
    texts = [text for text, _ in sentences(9)]
    network, vectors = with_vectors(opened(bert), [LAYER])
    words, mask = of_transformers(bert, texts)
    expected = (words * mask[..., None]).sum(1) / mask.sum(1, keepdims=True)
    (spec,) = network.inputs.values()
    np.testing.assert_allclose(
        network.run(encoded(texts, spec), to=vectors[LAYER].name), expected, rtol=1e-4, atol=1e-5
    )
    alone = network.run(encoded(texts[:1], spec), to=vectors[LAYER].name)
    np.testing.assert_allclose(alone, expected[:1], rtol=1e-4, atol=1e-5)


def test_features_are_those_of_transformers(encoder: Path, tmp_path: Path) -> None:
    texts = [text for text, _ in sentences(70)]
    (tmp_path / "t.txt").write_text("\n".join(texts))
    network = opened(encoder)
    place = Place(root=tmp_path / "features")
    found = extract(network, ["sentence"], open_unlabelled([tmp_path / "t.txt"]), network.inputs["input_ids"], place)
    module, tokenizer = module_of(encoder)
    fed = tokenizer(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        words, mask = module(**fed).last_hidden_state, fed["attention_mask"][..., None]
    expected = ((words * mask).sum(1) / mask.sum(1)).numpy()
    np.testing.assert_allclose(found.rows("sentence", np.arange(70)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("at", "new"),
    [
        ("embeddings.LayerNorm", (New(kind="dense"),)),
        (LAYER, (New(kind="conv", width=8), New(kind="conv", width=8), New(kind="dense"))),
        (LAYER, (New(kind="global_max_pool"), New(kind="dense"))),
    ],
)
def test_what_fills_up_never_counts(at: str, new: tuple[New, ...], bert: Path) -> None:
    made = graft(opened(bert), Plan(at=at, new=new), classes=3)
    texts, spec = ["the dog", "a very small old red cat sees the tree"], made.network.inputs["input_ids"]
    together = made.network.run(encoded(texts, spec), to=made.logits)
    alone = [made.network.run(encoded([text], spec), to=made.logits) for text in texts]
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=1e-4, atol=1e-5)


def test_words_are_not_pooled(bert: Path) -> None:
    with pytest.raises(ShapeMismatch) as caught:
        graft(opened(bert), Plan(at=LAYER, new=(New(kind="max_pool"),)), classes=3)
    assert "expected: a sequence whose texts are not filled up\n" in str(caught.value)


@pytest.mark.slow
def test_a_few_texts_of_each_class(bert: Path, tmp_path: Path) -> None:
    found = regraft.fewshot(opened(bert), table(tmp_path / "t.csv", 300), shots=[3], ways=2, episodes=20)
    told = {result.features: result.accuracy for result in found.results if result.method == "nearest centroid"}
    assert list(told) == ["source", "untrained trunk", "bag of words"]
    assert told["bag of words"] > 0.6


def test_lengths_that_cannot_be(bert: Path, tmp_path: Path) -> None:
    data = table(tmp_path / "t.csv")
    for length in (2, 21):
        with pytest.raises(BadArgument) as caught:
            regraft.fit(opened(bert), data, input=f"length={length}", out=tmp_path / "run")
        assert str(caught.value) == (
            f"texts at input_ids cannot be {length} tokens long\n  expected: at least 3, at most 20"
        )


def test_longer_texts_are_told_of(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "t.csv").write_text("text,label\n" + "".join(f"{'the dog ' * k},{k % 2}\n" for k in range(1, 41)))
    regraft.fit(opened(bert), tmp_path / "t.csv", settings={"epochs": 1}, out=tmp_path / "run")
    said = "texts are read in windows of 20 tokens that share 2, whose mean counts: 31 of 40 are longer"
    assert f"note: {said}\n" in capsys.readouterr().err


def test_frozen_and_predicted(bert: Path, tmp_path: Path) -> None:
    result = regraft.fit(opened(bert), table(tmp_path / "t.csv"), settings={"epochs": 60}, out=tmp_path / "run")
    assert result.test is not None
    assert result.test.accuracy > 0.8 > result.baselines["majority class"]
    again = regraft.evaluate(tmp_path / "run", table(tmp_path / "t.csv"))
    assert again.accuracy > 0.8
    (tmp_path / "q.txt").write_text("dog\n\na very small cat\n")
    told = regraft.predict(tmp_path / "run", tmp_path / "q.txt").as_json()["predictions"]
    assert [one["input"] for one in told] == ["dog", "a very small cat"]


@pytest.mark.slow
@pytest.mark.parametrize("plan", [Plan(freeze_below=LAYER), Plan(at=LAYER, new=(New(kind="conv", width=8),))])
def test_stored_words_train_as_computed_ones(plan: Plan, bert: Path, tmp_path: Path) -> None:
    """The words of the frozen layers are stored with their tokens, which tell how long each text is."""
    results = [
        regraft.fit(
            opened(bert),
            table(tmp_path / "t.csv"),
            plan=plan,
            settings={"epochs": 3, "features": features, "device": "cpu"},
            out=tmp_path / features,
        )
        for features in ("cached", "off")
    ]
    assert results[0].graft.features[0] == "input_ids"
    assert len(results[0].graft.features) == 2
    one, other = ({name: p.value for name, p in result.network.parameters.items()} for result in results)
    fresh = graft(opened(bert), plan, classes=2).network.values
    assert any(not np.array_equal(value, fresh[name]) for name, value in one.items())
    for name, value in one.items():
        np.testing.assert_allclose(value, other[name], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.slow
def test_a_search(bert: Path, tmp_path: Path) -> None:
    found = regraft.search(opened(bert), table(tmp_path / "t.csv"), passes=60, out=tmp_path / "run").as_json()
    assert found["winner"]["test"]["accuracy"] > 0.8
    assert [point["cut"] for point in found["curve"]][-1] == "sentence"
    assert any("thawed" in trial["name"] for trial in found["trials"])


def test_texts_longer_than_stored(bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(freeze_below=LAYER)
    data, out = table(tmp_path / "t.csv"), tmp_path / "run"
    regraft.fit(opened(bert), data, plan=plan, settings={"epochs": 1}, input="length=6", out=out)
    assert "note: texts are cut off after 6 tokens: " in capsys.readouterr().err
    assert regraft.open(out).inputs["input_ids"].shape == (None, 6)
    with pytest.raises(ShapeMismatch) as caught:
        regraft.predict(out, data, input="length=9")
    assert str(caught.value) == "the network takes another length at input_ids\n  expected: 6\n  got: 9"


@pytest.mark.slow
def test_without_a_tokenizer(tmp_path: Path) -> None:
    folder = bert_in(tmp_path / "bert")
    (folder / "tokenizer.json").unlink()
    network = opened(folder)
    assert list(network.inputs) == ["input_ids", "attention_mask"]
    with pytest.raises(BadArgument, match="needs 2 inputs"):
        regraft.fit(network, table(tmp_path / "t.csv"), out=tmp_path / "run")


@pytest.mark.slow
def test_a_repository_whose_files_were_fetched_before(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--me--bert" / "snapshots" / "0123abc"
    snapshot.mkdir(parents=True)
    bert_in(snapshot)
    (tmp_path / "models--me--bert" / "refs").mkdir()
    (tmp_path / "models--me--bert" / "refs" / "main").write_text("0123abc")
    (snapshot / "README.md").write_text("---\nlanguage: en\nlicense: mit\n---\n# Bert\n")
    code = """
import regraft
print(regraft.open("hf:me/bert").inputs["input_ids"].layout, regraft.register("hf:me/bert").licence)
"""
    environment = {**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_CACHE": str(tmp_path)}
    environment["REGRAFT_ZOO"] = str(tmp_path / "zoo")
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        environment.pop(name, None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert done.stdout == "tokens mit\n", done.stderr[-2000:]
