"""What any search has to beat, measured on the test part: trunks that know nothing, and training everything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from regraft.data import Splits
from regraft.data.examples import Part
from regraft.errors import Diverged
from regraft.features import Engine, make_engine
from regraft.network import Plan
from regraft.network.fresh import untrained
from regraft.network.surgery import Graft
from regraft.run import Progress, RunFolder
from regraft.tasks.baselines import embedded, majority, neighbours, tag_baselines
from regraft.tasks.head import Head, own_copy
from regraft.tasks.truth import truth_of
from regraft.train.learner import Batch, Rows
from regraft.train.loop import train
from regraft.train.settings import Settings
from regraft.trials.folds import folds
from regraft.trials.ground import Ground
from regraft.trials.probe import Reading, probe
from regraft.trials.recipe import FULL
from regraft.trials.stored import Stored, parts

SCRATCH = "from scratch"
EPOCHS = 20  # that training the whole network would take
_LEAST = 20  # examples of a part without which nothing is measured


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A score on the test part, and what must be said beside it."""

    name: str
    score: float
    note: str = ""


def simple(splits: Splits, stored: Stored, top: Reading) -> list[Baseline]:
    """The most frequent class, the nearest neighbours at the bottleneck, and a linear head on it as `fit` takes it.

    For words, the most frequent tag of each takes the place of the neighbours.
    """
    kernel, bias = top.usual
    linear = stored.values(splits.test, top.level.vector).numpy() @ kernel + bias
    known = _of_classes(splits, stored, top.level.vector) if splits.train.tags is None else tag_baselines(splits)
    scores = {**known, "frozen + linear": truth_of([splits.test]).score(linear)[0]}
    return [Baseline(name=name, score=score) for name, score in scores.items()]


def _of_classes(splits: Splits, stored: Stored, vector: str) -> dict[str, float]:
    train, validation, test = (embedded(stored.rows(part, [vector])) for part in parts(splits))
    return {
        "majority class": majority(splits.train.labels, splits.test.labels),
        "nearest neighbours": neighbours(train, validation, test),
    }


def untrained_trunk(
    ground: Ground, share: float, engine: Engine, progress: Progress
) -> tuple[Baseline, Mapping[str, float]]:
    """Linear heads on a trunk with fresh weights: on its best cut, and the validation score on each cut."""
    splits = _some(ground.splits, share, ground.seed)
    surveyed = untrained(ground.surveyed, ground.seed)
    vectors = [level.vector for level in ground.levels]
    engine = make_engine(engine.kind, engine.trunk.renewed(surveyed, vectors), str(ground.device))
    stored = ground.stored(surveyed, vectors, splits, engine, progress)
    classes = len(splits.classes)
    readings = probe(ground.levels, stored, folds(splits, ground.seed), classes, Progress(silent=True))
    best = max(readings, key=lambda reading: reading.score)
    logits = stored.values(splits.test, best.level.vector).numpy() @ best.kernel + best.bias
    note = f"its best cut is {best.level.cut}"
    if share < 1:
        note += f"; on {len(splits.train)} examples of the training part and {len(splits.test)} of the test part"
    found = Baseline(name="untrained trunk", score=truth_of([splits.test]).score(logits)[0], note=note)
    return found, {reading.level.cut: reading.score for reading in readings}


def from_scratch(ground: Ground, epochs: float, folder: Path, progress: Progress) -> Baseline:
    """The same architecture with fresh weights, trained for so many epochs or a part of one in a run of `folder`."""
    fresh = untrained(ground.network, ground.seed)
    settings = Settings(epochs=EPOCHS, seed=ground.seed, batch=ground.batch([ground.spec.name]))
    trained = _Training(name=SCRATCH, graft=ground.graft(Plan(freeze=None), fresh), settings=settings)
    return trained.judged(ground, epochs, folder, progress)


def fine_tuned(ground: Ground, epochs: float, folder: Path, progress: Progress) -> Baseline:
    """All layers of the source trained on, with a new linear layer, likewise."""
    grafted = ground.graft(Plan(freeze=None, freeze_statistics=True))
    settings = ground.settings(grafted, {"epochs": EPOCHS, "batch": ground.batch([ground.spec.name])})
    return _Training(name=FULL, graft=grafted, settings=settings).judged(ground, epochs, folder, progress)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Training:
    """A training of everything."""

    name: str
    graft: Graft
    settings: Settings

    def judged(self, ground: Ground, epochs: float, folder: Path, progress: Progress) -> Baseline:
        """What becomes of it after so many epochs, or a part of one."""
        head = Head(own_copy(self.graft.network), (ground.spec.name,), self.graft.logits, ground.device)
        train_part, test_part = (ground.inputs_of(part) for part in (ground.splits.train, ground.splits.test))
        settings = replace(self.settings, keep="last", patience=None)
        rows: Rows = train_part
        note = f"{settings.epochs} epochs"
        if epochs < 1:
            rows = _FirstRows(rows, max(1, int(len(rows) * epochs)), ground.seed)
            note = f"stopped early: {len(rows)} of {len(train_part)} training examples were seen once"
        elif epochs < settings.epochs:
            note = f"stopped early after {int(epochs)} of {settings.epochs} epochs"
        run, until = RunFolder.at(folder / self.name, resume=True), min(settings.epochs, max(1, int(epochs)))
        try:
            with run.working():
                train(head.learner(), rows, settings, until=until, run=run, resume=True, progress=progress)
        except Diverged:
            note += ", and diverged"
        logits, _ = head.logits(test_part, settings.batch)
        return Baseline(name=self.name, score=truth_of([ground.splits.test]).score(logits)[0], note=note)


class _FirstRows:
    """The first rows of an order that a seed gives."""

    def __init__(self, rows: Rows, count: int, seed: int) -> None:
        self._rows = rows
        self._chosen = np.random.default_rng(seed).permutation(len(rows))[:count]

    def __len__(self) -> int:
        return len(self._chosen)

    def take(self, rows: np.ndarray) -> Batch:
        return self._rows.take(self._chosen[rows])


def _some(splits: Splits, share: float, seed: int) -> Splits:
    """A share of each part, classes in their proportions, sentences as they fall, as examples of their own."""
    if share >= 1:
        return splits
    train, validation, test = (_some_of(part, share, seed) for part in parts(splits))
    return Splits(train=train, validation=validation, test=test, classes=splits.classes)


def _some_of(part: Part, share: float, seed: int) -> Part:
    from sklearn.model_selection import train_test_split

    count = min(len(part), max(_LEAST, len(part.examples.classes) * 2, round(len(part) * share)))
    chosen = part.indices
    if part.tags is not None:
        chosen = np.random.default_rng(seed).permutation(part.indices)[:count]
    elif count < len(part) - len(part.examples.classes):
        counts = np.bincount(part.labels)
        even = part.labels if counts[counts > 0].min() > 1 else None  # a class of one example cannot be divided
        chosen = train_test_split(part.indices, train_size=count, stratify=even, random_state=seed)[0]
    return part.examples.some(np.sort(chosen))
