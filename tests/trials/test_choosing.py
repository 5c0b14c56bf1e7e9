"""Who wins, on answers that are made up: of 150 validation examples so many are right."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from regraft.trials.choosing import winner
from regraft.trials.recipe import rule_for
from regraft.trials.trial import Trial

LABELS = np.zeros(150, np.int64)
FEW, PLENTY = rule_for(20, 10), rule_for(200, 10)


def trial(stage, hits, state="done"):
    """A trial that takes the first so many examples for the right class."""
    logits = np.eye(2, dtype="float32")[(np.arange(150) >= hits).astype(int)]
    return Trial(
        number=0, scheme=None, stage=stage, level=None, inputs=(), logits=logits, values={}, settings={}, epochs=0,
        seconds=0.0, state=state,
    )  # type: ignore[arg-type]  # fmt: skip


def won(rule, *trials):
    readings = [SimpleNamespace(accuracy=0.5 + number / 10) for number, t in enumerate(trials) if t.stage == "probe"]
    return winner(readings, trials, LABELS, rule)


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


def test_of_given_schemes_the_best_wins():
    trials = trial("heads", 121), trial("thaw", 122, "rolled back"), trial("thaw", 120)
    assert won(FEW, *trials) is trials[1]
