"""Who wins, on answers that are made up: of 150 validation examples so many are right."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from regraft.network import New, Plan
from regraft.tasks.evidence import each
from regraft.tasks.truth import Truth
from regraft.trials.choosing import ties, winner
from regraft.trials.recipe import rule_for
from regraft.trials.trial import Trial

TRUTH = Truth(labels=np.zeros(150, np.int64), classes=("a", "b"))
FEW, PLENTY = rule_for(20, 10), rule_for(200, 10)


def trial(stage, hits, state="done", by_folds=None, name="", layers=1):
    """A trial that takes the first so many examples for the right class, and so many of 750 by folds."""
    logits = np.eye(2, dtype="float32")[(np.arange(150) >= hits).astype(int)]
    return Trial(
        number=0,
        scheme=SimpleNamespace(name=name, plan=Plan(new=(New(kind="dense"),) * layers)),  # type: ignore[arg-type]
        stage=stage,
        level=None,  # type: ignore[arg-type]
        inputs=(),
        logits=logits,
        values={},
        settings={},
        epochs=0,
        seconds=0.0,
        state=state,
        crossed=None if by_folds is None else each(np.arange(750) < by_folds),
    )


def won(rule, *trials):
    readings = [SimpleNamespace(score=0.5 + number / 10) for number, t in enumerate(trials) if t.stage == "probe"]
    return winner(readings, trials, TRUTH, rule)


@pytest.mark.parametrize(("thawed", "few", "plenty"), [(100, 0, 0), (118, 0, 1), (122, 0, 1), (140, 1, 1)])
def test_in_doubt_few_data_leave_it_frozen_and_plenty_take_what_was_thawed(thawed, few, plenty):
    trials = trial("probe", 120), trial("thaw", thawed)
    assert won(FEW, *trials) is trials[few]
    assert won(PLENTY, *trials) is trials[plenty]


@pytest.mark.parametrize("state", ["diverged", "rolled back"])
def test_what_is_as_it_began_is_not_what_was_thawed(state):
    trials = trial("probe", 120), trial("thaw", 130, state)
    assert won(PLENTY, *trials) is trials[0]


def test_of_what_was_thawed_the_best_wins():
    trials = trial("probe", 120), trial("thaw", 122, "dropped"), trial("thaw", 124), trial("thaw", 123)
    assert won(PLENTY, *trials) is trials[2]


@pytest.mark.parametrize(("hidden", "place"), [(122, 0), (145, 1)])
def test_a_hidden_layer_has_to_be_better_beyond_doubt(hidden, place):
    trials = trial("probe", 120), trial("heads", hidden)
    assert won(PLENTY, *trials) is trials[place]


@pytest.mark.parametrize(("folded", "place"), [(602, 0), (720, 1)])
def test_a_hidden_layer_is_judged_by_the_folds_whatever_the_validation_part_says(folded, place):
    trials = trial("probe", 130, by_folds=600), trial("heads", 260 - folded // 5, by_folds=folded, layers=2)
    assert won(PLENTY, *trials) is trials[place]


def test_a_hidden_layer_that_went_through_no_folds_is_not_compared_by_them():
    trials = trial("probe", 100, by_folds=600), trial("heads", 140, layers=2)
    assert won(PLENTY, *trials) is trials[0]


def test_of_given_schemes_the_best_wins():
    trials = trial("heads", 121), trial("thaw", 122, "rolled back"), trial("thaw", 120)
    assert won(FEW, *trials) is trials[1]


def test_given_heads_are_chosen_by_their_folds_where_the_validation_part_says_otherwise():
    trials = trial("heads", 130, by_folds=600), trial("heads", 125, by_folds=610), trial("heads", 126, by_folds=610)
    assert won(FEW, *trials) is trials[2]


def test_of_given_heads_that_cannot_be_told_apart_the_one_of_fewer_layers_wins():
    linear = trial("heads", 130, by_folds=690), trial("heads", 131, by_folds=691), trial("heads", 131, by_folds=600)
    assert won(FEW, *linear, trial("heads", 133, by_folds=693, layers=2)) is linear[1]
    deep = trial("heads", 133, by_folds=720, layers=2)
    assert won(FEW, *linear, deep) is deep


def test_a_head_that_went_through_no_folds_is_compared_on_the_validation_part():
    left_out, crossed = trial("heads", 128, name="left out"), trial("heads", 129, by_folds=690, layers=2)
    assert won(FEW, left_out, crossed) is crossed
    assert ties(crossed, (left_out, crossed), TRUTH) == ("left out",)


def test_ties_are_told_by_what_the_choice_was_made_by():
    best = trial("heads", 130, by_folds=700, name="best")
    trials = (
        best,
        trial("heads", 90, by_folds=699, name="close by folds"),
        trial("probe", 90, by_folds=698, name="linear, close by folds"),
        trial("probe", 130, by_folds=500, name="linear, far by folds"),
        trial("heads", 130, by_folds=500, name="far by folds"),
        trial("thaw", 129, name="close, without folds"),
        trial("thaw", 90, name="far, without folds"),
    )
    assert ties(best, trials, TRUTH) == ("close by folds", "linear, close by folds", "close, without folds")


@pytest.mark.parametrize("state", ["diverged", "rolled back"])
def test_what_is_as_it_began_ties_with_nothing(state):
    best, other = trial("probe", 120, name="linear"), trial("thaw", 120, state, name="thawed")
    assert ties(best, [best, other, trial("thaw", 119, "dropped", name="also")], TRUTH) == ("also",)
