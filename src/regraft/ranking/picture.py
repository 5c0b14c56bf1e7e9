"""Score against cost, as a picture."""

from __future__ import annotations

import io
from pathlib import Path

from regraft.ranking.record import Ranking
from regraft.run.atomic import write_bytes

_WHOLE, _SHARE = "#1b7f4b", "#8a8f98"


def draw(path: Path, ranking: Ranking) -> None:
    """A point for each model, filled where it was scored on as many examples as the best; its interval upright."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    most = max(model.score.learned for model in ranking.models)
    for model in ranking.models:
        score, cost = model.score, model.card.flops or 1
        colour = _WHOLE if score.learned == most else _SHARE
        face = colour if score.learned == most else "white"
        axes.plot([cost, cost], [score.low, score.high], color=colour, linewidth=1)
        axes.plot(cost, score.accuracy, "o", color=colour, markerfacecolor=face)
        axes.annotate(model.card.name, (cost, score.accuracy), (7, 0), textcoords="offset points", va="center")
    axes.set_xscale("log")
    axes.margins(x=0.2)
    axes.set_xlabel("FLOPs for one example")
    axes.set_ylabel("accuracy of a linear head on the best cut, with its 95 % interval")
    axes.set_title(f"filled: learned from {most:,} examples; open: from fewer", fontsize="medium", loc="left")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", alpha=0.3)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    write_bytes(path, file.getvalue())
