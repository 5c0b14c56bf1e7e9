"""Several tasks on one small encoder: which of two animals a sentence is of, and which words are nouns."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from encoders import WORDS, bert_in, columns, opened, sentences, table
from killing import killed

import regraft
from regraft.data import open_splits
from regraft.errors import BadArgument, BadData
from regraft.joint.settling import kept_apart
from regraft.network import New, Plan
from regraft.run import Progress

NOUNS = {"dog", "cat", "bird", "child", "house", "tree", "ball"}
THAWED = Plan(freeze_below="encoder.layer.0.output.LayerNorm")
SETTINGS = {"epochs": 6, "lr": 1e-2}


def tagged(path, count=120):
    found = [[(word, "NOUN" if word in NOUNS else "OTHER") for word in text.split()] for text, _ in sentences(count)]
    return columns(path, found)


def lengths(path, count=100):
    rows = [(text, "long" if len(text.split()) > 7 else "short") for text, _ in sentences(count + 160)[160:]]
    path.write_text("text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))
    return path


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return bert_in(tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    return {"animal": table(folder / "animal.csv", 160), "noun": tagged(folder / "noun.conll")}


@pytest.fixture(scope="module")
def learned(bert, data, tmp_path_factory):
    return regraft.multitask(
        opened(bert), data, plan=THAWED, settings=SETTINGS, out=tmp_path_factory.mktemp("out") / "run"
    )


def test_each_task_has_an_output_and_a_gain(learned, data):
    assert learned.network.outputs == ("animal", "noun")
    assert {task: one.test.measure for task, one in learned.tasks.items()} == dict.fromkeys(data, "accuracy")
    for one in learned.tasks.values():
        assert one.gain == pytest.approx(one.test.accuracy - one.alone.test.accuracy)
        assert one.test.accuracy > one.test.confusion.sum(axis=1).max() / one.test.n
    record = json.loads((learned.run / "results.json").read_text())
    assert record["tasks"]["noun"]["together"] == learned.tasks["noun"].test.accuracy
    assert (learned.run / "gains.svg").read_text().startswith("<?xml")


def test_the_trunk_is_shared_and_trained_by_both(learned, bert):
    source = opened(bert).parameters
    together = learned.network.parameters
    alone = {task: one.alone.network.parameters for task, one in learned.tasks.items()}
    name = "encoder.layer.2.output.dense.weight"
    values = [source[name].value, together[name].value, *(own[name].value for own in alone.values())]
    assert all(not np.array_equal(one, other) for k, one in enumerate(values) for other in values[:k])
    frozen = "embeddings.word_embeddings.weight"
    np.testing.assert_array_equal(together[frozen].value, source[frozen].value)


def test_the_model_is_asked_by_task(learned, data, tmp_path):
    for task, path in data.items():
        test = open_splits(path).test
        report = regraft.evaluate(learned.model, test, to=task)
        assert report.accuracy == pytest.approx(learned.tasks[task].test.accuracy, abs=1e-6)
        assert report.classes == open_splits(path).classes
    (tmp_path / "new.txt").write_text("the dog\n")
    assert regraft.predict(learned.run, tmp_path / "new.txt", to="noun").sentences == (("the", "dog"),)
    with pytest.raises(BadArgument) as refused:
        regraft.evaluate(learned.model, data["animal"])
    assert str(refused.value) == (
        "this network has learned several tasks\n  expected: one of animal, noun\n  to do: name it: --to NAME"
    )


def test_a_task_added_later_leaves_the_others_bit_identical(learned, tmp_path):
    later = regraft.multitask(learned.run, {"length": lengths(tmp_path / "length.csv")}, out=tmp_path / "run")
    assert later.kept == ("animal", "noun")
    assert later.network.outputs == ("animal", "noun", "length")
    tokens = np.random.default_rng(0).integers(4, 4 + len(WORDS), (8, 16))
    before = learned.network.run(tokens, ["animal", "noun"])
    after = later.network.run(tokens, ["animal", "noun"])
    for one, other in zip(before, after, strict=True):
        np.testing.assert_array_equal(one, other)
    again = regraft.open(later.model)
    assert again.collections["regraft/tasks/length"] == ("long", "short")
    assert later.tasks["length"].gain == 0


def test_a_task_that_would_change_the_others_is_refused(learned, tmp_path):
    with pytest.raises(BadArgument, match="length would change what animal, noun of this network are computed from"):
        regraft.multitask(learned.run, {"length": lengths(tmp_path / "length.csv")}, plan=THAWED, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_tasks_on_a_frozen_trunk_are_learned_one_by_one(bert, data, tmp_path):
    found = regraft.multitask(opened(bert), data, out=tmp_path / "run", settings={"epochs": 5})
    assert [one.gain for one in found.tasks.values()] == [0, 0]
    for task, path in data.items():
        report = regraft.evaluate(found.model, open_splits(path).test, to=task)
        assert report.accuracy == pytest.approx(found.tasks[task].test.accuracy, abs=0.01)


@pytest.mark.parametrize("detached", [(), ("noun",)])
def test_a_detached_task_leaves_the_trunk_alone(bert, data, tmp_path, detached):
    source = opened(bert)
    found = regraft.multitask(
        source,
        data,
        plan=THAWED,
        detached=detached,
        loss_weights={"animal": 1e-9},  # almost all that moves the trunk is the other task
        settings={"epochs": 1, "optimizer": "sgd", "lr": 0.1},
        out=tmp_path / "run",
    )
    name = "encoder.layer.2.output.dense.weight"
    moved = np.abs(found.network.parameters[name].value - source.parameters[name].value).max()
    assert moved < 1e-6 if detached else moved > 1e-4
    assert np.abs(found.network.parameters["noun/bias"].value).max() > 1e-3


@pytest.mark.slow
def test_a_task_may_end_in_a_crf(bert, data, tmp_path):
    plans = {"noun": replace(THAWED, new=(New(kind="crf"),))}
    found = regraft.multitask(
        opened(bert), data, plan=THAWED, plans=plans, settings={"epochs": 2, "lr": 1e-2}, out=tmp_path / "run"
    )
    assert found.network.parameters["noun/transitions"].shape == (3, 3)
    report = regraft.evaluate(found.model, open_splits(data["noun"]).test, to="noun")
    np.testing.assert_array_equal(report.confusion, found.tasks["noun"].test.confusion)


def test_examples_that_another_task_is_tested_on_are_not_trained_on(bert, data, tmp_path, capsys):
    held = tmp_path / "held.csv"
    held.write_text("".join(data["animal"].read_text().splitlines(keepends=True)[:31]))
    splits = {"one": open_splits(data["animal"], seed=0), "other": open_splits(data["animal"], test=held, seed=1)}
    found = regraft.multitask(opened(bert), splits, settings={"epochs": 1}, out=tmp_path / "run")
    sizes = [json.loads((found.run / "settings.json").read_text())[task]["data"]["train"]["n"] for task in splits]
    left = [len(one.train) - size for one, size in zip(splits.values(), sizes, strict=True)]
    assert all(count > 0 for count in left)
    said = capsys.readouterr().err
    for task, count in zip(splits, left, strict=True):
        assert f"note: {task} is not trained on {count} examples that another task is tested on or chosen by" in said


def test_tasks_that_share_examples_are_divided_alike(data):
    splits = {task: open_splits(data["animal"], seed=seed) for task, seed in (("one", 0), ("other", 1))}
    silent = Progress(silent=True)
    found = kept_apart(splits, silent)
    for part in ("train", "validation", "test"):
        np.testing.assert_array_equal(getattr(found["other"], part).indices, getattr(splits["one"], part).indices)
    assert (splits["other"].train.indices[:50] != splits["one"].train.indices[:50]).any()


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_same_result(bert, data, learned, tmp_path):
    out = tmp_path / "run"
    work = partial(regraft.multitask, opened(bert), data, plan=THAWED, settings=SETTINGS, out=out)
    alive = [killed(partial(work, resume=out.exists()), after=seconds) for seconds in (1.5, 3, 3)]
    assert any(alive)
    again = work(resume=out.exists())
    for name, parameter in learned.network.parameters.items():
        np.testing.assert_array_equal(again.network.parameters[name].value, parameter.value, err_msg=name)


BAD = {
    "a name": ({"one-two": "animal"}, {}, "a task cannot be called 'one-two'"),
    "a plan": ({"animal": "animal"}, {"plans": {"animol": THAWED}}, "there is no task animol"),
    "a weight": ({"animal": "animal"}, {"loss_weights": {"animal": 0}}, "the weight of a loss is a number above 0"),
    "a temperature": ({"animal": "animal"}, {"temperature": 0.5}, "a temperature is a number from 1"),
    "no layer": ({"animal": "animal"}, {"plan": Plan(new=())}, "animal has no layer of its own"),
    "other plans": (
        {"animal": "animal", "noun": "noun"},
        {"plans": {"noun": THAWED}},
        "animal and noun want two different things of encoder.layer.1.attention.self.query.weight, which they share",
    ),
    "no task": ({}, {}, "there is no task"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_cannot_be_learned_is_refused(bert, data, tmp_path, case):
    tasks, choices, message = BAD[case]
    with pytest.raises((BadArgument, BadData)) as refused:
        regraft.multitask(
            opened(bert), {task: data[name] for task, name in tasks.items()}, out=tmp_path / "run", **choices
        )
    assert str(refused.value).startswith(message)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("other", [{"loss_weights": "uncertainty"}, {"detached": ("noun",)}])
def test_a_run_that_is_resumed_is_about_the_same_balance(bert, data, learned, other):
    with pytest.raises(BadArgument, match=r"the run was about something else: another (balance|plan)"):
        regraft.multitask(opened(bert), data, plan=THAWED, settings=SETTINGS, out=learned.run, resume=True, **other)


def test_each_task_has_examples_left_for_each_part(data, bert, tmp_path):
    splits = open_splits(data["animal"], seed=0)
    splits = replace(splits, validation=replace(splits.validation, indices=splits.validation.indices[:0]))
    with pytest.raises(BadData, match="a task has no validation part"):
        regraft.multitask(opened(bert), {"one": splits}, out=tmp_path / "run")
