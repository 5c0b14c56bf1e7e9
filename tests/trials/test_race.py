from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from grounds import SILENT, calibration_of, digit_ground, stored_of

from regraft.network import Plan
from regraft.run import RunFolder
from regraft.run.atomic import write_json
from regraft.tasks.head import Head, own_copy
from regraft.tasks.truth import truth_of
from regraft.train.loop import train
from regraft.trials.augmentation import Augmentation
from regraft.trials.planning import drafted, planned
from regraft.trials.race import Track, race, with_tested_rate
from regraft.trials.schemes import Scheme
from regraft.trials.views import Effect, effect_of_crops

H2, H3 = "dnn/hidden2/Relu:0", "dnn/hidden3/Relu:0"
LOOKED = {"keep": "best", "look_first": True}


@pytest.fixture(scope="module")
def ground():
    return digit_ground(train=16, validation=16)


@pytest.fixture(scope="module")
def stored(ground):
    return stored_of(ground)


@pytest.fixture(scope="module")
def solved(ground, stored):
    """A head for the bottleneck that is good already: kernel and bias of ridge regression."""
    rows = stored.values(ground.splits.train, ground.levels[-1].vector).numpy().astype(np.float64)
    rows = np.concatenate([rows, np.ones((len(rows), 1))], 1)
    truth = np.eye(5)[ground.splits.train.labels]
    found = np.linalg.solve(rows.T @ rows + np.eye(rows.shape[1]), rows.T @ truth) * 5
    return {"outputs/kernel": found[:-1].astype("float32"), "outputs/bias": found[-1].astype("float32")}


def run_race(ground, stored, solved, folder, *schemes, seconds=None):
    entries = entries_of(ground, *schemes)
    starts = [entry.graft.network.assign(solved) for entry in entries]
    track = Track(ground=ground, stored=stored, folder=folder, progress=SILENT)
    return entries, race(entries, starts, track, seconds)


def entries_of(ground, *schemes):
    given = [Scheme(name=name, plan=Plan(freeze_below=below), settings=settings) for name, below, settings in schemes]
    return planned(ground, drafted(ground, given), calibration_of(ground), 10.0).entries


def test_the_better_half_trains_on(ground, stored, solved, tmp_path):
    schemes = [(f"lr {lr:g}", H3, {**LOOKED, "epochs": 8, "lr": lr}) for lr in (1e-5, 3e-3, 1e-2, 1e-4)]
    entries, trials = run_race(ground, stored, solved, tmp_path, *schemes)
    assert entries[0].stretches == (2, 4, 8)
    assert [trial.number for trial in trials] == [1, 2, 3, 4]
    truth = truth_of([ground.splits.validation])
    by_epochs = {epochs: [trial for trial in trials if trial.epochs == epochs] for epochs in (2, 4, 8)}
    assert [len(some) for some in by_epochs.values()] == [2, 1, 1]
    for epochs, notes in ((2, "2 of 8"), (4, "4 of 8")):
        for trial in by_epochs[epochs]:
            assert (trial.state, trial.note) == ("dropped", f"behind the better half after {notes} epochs")
    (last,) = by_epochs[8]
    assert (last.state, last.note) == ("done", "")
    assert last.score(truth) == max(trial.score(truth) for trial in trials)
    assert max(map(best_until(2), by_epochs[2])) <= min(map(best_until(2), [*by_epochs[4], last]))


@pytest.mark.parametrize(("seconds", "epochs"), [(None, (10, 20, 40)), (1e-6, (10, 13, 16)), (1e6, (10, 22, 47))])
def test_a_race_that_has_its_time_takes_no_longer_nor_much_less(ground, stored, solved, tmp_path, seconds, epochs):
    cycles = {"epochs": 40, "restarts": [10, 20], "schedule": "one-cycle", "keep": "last"}
    schemes = [(f"lr {lr:g}", H3, {**cycles, "lr": lr}) for lr in (1e-5, 1e-3, 3e-3, 1e-4)]
    entries, trials = run_race(ground, stored, solved, tmp_path, *schemes, seconds=seconds)
    assert entries[0].stretches == (10, 20, 40)
    assert sorted(trial.epochs for trial in trials) == [epochs[0], epochs[0], epochs[1], epochs[2]]
    (last,) = (trial for trial in trials if trial.epochs == epochs[2])
    rates = [line["lr"] for line in last.learning]
    assert [place for place, rate in enumerate(rates, 1) if rate < 1e-3 * max(rates)] == list(epochs)
    _, again = run_race(ground, stored, solved, tmp_path, *schemes, seconds=1.0)  # what was decided stands
    assert [trial.epochs for trial in again] == [trial.epochs for trial in trials]


def best_until(epoch):
    """What the race compares: accuracy, then loss, in the best epoch so far."""
    return lambda trial: max(
        (line["validation_accuracy"], -line["validation_loss"]) for line in trial.learning if line["epoch"] <= epoch
    )


def test_every_trial_is_a_run_with_a_line_for_each_epoch(ground, stored, solved, tmp_path):
    schemes = [(f"lr {lr:g}", H3, {**LOOKED, "epochs": 4, "lr": lr}) for lr in (1e-4, 1e-3)]
    _, trials = run_race(ground, stored, solved, tmp_path, *schemes)
    for trial in trials:
        folder = RunFolder(tmp_path / f"{trial.number:02}")
        assert folder.status == "done"
        assert [line["epoch"] for line in folder.read_lines("metrics.jsonl")] == list(range(trial.epochs + 1))
        assert list(trial.learning) == folder.read_lines("metrics.jsonl")
        assert trial.seconds == sum(line["seconds"] for line in trial.learning) > 0


@pytest.mark.parametrize(("below", "begin"), [(H3, H3), (H2, H2)])
def test_a_trial_is_the_training_of_its_scheme_from_stored_features(ground, stored, solved, tmp_path, below, begin):
    entries, (trial,) = run_race(ground, stored, solved, tmp_path, ("one", below, {**LOOKED, "epochs": 3}))
    (entry,) = entries
    assert entry.inputs == (begin,)
    head = Head(own_copy(entry.graft.network.assign(solved)), ("X:0",), entry.graft.logits, torch.device("cpu"))
    rows, validation = (ground.rows(part, ("X:0",), stored) for part in (ground.splits.train, ground.splits.validation))
    train(head.learner(), rows, entry.settings, validate=lambda: head.measured(validation, 32))
    assert set(trial.values) == set(head.values())
    for name, value in head.values().items():
        np.testing.assert_allclose(trial.values[name], value, atol=1e-4)


def test_a_thaw_that_hurts_is_rolled_back_to_the_very_weights_it_began_with(ground, stored, solved, tmp_path):
    wild = {**LOOKED, "epochs": 3, "lr": 30.0, "optimizer": "sgd", "clip_norm": 1.0}
    entries, (trial,) = run_race(ground, stored, solved, tmp_path, ("wild", H3, wild))
    assert (trial.state, trial.note) == ("rolled back", "none of 3 epochs was better than the start")
    assert (trial.epochs, len(trial.learning)) == (3, 4)
    start = entries[0].graft.network.assign(solved)
    assert {name for name in trial.values if "hidden4" in name} == {"hidden4/kernel", "hidden4/bias"}
    for name, value in trial.values.items():
        np.testing.assert_array_equal(value, start.values[name])
    assert trial.score(truth_of([ground.splits.validation]))[0] == trial.learning[0]["validation_accuracy"]
    assert max(line["validation_accuracy"] for line in trial.learning[1:]) <= trial.learning[0]["validation_accuracy"]


def test_a_trial_that_diverges_is_noted_and_keeps_its_start(ground, stored, solved, tmp_path):
    wild = {**LOOKED, "epochs": 4, "lr": 1e6, "optimizer": "sgd"}
    sane = {**LOOKED, "epochs": 4, "lr": 1e-3}
    entries, trials = run_race(ground, stored, solved, tmp_path, ("wild", H2, wild), ("sane", H3, sane))
    assert [trial.state for trial in trials] == ["diverged", "done"]
    wild_trial, sane_trial = trials
    assert wild_trial.note == "the training diverged: the loss is no finite number any more: its start is kept"
    assert (wild_trial.epochs, sane_trial.epochs) == (0, 4)
    for name, value in wild_trial.values.items():
        np.testing.assert_array_equal(value, entries[0].graft.network.assign(solved).values[name])
    assert np.isfinite(wild_trial.logits).all()
    assert RunFolder(tmp_path / "01").path.is_dir()


def test_the_source_is_left_alone(ground, stored, solved, tmp_path):
    before = {name: value.tobytes() for name, value in ground.network.values.items()}
    run_race(ground, stored, solved, tmp_path, ("one", H2, {**LOOKED, "epochs": 2, "lr": 1e-2}))
    assert {name: value.tobytes() for name, value in ground.network.values.items()} == before


@pytest.mark.parametrize("keep", ["best", "last"])
def test_a_race_that_is_run_again_in_its_folder_ends_the_same(ground, stored, solved, tmp_path, keep):
    """As after a kill: the trials that went far have later weights than those they were compared by at first."""
    schemes = [
        (f"lr {lr:g}", H3, {"keep": keep, "epochs": 8, "lr": lr, "optimizer": name})
        for lr, name in ((0.3, "sgd"), (1e-3, "adam"), (0.1, "adam"), (3e-3, "adam"))
    ]
    _, first = run_race(ground, stored, solved, tmp_path, *schemes)
    _, again = run_race(ground, stored, solved, tmp_path, *schemes)
    assert [(trial.epochs, trial.state, trial.note) for trial in again] == [
        (trial.epochs, trial.state, trial.note) for trial in first
    ]
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.logits, other.logits)


def test_a_rate_that_was_tested_is_taken_again(ground, stored, tmp_path):
    entries = entries_of(ground, ("one", H2, {**LOOKED, "epochs": 500}))
    starts = [entry.graft.network for entry in entries]
    track = Track(ground=ground, stored=stored, folder=tmp_path, progress=SILENT)
    (found,) = with_tested_rate(entries, starts, track)
    write_json(tmp_path / "rate.json", {"lr": found.settings.lr * 1.4})
    (again,) = with_tested_rate(entries, starts, track)
    assert again.settings.lr == pytest.approx(found.settings.lr * 1.4)


def test_beside_another_crop_each_time_the_first_scheme_races_with_plain_pictures(ground, stored, solved, tmp_path):
    schemes = [(f"below {below}", below, {**LOOKED, "epochs": 6, "lr": 1e-3}) for below in (H3, H2)]
    cropped = replace(ground, augmentation=Augmentation(kind="bypass"))
    entries, trials = run_race(cropped, stored, solved, tmp_path / "cropped", *schemes)
    assert [(entry.scheme.name, entry.plain) for entry in entries] == [
        (f"below {H3}", False),
        (f"below {H2}", False),
        (f"below {H3}, plain pictures", True),
    ]
    _, (plain, *_) = run_race(ground, stored, solved, tmp_path / "plain", *schemes)
    losses = [[line["validation_loss"] for line in trial.learning[:3]] for trial in (plain, trials[2], trials[0])]
    assert losses[1] == pytest.approx(losses[0], rel=1e-5)
    assert losses[2] != pytest.approx(losses[0], rel=1e-2)

    effect = effect_of_crops(trials)
    epoch = min(trials[0].epochs, trials[2].epochs)
    assert effect == Effect(
        views=None,
        scheme=f"below {H3}",
        accuracy=trials[0].learning[epoch]["validation_accuracy"],
        without=trials[2].learning[epoch]["validation_accuracy"],
    )
    assert effect_of_crops(trials[:2]) is None
