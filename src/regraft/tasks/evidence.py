"""How sure a score is, and whether two can be told apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt

import numpy as np

_Z = 1.959964  # of 95 %
_DRAWS = 2000
_TOGETHER = 100  # draws
_BOUNDS = (0.025, 0.975)


@dataclass(frozen=True, kw_only=True, eq=False)
class Hits:
    """How much was right of each example; of sentences, how many of their words, or of what words make up.

    Attributes:
        right: (n) how much of each was right.
        of: (n) of how much.
    """

    right: np.ndarray
    of: np.ndarray

    def __len__(self) -> int:
        return len(self.right)

    @property
    def score(self) -> float:
        """The share of all that was right; 0 of nothing."""
        return float(self.right.sum() / max(1, self.of.sum()))

    @property
    def none(self) -> Hits:
        """The same where all was wrong."""
        return Hits(right=np.zeros_like(self.right), of=self.of)

    @property
    def of_examples(self) -> bool:
        """Whether each is right or wrong as a whole."""
        return bool((self.of == 1).all())


def each(right: np.ndarray) -> Hits:
    """Right and wrong answers (n) bool, one for each example."""
    return Hits(right=right.astype(np.int64), of=np.ones(len(right), np.int64))


def interval(hits: Hits) -> tuple[float, float]:
    """Where the score behind some hits lies, at 95 %: Wilson's interval (1927), of sentences a bootstrap's."""
    if not hits.of_examples:
        return _bounds(np.concatenate([scores for (scores,) in _drawn(hits)]))
    n, share = len(hits), hits.score
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    width = _Z * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2)) / (1 + _Z**2 / n)
    return max(0.0, middle - width), min(1.0, middle + width)


def difference(ours: Hits, theirs: Hits) -> tuple[float, float]:
    """Where the difference of two scores on the same examples lies, at 95 %: a paired bootstrap.

    It is positive where `ours` are better.
    """
    if not ours.of_examples or not theirs.of_examples:
        return _bounds(np.concatenate([one - other for one, other in _drawn(ours, theirs)]))
    gains = ours.right - theirs.right
    # All that matters of the gains is how many there are of each kind.
    shares = [np.mean(gains == gain) for gain in (-1, 0, 1)]
    counts = np.random.default_rng(0).multinomial(len(gains), shares, _DRAWS)
    return _bounds((counts[:, 2] - counts[:, 0]) / len(gains))


def is_tie(ours: Hits, theirs: Hits) -> bool:
    """Whether the difference of two scores may as well be none."""
    low, high = difference(ours, theirs)
    return low <= 0 <= high


def is_worse(ours: Hits, theirs: Hits) -> bool:
    """Whether a score is below another on the same examples, beyond doubt."""
    return difference(ours, theirs)[1] < 0


def _drawn(*several: Hits) -> Iterator[list[np.ndarray]]:
    """Scores of each, with the same sentences drawn for all, and with replacement."""
    generator, n = np.random.default_rng(0), len(several[0])
    for _ in range(0, _DRAWS, _TOGETHER):
        counts = generator.multinomial(n, np.full(n, 1 / n), _TOGETHER)
        yield [counts @ hits.right / np.maximum(1, counts @ hits.of) for hits in several]


def _bounds(values: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, _BOUNDS)
    return float(low), float(high)
