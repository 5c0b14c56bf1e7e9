"""The transfer matrix as a picture."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from regraft.run.atomic import write_bytes

_DARK = 0.6  # of the range of scores, above which numbers are white


def draw(path: Path, matrix: Mapping[str, Mapping[str, float]], measure: str) -> None:
    """A row for each language that was learned, a column for each that was told; the darker the better."""
    learned, told = list(matrix), list(next(iter(matrix.values())))
    values = [[matrix[row][column] for column in told] for row in learned]
    low, high = min(map(min, values)), max(map(max, values))
    figure = Figure(figsize=(1.6 + 0.9 * len(told), 1.2 + 0.6 * len(learned)), layout="constrained")
    axes = figure.subplots()
    axes.imshow(values, cmap="Blues", aspect="auto", vmin=low, vmax=high)
    for at, row in enumerate(values):
        for place, value in enumerate(row):
            dark = value - low > _DARK * (high - low)
            axes.text(place, at, f"{value:.3f}", ha="center", va="center", color="white" if dark else "black")
    axes.set_xticks(range(len(told)), told)
    axes.set_yticks(range(len(learned)), learned)
    axes.set_xlabel(f"told ({measure})")
    axes.set_ylabel("learned")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    write_bytes(path, file.getvalue())
