from __future__ import annotations

from hashlib import blake2b

import numpy as np

from regraft.data import Examples
from regraft.data.examples import Part, Splits
from regraft.trials.folds import folds


def splits(train, validation, copies=0):
    n = train + validation + 10
    items = np.arange(n, dtype=np.float32)[:, None]
    items[:copies] = 0
    hashes = tuple(blake2b(row.tobytes(), digest_size=8).digest() for row in items)
    examples = Examples(source="rows", items=items, labels=np.arange(n) % 2, classes=("a", "b"), hashes=hashes)
    cuts = np.split(np.arange(n), [train, train + validation])
    parts = [Part(examples=examples, indices=indices) for indices in cuts]
    return Splits(train=parts[0], validation=parts[1], test=parts[2], classes=("a", "b"))


def test_a_large_validation_part_decides_alone():
    found = folds(splits(100, 300), seed=0)
    assert found.crossed == 1
    assert np.flatnonzero(found.judged).tolist() == list(range(100, 400))
    assert np.array_equal(found.learns[:, 0], np.arange(400) < 100)


def test_a_small_one_is_crossed_with_the_training_part():
    found = folds(splits(100, 20), seed=0)
    assert found.crossed == 5
    assert found.judged.sum() == 120
    assert np.array_equal(found.learns[:, 0], np.arange(120) < 100)  # the head that is kept has seen training data only
    for fold in range(1, 6):
        assert np.array_equal(found.learns[:, fold], found.judge != fold)
        assert abs(int(found.truth.labels[found.judge == fold].sum()) * 2 - (found.judge == fold).sum()) <= 2


def test_copies_of_an_example_are_judged_by_the_same_fold():
    found = folds(splits(100, 20, copies=15), seed=0)
    assert len(set(found.judge[:15].tolist())) == 1


def test_another_seed_gives_other_folds_and_the_same_seed_the_same():
    first, again, other = (folds(splits(100, 20), seed=seed).judge for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_test_part_is_in_no_fold():
    assert len(folds(splits(100, 20), seed=0).truth) == 120


def test_fewer_different_examples_than_folds_are_not_crossed():
    assert folds(splits(17, 3, copies=17), seed=0).crossed == 1
