"""Words of sentences tagged: rows of words and of sentences say the same, and what is saved tags raw text."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from encoders import opened, tagged
from grounds import demo_network

import regraft
from regraft.data import Examples, open_splits
from regraft.errors import BadArgument, BadData, ShapeMismatch
from regraft.network import InputSpec, New, Plan
from regraft.network.from_layers import from_layers
from regraft.run import Progress
from regraft.tasks.feeding import feed
from regraft.tasks.fit import fit
from regraft.tasks.head import Head, own_copy
from regraft.tasks.job import settle_job
from regraft.tasks.tagging import WordRows, of_one_window

HIDDEN = (New(kind="dense", width=16, activation="relu"), New(kind="dropout", rate=0.1), New(kind="dense"))
SETTINGS = {"epochs": 30, "lr": 1e-2}


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tagged(tmp_path_factory.mktemp("data") / "animals.conll")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def job_of(bert, data, plan=Plan(), **settings):  # noqa: B008 - frozen
    return settle_job(opened(bert), open_splits(data), plan, settings, None, Progress(silent=True))


def test_a_word_has_the_features_of_its_first_token(bert, data):
    job = job_of(bert, data)
    rows = feed(job, Progress(silent=True)).validation
    assert isinstance(rows, WordRows)
    features, tags = rows.take(np.arange(len(rows)))
    part = job.splits.validation
    assert tags.tolist() == part.tags.flat.tolist()
    expected = []
    for index in part.indices:
        words = part.examples.sentences[index]
        (spec,) = job.graft.network.inputs.values()
        fed = regraft.data.prepare(part.examples, [index], spec)
        expected.append(job.graft.network.run(fed, to=job.graft.at)[0, 1 : 1 + len(words)])  # behind [CLS]
    np.testing.assert_allclose(features.numpy(), np.concatenate(expected), atol=1e-5)


def test_words_and_sentences_as_rows_give_the_same_answers(bert, data):
    """With a layer that looks at neighbours the rows are sentences; one that looks at itself alone is like dense."""
    job = job_of(bert, data)
    by_word = feed(job, Progress(silent=True))
    by_sentence = feed(replace(job, settings=replace(job.settings, features="off")), Progress(silent=True))
    head = Head(own_copy(job.graft.network), by_word.inputs, job.graft.logits, torch.device("cpu"))
    one, other = (head.logits(fed.test, 16) for fed in (by_word, by_sentence))
    torch.testing.assert_close(one[0], other[0], atol=1e-5, rtol=1e-4)
    assert one[1].tolist() == other[1].tolist() == job.splits.test.tags.flat.tolist()


@pytest.mark.parametrize(
    ("plan", "least"),
    [
        (Plan(), 0.6),
        pytest.param(Plan(new=HIDDEN), 0.6, marks=pytest.mark.slow),
        (Plan(new=(New(kind="conv", width=16, activation="relu"), New(kind="dense"))), 0.8),
        pytest.param(Plan(freeze_below="encoder.layer.1.output.LayerNorm"), 0.8, marks=pytest.mark.slow),
    ],
    ids=["linear", "hidden", "neighbours", "thawed"],
)
def test_animals_are_found(bert, data, tmp_path, plan, least):
    require_animals(fit(opened(bert), data, plan=plan, settings=SETTINGS, out=tmp_path / "run"), least)


def require_animals(result, least):
    assert result.test.measure == "F1"
    assert result.test.score > least
    assert set(result.baselines) == {"most frequent tag", "most frequent tag of each word"}
    record = json.loads((result.run / "results.json").read_text())
    assert record["test"]["entities"][0]["f1"] == result.test.score
    assert [own["name"] for own in record["test"]["entities"]] == ["", "animal", "human"]
    assert json.loads((result.model / "model.json").read_text())["about"]["task"] == "tag"
    best, *_ = regraft.watch(result.run, seconds=0.01)
    assert best.report.score == result.validation.score


@pytest.fixture(scope="module")
def run(bert, data, tmp_path_factory):
    """A network trained in all its layers."""
    out = tmp_path_factory.mktemp("runs") / "run"
    return fit(opened(bert), data, plan=Plan(freeze=None), settings=SETTINGS, out=out)


def test_animals_are_found_where_all_is_trained(run):
    require_animals(run, 0.8)


def test_the_saved_model_says_what_was_measured(run, data):
    splits = open_splits(data)
    report = regraft.evaluate(run.run, splits.test)
    np.testing.assert_array_equal(report.confusion, run.test.confusion)
    assert report.entities == run.test.entities
    assert report.loss == pytest.approx(run.test.loss, rel=1e-4)
    assert report.n == len(splits.test.tags.flat)


def test_raw_text_gets_tags_and_entities(run, tmp_path):
    text = tmp_path / "new.txt"
    text.write_text("the dog sees a child\nred house\n", encoding="utf-8")
    found = regraft.predict(run.run, text)
    assert found.sentences == (("the", "dog", "sees", "a", "child"), ("red", "house"))
    first, second = found.as_json()["predictions"]
    assert first["tags"] == ["O", "B-animal", "O", "O", "B-human"]
    assert first["entities"] == [
        {"type": "animal", "text": "dog", "first": 1, "end": 2},
        {"type": "human", "text": "child", "first": 4, "end": 5},
    ]
    assert len(first["probability"]) == 5
    assert second["entities"] == []


def test_words_in_columns_are_read_as_they_are_and_long_sentences_in_pieces(run, tmp_path):
    words = tmp_path / "words.conll"
    words.write_text("\n".join(["dog"] * 50) + "\n\nthe-dog\n", encoding="utf-8")
    found = regraft.predict(run.run, words)
    assert [len(own) for own in found.sentences] == [50, 1]
    assert set(found.tags[0]) <= set(found.classes)
    assert len(found.probability) == 51
    size = run.network.inputs["input_ids"].shape[1] - 2  # less those that begin and end a sentence
    assert size < 25
    alone = regraft.predict(run.run, tagged_words(tmp_path / "piece.conll", ["dog"] * size))
    np.testing.assert_allclose(found.probability[size : 2 * size], alone.probability, atol=1e-5)


def test_that_long_sentences_are_read_in_pieces_is_said(capsys):
    spec = InputSpec(name="texts", shape=(None, None), dtype="int64", layout="bytes")
    words = [("the", "dog"), ("dog",) * 200]
    examples = Examples(source="here", items=words, labels=np.full(2, -1), classes=(), hashes=())
    assert of_one_window(spec, examples, Progress()).shape == (None, 512)
    assert capsys.readouterr().err == "note: sentences are read as 512 bytes, longer ones in pieces\n"


def tagged_words(path, words):
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    return path


def test_a_network_that_reads_bytes_tags_words(data, tmp_path):
    spec = InputSpec(name="texts", shape=(None, None), dtype="int64", layout="bytes")
    conv = New(kind="conv", width=32, kernel=5, activation="relu")
    network = from_layers(spec, [New(kind="embedding", width=16), conv, conv])
    plan = Plan(freeze=None, new=(New(kind="dense"),))
    result = fit(network, data, plan=plan, settings={"epochs": 15, "lr": 1e-2}, out=tmp_path / "run")
    assert result.test.score > 0.9
    found = regraft.predict(result.run, tagged_words(tmp_path / "w.conll", ["the", "old", "dog", "sees"]))
    assert found.tags == (("O", "B-animal", "I-animal", "O"),)


def test_a_tag_that_training_has_not(bert, data, tmp_path):
    other = tmp_path / "other.conll"
    other.write_text("dog\tO\ncat\tO\n\na\tO\nbus\tB-vehicle\n", encoding="utf-8")
    with pytest.raises(BadData) as error:
        open_splits(data, test=other)
    assert str(error.value) == (
        f"B-vehicle is no class of the training data\n  where: {other}\n"
        "  expected: B-animal, B-human, I-animal, I-human, O\n  got: 1 of 4 words, the first: a bus\n"
        "  to do: correct them or leave them out, or train on data that have such too"
    )


def test_a_layer_that_pools_has_no_answer_for_words(bert, data, tmp_path):
    with pytest.raises(ShapeMismatch) as error:
        fit(opened(bert), data, plan=Plan(at="sentence"), out=tmp_path / "run")
    assert "a sequence (b t d): there is an answer for each word" in str(error.value)


def test_classes_of_texts_are_no_tags(run, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("text,label\nthe dog,O\na cat,B-animal\n", encoding="utf-8")
    with pytest.raises(BadData) as error:
        regraft.evaluate(run.run, table)
    assert "expected: tagged words" in str(error.value)


def test_pictures_have_no_words(data, tmp_path):
    with pytest.raises((BadArgument, ShapeMismatch)):
        fit(demo_network(), data, plan=Plan(at="dnn/hidden3/Relu:0"), out=tmp_path / "run")


def test_what_takes_classes_refuses_tags(bert, data):
    with pytest.raises(BadData) as error:
        regraft.fewshot(opened(bert), data)
    assert str(error.value) == (
        f"here the words are tagged, not the sentences\n  where: {data}\n  expected: examples with a class each\n"
        "  to do: `regraft fit`, `search`, `evaluate` and `predict` take tagged words"
    )


def test_tagged_sentences_are_texts_to_a_pretraining(data, tmp_path):
    layers = [New(kind="embedding", width=8), New(kind="conv", width=8)]
    found = regraft.pretrain(data, method="corruption", layers=layers, settings={"epochs": 1}, out=tmp_path / "run")
    assert found.examples > 100
