"""Which cut, which head and which trial is taken: all decisions of a search, made without the test part.

A simpler scheme stays where a less simple one is not better beyond doubt: linear heads before hidden layers, and the
network as it is before more of it is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from regraft.trials.evidence import difference, is_tie
from regraft.trials.probe import Reading
from regraft.trials.trial import Trial


def best_reading(readings: Sequence[Reading]) -> int:
    """The cut on which a linear head does best, by the judged examples; of equal ones, the highest."""
    return max(range(len(readings)), key=lambda place: (readings[place].accuracy, place))


def top(readings: Sequence[Reading]) -> int:
    """The highest cut that is not worse than the best one: where blocks are thawed below it, more can be learned."""
    best = readings[best_reading(readings)]
    return max(place for place, other in enumerate(readings) if is_tie(best.hits, other.hits))


def best_head(linear: Trial, hidden: Sequence[Trial], labels: np.ndarray) -> Trial:
    """The linear head, or the best head with a hidden layer if it is better beyond doubt on the validation part."""
    best = max(hidden, key=lambda trial: trial.score(labels), default=linear)
    low, _ = difference(best.hits(labels), linear.hits(labels))
    return best if low > 0 else linear


def winner(readings: Sequence[Reading], trials: Sequence[Trial], labels: np.ndarray) -> Trial:
    """The trial that wins: of the recipe's frozen schemes the best head stands against what was thawed."""
    linear = [trial for trial in trials if trial.stage == "probe"]
    rivals = [trial for trial in trials if trial.stage == "thaw"]
    hidden = [trial for trial in trials if trial.stage == "heads"]
    rivals += [best_head(linear[best_reading(readings)], hidden, labels)] if linear else hidden
    return max(rivals, key=lambda trial: trial.score(labels))
