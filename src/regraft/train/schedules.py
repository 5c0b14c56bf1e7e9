"""The learning rate of each step."""

from __future__ import annotations

import math
from bisect import bisect_right

from regraft.train.settings import Settings

# One cycle (Smith and Topin 2018) with the numbers of fastai: it begins at this part of the rate,
# is up at this share of the steps, and ends at this part of the rate.
_BEGIN, _UP, _END = 1 / 25, 0.25, 1e-5


def rate(settings: Settings, number: int, steps: int) -> float:
    """The learning rate of step `number`, counted from 0, of a training of so many steps."""
    number, steps = _since_restart(settings, number, steps)
    if settings.schedule == "constant":
        return settings.lr
    if settings.schedule == "cosine":
        return _between(settings.lr, 0.0, number / steps)
    top, last = _UP * steps - 1, steps - 1
    if number <= top and top > 0:
        return _between(settings.lr * _BEGIN, settings.lr, number / top)
    top = max(top, 0)
    return _between(settings.lr, settings.lr * _END, (number - top) / max(last - top, 1))


def _since_restart(settings: Settings, number: int, steps: int) -> tuple[int, int]:
    """The number of a step, counted from the last restart, and how many there are to the next."""
    each = steps // settings.epochs
    bounds = [0, *(epoch * each for epoch in settings.restarts), steps]
    place = bisect_right(bounds, number)
    return number - bounds[place - 1], bounds[place] - bounds[place - 1]


def _between(start: float, end: float, share: float) -> float:
    """The way from start to end, along half a wave of the cosine."""
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * share))
