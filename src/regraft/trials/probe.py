"""The probe: how good a linear head is on each cut, from features of one pass."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from regraft.data.opening import workers
from regraft.run import Progress
from regraft.tasks.baselines import embedded, neighbours
from regraft.tasks.defaults import SPREAD
from regraft.tasks.evidence import Hits, interval
from regraft.trials.folds import Folds
from regraft.trials.levels import Level
from regraft.trials.linear import Heads, Problem, solve
from regraft.trials.stored import Pool, Stored
from regraft.trials.threads import one_thread

# The penalty of a head on d features and n examples is d / (spread * n).
SPREADS = (300.0, 100.0, SPREAD, 10.0, 3.0, 1.0, 0.3, 0.1)
USUAL = SPREADS.index(SPREAD)  # as `fit` has it


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """What the probe found at one cut.

    Attributes:
        penalty: the best one, chosen by score, then by loss, on the judged examples.
        hits: what was right of the judged examples, told by heads that did not learn from them.
        accuracy: of them.
        score, low, high: of them, with the interval of 95 %.
        knn: accuracy of the nearest neighbours on the validation part; None of words, which are too many.
        kernel, bias: (d k), (k) of the head that learned from the training part, on the features as they are.
        usual: the same with the penalty that `fit` takes.
        validation: logits (v k) of the head for the validation part.
    """

    level: Level
    penalty: float
    hits: Hits
    accuracy: float
    score: float
    low: float
    high: float
    knn: float | None
    kernel: np.ndarray
    bias: np.ndarray
    usual: tuple[np.ndarray, np.ndarray]
    validation: np.ndarray


def probe(
    levels: tuple[Level, ...], stored: Stored, folds: Folds, classes: int, progress: Progress
) -> tuple[Reading, ...]:
    """A reading of each cut; several cuts at a time, each on one thread, those first that take longest."""
    widest = sorted(levels, key=lambda level: level.width, reverse=True)
    with one_thread(), ThreadPoolExecutor(workers()) as pool, progress.task("probing cuts", len(levels)) as advance:
        pending = {level: pool.submit(_reading, level, stored, folds, classes) for level in widest}
        for _ in as_completed(pending.values()):
            advance(1)
    return tuple(pending[level].result() for level in levels)


def _reading(level: Level, stored: Stored, folds: Folds, classes: int) -> Reading:
    features, labels = stored.pool(level.vector), torch.from_numpy(folds.truth.labels)
    trained = int(folds.learns[:, 0].sum())
    penalties = features.width / (torch.tensor(SPREADS) * trained)
    problem = Problem(features=features, labels=labels, classes=classes, learns=torch.from_numpy(folds.learns))
    heads = solve(problem, penalties)
    logits, judged = _crossed(heads, features, folds), folds.truth.some(folds.judged)
    best = max(range(len(SPREADS)), key=lambda p: judged.score(logits[p]))
    taken = logits[best].argmax(1).numpy()
    hits = judged.hits(taken)
    low, high = interval(hits)
    return Reading(
        level=level,
        penalty=float(penalties[best]),
        hits=hits,
        accuracy=float((taken == judged.labels).mean()),
        score=hits.score,
        low=low,
        high=high,
        knn=_nearest(level, stored),
        kernel=heads.kernels[0, best].numpy(),
        bias=heads.biases[0, best].numpy(),
        usual=(heads.kernels[0, USUAL].numpy(), heads.biases[0, USUAL].numpy()),
        validation=heads.logits(stored.values(stored.splits.validation, level.vector), 0, best).numpy(),
    )


def _crossed(heads: Heads, features: Pool, folds: Folds) -> Tensor:
    """Logits (p j k) of the judged examples for each penalty, by the heads of their folds."""
    judge = torch.from_numpy(folds.judge)
    parts: list[Tensor] = []
    for number in range(len(features)):
        block = features[number]
        mine = judge[features.span(number)]
        found = torch.zeros(heads.biases.shape[1], len(block), heads.biases.shape[-1])
        for fold in mine.unique().tolist():
            own = mine == fold
            found[:, own] = torch.einsum("nd,pdk->pnk", block[own], heads.kernels[fold]) + heads.biases[fold][:, None]
        parts.append(found[:, mine >= 0])
    return torch.cat(parts, 1)


def _nearest(level: Level, stored: Stored) -> float | None:
    if stored.splits.train.tags is not None:
        return None
    train, validation = (
        embedded(stored.rows(part, [level.vector])) for part in (stored.splits.train, stored.splits.validation)
    )
    return neighbours(train, validation, validation)
