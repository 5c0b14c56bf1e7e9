from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from grounds import demo_network, digit_ground, stored_of

from regraft.network import Plan
from regraft.network.plan import New
from regraft.tasks.defaults import settings_for
from regraft.tasks.fit import fit
from regraft.tasks.head import Head, own_copy
from regraft.tasks.truth import truth_of
from regraft.train.loop import train
from regraft.trials.dense import dense_head
from regraft.trials.heads import train_heads
from regraft.trials.schemes import Scheme

CUT = "dnn/hidden3/Relu:0"
HIDDEN = (New(kind="dense", width=16, activation="relu"), New(kind="dense"))
BEST = {"epochs": 6, "keep": "best", "l2": 1e-3}


@pytest.fixture(scope="module")
def ground():
    return digit_ground()


@pytest.fixture(scope="module")
def stored(ground):
    return stored_of(ground)


def head_of(ground, number, settings, new=HIDDEN, at=CUT, **plan):
    scheme = Scheme(name=f"head {number}", plan=Plan(at=at, new=new, **plan), settings=settings)
    grafted = ground.graft(scheme.plan)
    chosen = settings_for(grafted, len(ground.splits.train), settings)
    return dense_head(number, scheme, ground.level_of(grafted.at), grafted, chosen)


def alone(head, ground, stored):
    """The same head by the one training loop, as `fit` trains it: its epochs, its best weights, how it ended."""
    trained_part = Head(own_copy(head.graft.network), head.graft.features, head.graft.logits, torch.device("cpu"))
    rows, validation = (
        stored.rows(part, [head.level.vector]) for part in (ground.splits.train, ground.splits.validation)
    )
    looks = []

    def look():
        looks.append(trained_part.measured(validation, 256))
        return looks[-1]

    trained = train(trained_part.learner(), rows, head.settings, validate=look)
    return looks, trained_part.values(), trained


def assert_same_as_alone(heads, ground, stored):
    trials = train_heads(heads, stored)
    for head, trial in zip(heads, trials, strict=True):
        looks, values, trained = alone(head, ground, stored)
        first = 0 if head.settings.look_first else 1
        for epoch, (line, look) in enumerate(zip(trial.learning, looks, strict=False), first):
            assert line["epoch"] == epoch
            assert line["validation_accuracy"] == pytest.approx(look.metrics["accuracy"])
            assert line["validation_loss"] == pytest.approx(look.metrics["loss"], rel=1e-4)
        for name in head.names:
            np.testing.assert_allclose(trial.values[name], values[name], atol=2e-5, rtol=1e-3)
        assert trial.score(truth_of([ground.splits.validation]))[0] == pytest.approx(trained.metrics["accuracy"])
        assert trial.score(truth_of([ground.splits.validation]))[1] == pytest.approx(-trained.metrics["loss"], rel=1e-4)
    return trials


@pytest.mark.parametrize("settings", [BEST, {**BEST, "keep": "last"}, {"epochs": 4, "optimizer": "momentum"}])
def test_heads_with_different_learning_rates_are_each_what_they_are_alone(ground, stored, settings):
    heads = [head_of(ground, number, {**settings, "lr": lr}) for number, lr in enumerate((1e-3, 1e-2, 3e-2), 1)]
    assert len({head.alike for head in heads}) == 1
    trials = assert_same_as_alone(heads, ground, stored)
    assert [trial.number for trial in trials] == [1, 2, 3]
    assert len({trial.values[heads[0].names[0]].tobytes() for trial in trials}) == 3


@pytest.mark.parametrize(
    "more",
    [
        {"ema": 0.5},
        {"schedule": "cosine", "optimizer": "adamw"},
        {"schedule": "one-cycle", "look_first": True},
        {"clip_norm": 0.05, "optimizer": "sgd"},
    ],
)
def test_every_setting_means_for_a_head_of_several_what_it_means_alone(ground, stored, more):
    heads = [head_of(ground, number, {**BEST, **more, "lr": lr}) for number, lr in enumerate((3e-3, 1e-1), 1)]
    assert_same_as_alone(heads, ground, stored)


def test_a_head_that_ran_out_of_patience_keeps_what_it_had_then(ground, stored):
    settings = {"epochs": 25, "patience": 1, "optimizer": "sgd"}
    heads = [head_of(ground, number, {**settings, "lr": lr}) for number, lr in enumerate((0.3, 3.0), 1)]
    assert_same_as_alone(heads, ground, stored)
    assert any(alone(head, ground, stored)[2].stopped == "patience" for head in heads)


def test_centred_linear_heads_are_those_that_fit_trains(ground, stored, tmp_path):
    heads = [head_of(ground, number, {"epochs": 5, "lr": lr}, new=None) for number, lr in enumerate((0.01, 0.06), 1)]
    assert all(head.settings.centred for head in heads)
    trials = train_heads(heads, stored)
    for head, trial in zip(heads, trials, strict=True):
        out = tmp_path / str(head.number)
        fitted = fit(
            demo_network(),
            ground.splits,
            plan=Plan(at=CUT),
            settings=dict(head.scheme.settings),
            input="range=0..1",
            out=out,
        )
        assert trial.score(truth_of([ground.splits.validation]))[0] == pytest.approx(fitted.validation.accuracy)
        for name in head.names:
            np.testing.assert_allclose(trial.values[name], fitted.network.values[name], atol=1e-4)


def test_heads_are_grouped_by_all_but_the_learning_rate(ground):
    first = head_of(ground, 1, {**BEST, "lr": 1e-3})
    assert first.alike == head_of(ground, 2, {**BEST, "lr": 1e-2}).alike
    others = [
        head_of(ground, 2, {**BEST, "l2": 1e-2}),
        head_of(ground, 3, {**BEST, "epochs": 7}),
        head_of(ground, 4, BEST, new=(New(kind="dense", width=8, activation="relu"), New(kind="dense"))),
        head_of(ground, 5, BEST, new=(New(kind="dense", width=16, activation="tanh"), New(kind="dense"))),
        head_of(ground, 6, BEST, at="dnn/hidden2/Relu:0"),
    ]
    assert len({first.alike, *(head.alike for head in others)}) == 6


def test_trials_come_in_the_order_of_their_schemes(ground, stored):
    heads = [head_of(ground, number, {"epochs": 1, "l2": number % 2 * 1e-2}) for number in (1, 2, 3, 4)]
    assert [trial.number for trial in train_heads(heads, stored)] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("new", "plan"),
    [
        ((New(kind="dropout"), New(kind="dense")), {}),
        ((New(kind="dense", width=8), New(kind="batch_norm"), New(kind="dense")), {}),
        (HIDDEN, {"freeze": None}),
        (HIDDEN, {"freeze_below": "dnn/hidden2/Relu:0"}),
    ],
)
def test_what_trains_more_than_dense_layers_is_no_dense_head(ground, new, plan):
    assert head_of(ground, 1, BEST, new=new, **plan) is None


def test_a_head_that_diverges_leaves_the_others_alone(ground, stored):
    sane, wild = (head_of(ground, number, {**BEST, "lr": lr}) for number, lr in ((1, 1e-3), (2, 1e30)))
    trials = train_heads([sane, wild], stored)
    assert [trial.state for trial in trials] == ["done", "diverged"]
    assert trials[1].note == "the training diverged: the loss is no finite number any more: its start is kept"
    (by_itself,) = train_heads([sane], stored)
    np.testing.assert_array_equal(trials[0].logits, by_itself.logits)


class Rows:
    """Rows that are held in memory."""

    def __init__(self, *tensors):
        self._tensors = tensors

    def __len__(self):
        return len(self._tensors[0])

    def take(self, rows):
        return tuple(tensor[torch.from_numpy(rows)] for tensor in self._tensors)


def by_hand(head, ground, stored, fold):
    """Right or wrong for what a fold judges, by the head trained on what it learns from in the one training loop."""
    parts = ground.splits.train, ground.splits.validation
    pool = torch.cat([stored.values(part, head.level.vector) for part in parts])
    labels = torch.from_numpy(np.concatenate([part.labels for part in parts]))
    fewest = ground.folds.learns[:, 1:].sum(0).min()  # folds learn side by side
    learns, judged = np.flatnonzero(ground.folds.learns[:, fold])[:fewest], ground.folds.judge == fold
    rows, asked = Rows(pool[learns], labels[learns]), Rows(pool[judged], labels[judged])
    trained = Head(own_copy(head.graft.network), head.graft.features, head.graft.logits, torch.device("cpu"))
    best = alone(head, ground, stored)[2].best_epoch  # on the validation part: what is judged decides nothing
    train(trained.learner(), rows, replace(head.settings, keep="last", patience=None), until=best)
    return (trained.logits(asked, 256)[0].argmax(1) == asked.take(np.arange(len(asked)))[1]).numpy()


def test_folds_judge_each_example_by_a_head_that_did_not_learn_from_it(ground, stored):
    heads = [head_of(ground, number, {**BEST, "lr": lr}) for number, lr in enumerate((1e-2, 3e-2), 1)]
    assert ground.crossing is ground.folds
    plain, crossed = train_heads(heads, stored), train_heads(heads, stored, ground.folds)
    for head, alone_, found in zip(heads, plain, crossed, strict=True):
        np.testing.assert_array_equal(found.logits, alone_.logits)
        assert alone_.crossed is None
        for fold in range(1, 6):
            expected = by_hand(head, ground, stored, fold)
            np.testing.assert_array_equal(found.crossed.right[ground.folds.judge == fold], expected)


def test_a_head_that_is_worse_beyond_doubt_goes_through_no_folds(ground, stored):
    good, hopeless = (head_of(ground, number, {**BEST, "lr": lr}) for number, lr in ((1, 3e-2), (2, 1e-6)))
    trials = train_heads([hopeless, good], stored, ground.folds)
    assert trials[0].crossed is None
    assert trials[1].crossed.score > 0.5


def test_a_head_that_diverges_is_wrong_in_all_folds(ground, stored):
    sane, wild = (head_of(ground, number, {**BEST, "lr": lr}) for number, lr in ((1, 1e-3), (2, 1e30)))
    trials = train_heads([sane, wild], stored, ground.folds)
    assert trials[0].crossed.score > 0
    assert trials[1].crossed.score == 0
