"""A learning rate that suits a network and its data, found by trying all of them for a step (Smith 2015)."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from regraft.errors import Diverged
from regraft.train.ema import put
from regraft.train.learner import Learner, Rows
from regraft.train.optimizers import make_optimizer
from regraft.train.randomness import order, own_randomness, seed
from regraft.train.settings import Settings
from regraft.train.stepping import take

_LOW, _HIGH, STEPS = 1e-6, 1.0, 40
_BEYOND = 4.0  # the test is over where the loss is so many times its best
# Of the loss so far. More would move the brink to higher rates: each step is 1.4 times the one before.
_KEPT = 0.7


@dataclass(frozen=True, kw_only=True)
class RangeTest:
    """What a range test found.

    Attributes:
        brink: the highest rate that the loss survived. A training from fresh weights wants a small part of it; one that
            begins where the loss is low already, about half.
        rates: the learning rates that were tried, rising.
        losses: the smoothed loss at each.
    """

    brink: float
    rates: tuple[float, ...]
    losses: tuple[float, ...]


def range_test(learner: Learner, rows: Rows, settings: Settings) -> RangeTest:
    """Train for at most 40 batches while the learning rate rises from 1e-6 to 1, and forget what was learned.

    The learner ends bit for bit as it was; its slots are neither read nor changed.

    Args:
        settings: the optimizer and all else that makes a step; their learning rate and schedule are not used.

    Raises:
        Diverged: the loss is no finite number from the start.
        BadArgument: there is nothing to train.
    """
    rates: list[float] = []
    losses: list[float] = []
    with own_randomness(), _forgotten(learner):
        for lr, loss in _steps(learner, rows, settings):
            smooth = _smoothed(losses, loss)
            if not math.isfinite(smooth):
                break
            rates.append(lr)
            losses.append(smooth)
            if smooth > _BEYOND * min(losses):
                break
    if not losses:
        raise Diverged(
            "no learning rate can be found: the loss is no finite number before anything is learned",
            fix="look at the data and at how they are fed: --input",
        )
    survived = losses[-1] <= _BEYOND * min(losses) or len(rates) == 1
    return RangeTest(brink=rates[-1 if survived else -2], rates=tuple(rates), losses=tuple(losses))


def _steps(learner: Learner, rows: Rows, settings: Settings) -> Iterator[tuple[float, float]]:
    """Each learning rate, and the loss of the batch before it is learned from with that rate."""
    weights = {name: learner.weights[name] for name in learner.trained}
    optimizer = make_optimizer(settings, weights, learner.rates)
    for number, numbers in zip(range(STEPS), _batches(len(rows), settings), strict=False):
        seed(settings.seed, number)
        step = learner.step(rows.take(numbers))
        optimizer.lr = _LOW * (_HIGH / _LOW) ** (number / (STEPS - 1))
        yield optimizer.lr, float(step.loss.detach())
        take(step, learner, optimizer, settings)


def _batches(count: int, settings: Settings) -> Iterator[np.ndarray]:
    """The rows of one batch after another, epoch after epoch."""
    epoch = 0
    while True:
        numbers = order(count, settings.seed, epoch)
        yield from (numbers[start : start + settings.batch] for start in range(0, count, settings.batch))
        epoch += 1


def _smoothed(losses: list[float], loss: float) -> float:
    return _KEPT * losses[-1] + (1 - _KEPT) * loss if losses else loss


@contextmanager
def _forgotten(learner: Learner) -> Generator[None]:
    """The weights afterwards are those before."""
    before: dict[str, Tensor] = {name: weight.detach().clone() for name, weight in learner.changing.items()}
    try:
        yield
    finally:
        put(learner.weights, before)
