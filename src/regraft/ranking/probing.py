"""A family of models probed in one go: what they share is computed once, and so are the heads on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from regraft.data import Splits, prepare
from regraft.features import Features, Place, Trunk, cache_folder, choose, earlier_engine, extract, make_engine, piped
from regraft.network import GraphNetwork
from regraft.ranking.allowance import Allowance
from regraft.ranking.candidates import Candidate
from regraft.ranking.merging import Part, merged
from regraft.run import Progress
from regraft.train.learner import device_of
from regraft.trials.calibration import product
from regraft.trials.choosing import best_reading
from regraft.trials.folds import Folds, folds
from regraft.trials.levels import Level
from regraft.trials.planning import solving
from regraft.trials.probe import Reading, probe
from regraft.trials.stored import Stored
from regraft.zoo import Score

_FEW = 8  # examples on which it is seen how long all will take


@dataclass(frozen=True, kw_only=True)
class Probed:
    """The scores of a family in its order; how many blocks its models have, and how many were run."""

    scores: tuple[Score, ...]
    blocks: int
    run: int


@dataclass(frozen=True, kw_only=True, eq=False)
class _Joined:
    """The models of a family as one network.

    Attributes:
        network: its outputs are the distinct vectors of their cuts.
        names: for each model, what the vectors of its cuts are called here.
        levels: a cut for each distinct vector.
    """

    network: GraphNetwork
    names: tuple[tuple[str, ...], ...]
    levels: tuple[Level, ...]


def probed(
    family: Sequence[Candidate], splits: Splits, seed: int, allowance: Allowance, progress: Progress
) -> Probed | None:
    """Probe the cuts of all models of a family on all training and validation examples; None: there is no time."""
    started, joined, turns = time.monotonic(), _joined(family), folds(splits, seed)
    if allowance.limited and _forecast(joined, splits, turns) > allowance.left:
        return None
    features = _features(joined.network, splits, progress)
    (read,) = joined.network.graph.inputs
    stored = Stored(splits=splits, features=features, spec=read)
    readings = probe(joined.levels, stored, turns, len(splits.classes), progress)
    found = {reading.level.vector: reading for reading in readings}
    share = (time.monotonic() - started) / len(family)
    return Probed(
        scores=tuple(
            _score(one, [found[name] for name in names], turns, share)
            for one, names in zip(family, joined.names, strict=True)
        ),
        blocks=sum(map(len, joined.names)),
        run=len(joined.levels),
    )


def _joined(family: Sequence[Candidate]) -> _Joined:
    spec = family[0].spec
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
    return _Joined(network=trunk.network, names=trunk.names, levels=tuple(levels.values()))


def _features(network: GraphNetwork, splits: Splits, progress: Progress) -> dict[int, Features]:
    """Its outputs for both parts: what is known of them from before, and what an engine computes of the rest."""
    place, (read,) = Place(root=cache_folder(), device=_device()), network.graph.inputs
    trunk, count = Trunk(network, network.outputs, read), len(splits.train) + len(splits.validation)
    engine = earlier_engine(place.root, trunk, splits.train.examples, place.device)
    if engine is None:
        engine, _ = choose(trunk, splits.train.examples, place.device, count)
    return {
        id(part.examples): extract(network, trunk.tensors, part.examples, read, place, progress, engine, reuse=True)
        for part in (splits.train, splits.validation)
    }


def _forecast(joined: _Joined, splits: Splits, turns: Folds) -> float:
    """Seconds that probing will take at most: torch's, as it is measured on a few examples, and the heads'."""
    (read,) = joined.network.graph.inputs
    make = partial(prepare, splits.train.examples, splits.train.indices[:_FEW], read)
    engine, batch = make_engine("torch", Trunk(joined.network, joined.network.outputs, read), _device()), make()
    engine(batch)
    example = piped(engine, batch, make) / len(batch)
    heads = solving(joined.levels, turns, len(splits.classes)) * product()
    return example * (len(splits.train) + len(splits.validation)) + heads


def _device() -> str:
    return str(device_of("auto"))


def _score(candidate: Candidate, readings: Sequence[Reading], turns: Folds, seconds: float) -> Score:
    place = best_reading(readings)
    best, level = readings[place], candidate.levels[place]
    assert best.knn is not None, "words are not ranked"
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
