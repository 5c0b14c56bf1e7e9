"""How long a planned search will take, how long its schemes would take one by one, and how that is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regraft.trials.baselines import EPOCHS
from regraft.trials.calibration import Calibration
from regraft.trials.planning import Entry, Planned, rate_test
from regraft.trials.recipe import FULL

HEAD_EPOCHS = 20  # that a head takes in the naive count
_OVER = 1.15  # times the budget that a search may take unsaid


def forecast(plan: Planned) -> dict[str, float]:
    """Seconds that each stage will take."""
    bought, one = plan.schedule, plan.one_pass
    test = rate_test(plan.entries, plan.work.train)
    compared = plan.fixed["baselines"] + (bought.untrained + _whole(plan)) * one
    return {
        "probe": plan.fixed["probe"],
        "heads": plan.fixed["heads"],
        "thaw": (_raced(plan.entries) + (test[1] if test else 0.0)) * one,
        "baselines": compared if plan.work.tested else 0.0,
        "test": plan.fixed["test"],
    }


def naive(plan: Planned, measured: Calibration, heads: int, backs: Sequence[tuple[int, float]]) -> float:
    """Seconds that the same schemes would take one by one, with every epoch through the whole network.

    Args:
        heads: how many schemes train a head alone, counted with 20 epochs each.
        backs: for each of the others its epochs, and the passes that the steps back of one take.
    """
    look = (plan.work.train + plan.work.validation) * measured.plain
    epochs = heads * HEAD_EPOCHS + sum(count for count, _ in backs)
    return epochs * look + sum(count * back for count, back in backs) * plan.one_pass


def said(plan: Planned, seconds: Mapping[str, float], engine: str, cuts: int) -> list[str]:
    """The plan in words: the rule, what is stored, what is tried, and how long each stage will take."""
    maps, unstored = _maps(plan.drafted.stored), _maps(plan.drafted.unstored)
    dear = [entry.scheme.name for entry in plan.entries if not entry.stretches]
    tried = _tried(plan)
    stages = ", ".join(f"{stage} {value:.0f} s" for stage, value in seconds.items() if value >= 0.5)
    return [
        f"{plan.drafted.rule.name}: {plan.drafted.rule.text}",
        f"stored in one pass by {engine}: the vectors of {cuts} cuts{maps and f', and {maps}'}",
        *([f"there is no room for {unstored}: what begins there begins lower"] if unstored else []),
        *([f"to be thawed, if they stay ahead: {tried}"] if tried else []),
        *([f"too dear for {plan.schedule.passes:g} passes: {'; '.join(dear)}"] if dear else []),
        f"budget: {plan.schedule.passes:g} passes; expected: {sum(seconds.values()):.0f} s"
        + (stages and f" ({stages})"),
    ]


def _maps(sizes: Mapping[str, int]) -> str:
    """Maps in words, and what they take together."""
    return f"maps of {', '.join(sizes)} ({sum(sizes.values()) / 1e6:,.0f} MB)" if sizes else ""


def overrun(seconds: float, minutes: float | None) -> list[str]:
    """The warning that a search will take longer than the minutes it was given, where it will."""
    if minutes is None or seconds <= _OVER * minutes * 60:
        return []
    return [f"warning: {seconds:.0f} s are expected where {minutes * 60:.0f} s were given; nothing can be left out"]


def raced(plan: Planned, cut: str) -> str:
    """The race in words, once it is known below which cut it is run."""
    return f"thawed below {cut}, the highest cut that is not worse than the best: {_tried(plan) or 'nothing'}"


def _tried(plan: Planned) -> str:
    return "; ".join(f"{entry.scheme.name} ({entry.stretches[-1]} epochs)" for entry in plan.entries if entry.stretches)


def _whole(plan: Planned) -> float:
    """Passes that trainings of everything take: from scratch, and of all layers of the source if no race does it."""
    one = min(plan.schedule.whole, EPOCHS * plan.work.whole)
    raced = not plan.drafted.given and any(e.stretches and e.scheme.name == FULL for e in plan.entries)
    return one if raced else 2 * one


def _raced(entries: Sequence[Entry]) -> float:
    """Passes the race takes: of each stretch the mean over all entries, for those that are left then."""
    entered = [entry for entry in entries if entry.stretches]
    spent, left = 0.0, len(entered)
    for stretch in range(len(entered[0].stretches) if entered else 0):
        costs = [
            (entry.stretches[stretch] - (entry.stretches[stretch - 1] if stretch else 0)) * entry.epoch
            for entry in entered
        ]
        spent += sum(costs) / len(costs) * left
        left = -(-left // 2)
    return spent
