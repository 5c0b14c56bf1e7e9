"""Which cut, which head and which trial is taken: all decisions of a search, made without the test part.

A simpler head or a higher cut stays where another is not better beyond doubt: linear before hidden layers, and the
network as it is before more of it is thrown away.
"""

from __future__ import annotations

from collections.abc import Sequence

from regraft.tasks.evidence import is_tie, is_worse
from regraft.tasks.truth import Truth
from regraft.trials.probe import Reading
from regraft.trials.recipe import Rule
from regraft.trials.trial import Trial


def best_reading(readings: Sequence[Reading]) -> int:
    """The cut on which a linear head does best, by the judged examples; of equal ones, the highest."""
    return max(range(len(readings)), key=lambda place: (readings[place].score, place))


def top(readings: Sequence[Reading]) -> int:
    """The highest cut that is not worse than the best one: where blocks are thawed below it, more can be learned."""
    best = readings[best_reading(readings)]
    return max(place for place, other in enumerate(readings) if is_tie(best.hits, other.hits))


def best_head(linear: Trial, hidden: Sequence[Trial], truth: Truth) -> Trial:
    """The linear head, or the best head with a hidden layer if it is better beyond doubt."""
    # Where folds decide, a head that went through none was not the best on the validation part.
    entered = [trial for trial in hidden if trial.crossed or not linear.crossed]
    best = max(entered, key=lambda trial: trial.crossed_score(truth), default=linear)
    return best if is_worse(linear.decisive(truth), best.decisive(truth)) else linear


def winner(readings: Sequence[Reading], trials: Sequence[Trial], truth: Truth, rule: Rule) -> Trial:
    """The trial that wins: the best of what was thawed, or the best head on what is frozen.

    The more data, the more of a network is worth training. Where they are plenty, what was thawed stays unless it is
    worse beyond doubt on the validation part; where they are few, it has to be better beyond doubt. Of schemes that
    were given, the best one wins.
    """
    linear = [trial for trial in trials if trial.stage == "probe"]
    hidden = [trial for trial in trials if trial.stage == "heads"]
    thawed = [trial for trial in trials if trial.stage == "thaw"]
    if not linear:
        return max([*_best_given(hidden, truth), *thawed], key=lambda trial: trial.score(truth))
    frozen = best_head(linear[best_reading(readings)], hidden, truth)
    stands = [trial for trial in thawed if trial.stands]
    best = max(stands, key=lambda trial: trial.score(truth), default=frozen)
    one, other = best.hits(truth), frozen.hits(truth)
    wins = not is_worse(one, other) if rule.in_doubt == "thawed" else is_worse(other, one)
    return best if wins else frozen


def _best_given(heads: Sequence[Trial], truth: Truth) -> list[Trial]:
    """Of heads that were given the best one, by the folds where they went through some.

    Where some with fewer layers cannot be told apart from it, it is the best of the fewest.
    """
    entered = [trial for trial in heads if trial.crossed] or heads
    best = max(entered, key=lambda trial: trial.crossed_score(truth), default=None)
    if best is None:
        return []
    as_good = [trial for trial in entered if trial is best or _as_good(trial, best, truth)]
    return [max(as_good, key=lambda trial: (-trial.layers, *trial.crossed_score(truth)))]


def ties(best: Trial, trials: Sequence[Trial], truth: Truth) -> tuple[str, ...]:
    """The names of those that cannot be told apart from the best: by the folds where both have been through them."""
    others = [trial for trial in trials if trial is not best and trial.stands]
    return tuple(trial.scheme.name for trial in others if _as_good(trial, best, truth))


def _as_good(trial: Trial, best: Trial, truth: Truth) -> bool:
    if best.crossed and trial.crossed:
        return is_tie(best.crossed, trial.crossed)
    return is_tie(best.hits(truth), trial.hits(truth))
