"""Numbers and findings as people read them; page and card say the same."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from regraft.report.results import Measured, Results

_SPACE = "\N{NO-BREAK SPACE}"
_UNKNOWN = "\N{EN DASH}"
_NAMED = 3  # schemes that a sentence names where there are many


def percent(share: float | None, digits: int = 1) -> str:
    """0.9133 -> "91.3 %"."""
    return _UNKNOWN if share is None else f"{100 * share:.{digits}f}{_SPACE}%"


def between(low: float | None, high: float | None) -> str:
    """0.86, 0.953 -> "86–95"."""
    return _UNKNOWN if low is None or high is None else f"{100 * low:.0f}{_UNKNOWN}{100 * high:.0f}"


def number(value: float | None, digits: int = 2) -> str:
    """0.3142 -> "0.31"."""
    return _UNKNOWN if value is None else f"{value:.{digits}f}"


def difference(value: float | None) -> str:
    """3e-6 -> "3.0e-06"; none at all is "0"."""
    return number(value, 0) if not value else f"{value:.1e}"


def duration(seconds: float | None) -> str:
    """3e-5 -> "30 µs", 0.041 -> "41 ms", 36.1 -> "36 s", 200 -> "3 min 20 s", 8400 -> "2 h 20 min"."""
    if not seconds:
        return number(seconds, 0) + (f"{_SPACE}s" if seconds is not None else "")
    if seconds < 0.00005:
        return f"{1e6 * seconds:.0f}{_SPACE}µs"
    if seconds < 0.995:
        return f"{1000 * seconds:.{0 if seconds >= 0.01 else 1}f}{_SPACE}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}{_SPACE}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}{_SPACE}s"
    if whole < 3600:
        return f"{whole // 60}{_SPACE}min {whole % 60}{_SPACE}s"
    return f"{whole // 3600}{_SPACE}h {whole % 3600 // 60}{_SPACE}min"


def size(count: float, unit: str) -> str:
    """31360000, "B" -> "31.4 MB"."""
    for prefix, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g}{_SPACE}{prefix}{unit}"
    return f"{count:.3g}{_SPACE}{unit}"


def quoted(names: Sequence[str]) -> str:
    """a, b -> “a”, “b”."""
    return ", ".join(f"“{name}”" for name in names)


def as_argument(text: str) -> str:
    """A text as a shell takes it for one argument."""
    return shlex.quote(text)


def verdict(results: Results) -> str:
    """The search in one sentence."""
    winner, score = results.winner, percent(results.winner.score)
    low, high = (f"{100 * bound:.0f}" for bound in winner.interval)
    rivals = _rivals(results)
    rival = f", {rivals[0][0]} {percent(rivals[0][1])}" if rivals else ""
    told = f"gets {score} of the {tested(results)} right"
    if results.measure == "F1":
        told = f"finds the entities of the test part with an F1 of {score}"
    return f"“{winner.name}” {told} (95{_SPACE}%: {low}{_SPACE}to{_SPACE}{high}){rival}; it reuses {reused(results)}."


def tested(results: Results) -> str:
    """What the test part holds: examples, or words."""
    return f"{results.winner.test.n:,} test {'words' if results.task == 'tag' else 'examples'}"


def compared(results: Results) -> str:
    """What stands beside the winner's score on the test part."""
    if results.measure == "F1":
        return f"F1 of the entities that each finds in the {tested(results)}."
    return f"The share of the {tested(results)} each gets right."


def examples(results: Results) -> str:
    """What the data are made of."""
    return "sentences" if results.task == "tag" else "examples"


def classes(results: Results) -> str:
    """What their labels are."""
    return "tags" if results.task == "tag" else "classes"


def measure(results: Results) -> str:
    """The measure at the beginning of a line."""
    return results.measure[0].upper() + results.measure[1:]


def reused(results: Results) -> str:
    """How many layers the winner reuses, of how many."""
    layers, most = results.won.layers_reused, results.most_layers
    return f"all {most} layers below the deepest cut" if layers == most else f"{layers} of {most} layers"


def standing(results: Results) -> str:
    """Where the best baseline lies beside the winner's interval."""
    rivals = _rivals(results)
    if not rivals:
        return "No other baseline was measured."
    name, score = rivals[0]
    low, _ = results.winner.interval
    if score > results.winner.score:
        return f"On the test part {name} did better than the winner, which was chosen before that part was looked at."
    if score >= low:
        return f"The best baseline, {name}, lies inside the winner's interval: the test part does not separate them."
    return "Every baseline lies below the winner's interval."


def ties(results: Results) -> str:
    """Which schemes cannot be told apart from the winner."""
    best = sorted(results.trials, key=lambda trial: -(trial.score or 0))
    rank = {trial.name: place for place, trial in enumerate(best)}
    names = sorted(results.winner.ties, key=lambda name: rank.get(name, len(rank)))
    how = f"(paired bootstrap, 95{_SPACE}%)"
    if not names:
        return f"No other scheme ties with it {how}."
    shown = names if len(names) <= _NAMED + 1 else names[:_NAMED]
    more = f" and {len(names) - len(shown)} others" if len(shown) < len(names) else ""
    return f"It is a tie: the winner cannot be told apart from {quoted(shown)}{more} {how}."


def source(results: Results) -> str:
    """What was searched, and the form it came in."""
    name, form = results.source.name, results.source.format
    return name if name == form else f"{name} ({form})"


def curve_of(results: Results) -> str:
    """What the curve shows."""
    if results.folds == 1:
        return f"The {results.measure} on validation of a linear head on each frozen cut."
    return (
        f"The {results.measure} of a linear head on each frozen cut, by {results.folds} folds over training and "
        "validation; that of the winner, on validation."
    )


def chosen_on(results: Results) -> str:
    """What decided between the schemes."""
    data = results.data
    if results.folds == 1:
        return f"The {data.validation} validation {examples(results)} decided."
    both = data.train + data.validation
    crossed = any(trial.by_folds is not None for trial in results.trials)
    folded, rest = ("cuts and the dense heads", "what trains more") if crossed else ("cuts", "the schemes")
    return (
        f"{results.folds} folds over the {both} {examples(results)} of training and validation decided between the "
        f"{folded}, the {data.validation} validation {examples(results)} between {rest}."
    )


def augmented(results: Results) -> str:
    """What augmentation did; "" where there was none."""
    found = results.augmentation
    if found is None:
        return ""
    how = "another crop each time" if found.views is None else f"{found.views} kept views of each example"
    name, (score, without) = quoted([found.scheme]), map(percent, (found.accuracy, found.without))
    return f"With {how} {name} gets {score} on validation, with pictures as they are {without}."


def allowed(results: Results) -> str:
    """The budget that was given."""
    budget = results.budget
    given = [
        *([f"{budget.minutes:g} minutes"] if budget.minutes is not None else []),
        *([f"{budget.passes:g} passes"] if budget.passes is not None else []),
    ]
    return ", which are ".join(given) or "no limit"


def saving(results: Results) -> str:
    """How much longer the same schemes take one by one."""
    times = results.budget.naive_seconds / max(sum(results.seconds.values()), 1e-9)
    return f"{times:.0f} times" if times >= 9.95 else f"{times:.1f} times"


@dataclass(frozen=True, kw_only=True)
class Confused:
    """How often one class was taken for another, of how many examples."""

    truth: str
    taken: str
    times: int
    of: int


def most_confused(measured: Measured, most: int = 6) -> list[Confused]:
    """The pairs of classes confused most often, the most frequent first."""
    return sorted(_confused(measured), key=lambda pair: -pair.times)[:most]


def _confused(measured: Measured) -> Iterator[Confused]:
    for truth, row in zip(measured.classes, measured.confusion, strict=True):
        for taken, times in zip(measured.classes, row, strict=True):
            if times and taken != truth:
                yield Confused(truth=truth, taken=taken, times=times, of=sum(row))


def _rivals(results: Results) -> list[tuple[str, float]]:
    """The baselines by score, best first; the winner is no rival of itself."""
    others = [(name, score) for name, score in results.baselines.items() if name != results.winner.name]
    return sorted(others, key=lambda rival: -rival[1])
