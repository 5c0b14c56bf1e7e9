from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from regraft.trials.linear import Problem, solve


@pytest.fixture(scope="module")
def digits():
    pixels, labels = load_digits(return_X_y=True)
    return torch.tensor(pixels, dtype=torch.float32), torch.tensor(labels)


def problem(features, labels, learns=None):
    learns = torch.ones(len(labels), 1, dtype=torch.bool) if learns is None else learns
    return Problem(features=[features], labels=labels, classes=int(labels.max()) + 1, learns=learns)


def objective(features, labels, kernel, bias, penalty, spread):
    loss = functional.cross_entropy(features @ kernel + bias, labels)
    return float(loss + 0.5 * penalty * (kernel * spread).square().sum())


def spread_of(features):
    return float((features - features.mean(0)).square().mean().sqrt())


@pytest.mark.parametrize("rows", [1500, 50])  # more rows than numbers, and fewer
@pytest.mark.parametrize("penalty", [0.3, 0.01])
def test_a_head_is_as_good_as_scikit_learns_by_the_objective_both_minimise(digits, rows, penalty):
    features, labels = digits[0][:rows], digits[1][:rows]
    heads = solve(problem(features, labels), torch.tensor([penalty]))
    spread = spread_of(features)
    theirs = LogisticRegression(C=1 / (penalty * rows), tol=1e-8, max_iter=5000)
    theirs.fit(((features - features.mean(0)) / spread).double().numpy(), labels)
    kernel = torch.tensor(theirs.coef_.T / spread, dtype=torch.float32)
    bias = torch.tensor(theirs.intercept_, dtype=torch.float32) - features.mean(0) @ kernel
    ours = objective(features, labels, heads.kernels[0, 0], heads.biases[0, 0], penalty, spread)
    best = objective(features, labels, kernel, bias, penalty, spread)
    assert ours == pytest.approx(best, rel=0.03)


def test_heads_solved_together_are_the_heads_solved_alone(digits):
    features, labels = digits
    learns = torch.stack([torch.arange(len(labels)) % 3 != fold for fold in range(3)], 1)
    penalties = torch.tensor([0.3, 0.1, 0.03])
    together = solve(problem(features, labels, learns), penalties)
    for fold in range(3):
        for place in range(3):
            alone = solve(problem(features, labels, learns[:, fold : fold + 1]), penalties[place : place + 1])
            mine = together.logits(features, fold, place).softmax(1)
            assert float((mine - alone.logits(features, 0, 0).softmax(1)).abs().max()) < 0.02


@pytest.mark.parametrize("rows", [40, 4])  # more rows than numbers, and fewer
def test_features_that_are_all_the_same_tell_how_frequent_the_classes_are(rows):
    labels = (torch.arange(rows) % 4 == 0).long()
    heads = solve(problem(torch.full((rows, 6), 2.0), labels), torch.tensor([0.1]))
    shares = heads.logits(torch.full((1, 6), 2.0), 0, 0).softmax(1)[0]
    assert shares.tolist() == pytest.approx([0.75, 0.25], abs=1e-3)


def test_a_fold_does_not_see_the_rows_it_does_not_learn_from(digits):
    features, labels = digits
    learns = (torch.arange(len(labels)) % 2 == 0)[:, None]
    changed = torch.where(learns[:, 0], labels, 9 - labels)
    penalties = torch.tensor([0.1])
    heads = [solve(problem(features, some, learns), penalties) for some in (labels, changed)]
    assert torch.equal(heads[0].kernels, heads[1].kernels)


def test_blocks_read_one_after_the_other_give_what_all_rows_in_memory_give(digits):
    features, labels = digits
    learns = torch.ones(len(labels), 1, dtype=torch.bool)
    blocks = list(features.split(400))
    apart = solve(Problem(features=blocks, labels=labels, classes=10, learns=learns), torch.tensor([0.1, 0.01]))
    whole = solve(problem(features, labels), torch.tensor([0.1, 0.01]))
    np.testing.assert_allclose(apart.kernels, whole.kernels, atol=2e-3)
    np.testing.assert_allclose(apart.biases, whole.biases, atol=2e-2)


def test_features_that_never_change_get_no_weight():
    features = torch.cat(
        [torch.randn(100, 2, generator=torch.Generator().manual_seed(0)), torch.full((100, 1), 7.0)], 1
    )
    labels = (features[:, 0] > 0).long()
    heads = solve(problem(features, labels), torch.tensor([0.01]))
    assert float(heads.kernels[0, 0, 2].abs().max()) < 1e-4
    assert float((heads.logits(features, 0, 0).argmax(1) == labels).float().mean()) > 0.97
