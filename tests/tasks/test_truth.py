"""What is right of words and of entities, sentence by sentence."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.tasks.entities import entity_scores
from regraft.tasks.truth import Truth

CLASSES = ("O", "B-place", "I-place", "B-name")


@pytest.fixture
def truth():
    """300 words at random in 40 sentences."""
    generator = np.random.default_rng(0)
    ends = np.append(np.sort(generator.choice(np.arange(1, 300), 39, replace=False)), 300)
    return Truth(labels=generator.integers(0, 4, 300), classes=CLASSES, ends=ends)


def taken(truth, share=0.3):
    generator = np.random.default_rng(1)
    return np.where(generator.random(len(truth)) < share, generator.integers(0, 4, len(truth)), truth.labels)


def f1(truth, tags):
    names = [[CLASSES[k] for k in some] for some in (truth.labels, tags)]
    return entity_scores(*names, truth.ends.tolist())[0].f1


def test_the_score_of_entities_is_f1(truth):
    tags = taken(truth)
    hits = truth.hits(tags)
    assert hits.score == pytest.approx(f1(truth, tags))
    assert len(hits) == 40
    assert truth.hits(truth.labels).score == 1
    assert truth.hits(truth.labels).none.score == 0


def test_what_is_right_of_a_sentence_hangs_on_that_sentence_alone(truth):
    tags = taken(truth)
    chosen = np.zeros(300, bool)
    for sentence in (0, 3, 4, 39):
        chosen[slice(truth.ends[sentence - 1] if sentence else 0, truth.ends[sentence])] = True
    some = truth.some(chosen)
    assert some.hits(tags[chosen]).score == pytest.approx(f1(some, tags[chosen]))
    places = [0, 3, 4, 39]
    np.testing.assert_array_equal(some.hits(tags[chosen]).right, truth.hits(tags).right[places])
    np.testing.assert_array_equal(some.hits(tags[chosen]).of, truth.hits(tags).of[places])


def test_of_other_tags_words_are_counted():
    truth = Truth(labels=np.array([0, 1, 1, 0, 0]), classes=("NOUN", "VERB"), ends=np.array([2, 5]))
    hits = truth.hits(np.array([0, 0, 1, 0, 1]))
    assert (hits.right.tolist(), hits.of.tolist()) == ([1, 2], [2, 3])


def test_an_equal_score_leaves_it_to_the_loss():
    truth = Truth(labels=np.array([0, 1]), classes=("a", "b"))
    sure, unsure = np.array([[3.0, 0], [0, 3]]), np.array([[1.0, 0], [0, 1]])
    assert truth.score(sure)[0] == truth.score(unsure)[0] == 1
    assert truth.score(sure) > truth.score(unsure)
