"""Many linear heads on the same features at once: every penalty and every fold of one cut in one matrix product.

Each head is a softmax regression with an L2 penalty: a convex problem whose curvature is nowhere above
1/2 of the features' covariance (Böhning 1992). In the principal axes of the features that bound is diagonal, so
each head steps along each axis as far as its own penalty allows, accelerated (Nesterov 1983) and restarted where that
overshoots (O'Donoghue and Candès 2015). Some dozens of steps solve all heads, none of which has a learning rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn import functional

STEPS = 150
_CLOSE = 3e-3  # a head is solved when its gradient is this small beside that of saying nothing
_FAINT = 1e-6  # directions whose variance is this small beside the largest are rounding errors


class Blocks(Protocol):
    """Features (n d) in blocks of rows: in memory, or read from the disk each time."""

    def __len__(self) -> int:
        """How many blocks there are."""
        ...

    def __getitem__(self, number: int, /) -> Tensor:
        """A block (b d)."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class Problem:
    """Features, their classes (n) out of `classes`, and which rows each fold learns from: (n f) bool."""

    features: Blocks
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
    """How features are brought to mean 0 and spread 1 and turned to their principal axes."""

    mean: Tensor  # (d)
    spread: float
    turn: Tensor  # (d r)
    variances: Tensor  # (r)

    def scaled(self, block: Tensor) -> Tensor:
        """A block (b d) of them, brought there."""
        return (block - self.mean) / self.spread


def solve(problem: Problem, penalties: Tensor) -> Heads:
    """All heads of a problem.

    Args:
        penalties: (p) weights of half the sum of squares of a kernel, on features of mean 0 and spread 1, beside the
            mean cross entropy: what `Settings.l2` is for a centred head.
    """
    axes = _axes(problem.features)
    heads = _descended(problem, axes, penalties)
    kernels, biases = heads[:-1], heads[-1].permute(1, 2, 0)
    kernels = torch.einsum("dr,rkfp->fpdk", axes.turn, kernels) / axes.spread
    return Heads(kernels=kernels, biases=biases - torch.einsum("d,fpdk->fpk", axes.mean, kernels))


def _axes(features: Blocks) -> _Axes:
    rows = sum(len(features[number]) for number in range(len(features)))
    mean = sum((features[number].double().sum(0) for number in range(len(features))), torch.zeros(())).float() / rows
    width = len(mean)
    if rows < width:  # all rows fit into memory, and have fewer axes than numbers
        centred = torch.cat([features[number] - mean for number in range(len(features))])
        variances, turn = torch.linalg.eigh((centred @ centred.T).double() / rows)
        kept = variances > _FAINT * variances[-1]
        variances = variances[kept]
        turn = centred.T.double() @ (turn[:, kept] / (variances * rows).sqrt())
    else:
        covariance = torch.zeros(width, width, dtype=torch.float64)
        for number in range(len(features)):
            centred = features[number] - mean
            covariance += (centred.T @ centred).double() / rows
        variances, turn = torch.linalg.eigh(covariance)
        kept = variances > _FAINT * variances[-1]
        variances, turn = variances[kept], turn[:, kept]
    spread = float((variances.sum() / width).sqrt()) or 1.0
    return _Axes(mean=mean, spread=spread, turn=turn.float(), variances=(variances / spread**2).float())


class _Design:
    """The features as the descent multiplies by them: turned once where that is cheap, else the heads are turned."""

    def __init__(self, features: Blocks, axes: _Axes) -> None:
        self._features = features
        self._axes = axes
        self._turned = axes.scaled(features[0]) @ axes.turn if len(features) == 1 else None

    def gradient(self, problem: Problem, heads: Tensor, shares: Tensor) -> Tensor:
        """Of the mean cross entropy of heads (r+1 k c), each over the rows (n c) it has a share in."""
        start = 0
        total = torch.zeros_like(heads)
        for number in range(len(self._features)):
            block = self._block(number)
            rows = slice(start, start := start + len(block))
            truth = functional.one_hot(problem.labels[rows], problem.classes).float()[:, :, None]
            logits = (block @ self._down(heads[:-1]).flatten(1)).reshape(len(block), *heads.shape[1:]) + heads[-1]
            error = logits.softmax(1).sub_(truth).mul_(shares[rows, None])
            slope = (block.T @ error.flatten(1)).reshape(block.shape[1], *heads.shape[1:])
            total += torch.cat([self._up(slope), error.sum(0, keepdim=True)])
        return total

    def _block(self, number: int) -> Tensor:
        return self._axes.scaled(self._features[number]) if self._turned is None else self._turned

    def _down(self, heads: Tensor) -> Tensor:
        return torch.einsum("dr,r...->d...", self._axes.turn, heads) if self._turned is None else heads

    def _up(self, slope: Tensor) -> Tensor:
        return torch.einsum("dr,d...->r...", self._axes.turn, slope) if self._turned is None else slope


@dataclass(kw_only=True, eq=False)
class _Descent:
    """Where the descent of some heads c stands; the last row of each is its bias.

    Attributes:
        shares: (n c) what a row weighs in the mean of the head's fold.
        weight, curvature: (r+1 1 c) penalty of each axis, and the bound of how fast the slope changes along it.
        now, ahead: (r+1 k c) the heads, and where the next slope is taken.
        age: (c) steps since the last restart.
        goal: (c) the size of a slope at which a head is solved; infinite before the first.
    """

    shares: Tensor
    weight: Tensor
    curvature: Tensor
    now: Tensor
    ahead: Tensor
    age: Tensor
    goal: Tensor

    def step(self, problem: Problem, design: _Design) -> Tensor:
        """Go on by a step; (c) which heads were solved before it."""
        slope = design.gradient(problem, self.ahead, self.shares) + self.weight * self.ahead
        size = (slope.square() / self.curvature).sum((0, 1))  # in the metric the steps are taken in
        self.goal = torch.where(self.goal.isinf(), _CLOSE**2 * size, self.goal)
        after = self.ahead - slope / self.curvature
        moved = after - self.now
        self.age = torch.where((slope * moved).sum((0, 1)) > 0, 0.0, self.age + 1)
        self.ahead, self.now = after + self.age / (self.age + 3) * moved, after
        return size <= self.goal

    def only(self, kept: Tensor) -> _Descent:
        """The descent of some of the heads."""
        return _Descent(**{name: value[..., kept] for name, value in vars(self).items()})


def _descended(problem: Problem, axes: _Axes, penalties: Tensor) -> Tensor:
    """Heads (r+1 k f p) in the principal axes, the biases last. What is solved takes no more steps."""
    folds, rank, classes = problem.learns.shape[1], len(axes.variances), problem.classes
    counts = problem.learns.sum(0).float()  # (f)
    each = penalties.repeat(folds)  # (c)
    bound = 0.5 * axes.variances[:, None] * (len(problem.labels) / counts).repeat_interleave(len(penalties)) + each
    zero = torch.zeros(rank + 1, classes, len(each))
    descent = _Descent(
        shares=(problem.learns / counts).repeat_interleave(len(penalties), 1),
        weight=torch.cat([each.expand(rank, -1), torch.zeros_like(each)[None]])[:, None],
        curvature=torch.cat([bound, torch.full_like(each, 0.5)[None]])[:, None],
        now=zero,
        ahead=zero,
        age=torch.zeros_like(each),
        goal=torch.full_like(each, torch.inf),
    )
    design, found, left = _Design(problem.features, axes), torch.empty_like(zero), torch.arange(len(each))
    for _ in range(STEPS):
        solved = descent.step(problem, design)
        if bool(solved.any()):
            found[..., left[solved]] = descent.now[..., solved]
            descent, left = descent.only(~solved), left[~solved]
        if not len(left):
            break
    found[..., left] = descent.now
    return found.unflatten(-1, (folds, len(penalties)))
