"""The transfer matrix as a picture."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from regraft.run.atomic import write_svg

_DARK = 0.6  # of the range of scores, above which numbers are white


def draw(path: Path, matrix: Mapping[str, Mapping[str, float]], measure: str) -> None:
    """A row for each language trained on, a column for each tested on; the darker the better."""
    from matplotlib.figure import Figure

    trained, tested = list(matrix), list(next(iter(matrix.values())))
    values = [[matrix[row][column] for column in tested] for row in trained]
    low, high = min(map(min, values)), max(map(max, values))
    figure = Figure(figsize=(1.6 + 0.9 * len(tested), 1.2 + 0.6 * len(trained)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap="Blues", aspect="auto", vmin=low, vmax=high)
    for at, row in enumerate(values):
        for place, value in enumerate(row):
            dark = value - low > _DARK * (high - low)
            axes.text(place, at, f"{value:.3f}", ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(tested)), tested)
    axes.set_yticks(range(len(trained)), trained)
    axes.set_xlabel(f"tested on ({measure})")
    axes.set_ylabel("trained on")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    write_svg(path, figure)
