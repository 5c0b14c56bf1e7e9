"""regraft's probe of all cuts against one pass over the same photos, written by hand for each engine.

    python -m benchmarks probe

All sides by turns, on three divisions, with nothing stored yet.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.comparing import ratios, spread
from benchmarks.results import write_section
from benchmarks.rivals.passes import ENGINES, one_pass
from benchmarks.rivals.photos import Fold, at_hand, folds, splits_of
from benchmarks.search import network
from regraft.features import Kind, Place, Trunk, choose, extract, make_engine
from regraft.run import Progress
from regraft.trials.ground import Choices, ground_of
from regraft.trials.probe import probe
from regraft.trials.stored import Stored

PIXELS, PER_CLASS, SEEDS = 224, 200, 3


def main() -> None:
    """Measure all sides in turns and write the section."""
    if not at_hand():
        return
    passes: dict[str, list[dict[str, float]]] = {engine: [] for engine in ENGINES}
    probes = list[dict[str, Any]]()
    for seed in range(SEEDS):
        fold = folds(seed, PER_CLASS)[0]
        for engine in ENGINES:
            passes[engine].append(plain_pass(engine, fold))
            print(engine, passes[engine][-1], file=sys.stderr)
        probes.append(probed(fold, PIXELS))
        print(probes[-1], file=sys.stderr)
    write_section("Search: one pass over the photos", "python -m benchmarks probe", section(passes, probes))


def section(passes: dict[str, list[dict[str, float]]], probes: list[dict[str, Any]]) -> str:
    """The table."""
    chosen = ", ".join(dict.fromkeys(one["engine"] for one in probes))
    seconds = [one["seconds"] for one in probes]
    rows = [f"| regraft's probe, by {chosen} | | {spread(seconds)} | |"]
    for engine, found in passes.items():
        before, taken = ([one[word] for one in found] for word in ("before", "seconds"))
        rows.append(f"| {engine} | {spread(before)} | {spread(taken)} | {ratios(seconds, taken)} |")
    head = f"""
{5 * PER_CLASS} photos at {PIXELS} px, {SEEDS} divisions, the next batch decoded in a thread while one is computed; the
features of all engines agree. regraft's probe is one pass with the features of every cut, and all their heads.

| | to build it, s | one pass, s, median (least to most) | the probe takes, in such passes |
|---|---|---|---|
"""
    return head + "\n".join(rows)


def probed(fold: Fold, pixels: int, cuts: int | None = None, engine: Kind | None = None) -> dict[str, Any]:
    """One pass and the heads of all cuts, or of the top ones, with nothing stored yet: {engine, seconds}.

    Args:
        engine: which runs the pass; None: the one a search would choose.
    """
    silent = Progress(silent=True)
    ground = ground_of(network(pixels), splits_of(fold), None, Choices(seed=0), silent)
    ground = replace(ground, levels=ground.levels[-(cuts or len(ground.levels)) :])
    wanted, examples = [level.vector for level in ground.levels], ground.splits.train.examples
    trunk = Trunk(ground.surveyed, wanted, ground.spec)
    made = make_engine(engine, trunk) if engine else choose(trunk, examples, "cpu", len(examples))[0]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        features = extract(ground.surveyed, wanted, examples, ground.spec, Place(root=Path(folder)), engine=made)
        stored = Stored(splits=ground.splits, features={id(examples): features}, spec=ground.spec)
        probe(ground.levels, stored, ground.folds, len(fold.classes), silent)
        return {"engine": made.kind, "seconds": time.perf_counter() - started}


def plain_pass(engine: str, fold: Fold) -> dict[str, float]:
    """The seconds of one pass, once its features have been seen to agree with torch's on a few photos."""
    photos = (*fold.train, *fold.validation, *fold.test)
    features, seconds = one_pass(engine, photos, PIXELS)
    expected, _ = one_pass("torch", photos[:8], PIXELS)
    apart = float(np.abs(features[:8] - expected).max() / np.abs(expected).max())
    if apart > 1e-3:
        raise SystemExit(f"{engine}: its features differ from torch's by {apart:.2g}")
    return seconds


if __name__ == "__main__":
    main()
