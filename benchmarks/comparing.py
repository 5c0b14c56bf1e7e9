"""Two sides of a measurement beside each other: differences with their interval, ratios with their spread; memory."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

DRAWS = 10_000


@dataclass(frozen=True, kw_only=True)
class Difference:
    """How much more often one side is right than the other: shares of the examples, `low` and `high` at 95 %."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{100 * self.mean:+.1f} points ({100 * self.low:+.1f} to {100 * self.high:+.1f})"


def paired_bootstrap(ours: np.ndarray, theirs: np.ndarray, *, seed: int = 0) -> Difference:
    """Draw the examples anew, both sides together, and see how the difference of accuracies scatters.

    Args:
        ours: (n) whether that side was right about each example.
        theirs: (n) the same of the other side, example by example.
        seed: of the draws.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"both sides judge the same examples: {ours.shape} and {theirs.shape}")
    gains = ours.astype(float) - theirs.astype(float)
    generator = np.random.default_rng(seed)
    means = [generator.choice(gains, len(gains)).mean() for _ in range(DRAWS)]
    low, high = np.percentile(means, [2.5, 97.5])
    return Difference(mean=float(gains.mean()), low=float(low), high=float(high))


def spread(values: Sequence[float], digits: int = 1) -> str:
    """The median of several rounds, with the least and the most."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def ratios(theirs: Sequence[float], ours: Sequence[float]) -> str:
    """How many times as long they took as we did, round by round: the median with the least and the most."""
    each = [their / our for their, our in zip(theirs, ours, strict=True)]
    return f"**{statistics.median(each):.1f}** ({min(each):.1f} to {max(each):.1f})"


def mean_of(values: Sequence[float]) -> str:
    """The mean of many values with its interval at 95 %: 1.96 standard errors."""
    mean, error = statistics.fmean(values), 1.96 * statistics.stdev(values) / len(values) ** 0.5
    return f"{mean:.3f} ({mean - error:.3f} to {mean + error:.3f})"


def peak_memory() -> float:
    """The most memory this process has had, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
