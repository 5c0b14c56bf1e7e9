"""The drawings of the page: score against layers reused, and how the thawed trials learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from regraft.report.drawing import ACCENT, INK, MUTED, OTHER, PAPER, WINNER, drawn, in_percent
from regraft.report.results import Results, Trial
from regraft.report.words import measure, percent

_WIDE, _NARROW = (1000, 400), (340, 300)
_SMALL = (300, 170)


@dataclass(frozen=True, kw_only=True)
class Learned:
    """A thawed trial, and the drawing of its epochs."""

    trial: Trial
    drawing: Markup


def curve(results: Results) -> tuple[Markup, Markup]:
    """The score against layers reused, for a desk and for a phone."""
    title = _curve_title(results)
    wide = drawn("curve-wide", title, _WIDE, lambda axes: _paint_curve(axes, results))
    narrow = drawn("curve-narrow", title, _NARROW, lambda axes: _paint_curve(axes, results))
    return wide, narrow


def learning(results: Results) -> list[Learned]:
    """How each thawed trial that looked at validation more than once went, all on the same scale."""
    trials = [trial for trial in results.trials if trial.stage == "thaw" and len(_looks(trial)) > 1]
    seen = [score for trial in trials for _, score in _looks(trial)]
    return [Learned(trial=trial, drawing=_learned(trial, _limits(seen), results)) for trial in trials]


def _paint_curve(axes: Axes, results: Results) -> None:
    cuts = sorted(results.curve, key=lambda cut: cut.layers_reused)
    layers = [cut.layers_reused for cut in cuts]
    axes.fill_between(
        layers, [cut.low for cut in cuts], [cut.high for cut in cuts], color=ACCENT, alpha=0.16, linewidth=0
    )
    untrained = [(cut.layers_reused, cut.untrained) for cut in cuts if cut.untrained is not None]
    axes.plot([at for at, _ in untrained], [value for _, value in untrained], ":", color=OTHER)
    near = [(cut.layers_reused, cut.knn) for cut in cuts if cut.knn is not None]
    axes.plot([at for at, _ in near], [value for _, value in near], "--", color=MUTED, linewidth=1.6)
    axes.plot(layers, [cut.score for cut in cuts], "o-", color=ACCENT, markersize=5, markeredgewidth=0)
    _mark_winner(axes, results.won)
    axes.set_ylim(*_limits(_values_of(results)))
    axes.set_xlabel("layers reused")
    axes.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 2, 5, 10], integer=True))
    in_percent(axes)


def _values_of(results: Results) -> list[float]:
    """Every share that the curve shows."""
    won = results.won
    values = [won.score, won.low, won.high]
    for cut in results.curve:
        values += [cut.low, cut.high, cut.knn, cut.untrained]
    return [value for value in values if value is not None]


def _mark_winner(axes: Axes, won: Trial) -> None:
    if won.score is None:
        return
    if won.low is not None and won.high is not None:
        axes.plot([won.layers_reused] * 2, [won.low, won.high], color=WINNER, linewidth=2)
    at = ([won.layers_reused], [won.score])
    axes.plot(*at, "D", color=WINNER, markersize=10, markeredgecolor=PAPER, markeredgewidth=2, zorder=5)


def _learned(trial: Trial, limits: tuple[float, float], results: Results) -> Markup:
    first, last = _looks(trial)[0][1], _looks(trial)[-1][1]
    how = f"from {percent(first)} to {percent(last)} over {trial.epochs} epochs"
    title = f"{measure(results)} on validation by epoch: {how}"
    colour = WINNER if trial.number == results.winner.number else ACCENT

    def paint(axes: Axes) -> None:
        epochs, scores = zip(*_looks(trial), strict=True)
        axes.axhline(first, color=INK, linewidth=1, linestyle=":")
        axes.plot(epochs, scores, "o-", color=colour, markersize=5, markeredgewidth=0)
        axes.set_ylim(*limits)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.yaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        axes.set_xlabel("epoch")
        in_percent(axes)

    return drawn(f"learning-{trial.number}", title, _SMALL, paint)


def _looks(trial: Trial) -> list[tuple[int, float]]:
    """The epochs of a trial at which validation gave a number."""
    return [(look.epoch, look.validation_score) for look in trial.learning if look.validation_score is not None]


def _limits(values: Sequence[float]) -> tuple[float, float]:
    """Where an axis of shares begins and ends: a little beyond the values, within what shares can be."""
    if not values:
        return 0.0, 1.0
    margin = max(0.08 * (max(values) - min(values)), 0.02)
    return max(0.0, min(values) - margin), min(1.0, max(values) + margin)


def _curve_title(results: Results) -> str:
    if not results.curve:
        return "No cut was probed"
    best = max(results.curve, key=lambda cut: cut.score)
    first = min(results.curve, key=lambda cut: cut.layers_reused)
    judged = "on validation" if results.folds == 1 else f"by {results.folds} folds"
    return (
        f"{measure(results)} {judged} against layers reused: {percent(first.score)} with {first.layers_reused}, "
        f"at best {percent(best.score)} with {best.layers_reused}; the winner, on validation, "
        f"{percent(results.won.score)} with {results.won.layers_reused}"
    )
