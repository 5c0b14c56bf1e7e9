"""A network learns in one language and is told another: of sentences whose words mean the same in both."""

from __future__ import annotations

import json

import numpy as np
import pytest
from encoders import columns, opened, sentences

import regraft
from regraft.data import open_splits
from regraft.data.joining import Joined
from regraft.errors import BadArgument
from regraft.network import Plan

# Another order of words, and other words for some: what the first language teaches helps with the rest.
OTHER = {"dog": "bird", "cat": "child"}
NAMES = {"dog", "cat", "bird", "child"}


def language(path, other=False, count=120):
    found = []
    for text, _ in sentences(count):
        words = [OTHER.get(word, word) if other else word for word in text.split()]
        words = words[::-1] if other else words
        found.append([(word, "NOUN" if word in NAMES else "OTHER") for word in words])
    return columns(path, found)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return {"one": language(folder / "one.conll"), "other": language(folder / "other.conll", other=True)}


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.slow
def test_the_matrix_holds_what_single_trainings_give(bert, data, tmp_path):
    settings = {"epochs": 8, "lr": 1e-2, "seed": 0}
    found = regraft.languages(opened(bert), data, settings=settings, few=[20], out=tmp_path / "run")
    assert {name: list(row) for name, row in found.matrix.items()} == {
        learned: [*data] for learned in ("one", "other", "all")
    }
    assert found.measure == "accuracy"
    splits = {name: open_splits(path) for name, path in data.items()}
    alone = regraft.fit(opened(bert), splits["one"], settings=settings, out=tmp_path / "alone")
    assert found.matrix["one"]["one"] == pytest.approx(alone.test.accuracy, abs=0.02)
    for learned, model in found.models.items():
        for told, own in splits.items():
            report = regraft.evaluate(model, own.test)
            assert report.accuracy == pytest.approx(found.matrix[learned][told], abs=1e-6)
    few = [(one.language, one.sentences, one.beside) for one in found.few]
    assert few == [("one", 20, ""), ("one", 20, "other"), ("other", 20, ""), ("other", 20, "one")]
    assert all(0.5 < one.score <= 1 for one in found.few)
    record = json.loads((tmp_path / "run/results.json").read_text())
    assert record["matrix"] == {learned: dict(row) for learned, row in found.matrix.items()}
    stores = [path for path in (tmp_path / "cache/regraft/features").iterdir() if path.is_dir()]
    assert len(stores) == 2  # of all trainings on all sentences, and of that alone


@pytest.mark.slow
def test_a_run_is_gone_on_with(bert, data, tmp_path):
    settings = {"epochs": 3, "lr": 1e-2}
    whole = regraft.languages(opened(bert), data, settings=settings, out=tmp_path / "whole")
    stopped = tmp_path / "run"
    regraft.languages(opened(bert), data, settings=settings, out=stopped)
    (stopped / "results.json").unlink()
    again = regraft.languages(opened(bert), data, settings=settings, out=stopped, resume=True)
    assert again.matrix == whole.matrix


@pytest.mark.parametrize(
    ("names", "few", "message"),
    [
        (["one"], [], "languages are compared where there are several"),
        (["one", "other"], [1000], "1000 sentences of one cannot be drawn"),
        (["one", "other"], [2], "2 sentences of one cannot be drawn"),
    ],
)
def test_what_is_refused(bert, data, tmp_path, names, few, message):
    with pytest.raises(BadArgument, match=message):
        regraft.languages(opened(bert), {name: data[name] for name in names}, few=few, out=tmp_path / "run")


def test_texts_and_sentences_are_not_joined(data, tmp_path):
    table = tmp_path / "t.csv"
    table.write_text("text,label\n" + "".join(f"text {k},{'ab'[k % 2]}\n" for k in range(40)), encoding="utf-8")
    with pytest.raises(BadArgument) as error:
        Joined([open_splits(data["one"]), open_splits(table)])
    assert str(error.value) == (
        "these examples cannot be joined\n  expected: texts, pairs of texts, or sentences of words\n"
        "  got: text and words"
    )


def test_a_joining_keeps_every_sentence_and_its_tags(data):
    splits = [open_splits(path) for path in data.values()]
    joined = Joined(splits)
    for own in splits:
        part = joined.part(own.validation, own.train)
        assert [joined.examples.name(k) for k in part.indices] == [
            own.train.examples.name(k) for k in (*own.validation.indices, *own.train.indices)
        ]
        expected = np.concatenate([own.validation.tags.flat, own.train.tags.flat])
        names = np.array(own.classes)[expected]
        assert (np.array(joined.examples.classes)[part.tags.flat] == names).all()


def test_texts_of_two_languages(bert, tmp_path):
    paths, rows = {}, []
    for name in ("one", "other"):
        own = [f"{' '.join(text.split()[:: 1 if name == 'one' else -1])},{label}" for text, label in sentences(120)]
        paths[name] = tmp_path / f"{name}.csv"
        paths[name].write_text("text,label\n" + "\n".join(own) + "\n", encoding="utf-8")
        rows += [f"{row},{name}\n" for row in own]
    plan, settings = Plan(), {"epochs": 5}
    found = regraft.languages(opened(bert), paths, plan=plan, settings=settings, out=tmp_path / "run")
    assert found.matrix["one"]["other"] > 0.5
    table = tmp_path / "t.csv"
    table.write_text("text,label,lang\n" + "".join(rows), encoding="utf-8")
    again = regraft.languages(
        opened(bert), table, language="lang", plan=plan, settings=settings, out=tmp_path / "again"
    )
    assert again.matrix == found.matrix


def test_one_table_needs_the_name_of_its_column(tmp_path):
    with pytest.raises(BadArgument) as error:
        regraft.languages("nowhere", tmp_path / "t.csv")
    assert str(error.value) == (
        f"nobody says which language a row is of\n  where: {tmp_path}/t.csv\n  to do: name a column: language=NAME"
    )
    with pytest.raises(BadArgument) as error:
        regraft.languages("nowhere", {"one": "one.csv", "other": "other.csv"}, language="lang")
    assert str(error.value) == "the languages have names already\n  got: one, other\n  to do: leave out language="
