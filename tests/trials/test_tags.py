"""A search for words: sentences are divided, words are told apart, entities are counted."""

from __future__ import annotations

import json

import numpy as np
import pytest
from encoders import opened, tagged
from grounds import SILENT

import regraft
from regraft.data import open_splits
from regraft.network import Plan
from regraft.tasks.fit import fit
from regraft.trials.budget import Budget
from regraft.trials.ground import Choices, ground_of
from regraft.trials.search import search

SCHEMES = [
    {"name": "linear", "plan": {}},
    {"name": "crf", "plan": {"new": [{"kind": "crf"}]}, "settings": {"epochs": 4, "lr": 0.01}},
    {"name": "thawed", "plan": {"freeze_below": "encoder.layer.1.output.LayerNorm"}, "settings": {"epochs": 2}},
]


@pytest.fixture(scope="module")
def splits(tmp_path_factory):
    return open_splits(tagged(tmp_path_factory.mktemp("data") / "animals.conll", 160), seed=0)


@pytest.fixture(scope="module")
def ground(bert, splits):
    return ground_of(opened(bert), splits, None, Choices(), SILENT)


@pytest.fixture(scope="module")
def found(bert, splits, tmp_path_factory):
    choices = Choices(budget=Budget(passes=20))
    out = tmp_path_factory.mktemp("runs") / "search"
    return search(opened(bert), splits, choices=choices, out=out, progress=SILENT)


def test_cuts_keep_a_vector_for_each_place(ground):
    length = ground.spec.shape[1]
    for level in ground.levels:
        shape = ground.surveyed.tensors[level.vector].shape
        assert shape[1:] == (length, level.width)
    assert ground.levels[-1].cut == ground.network.last_sequence()


def test_words_of_a_sentence_and_of_its_copies_are_judged_by_the_same_fold(ground):
    folds, parts = ground.folds, (ground.splits.train, ground.splits.validation)
    assert folds.crossed == 5
    sentences = [part.examples.sentences[index] for part in parts for index in part.indices]
    starts = np.append(0, np.cumsum([len(words) for words in sentences]))
    assert starts[-1] == len(folds.judge)
    judges: dict[tuple[str, ...], set[int]] = {}
    for words, start in zip(sentences, starts[:-1], strict=True):
        judges.setdefault(words, set()).update(folds.judge[start : start + len(words)].tolist())
    assert {len(own) for own in judges.values()} == {1}


def test_entities_decide(found):
    record = json.loads((found.run / "results.json").read_text())
    assert (record["task"], record["measure"]) == ("tag", "F1")
    assert record["winner"]["score"] == record["winner"]["test"]["entities"][0]["f1"]
    assert record["winner"]["score"] > 0.6
    assert set(record["baselines"]) == {
        *("most frequent tag", "most frequent tag of each word", "frozen + linear"),
        *("untrained trunk", "from scratch", "full fine-tune"),
    }
    for point in record["curve"]:
        assert point["low"] <= point["score"] <= point["high"]
        assert point["score"] != point["accuracy"]
        assert point["knn"] is None


def test_the_model_that_is_saved_is_the_winner(found, splits, tmp_path):
    report = regraft.evaluate(found.run, splits.test)
    assert report.score == pytest.approx(found.winner.test.score)


def test_the_curve_is_that_of_the_heads_that_fit_solves(found, bert, splits, tmp_path):
    fitted = fit(opened(bert), splits, plan=Plan(), out=tmp_path / "run", progress=SILENT)
    (baseline,) = [one.score for one in found.baselines if one.name == "frozen + linear"]
    assert baseline == pytest.approx(fitted.test.score, abs=0.08)  # some entities of sixty


def test_page_and_card_speak_of_words(found):
    page, card = (found.run / "report.html").read_text(), (found.run / "model_card.md").read_text()
    for text in (page, card):
        assert "finds the entities of the test part with an F1 of" in text
    assert "F1 on test" in page
    assert "nearest neighbours" not in page
    assert "A tagger of words with 5 tags" in card


@pytest.mark.slow
def test_given_schemes_may_end_in_a_crf(bert, splits, tmp_path):
    found = regraft.search(opened(bert), splits, schemes=SCHEMES, passes=20, out=tmp_path / "run")
    trials = {trial.scheme.name: trial for trial in found.trials}
    assert {name: trial.stage for name, trial in trials.items()} == {"linear": "heads", "crf": "thaw", "thawed": "thaw"}
    assert trials["crf"].epochs > 0
