"""How the probe of a search grows: its time and memory against the number of photos, and of cuts.

    python -m benchmarks growth

Each size is measured in a process of its own, all sizes by turns.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from benchmarks.comparing import peak_memory, spread
from benchmarks.results import RESULTS, write_section
from benchmarks.rivals.photos import ROOT, at_hand, folds

PIXELS, ROUNDS = 128, 3
PHOTOS = (50, 100, 150, 200)  # of each class
CUTS = (5, 10, 15, 20)
PICTURE = RESULTS.parent / "growth.svg"


@dataclass(frozen=True, kw_only=True)
class Size:
    """What one process measures."""

    per_class: int = PHOTOS[-1]
    cuts: int = CUTS[-1]


SIZES = tuple(dict.fromkeys([*(Size(per_class=n) for n in PHOTOS), *(Size(cuts=n) for n in CUTS)]))


def main() -> None:
    """Measure all sizes in turns, draw them, and write the section."""
    if not at_hand():
        return
    found: dict[Size, list[dict[str, float]]] = {size: [] for size in SIZES}
    for _ in range(ROUNDS):
        for size in SIZES:
            found[size].append(_in_its_own_process(size))
            print(size, found[size][-1], file=sys.stderr)
    _draw(found)
    rows = [
        f"| {5 * size.per_class} | {size.cuts} | {spread(_all(found, size, 'seconds'))} |"
        f" {spread(_all(found, size, 'memory'), 0)} |"
        for size in SIZES
    ]
    text = f"""
MobileNetV2 on flowers5 at {PIXELS} px: one pass, and the heads of all cuts; {ROUNDS} rounds. Memory is the most the
process took, less what it took with torch loaded. The medians lie within {_bend(found, PHOTOS, "per_class"):.0%} of a
straight line over photos, and within {_bend(found, CUTS, "cuts"):.0%} over cuts.

| photos | cuts | seconds, median (least to most) | memory, MB |
|---|---|---|---|
{chr(10).join(rows)}

![Seconds against photos and against cuts]({PICTURE.name})
"""
    write_section("Search: how the probe grows", "python -m benchmarks growth", text)


def _in_its_own_process(size: Size) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.growth", str(size.per_class), str(size.cuts)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def measured(size: Size) -> dict[str, float]:
    """The seconds of a probe, and its memory in MB."""
    import torch

    from benchmarks.probe import probed

    torch.ones(64, 64) @ torch.ones(64, 64)
    before = peak_memory()
    seconds = probed(folds(0, size.per_class)[0], PIXELS, size.cuts, "openvino")["seconds"]
    return {"seconds": seconds, "memory": peak_memory() - before}


def _all(found: dict[Size, list[dict[str, float]]], size: Size, word: str) -> list[float]:
    return [one[word] for one in found[size]]


def _medians(found: dict[Size, list[dict[str, float]]], counts: Sequence[int], word: str) -> np.ndarray:
    return np.array([median(_all(found, Size(**{word: count}), "seconds")) for count in counts])


def _bend(found: dict[Size, list[dict[str, float]]], counts: Sequence[int], word: str) -> float:
    """How far the medians are from a straight line at most, as a share of the line's value."""
    line = np.polyval(np.polyfit(counts, _medians(found, counts, word), 1), counts)
    return float(np.abs(_medians(found, counts, word) / line - 1).max())


def _draw(found: dict[Size, list[dict[str, float]]]) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "regraft"  # else names in the file are random
    figure = Figure(figsize=(8, 3.2), layout="constrained")
    sides = figure.subplots(1, 2, sharey=True)
    for axes, counts, word, scale in zip(sides, (PHOTOS, CUTS), ("per_class", "cuts"), (5, 1), strict=True):
        places = scale * np.array(counts)
        for place, count in zip(places, counts, strict=True):
            seconds = _all(found, Size(**{word: count}), "seconds")
            axes.plot([place] * len(seconds), seconds, "o", color="tab:blue", alpha=0.5)
        line = np.polyfit(places, _medians(found, counts, word), 1)
        axes.plot([0, places[-1]], np.polyval(line, [0, places[-1]]), color="tab:blue", linewidth=1)
        axes.set(xlabel="photos" if scale > 1 else "cuts", xlim=(0, None), ylim=(0, None))
    sides[0].set_ylabel("seconds of the probe")
    figure.savefig(PICTURE, metadata={"Date": None})


if __name__ == "__main__":
    print(json.dumps(measured(Size(per_class=int(sys.argv[1]), cuts=int(sys.argv[2])))))
