"""How sure an accuracy is, and whether two can be told apart."""

from __future__ import annotations

from math import sqrt

import numpy as np

_Z = 1.959964  # of 95 %
_DRAWS = 2000


def interval(hits: np.ndarray) -> tuple[float, float]:
    """Where the accuracy behind right and wrong answers (n) bool lies, at 95 % (Wilson 1927)."""
    n, share = len(hits), float(hits.mean())
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    width = _Z * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return max(0.0, middle - width), min(1.0, middle + width)


def difference(ours: np.ndarray, theirs: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """Where the difference of two accuracies on the same examples lies, at 95 %: a paired bootstrap.

    Args:
        ours: right or wrong (n) bool; the result is positive where these are better.
        theirs: the same of the other, for the same examples.
    """
    gains = ours.astype(np.int8) - theirs.astype(np.int8)
    # All that matters of the gains is how many there are of each kind.
    shares = [np.mean(gains == gain) for gain in (-1, 0, 1)]
    counts = np.random.default_rng(seed).multinomial(len(gains), shares, _DRAWS)
    low, high = np.quantile((counts[:, 2] - counts[:, 0]) / len(gains), (0.025, 0.975))
    return float(low), float(high)


def is_tie(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether the difference of two accuracies may as well be none."""
    low, high = difference(ours, theirs)
    return low <= 0 <= high


def is_worse(ours: np.ndarray, theirs: np.ndarray) -> bool:
    """Whether an accuracy is below another on the same examples, beyond doubt."""
    return difference(ours, theirs)[1] < 0
