"""A family of models probed in one go: what they share is computed once, and so are the heads on it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

from regraft.data import Splits, prepare
from regraft.features import (
    Engine,
    Features,
    Place,
    Trunk,
    cache_folder,
    choose,
    earlier_engine,
    extract,
    make_engine,
    piped,
)
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
    """The scores of some models of a family in their order; how many blocks they have, and how many were run."""

    scores: tuple[Score, ...]
    blocks: int
    run: int


class Family:
    """Models that are fed alike and begin with the same block, as one network.

    Attributes:
        network: its outputs are the distinct vectors of their cuts.
        levels: a cut for each distinct vector.
    """

    def __init__(self, members: Sequence[Candidate], count: int) -> None:
        """Join the models; so many examples may be computed by them in all, for which an engine is worth it."""
        parts = [
            Part(network=one.surveyed, tensors=tuple(level.vector for level in one.levels), given=one.spec.name)
            for one in members
        ]
        joined = merged(parts, members[0].spec)
        self._names = {one.card.content: names for one, names in zip(members, joined.names, strict=True)}
        levels = {
            name: replace(level, cut=name, vector=name)
            for one in members
            for level, name in zip(one.levels, self.names(one), strict=True)
        }
        self.network, self.levels, self._count = joined.network, tuple(levels.values()), count
        self._engine: Engine | None = None

    def holds(self, members: Sequence[Candidate]) -> bool:
        """Whether all of some models are among its own."""
        return all(one.card.content in self._names for one in members)

    def names(self, one: Candidate) -> tuple[str, ...]:
        """What the vectors of a member's cuts are called here."""
        return self._names[one.card.content]

    def features(self, splits: Splits, progress: Progress) -> dict[int, Features]:
        """Its outputs for both parts: what is known of them from before, and what an engine computes of the rest."""
        place, (read,) = Place(root=cache_folder(), device=_device()), self.network.graph.inputs
        wanted, examples = self.network.outputs, splits.train.examples
        if self._engine is None:
            self._engine = earlier_engine(place.root, Trunk(self.network, wanted, read), examples, place.device)
        if self._engine is None:
            self._engine, _ = choose(self.network, wanted, read, examples, place.device, self._count)
        return {
            id(part.examples): extract(
                self.network, wanted, part.examples, read, place, progress, self._engine, reuse=True
            )
            for part in (splits.train, splits.validation)
        }


def probed(
    family: Family,
    members: Sequence[Candidate],
    splits: Splits,
    seed: int,
    allowance: Allowance,
    progress: Progress,
) -> Probed | None:
    """Probe the cuts of some of a family on all training and validation examples; None: there is no time."""
    started, turns = time.monotonic(), folds(splits, seed)
    wanted = {name for one in members for name in family.names(one)}
    levels = tuple(level for level in family.levels if level.vector in wanted)
    if allowance.limited and _forecast(family.network, levels, splits, turns) > allowance.left:
        return None
    (read,) = family.network.graph.inputs
    stored = Stored(splits=splits, features=family.features(splits, progress), spec=read)
    found = {one.level.vector: one for one in probe(levels, stored, turns, len(splits.classes), progress)}
    share = (time.monotonic() - started) / len(members)
    return Probed(
        scores=tuple(_score(one, [found[name] for name in family.names(one)], turns, share) for one in members),
        blocks=sum(len(family.names(one)) for one in members),
        run=len(levels),
    )


def _forecast(network: GraphNetwork, levels: Sequence[Level], splits: Splits, turns: Folds) -> float:
    """Seconds that probing will take at most: torch's, as it is measured on a few examples, and the heads'."""
    (read,) = network.graph.inputs
    make = partial(prepare, splits.train.examples, splits.train.indices[:_FEW], read)
    engine, batch = make_engine("torch", Trunk(network, network.outputs, read), _device()), make()
    engine(batch)
    example = piped(engine, batch, make) / len(batch)
    heads = solving(levels, turns, len(splits.classes)) * product()
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
