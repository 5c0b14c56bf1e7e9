from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix, log_loss, precision_recall_fscore_support

from regraft.errors import ShapeMismatch
from regraft.tasks import classify

CLASSES = ("ant", "bee", "cat")


def some(n: int = 50) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(0)
    logits = random.normal(size=(n, 3))
    return np.exp(logits) / np.exp(logits).sum(1, keepdims=True), random.integers(0, 3, n)


def test_the_same_numbers_as_scikit_learn() -> None:
    probability, labels = some()
    found = classify.report(probability, labels, CLASSES)
    taken = probability.argmax(1)
    assert np.array_equal(found.confusion, confusion_matrix(labels, taken))
    assert found.loss == pytest.approx(log_loss(labels, probability))
    assert found.accuracy == (taken == labels).mean()
    theirs = np.array(precision_recall_fscore_support(labels, taken)).T
    ours = [(score.precision, score.recall, score.f1, score.n) for score in found.per_class]
    assert np.allclose(ours, theirs)


def test_a_class_that_is_never_seen_nor_taken() -> None:
    found = classify.report(np.array([[0.9, 0.1, 0.0]]), np.array([0]), CLASSES)
    assert [(score.name, score.n, score.f1) for score in found.per_class] == [
        ("ant", 1, 1.0),
        ("bee", 0, 0.0),
        ("cat", 0, 0.0),
    ]
    assert found.as_json()["confusion"] == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_a_wrong_answer_given_for_certain_has_a_finite_loss() -> None:
    assert np.isfinite(classify.report(np.array([[1.0, 0.0]]), np.array([1]), ("a", "b")).loss)


def test_of_equal_accuracy_the_smaller_loss_is_better() -> None:
    labels = torch.tensor([0, 1])
    sure = classify.measured(torch.tensor([[5.0, 0.0], [0.0, 5.0]]), labels)
    unsure = classify.measured(torch.tensor([[1.0, 0.0], [0.0, 1.0]]), labels)
    assert sure.metrics["accuracy"] == unsure.metrics["accuracy"] == 1
    assert sure.score > unsure.score


def test_logits_become_probabilities_and_probabilities_stay() -> None:
    probability, _ = some()
    assert np.allclose(classify.probabilities(np.log(probability) + 3, "y:0"), probability)
    assert np.array_equal(classify.probabilities(probability[:, None, None], "y:0"), probability)


def test_an_output_that_is_no_list_of_classes() -> None:
    with pytest.raises(ShapeMismatch) as caught:
        classify.probabilities(np.zeros((2, 7, 7, 5)), "conv:0")
    assert str(caught.value) == (
        "the output conv:0 does not tell classes apart\n"
        "  expected: (b, classes): one number a class\n"
        "  got: (2, 7, 7, 5)\n"
        "  to do: name the tensor that does: --to NAME"
    )
