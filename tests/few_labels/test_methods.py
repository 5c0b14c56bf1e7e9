"""The classifiers for a handful of examples, and which of them the examples choose."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.neighbors import NearestCentroid

from regraft.few_labels.methods import CENTROID, Centred, chosen, methods, spanned


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


@pytest.mark.parametrize("name", methods(1))
@pytest.mark.parametrize("counts", [[1, 1, 1], [5, 5, 5], [1, 5, 20]], ids=str)
def test_each_tells_classes_apart(name: str, counts: list[int]) -> None:
    points, labels = blobs(counts, noise=0.2)
    others, truth = blobs([50, 50, 50], noise=0.2, seed=1)
    model = methods(min(counts))[name].fit(points, labels)
    assert (model.predict(others) == truth).mean() > 0.95


def test_centroids_are_scikit_learns() -> None:
    points, labels = blobs([5, 5, 5], noise=1.0)
    others, _ = blobs([50, 50, 50], noise=1.0, seed=1)
    moved = points - points.mean(axis=0)
    shifted = others - points.mean(axis=0)
    lengths = [np.linalg.norm(one, axis=1, keepdims=True) for one in (moved, shifted)]
    expected = NearestCentroid().fit(moved / lengths[0], labels).predict(shifted / lengths[1])
    np.testing.assert_array_equal(methods(5)[CENTROID].fit(points, labels).predict(others), expected)


def test_one_example_of_a_class_chooses_the_nearest_centroid() -> None:
    points, labels = blobs([1, 20, 20], noise=0.5)
    assert chosen(points, labels, seed=0) == CENTROID


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
    model = methods(20)[chosen(points, wrong, seed=0)].fit(points, wrong)
    assert (model.predict(others) == truth).mean() > 0.95


@pytest.mark.parametrize("name", methods(1))
def test_fewer_dimensions_change_nothing_that_is_told(name: str) -> None:
    random = np.random.default_rng(0)
    support, others = random.normal(size=(15, 200)) + 1, random.normal(size=(60, 200)) + 1
    support[:, :3] += 3 * np.eye(3)[np.repeat([0, 1, 2], 5)]
    others[:, :3] += 3 * np.eye(3)[np.repeat([0, 1, 2], 20)]
    labels = np.repeat([0, 1, 2], 5)
    whole = methods(5)[name].fit(support, labels).predict(others)
    few, asked = spanned(support, others)
    assert few.shape == (15, 16)
    np.testing.assert_array_equal(methods(5)[name].fit(few, labels).predict(asked), whole)
    np.testing.assert_allclose(
        np.linalg.norm(few[:, None] - asked, axis=2), np.linalg.norm(support[:, None] - others, axis=2), rtol=1e-9
    )


def test_many_examples_of_few_dimensions_stay_as_they_are() -> None:
    points, _ = blobs([10, 10], noise=1.0)
    assert spanned(points, points)[0] is points
