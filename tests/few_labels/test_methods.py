"""The classifiers for a handful of examples, and which of them the examples choose."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from regraft.few_labels.methods import (
    CENTROID,
    LOGISTIC,
    METHODS,
    STANDARDISED,
    Centred,
    Handful,
    chosen,
    methods,
    spanned,
)


def blobs(counts: list[int], noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points (n 16) around one direction for each class, far from the origin; labels (n)."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(len(counts)), counts)
    points = 10 + 2 * np.eye(16)[labels] + noise * random.normal(size=(len(labels), 16))
    return points.astype(np.float32), labels


def test_the_centre_is_that_of_the_classes_not_of_the_examples() -> None:
    points, labels = blobs([1, 30], noise=0.0)
    seen = Centred().fit(points, labels).transform(points)
    np.testing.assert_allclose(seen[0], -seen[1], atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(seen, axis=1), 1, rtol=1e-6)


# of one example a class, most of the spreads are noise: nothing is told by standardised features
COUNTS = [([1, 1, 1], [name for name in METHODS if name != STANDARDISED]), ([5, 5, 5], METHODS), ([1, 5, 20], METHODS)]


@pytest.mark.parametrize(("counts", "name"), [(counts, name) for counts, names in COUNTS for name in names], ids=str)
def test_each_tells_classes_apart(counts: list[int], name: str) -> None:
    points, labels = blobs(counts, noise=0.2)
    others, truth = blobs([50, 50, 50], noise=0.2, seed=1)
    assert (Handful(points, labels, others).told(name) == truth).mean() > 0.95


def test_centroids_are_scikit_learns() -> None:
    points, labels = blobs([5, 5, 5], noise=1.0)
    others, _ = blobs([50, 50, 50], noise=1.0, seed=1)
    moved = points - points.mean(axis=0)
    shifted = others - points.mean(axis=0)
    lengths = [np.linalg.norm(one, axis=1, keepdims=True) for one in (moved, shifted)]
    expected = NearestCentroid().fit(moved / lengths[0], labels).predict(shifted / lengths[1])
    np.testing.assert_array_equal(methods(5)[CENTROID].fit(points, labels).predict(others), expected)


def test_with_one_example_of_a_class_it_is_logistic_regression() -> None:
    points, labels = blobs([1, 20, 20], noise=0.5)
    assert chosen(points, labels, seed=0) == LOGISTIC


def test_logistic_regression_unless_another_is_clearly_better() -> None:
    """Some method tells more of the noisy examples by chance in most draws; it is not taken for that."""
    for seed in range(5):
        points, labels = blobs([5, 5, 5], noise=1.5, seed=seed)
        assert chosen(points, labels, seed=0) == LOGISTIC


def test_standardised_features_are_chosen_where_one_drowns_the_others() -> None:
    random, labels = np.random.default_rng(0), np.repeat([0, 1], 20)
    points = random.normal(size=(40, 8))
    points[:, :2] += 3 * np.eye(2)[labels]
    points[:, 7] *= 1000
    assert chosen(points, labels, seed=0) == STANDARDISED


def test_examples_choose_what_tells_them_apart() -> None:
    """Two classes across each other have one centroid: only neighbours and a kernel can tell them apart."""
    random, sides = np.random.default_rng(0), np.tile([1, -1], 20)
    labels = np.repeat([0, 1], 20)
    points = 5 + 0.1 * random.normal(size=(40, 4))
    points[np.arange(40), labels] += sides
    first = chosen(points, labels, seed=0)
    assert first in ("nearest neighbours", "RBF SVM")
    assert chosen(points, labels, seed=0) == first


def test_wrong_labels_among_the_examples_are_borne() -> None:
    points, labels = blobs([20, 20, 20], noise=0.5)
    wrong = labels.copy()
    wrong[::7] = (wrong[::7] + 1) % 3
    others, truth = blobs([50, 50, 50], noise=0.5, seed=1)
    told = Handful(points, wrong, others).told(chosen(points, wrong, seed=0))
    assert (told == truth).mean() > 0.9 > (wrong == labels).mean()


def wide() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A support (15 200) of three classes, its labels, and others (60 200)."""
    random = np.random.default_rng(0)
    support, others = random.normal(size=(15, 200)) + 1, random.normal(size=(60, 200)) + 1
    support[:, :3] += 3 * np.eye(3)[np.repeat([0, 1, 2], 5)]
    others[:, :3] += 3 * np.eye(3)[np.repeat([0, 1, 2], 20)]
    return support, np.repeat([0, 1, 2], 5), others


@pytest.mark.parametrize("name", METHODS)
def test_points_prepared_for_all_are_told_as_the_pipeline_tells_them(name: str) -> None:
    support, labels, others = wide()
    handful = Handful(support, labels, others)
    first = {one: handful.told(one) for one in METHODS}
    np.testing.assert_array_equal(handful.told(name), first[name])
    np.testing.assert_array_equal(first[name], methods(5)[name].fit(support, labels).predict(others))


def test_fewer_dimensions_change_no_distance() -> None:
    support, _, others = wide()
    few, asked = spanned(support, others)
    assert few.shape == (15, 16)
    np.testing.assert_allclose(
        np.linalg.norm(few[:, None] - asked, axis=2), np.linalg.norm(support[:, None] - others, axis=2), rtol=1e-9
    )


def test_many_examples_of_few_dimensions_stay_as_they_are() -> None:
    points, _ = blobs([10, 10], noise=1.0)
    assert spanned(points, points)[0] is points
