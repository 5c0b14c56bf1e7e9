"""Score against cost, as a picture."""

from __future__ import annotations

from pathlib import Path

from regraft.ranking.record import Ranking
from regraft.run.atomic import write_svg

_WHOLE, _SHARE, _TUNED = "#1b7f4b", "#8a8f98", "#c2571a"


def draw(path: Path, ranking: Ranking) -> None:
    """A point for each model, filled where it was scored on as many examples as the best; its interval upright.

    Finalists have a star beside it: what they are when they are fine-tuned.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, max(5, 0.25 * len(ranking.models))), layout="constrained")
    axes = figure.subplots()
    most = max(model.score.learned for model in ranking.models)
    downwards = sorted(ranking.models, key=lambda model: -model.score.accuracy)
    for place, model in enumerate(downwards):
        score, cost = model.score, model.card.flops or 1
        colour = _WHOLE if score.learned == most else _SHARE
        axes.plot([cost, cost], [score.low, score.high], color=colour, linewidth=1)
        axes.plot(cost, score.accuracy, "o", color=colour, markerfacecolor=colour if score.learned == most else "white")
        if model.tuned is not None:
            axes.plot(cost, model.tuned.accuracy, "*", color=_TUNED, markersize=10)
        axes.annotate(  # siblings have one cost and nearly one score: names stand beside, each in a line of its own
            model.card.name,
            (cost, score.accuracy),
            (1.04, 1 - (place + 0.5) / len(downwards)),
            textcoords="axes fraction",
            va="center",
            arrowprops={"arrowstyle": "-", "color": _SHARE, "linewidth": 0.5},
        )
    axes.set_xscale("log")
    axes.margins(x=0.1)
    axes.set_xlabel("FLOPs for one example")
    axes.set_ylabel("accuracy of a linear head on the best cut, with its 95 % interval")
    axes.set_title(
        f"filled: learned from {most:,} examples; open: from fewer; star: fine-tuned", fontsize="medium", loc="left"
    )
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    write_svg(path, figure)
