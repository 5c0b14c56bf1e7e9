from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from regraft.tasks.evidence import Hits, difference, each, interval, is_tie


def right(hits, of):
    return each(np.arange(of) < hits)


@pytest.mark.parametrize(("hits", "of"), [(0, 20), (13, 20), (132, 150), (150, 150)])
def test_the_interval_is_wilsons(hits, of):
    expected = binomtest(hits, of).proportion_ci(0.95, method="wilson")
    assert interval(right(hits, of)) == pytest.approx((expected.low, expected.high), abs=1e-6)


def test_the_interval_of_a_difference_is_the_paired_bootstraps():
    generator = np.random.default_rng(1)
    ours, theirs = generator.random(300) < 0.9, generator.random(300) < 0.8
    gains = ours.astype(float) - theirs
    expected = bootstrap((gains,), np.mean, method="percentile", random_state=2).confidence_interval
    assert difference(each(ours), each(theirs)) == pytest.approx((expected.low, expected.high), abs=0.006)


def test_pairing_tells_apart_what_two_intervals_do_not():
    ours, theirs = right(140, 150), right(130, 150)
    assert interval(ours)[0] < interval(theirs)[1]
    assert not is_tie(ours, theirs)


def test_equal_answers_are_a_tie():
    assert is_tie(right(100, 150), right(100, 150))


def test_the_same_answers_always_give_the_same_interval():
    assert difference(right(90, 100), right(85, 100)) == difference(right(90, 100), right(85, 100))


def sentences(n, seed):
    """Sentences of 1 to 9 words, of which three in four are right, of one sentence alike."""
    generator = np.random.default_rng(seed)
    of = generator.integers(1, 10, n)
    return Hits(right=generator.binomial(of, generator.beta(3, 1, n)), of=of)


def test_the_interval_of_sentences_is_the_bootstraps_over_sentences():
    hits = sentences(200, 1)

    def score(right, of, axis):
        return right.sum(axis) / of.sum(axis)

    expected = bootstrap((hits.right, hits.of), score, paired=True, method="percentile", random_state=2)
    low, high = expected.confidence_interval
    assert interval(hits) == pytest.approx((low, high), abs=0.006)
    whole = np.arange(hits.of.sum()) < hits.right.sum()
    assert np.ptp(interval(hits)) > 1.1 * np.ptp(interval(each(whole)))  # words of a sentence are no examples


def test_pairing_tells_sentences_apart():
    ours = sentences(200, 1)
    theirs = Hits(right=np.maximum(0, ours.right - (np.arange(200) % 10 == 0)), of=ours.of)
    assert interval(ours)[0] < interval(theirs)[1]
    assert not is_tie(ours, theirs)
    assert is_tie(ours, ours)


def test_the_score_of_nothing_is_none():
    nothing = Hits(right=np.zeros(3, int), of=np.zeros(3, int))
    assert nothing.score == 0
    assert interval(nothing) == (0, 0)
