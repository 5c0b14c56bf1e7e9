from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from regraft.tasks.evidence import difference, interval, is_tie


def right(hits, of):
    return np.arange(of) < hits


@pytest.mark.parametrize(("hits", "of"), [(0, 20), (13, 20), (132, 150), (150, 150)])
def test_the_interval_is_wilsons(hits, of):
    expected = binomtest(hits, of).proportion_ci(0.95, method="wilson")
    assert interval(right(hits, of)) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_the_interval_of_a_difference_is_the_paired_bootstraps():
    generator = np.random.default_rng(1)
    ours, theirs = generator.random(300) < 0.9, generator.random(300) < 0.8
    gains = ours.astype(float) - theirs
    expected = bootstrap((gains,), np.mean, method="percentile", random_state=2).confidence_interval
    assert difference(ours, theirs) == pytest.approx((expected.low, expected.high), abs=0.006)


def test_pairing_tells_apart_what_two_intervals_do_not():
    ours, theirs = right(140, 150), right(130, 150)
    assert interval(ours)[0] < interval(theirs)[1]
    assert not is_tie(ours, theirs)


def test_equal_answers_are_a_tie():
    assert is_tie(right(100, 150), right(100, 150))


def test_the_same_answers_always_give_the_same_interval():
    assert difference(right(90, 100), right(85, 100)) == difference(right(90, 100), right(85, 100))
