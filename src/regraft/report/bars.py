"""Numbers side by side: scores beside the winner's, seconds beside what was foretold."""

from __future__ import annotations

from dataclasses import dataclass

from regraft.report.results import Results
from regraft.report.words import between, duration, percent


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A number as a share of the scale it has in common with its neighbours, with a span or a mark on it."""

    name: str
    share: float
    text: str
    note: str = ""
    span: tuple[float, float] | None = None
    mark: float | None = None
    won: bool = False


def scores(results: Results) -> list[Bar]:
    """The winner and the baselines on the test part, best first."""
    winner, notes = results.winner, results.baseline_notes
    bars = [
        Bar(name=name, share=score, text=percent(score), note=notes.get(name, ""))
        for name, score in results.baselines.items()
        if name != winner.name
    ]
    low, high = winner.interval
    note = f"the winner; 95\N{NO-BREAK SPACE}% interval {between(low, high)}"
    first = Bar(name=winner.name, share=winner.score, text=percent(winner.score), note=note, span=(low, high), won=True)
    return sorted([first, *bars], key=lambda bar: -bar.share)


def stages(results: Results) -> list[Bar]:
    """The seconds each stage took, marked where the planner had foretold its end."""
    forecast, spent = results.budget.forecast, results.seconds
    scale = max([*forecast.values(), *spent.values(), 1e-9])
    return [_stage(name, spent.get(name), forecast.get(name), scale) for name in {**forecast, **spent}]


def price(results: Results) -> list[Bar]:
    """The whole search beside the same schemes one by one."""
    spent, naive = sum(results.seconds.values()), results.budget.naive_seconds
    scale = max(spent, naive, 1e-9)
    return [
        Bar(name="this search", share=spent / scale, text=duration(spent), won=True),
        Bar(name="one by one", share=naive / scale, text=duration(naive)),
    ]


def _stage(name: str, spent: float | None, forecast: float | None, scale: float) -> Bar:
    if forecast is None:
        return Bar(name=name, share=(spent or 0) / scale, text=duration(spent or 0), note="not foretold")
    mark, foretold = forecast / scale, f"forecast {duration(forecast)}"
    if spent is None:
        return Bar(name=name, share=0, text="not run", note=foretold, mark=mark)
    return Bar(name=name, share=spent / scale, text=duration(spent), note=foretold, mark=mark)
