"""Whole searches, on a small network of dense layers and a few hundred rows."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import replace

import numpy as np
import pytest
from grounds import SILENT, dense_network, row_splits

from regraft.data import Part
from regraft.errors import BadArgument
from regraft.run import Progress, RunFolder
from regraft.tasks.truth import truth_of
from regraft.trials import calibration
from regraft.trials.budget import Budget
from regraft.trials.ground import Choices
from regraft.trials.schemes import schemes_from_data
from regraft.trials.search import Clock, search

FEW_PASSES = Choices(budget=Budget(passes=100))
TIMES = {"seconds", "naive_seconds", "run", "model"}


@pytest.fixture(scope="module")
def network():
    return dense_network((8, 16, 12, 10, 3))


def rows(network, n=300, layer="3"):
    """Rows whose classes are told by a hidden layer, the second one, and some noise."""
    random = np.random.default_rng(0)
    x = random.normal(size=(n, 8)).astype("float32")
    hidden = network.run(x, to=layer)
    told = hidden @ random.normal(size=(hidden.shape[1], 3))
    told = (told - told.mean(0)) / told.std(0) + 0.3 * random.normal(size=told.shape)
    return x, told.argmax(1)


@pytest.fixture(scope="module")
def splits(network):
    return row_splits(*rows(network), 180, 60)


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return tmp_path_factory.mktemp("runs") / "first"


@pytest.fixture(scope="module")
def found(network, splits, out):
    return found_in(network, splits, out)


def found_in(network, splits, out, **more):
    chosen = {name: more.pop(name) for name in ("seed", "schemes") if name in more}
    choices = Choices(budget=Budget(passes=1000), **chosen)
    return search(network, splits, choices=choices, out=out, progress=SILENT, **more)


def timeless(value):
    """A record without what is another one each time: seconds and places."""
    if isinstance(value, dict):
        return {key: timeless(item) for key, item in value.items() if key not in TIMES}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def record_of(folder):
    return json.loads((folder / "results.json").read_text())


def test_the_run_holds_what_was_found(found, out):
    record = record_of(out)
    assert record == json.loads(json.dumps(found.as_json()))
    assert RunFolder(out).status == "done"
    assert {entry.name for entry in out.iterdir()} >= {
        "model",
        "report.html",
        "model_card.md",
        "settings.json",
    }
    assert [trial["number"] for trial in record["trials"]] == list(range(1, len(record["trials"]) + 1))
    assert {trial["stage"] for trial in record["trials"]} == {"probe", "heads", "thaw"}
    raced = [f"{number:02}" for number in range(1, 1 + sum(trial["stage"] == "thaw" for trial in record["trials"]))]
    assert {entry.name for entry in (out / "trials").iterdir()} >= {*raced, "from scratch"}
    assert list(record["seconds"]) == ["planning", "probe", "heads", "thaw", "baselines", "test"]


def test_where_validation_is_small_every_frozen_head_is_judged_by_folds(found):
    assert found.ground.folds.crossed > 1
    linear, hidden = ([trial for trial in found.trials if trial.stage == stage] for stage in ("probe", "heads"))
    assert [trial.crossed for trial in linear] == [reading.hits for reading in found.readings]
    crossed = [trial for trial in hidden if trial.crossed]
    assert [len(trial.crossed.of) for trial in crossed] == [len(found.ground.folds.truth)]
    truth = truth_of([found.ground.splits.validation])
    assert crossed == [max(hidden, key=lambda trial: trial.score(truth))]


def test_the_winner_is_validated_as_its_trial_was(found):
    truth = truth_of([found.ground.splits.validation])
    assert found.winner.validation.accuracy == pytest.approx(found.winner.trial.score(truth)[0])


def test_the_model_is_the_winner(found, splits):
    logits = found.network.run(splits.test.examples.items)
    assert (logits.argmax(1) == splits.test.labels).mean() == pytest.approx(found.winner.test.accuracy)


def test_the_same_seed_finds_the_same(found, network, splits, out, tmp_path):
    found_in(network, splits, tmp_path / "again")
    assert timeless(record_of(tmp_path / "again")) == timeless(record_of(out))


def test_a_finished_run_that_is_resumed_says_the_same_again(found, network, splits, out):
    before = record_of(out)
    found_in(network, splits, out, resume=True)
    assert timeless(record_of(out)) == timeless(before)


def test_a_run_goes_on_with_the_numbers_it_began_with(network, splits, tmp_path, monkeypatch):
    """What the machine can do decides what a small budget buys: measured anew, it would buy something else."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = search(network, splits, choices=FEW_PASSES, out=tmp_path / "run", progress=SILENT)
    shutil.rmtree(first.ground.place.root / "calibrations")
    again = search(network, splits, choices=FEW_PASSES, out=tmp_path / "run", resume=True, progress=SILENT)
    assert again.calibration.as_json() == first.calibration.as_json()
    assert [entry.stretches for entry in again.plan.entries] == [entry.stretches for entry in first.plan.entries]
    assert [trial.epochs for trial in again.trials] == [trial.epochs for trial in first.trials]


def test_what_a_stage_took_before_a_stop_is_counted(tmp_path):
    first, again = Clock(), Clock()
    first.keep(tmp_path / "seconds.json")
    with first("probe"):
        time.sleep(0.01)
    with again("planning"):
        pass
    again.keep(tmp_path / "seconds.json")
    with again("probe"):
        time.sleep(0.01)
    assert again.seconds["probe"] > first.seconds["probe"] >= 0.01
    assert json.loads((tmp_path / "seconds.json").read_text()) == again.seconds


def test_a_search_in_minutes_leaves_the_numbers_alone_that_passes_are_counted_by(
    network, splits, tmp_path, monkeypatch
):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = search(network, splits, choices=FEW_PASSES, out=tmp_path / "first", progress=SILENT)
    (kept,) = (first.ground.place.root / "calibrations").iterdir()
    before = kept.read_bytes()
    minutes = Choices(budget=Budget(minutes=0.01))
    between = search(network, splits, choices=minutes, out=tmp_path / "between", progress=SILENT)
    assert between.calibration.as_json() != first.calibration.as_json()
    assert kept.read_bytes() == before


@pytest.mark.slow
def test_a_race_with_minutes_is_shortened_where_training_is_slower_than_was_measured(network, tmp_path, monkeypatch):
    splits = row_splits(*rows(network, layer="5"), 180, 60)  # of which two schemes are thawed
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    measure = calibration._measured

    def too_fast(*how):
        found = measure(*how)
        return {**found, **{name: found[name] / 20 for name in ("lower", "upper", "step", "weights")}}

    monkeypatch.setattr(calibration, "_measured", too_fast)
    for name, budget, shortened in (("minutes", Budget(minutes=0.2), True), ("passes", Budget(passes=1000), False)):
        found = search(network, splits, choices=Choices(budget=budget), out=tmp_path / name, progress=SILENT)
        planned = {entry.number: entry.stretches for entry in found.plan.entries if entry.stretches}
        decision = json.loads((tmp_path / name / "trials/stretch-1.json").read_text())
        trained = {trial.epochs for trial in found.trials if trial.stage == "thaw"}
        assert (decision["pace"] is not None and decision["pace"] < 0.5) == shortened
        assert (max(trained) < max(ends[-1] for ends in planned.values())) == shortened


def test_an_engine_of_another_version_is_chosen_and_measured_anew(network, splits, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first = search(network, splits, choices=FEW_PASSES, out=tmp_path / "run", progress=SILENT)
    (kept,) = (first.ground.place.root / "calibrations").iterdir()
    said = json.loads(kept.read_text())
    said["name"] = "torch 1.0"
    for place in (kept, tmp_path / "run/settings.json"):
        record = said if place is kept else {**json.loads(place.read_text()), "calibration": said}
        place.write_text(json.dumps(record))
    again = search(network, splits, choices=FEW_PASSES, out=tmp_path / "run", resume=True, progress=SILENT)
    assert json.loads(kept.read_text()) == again.calibration.as_json() != said


def test_copies_between_the_parts_are_told(network, splits, tmp_path):
    copied = replace(splits, leaked=3, seen=2)
    found = search(network, copied, choices=FEW_PASSES, out=tmp_path / "run", progress=Progress(quiet=True))
    assert found.warnings == (
        "3 examples of the validation or test set stand in the training part too",
        "2 examples of the test set stand in the validation set, which is chosen by",
    )


def test_the_test_part_decides_nothing(found, network, splits, out, tmp_path):
    examples = splits.test.examples
    other = replace(examples, labels=np.random.default_rng(1).permutation(examples.labels))
    shuffled = replace(splits, test=Part(examples=other, indices=splits.test.indices))
    found_in(network, shuffled, tmp_path / "shuffled")
    mine, others = timeless(record_of(out)), timeless(record_of(tmp_path / "shuffled"))
    for key in ("curve", "trials", "budget", "folds", "rule"):
        assert mine[key] == others[key]
    for key in ("number", "name", "plan", "settings", "validation", "ties"):
        assert mine["winner"][key] == others["winner"][key]
    assert others["winner"]["test"]["accuracy"] < mine["winner"]["test"]["accuracy"]


def test_copies_in_training_and_validation_part_betray_nothing(network, tmp_path):
    """Classes at random: a head that learned from the copy of what it is judged by would be right nearly always."""
    wide = dense_network((8, 200, 3))
    random = np.random.default_rng(0)
    x = random.normal(size=(60, 8)).astype("float32")
    y = random.permutation(np.arange(60) % 2)
    parts = row_splits(np.concatenate([x, x, x[:20]]), np.concatenate([y, y, y[:20]]), 60, 60)
    found = search(wide, parts, choices=Choices(budget=Budget(passes=1)), out=tmp_path / "run", progress=SILENT)
    assert found.ground.folds.crossed == 5
    (reading,) = found.readings
    assert reading.knn == 1  # the nearest of the training part is the copy
    assert reading.accuracy < 0.7


def test_a_run_is_resumed_with_the_same_data_and_schemes_only(found, network, splits, out):
    x, y = rows(network)
    others = row_splits(x + 1, y, 180, 60)
    with pytest.raises(BadArgument) as data:
        found_in(network, others, out, resume=True)
    first = str(data.value).splitlines()
    assert first[:2] == ["the run was about something else: another data", f"  where: {out}"]
    assert first[-1] == "  to do: give the same again, or name another folder: --out DIR"
    schemes = schemes_from_data([{"name": "one", "plan": {"freeze": None}}])
    with pytest.raises(BadArgument) as plan:
        found_in(network, splits, out, resume=True, schemes=schemes)
    assert str(plan.value).startswith("the run was about something else: another plan\n")
    assert RunFolder(out).status == "done"


def test_another_seed_is_another_run(found, network, splits, out):
    with pytest.raises(BadArgument) as error:
        found_in(network, splits, out, resume=True, seed=1)
    assert str(error.value) == (
        "the run was about something else: another seed\n"
        f"  where: {out}\n"
        "  expected: 0\n"
        "  got: 1\n"
        "  to do: give the same again, or name another folder: --out DIR"
    )


@pytest.mark.slow
def test_given_schemes_alone_are_tried(network, splits, tmp_path):
    schemes = schemes_from_data(
        [
            {"name": "hidden layer", "plan": {"new": [{"kind": "dense", "width": 8}, {"kind": "dense"}]}},
            {"name": "solved", "plan": {"at": "3"}},
            {
                "name": "dropout",
                "plan": {"new": [{"kind": "dropout", "rate": 0.1}, {"kind": "dense"}]},
                "settings": {"epochs": 3},
            },
            {"name": "all", "plan": {"freeze": None}, "settings": {"epochs": 2}},
            {"name": "from scratch", "plan": {"at": "input", "new": [{"kind": "dense"}]}, "settings": {"epochs": 2}},
        ]
    )
    found = found_in(network, splits, tmp_path / "run", schemes=schemes)
    tried = {trial.scheme.name: (trial.stage, trial.level.cut, trial.settings["epochs"]) for trial in found.trials}
    assert tried == {
        "hidden layer": ("heads", "5", 60),
        "solved": ("heads", "3", 60),
        "from scratch": ("heads", "input", 2),
        "dropout": ("thaw", "5", 3),
        "all": ("thaw", "5", 2),
    }
    assert [reading.level.layers for reading in found.readings] == [0, 1, 2, 3]
