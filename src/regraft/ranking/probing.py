"""A family of models probed in one go: what they share is computed once, and so are the heads on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from regraft.data import Splits
from regraft.features import Place, cache_folder, extract
from regraft.ranking.candidates import Candidate
from regraft.ranking.merging import Part, merged
from regraft.run import Progress
from regraft.train.learner import device_of
from regraft.trials.choosing import best_reading
from regraft.trials.folds import Folds, folds
from regraft.trials.probe import Reading, probe
from regraft.trials.stored import Stored
from regraft.zoo import Score


@dataclass(frozen=True, kw_only=True)
class Probed:
    """The scores of a family in its order; how many blocks its models have, and how many were run."""

    scores: tuple[Score, ...]
    blocks: int
    run: int


def probed(family: Sequence[Candidate], splits: Splits, seed: int, progress: Progress) -> Probed:
    """Probe the cuts of all models of a family, on all training and validation examples."""
    started, spec = time.monotonic(), family[0].spec
    parts = [
        Part(network=one.surveyed, tensors=tuple(level.vector for level in one.levels), given=one.spec.name)
        for one in family
    ]
    trunk = merged(parts, spec)
    levels = {
        name: replace(level, cut=name, vector=name)
        for one, names in zip(family, trunk.names, strict=True)
        for level, name in zip(one.levels, names, strict=True)
    }
    place = Place(root=cache_folder(), device=str(device_of("auto")))
    read = trunk.network.graph.inputs[0]
    features = {
        id(part.examples): extract(trunk.network, list(levels), part.examples, read, place, progress)
        for part in (splits.train, splits.validation)
    }
    turns, stored = folds(splits, seed), Stored(splits=splits, features=features)
    readings = probe(tuple(levels.values()), stored, turns, len(splits.classes), progress)
    found = dict(zip(levels, readings, strict=True))
    share = (time.monotonic() - started) / len(family)
    return Probed(
        scores=tuple(
            _score(one, [found[name] for name in names], turns, share)
            for one, names in zip(family, trunk.names, strict=True)
        ),
        blocks=sum(map(len, trunk.names)),
        run=len(levels),
    )


def _score(candidate: Candidate, readings: Sequence[Reading], turns: Folds, seconds: float) -> Score:
    place = best_reading(readings)
    best, level = readings[place], candidate.levels[place]
    return Score(
        accuracy=best.accuracy,
        low=best.low,
        high=best.high,
        knn=best.knn,
        cut=level.cut,
        layers=level.layers,
        learned=int(turns.learns[:, 0].sum()),
        judged=len(best.hits),
        seconds=seconds,
    )
