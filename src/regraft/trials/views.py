"""Features of further views of the training part, and what augmentation does to accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from regraft.data import View
from regraft.features import Engine, extract
from regraft.run import Progress
from regraft.tasks.evidence import difference
from regraft.tasks.truth import truth_of
from regraft.trials.augmentation import Augmentation, plainly
from regraft.trials.ground import Ground
from regraft.trials.linear import Problem, solve
from regraft.trials.probe import Reading
from regraft.trials.recipe import linear
from regraft.trials.stored import Stored
from regraft.trials.trial import Trial

_MIRRORED = View(number=1)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """Accuracy on validation of a scheme, with augmentation and with pictures as they are.

    `views` are those that were kept; None: it was another crop each time.
    """

    views: int | None
    scheme: str
    accuracy: float
    without: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Viewed:
    """Features with views, whether they are mirrored, and what they do."""

    stored: Stored
    augmentation: Augmentation
    effect: Effect | None


def views_of(
    ground: Ground, tensors: Sequence[str], stored: Stored, reading: Reading, engine: Engine, progress: Progress
) -> Viewed:
    """The views that a search asks for.

    Mirrored pictures are among them where a head that never saw any tells them apart as well as plain ones: digits and
    letters do not stay what they are in a mirror.

    Args:
        reading: of the cut whose head tells.
    """
    validation = ground.splits.validation.examples.some(ground.splits.validation.indices).examples
    mirrored = extract(ground.surveyed, tensors, validation, ground.spec, ground.place, progress, engine, _MIRRORED)
    values = mirrored.rows(reading.level.vector, np.arange(len(mirrored)))
    truth = truth_of([ground.splits.validation])
    both = ((values @ reading.kernel + reading.bias), reading.validation)
    low, _ = difference(*(truth.hits(logits.argmax(1)) for logits in both))
    augmentation = replace(ground.augmentation, mirror=low >= -_LOSS)
    progress.say(
        "views are mirrored too" if augmentation.mirror else "views are not mirrored: classes do not survive it"
    )
    alone = ground.splits.train.examples.some(ground.splits.train.indices).examples
    views = tuple(
        extract(ground.surveyed, tensors, alone, ground.spec, ground.place, progress, engine, view)
        for view in augmentation.views(ground.seed)[1:]
    )
    stored = replace(stored, views=views)
    return Viewed(stored=stored, augmentation=augmentation, effect=_effect(ground, stored, reading) if views else None)


_LOSS = 0.1  # of accuracy in the mirror, at 95 %, from which on pictures are not mirrored


def _effect(ground: Ground, stored: Stored, reading: Reading) -> Effect:
    """The head of the reading's cut and penalty, learned from all views."""
    vector, train, validation = reading.level.vector, ground.splits.train, ground.splits.validation
    everything = np.arange(len(train))
    seen = [stored.values(train, vector), *(torch.from_numpy(view.rows(vector, everything)) for view in stored.views)]
    labels = torch.from_numpy(train.labels).repeat(len(seen))
    problem = Problem(
        features=[torch.cat(seen)],
        labels=labels,
        classes=len(ground.splits.classes),
        learns=torch.ones(len(labels), 1, dtype=torch.bool),
    )
    logits = solve(problem, torch.tensor([reading.penalty])).logits(stored.values(validation, vector), 0, 0)
    truth = truth_of([validation])
    accuracy, without = (truth.score(some)[0] for some in (logits, reading.validation))
    name = linear(reading.level, reading.penalty).name
    return Effect(views=len(seen), scheme=name, accuracy=accuracy, without=without)


def effect_of_crops(trials: Sequence[Trial]) -> Effect | None:
    """That of another crop each time, on the scheme that raced with pictures as they are too; None: none did.

    Both are taken where the one that was trained less had ended.
    """
    raced = {trial.scheme.name: trial for trial in trials if trial.epochs}
    for name, trial in raced.items():
        if plain := raced.get(plainly(name)):
            epoch = min(trial.epochs, plain.epochs)
            accuracy, without = (one.score_after(epoch) for one in (trial, plain))
            return Effect(views=None, scheme=name, accuracy=accuracy, without=without)
    return None
