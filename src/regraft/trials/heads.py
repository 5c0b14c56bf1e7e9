"""Dense heads on a frozen cut, trained together: those that differ in their learning rate alone share every batch.

So do the trainings of all folds, each with a batch of its own examples. Each head gets the gradients, the steps and the
choice of its best epoch that it would get by itself. In folds it is trained as long as was best on the validation part.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from regraft.errors import Diverged
from regraft.tasks.evidence import Hits, is_worse
from regraft.tasks.linear import Linear, folded
from regraft.tasks.rows import ScaledRows, Scaling, scaling_of
from regraft.tasks.truth import Truth, truth_of
from regraft.train.learner import Rows
from regraft.trials.bundle import Bundle, logits_of
from regraft.trials.dense import DenseHead
from regraft.trials.folds import Folds
from regraft.trials.stored import PoolRows, Stored
from regraft.trials.trial import Trial


def train_heads(
    heads: Sequence[DenseHead], stored: Stored, folds: Folds | None = None, most: int | None = None
) -> list[Trial]:
    """The trials of all heads, in their order.

    Args:
        folds: each head that is not worse than the best on the validation part, beyond doubt, is also trained on what
            each fold learns from, and asked about what it judges; None: none is.
        most: how many of them are, those that are best on the validation part; None: all.
    """
    trained = [pair for group in _alike(heads) for pair in _together(group, stored)]
    trials = {trial.number: trial for trial, _ in trained}
    epochs = {trial.number: epoch for trial, epoch in trained}
    if folds:
        left = _promising(heads, trials, truth_of([stored.splits.validation]))[:most]
        for head, hits in (pair for group in _alike(left) for pair in _judged(group, stored, folds, epochs)):
            trials[head.number] = replace(trials[head.number], crossed=hits)
    return [trials[head.number] for head in heads]


def _alike(heads: Sequence[DenseHead]) -> list[list[DenseHead]]:
    """Groups of heads that are trained together."""
    groups: dict[tuple[object, ...], list[DenseHead]] = {}
    for head in heads:
        groups.setdefault(head.alike, []).append(head)
    return list(groups.values())


def _promising(heads: Sequence[DenseHead], trials: Mapping[int, Trial], truth: Truth) -> list[DenseHead]:
    """The heads that may be the best, those first that look it."""
    ordered = sorted(heads, key=lambda head: trials[head.number].score(truth), reverse=True)
    best = trials[ordered[0].number].hits(truth)
    return [head for head in ordered if not is_worse(trials[head.number].hits(truth), best)]


def _together(group: Sequence[DenseHead], stored: Stored) -> list[tuple[Trial, int]]:
    """The trials of a group, and the epoch that was best for each.

    Where one diverges, the loss of all is no number: each is trained alone then.
    """
    try:
        return _trained(group, stored)
    except Diverged as error:
        if len(group) > 1:
            return [pair for head in group for pair in _together([head], stored)]
        return [(_diverged(group[0], stored, error), group[0].settings.epochs)]


def _judged(
    group: Sequence[DenseHead], stored: Stored, folds: Folds, epochs: Mapping[int, int]
) -> list[tuple[DenseHead, Hits]]:
    """What each head of a group tells right in the folds; where it diverges in one, nothing."""
    try:
        return list(zip(group, _crossed(group, stored, folds, epochs), strict=True))
    except Diverged:
        if len(group) > 1:
            return [pair for head in group for pair in _judged([head], stored, folds, epochs)]
        return [(group[0], folds.truth.hits(folds.truth.labels).none)]


def _trained(group: Sequence[DenseHead], stored: Stored) -> list[tuple[Trial, int]]:
    started = time.monotonic()
    vector, settings = [group[0].level.vector], group[0].settings
    scaling = _scaling(group, stored.rows(stored.splits.train, vector))
    rows, watched = (
        _scaled(own, scaling) for own in (stored.training(vector), stored.rows(stored.splits.validation, vector))
    )
    bundle = Bundle(group, 1)
    bundle.learn([rows], settings, lambda: bundle.look(watched, stored.splits.validation, settings))
    (logits,) = bundle.best_logits([watched])
    seconds = (time.monotonic() - started) / len(group)
    trials = [
        Trial(
            number=head.number,
            scheme=head.scheme,
            stage="heads",
            level=head.level,
            inputs=(head.level.vector,),
            logits=logits[place].numpy(),
            values=_as_arrays(bundle.best_of(place), scaling),
            settings=head.settings.as_json(),
            epochs=head.settings.epochs,
            seconds=seconds,
            learning=tuple(bundle.best[place].learning),
        )
        for place, head in enumerate(group)
    ]
    return [(trial, best.epoch) for trial, best in zip(trials, bundle.best, strict=True)]


def _scaling(group: Sequence[DenseHead], rows: Rows) -> Scaling | None:
    return scaling_of(rows) if group[0].settings.centred else None


def _scaled(rows: Rows, scaling: Scaling | None) -> Rows:
    return ScaledRows(rows, scaling) if scaling else rows


def _crossed(group: Sequence[DenseHead], stored: Stored, folds: Folds, epochs: Mapping[int, int]) -> list[Hits]:
    """What each head tells right of all examples of the folds, each told by the training that judges it.

    Args:
        epochs: how many each head is trained for, by its number.
    """
    wanted = [epochs[head.number] for head in group]
    taken = np.zeros((len(group), len(folds.truth)), np.int64)
    pool, numbers = stored.pool(group[0].level.vector), list(range(1, folds.crossed + 1))

    def rows(chosen: np.ndarray) -> Rows:
        return PoolRows(pool, folds.truth.labels, np.flatnonzero(chosen))

    def told(together: Sequence[int]) -> list[Tensor]:
        both = [(rows(folds.learns[:, fold]), rows(folds.judge == fold)) for fold in together]
        scalings = [_scaling(group, learned) for learned, _ in both]
        learned, judged = (
            [_scaled(own, scaling) for own, scaling in zip(side, scalings, strict=True)]
            for side in zip(*both, strict=True)
        )
        bundle = Bundle(group, len(together))
        bundle.learn(learned, replace(group[0].settings, look_first=True), lambda: bundle.keep(wanted), max(wanted))
        return bundle.best_logits(judged)

    # A norm that is held down is that of all weights: where there is one, folds are trained one by one.
    for together in [[fold] for fold in numbers] if group[0].settings.clip_norm else [numbers]:
        for fold, logits in zip(together, told(together), strict=True):
            taken[:, folds.judge == fold] = logits.argmax(2).numpy()
    return [folds.truth.hits(own) for own in taken]


def _diverged(head: DenseHead, stored: Stored, error: Diverged) -> Trial:
    """A head as it was before it was trained."""
    start = {name: head.graft.network.values[name] for name in head.names}
    rows = stored.rows(stored.splits.validation, [head.level.vector])
    logits = logits_of(head.curves, rows, [{name: torch.tensor(value) for name, value in start.items()}])
    return Trial(
        number=head.number,
        scheme=head.scheme,
        stage="heads",
        level=head.level,
        inputs=(head.level.vector,),
        logits=logits[0].numpy(),
        values=start,
        settings=head.settings.as_json(),
        epochs=0,
        seconds=0.0,
        state="diverged",
        note=f"{error.what}: its start is kept",
    )


def _as_arrays(weights: Mapping[str, Tensor], scaling: Scaling | None) -> dict[str, np.ndarray]:
    """The weights for features as they are; the first layer's are for scaled ones where there is a scaling."""
    values = {name: tensor.numpy() for name, tensor in weights.items()}
    kernel, bias = list(values)[:2]
    return folded(values, Linear(kernel=kernel, bias=bias), scaling) if scaling else values
