"""Many linear heads on the same features at once: every penalty and every fold of one cut in one matrix product.

Each head is a softmax regression with an L2 penalty: a convex problem whose curvature is nowhere above
1/2 of the features' covariance (Böhning 1992). In the principal axes of the features that bound is diagonal, so each head
steps along each axis as far as its own penalty allows, accelerated (Nesterov 1983) and restarted where that overshoots
(O'Donoghue and Candès 2015). A few dozen steps solve all heads, none of which has a learning rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_STEPS = 200
_CLOSE = 1e-4  # a head is solved when its gradient is this small beside that of saying nothing
_FAINT = 1e-6  # directions whose variance is this small beside the largest are rounding errors


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Features (n d), their classes (n) out of `classes`, and which rows each fold learns from: (n f) bool."""

    features: Tensor
    labels: Tensor
    classes: int
    learns: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Heads:
    """Solved heads, one for each fold f and penalty p: kernels (f p d k), biases (f p k)."""

    kernels: Tensor
    biases: Tensor

    def logits(self, features: Tensor, fold: int, penalty: int) -> Tensor:
        """(n k) of one head."""
        return features @ self.kernels[fold, penalty] + self.biases[fold, penalty]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Axes:
    """Features brought to mean 0 and spread 1 and turned to their principal axes."""

    mean: Tensor  # (d)
    spread: float
    turn: Tensor  # (d r)
    variances: Tensor  # (r)


def solve(problem: Problem, penalties: Tensor) -> Heads:
    """All heads of a problem.

    Args:
        penalties: (p) weights of half the sum of squares of a kernel, on features of mean 0 and spread 1, beside the mean
            cross entropy: what `Settings.l2` is for a centred head.
    """
    axes = _axes(problem.features)
    turned = ((problem.features - axes.mean) / axes.spread) @ axes.turn
    kernels, biases = _descended(problem, turned, axes.variances, penalties)
    kernels = torch.einsum("dr,rfpk->fpdk", axes.turn, kernels) / axes.spread
    return Heads(kernels=kernels, biases=biases - torch.einsum("d,fpdk->fpk", axes.mean, kernels))


def _axes(features: Tensor) -> _Axes:
    mean = features.mean(0)
    centred = features - mean
    spread = float(centred.square().mean().sqrt()) or 1.0
    centred = centred / spread
    rows, width = centred.shape
    if rows < width:
        variances, turn = torch.linalg.eigh((centred @ centred.T).double() / rows)
        kept = variances > _FAINT * variances[-1]
        variances = variances[kept]
        turn = centred.T @ (turn[:, kept] / (variances * rows).sqrt()).float()
    else:
        variances, turn = torch.linalg.eigh((centred.T @ centred).double() / rows)
        kept = variances > _FAINT * variances[-1]
        variances, turn = variances[kept], turn[:, kept].float()
    return _Axes(mean=mean, spread=spread, turn=turn, variances=variances.float())


def _descended(problem: Problem, turned: Tensor, variances: Tensor, penalties: Tensor) -> tuple[Tensor, Tensor]:
    """Kernels (r f p k) in the principal axes, and biases (f p k)."""
    folds, rank, k = problem.learns.shape[1], len(variances), problem.classes
    counts = problem.learns.sum(0).float()  # (f)
    share = problem.learns / counts  # (n f)
    truth = functional.one_hot(problem.labels, k).float()[:, None, None, :]
    bound = 0.5 * variances[:, None, None] * (len(turned) / counts)[:, None] + penalties  # (r f p)
    now = torch.zeros(rank + 1, folds, len(penalties), k)
    ahead, age = now, torch.zeros(folds, len(penalties))
    steps = torch.cat([bound, torch.full_like(bound[:1], 0.5)])[..., None]
    weights = torch.cat([penalties.expand(rank, folds, -1), torch.zeros(1, folds, len(penalties))])[..., None]
    design = torch.cat([turned, torch.ones(len(turned), 1)], 1)
    first = None
    for _ in range(_STEPS):
        logits = (design @ ahead.reshape(rank + 1, -1)).reshape(len(design), folds, len(penalties), k)
        error = (logits.softmax(-1) - truth) * share[:, :, None, None]
        gradient = (design.T @ error.reshape(len(design), -1)).reshape(ahead.shape) + weights * ahead
        size = (gradient.square() / steps).sum((0, 3))  # (f p), in the metric the steps are taken in
        first = size if first is None else first
        after = ahead - gradient / steps
        moved = after - now
        age = torch.where((gradient * moved).sum((0, 3)) > 0, torch.zeros_like(age), age + 1)
        ahead = after + (age / (age + 3))[:, :, None] * moved
        now = after
        if bool((size <= _CLOSE**2 * first).all()):
            break
    return now[:-1], now[-1]
