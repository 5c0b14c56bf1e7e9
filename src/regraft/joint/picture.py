"""What each task gains or loses by being learned beside others, as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from regraft.run.atomic import write_svg

if TYPE_CHECKING:
    from regraft.joint.learning import LearnedTask

_GAIN, _LOSS = "#1b7f4b", "#b3402e"


def draw(path: Path, tasks: Mapping[str, LearnedTask]) -> None:
    """A line for each task, from its score alone to the one together."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 1.4 + 0.5 * len(tasks)), layout="constrained")
    axes = figure.subplots()
    for place, one in enumerate(tasks.values()):
        colour = _GAIN if one.gain >= 0 else _LOSS
        axes.plot([one.alone_score, one.test.score], [place, place], color=colour, linewidth=2)
        axes.plot(one.alone_score, place, "o", color=colour, markerfacecolor="white")
        axes.plot(one.test.score, place, "o", color=colour)
        right = max(one.alone_score, one.test.score)
        axes.annotate(f"{100 * one.gain:+.1f}", (right, place), (8, 0), textcoords="offset points", va="center")
    axes.set_yticks(range(len(tasks)), [f"{task} ({one.test.measure})" for task, one in tasks.items()])
    axes.set_ylim(len(tasks) - 0.5, -0.5)
    axes.margins(x=0.15)
    axes.set_xlabel("on the test part; the difference in points")
    marks = [axes.plot([], [], "o", color="0.3", markerfacecolor=face)[0] for face in ("white", "0.3")]
    figure.legend(marks, ["alone", "together"], loc="outside upper right", ncols=2, frameon=False)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", alpha=0.3)
    write_svg(path, figure)
