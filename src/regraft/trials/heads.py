"""Dense heads on a frozen cut, trained together: those that differ in their learning rate alone share every batch.

Each head gets the gradients, the steps and the choice of its best epoch that it would get by itself.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import Diverged
from regraft.network.plan import New
from regraft.network.surgery import Graft
from regraft.tasks import classify
from regraft.tasks.evidence import Hits
from regraft.tasks.rows import ScaledRows, Scaling, batches, scaling_of
from regraft.train.learner import Batch, Learner, Rows, Step
from regraft.train.loop import Measured, train
from regraft.train.settings import Settings
from regraft.trials.folds import Folds
from regraft.trials.levels import Level
from regraft.trials.schemes import Scheme
from regraft.trials.stored import Stored
from regraft.trials.trial import Trial

_CURVES = {
    None: lambda x: x,
    "relu": functional.relu,
    "elu": functional.elu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class DenseHead:
    """A scheme whose trunk is frozen and whose new layers are all dense.

    `names` are its weights, kernel and bias of each layer in turn.
    """

    number: int
    scheme: Scheme
    level: Level
    graft: Graft
    settings: Settings
    names: tuple[str, ...]

    @property
    def alike(self) -> tuple[object, ...]:
        """Heads for which this is equal are trained together; a joint norm is that of one head alone."""
        layers = tuple((layer.width, layer.activation) for layer in self.graft.plan.new or ())
        by_itself = self.number if self.settings.clip_norm else None
        return self.level.vector, layers, str(replace(self.settings, lr=1.0).as_json()), by_itself

    @property
    def weights(self) -> int:
        """How many numbers are trained."""
        return sum(self.graft.network.values[name].size for name in self.names)


def dense_head(number: int, scheme: Scheme, level: Level, graft: Graft, settings: Settings) -> DenseHead | None:
    """The scheme as such a head, or None where it is something else."""
    names = tuple(row.parameter for row in graft.rows if row.state == "new")
    trained = {p.name for p in graft.network.parameters.values() if p.trainable and not p.frozen}
    if trained != set(names) or any(layer.kind != "dense" for layer in graft.plan.new or ()):
        return None
    return DenseHead(number=number, scheme=scheme, level=level, graft=graft, settings=settings, names=names)


def train_heads(heads: Sequence[DenseHead], stored: Stored, folds: Folds | None = None) -> list[Trial]:
    """The trials of all heads, in their order.

    Args:
        folds: each head is also trained on what each fold learns from, and asked about what it judges; None: it is not.
    """
    groups: dict[tuple[object, ...], list[DenseHead]] = {}
    for head in heads:
        groups.setdefault(head.alike, []).append(head)
    trials = [trial for group in groups.values() for trial in _together(group, stored, folds)]
    return sorted(trials, key=lambda trial: trial.number)


def _together(group: Sequence[DenseHead], stored: Stored, folds: Folds | None) -> list[Trial]:
    """The trials of a group; where one diverges, the loss of all is no number: each is trained alone then."""
    try:
        return _trained(group, stored, folds)
    except Diverged as error:
        if len(group) > 1:
            return [trial for head in group for trial in _together([head], stored, folds)]
        return [_diverged(group[0], stored, folds, error)]


def _trained(group: Sequence[DenseHead], stored: Stored, folds: Folds | None) -> list[Trial]:
    started = time.monotonic()
    vector = [group[0].level.vector]
    validation = stored.rows(stored.splits.validation, vector)
    scaling = _scaling(group, stored.rows(stored.splits.train, vector))
    bundle = _learned(group, stored.training(vector), validation, scaling)
    crossed = _crossed(group, stored, folds) if folds else [None] * len(group)
    logits = bundle.best_logits(_scaled(validation, scaling))
    seconds = (time.monotonic() - started) / len(group)
    return [
        Trial(
            number=head.number,
            scheme=head.scheme,
            stage="heads",
            level=head.level,
            inputs=(head.level.vector,),
            logits=logits[place].numpy(),
            values=_as_arrays(bundle.best[place].weights, scaling),
            settings=head.settings.as_json(),
            epochs=head.settings.epochs,
            seconds=seconds,
            learning=tuple(bundle.best[place].learning),
            crossed=crossed[place],
        )
        for place, head in enumerate(group)
    ]


def _learned(group: Sequence[DenseHead], rows: Rows, looked: Rows, scaling: Scaling | None) -> _Bundle:
    """The heads trained on rows, each with what it was in the epoch that was best on those looked at."""
    settings = group[0].settings
    bundle = _Bundle(group, centred=settings.centred)
    # Which epoch is best is each head's own matter: the loop keeps the last, the bundle the best of each.
    together = replace(settings, keep="last", patience=None)
    watched = _scaled(looked, scaling)
    train(bundle.learner(), _scaled(rows, scaling), together, validate=lambda: bundle.look(watched, settings))
    return bundle


def _scaling(group: Sequence[DenseHead], rows: Rows) -> Scaling | None:
    return scaling_of(rows) if group[0].settings.centred else None


def _scaled(rows: Rows, scaling: Scaling | None) -> Rows:
    return ScaledRows(rows, scaling) if scaling else rows


def _crossed(group: Sequence[DenseHead], stored: Stored, folds: Folds) -> list[Hits]:
    """What each head tells right of all examples of the folds, each told by the training that judges it."""
    taken = np.zeros((len(group), len(folds.truth)), np.int64)
    for fold in range(1, folds.crossed + 1):
        vector, mine = [group[0].level.vector], np.flatnonzero(folds.judge == fold)
        learned, judged = stored.crossed(vector, np.flatnonzero(folds.learns[:, fold])), stored.crossed(vector, mine)
        scaling = _scaling(group, learned)
        bundle = _learned(group, learned, judged, scaling)
        taken[:, mine] = bundle.best_logits(_scaled(judged, scaling)).argmax(2).numpy()
    return [folds.truth.hits(own) for own in taken]


def _diverged(head: DenseHead, stored: Stored, folds: Folds | None, error: Diverged) -> Trial:
    """A head as it was before it was trained; in all folds it is wrong."""
    start = {name: head.graft.network.values[name] for name in head.names}
    bundle = _Bundle([head], centred=False)
    rows = stored.rows(stored.splits.validation, [head.level.vector])
    return Trial(
        number=head.number,
        scheme=head.scheme,
        stage="heads",
        level=head.level,
        inputs=(head.level.vector,),
        logits=bundle.logits(rows)[0].numpy(),
        values=start,
        settings=head.settings.as_json(),
        epochs=0,
        seconds=0.0,
        state="diverged",
        note=f"{error.what}: its start is kept",
        crossed=folds and folds.truth.hits(folds.truth.labels).none,
    )


@dataclass(kw_only=True)
class _Best:
    """The best epoch of one head so far."""

    score: tuple[float, ...] = ()
    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    learning: list[Mapping[str, Any]] = field(default_factory=list)


class _Bundle:
    """Heads with the same layers on the same vector, as one learner."""

    def __init__(self, group: Sequence[DenseHead], *, centred: bool) -> None:
        self._group = group
        self._curves = [_CURVES[layer.activation] for layer in _layers(group[0])]
        self._weights = {
            f"{place}:{name}": torch.tensor(head.graft.network.values[name] * (0 if centred else 1), requires_grad=True)
            for place, head in enumerate(group)
            for name in head.names
        }
        self.best = [_Best() for _ in group]

    def learner(self) -> Learner:
        """What the loop trains: every head at its own rate."""
        first = self._group[0].settings.lr
        rates = {
            f"{place}:{name}": head.settings.lr / first for place, head in enumerate(self._group) for name in head.names
        }
        return Learner(weights=self._weights, trained=tuple(self._weights), step=self._step, rates=rates)

    def look(self, rows: Rows, settings: Settings) -> Measured:
        """A look at validation, at which each head keeps its weights where they are its best."""
        epoch = len(self.best[0].learning) + (0 if settings.look_first else 1)
        weights = self._now()
        labels = _labels(rows)
        losses: list[float] = []
        for best, own, logits in zip(self.best, weights, self._logits(rows, weights), strict=True):
            measured = classify.measured(logits, labels)
            waited = settings.patience is not None and epoch - best.epoch > settings.patience
            if not waited and (settings.keep == "last" or measured.score > (best.score or (-1.0,))):
                best.score, best.epoch = measured.score, epoch
                best.weights = {name: tensor.detach().clone() for name, tensor in own.items()}
            best.learning.append(
                {"epoch": epoch, **{f"validation_{name}": value for name, value in measured.metrics.items()}}
            )
            losses.append(measured.metrics["loss"])
        mean = sum(losses) / len(losses)
        return Measured(score=(-mean,), metrics={"loss": mean})

    def logits(self, rows: Rows) -> Tensor:
        """(h v k) of every head as it is."""
        return self._logits(rows, self._now())

    def best_logits(self, rows: Rows) -> Tensor:
        """(h v k) of every head in its best epoch."""
        return self._logits(rows, [best.weights for best in self.best])

    def _now(self) -> list[dict[str, Tensor]]:
        return [
            {name: self._weights[f"{place}:{name}"] for name in head.names} for place, head in enumerate(self._group)
        ]

    def _step(self, batch: Batch) -> Step:
        features, labels = batch
        logits = self._forward(features, self._now())
        return Step(loss=sum((classify.loss(own, labels) for own in logits), start=torch.zeros(())))

    @torch.no_grad()
    def _logits(self, rows: Rows, weights: Sequence[Mapping[str, Tensor]]) -> Tensor:
        parts = [self._forward(rows.take(numbers)[0], weights) for numbers in batches(len(rows), 256)]
        return torch.cat(parts, dim=1)

    def _forward(self, features: Tensor, weights: Sequence[Mapping[str, Tensor]]) -> Tensor:
        """(b d) -> (h b k): one product a layer for all heads."""
        layers = zip(*(list(own.values()) for own in weights), strict=True)
        stacked = [torch.stack(same) for same in layers]
        values = features.expand(len(weights), *features.shape)
        for curve, kernel, bias in zip(self._curves, stacked[::2], stacked[1::2], strict=True):
            values = curve(torch.baddbmm(bias[:, None], values, kernel))
        return values


def _layers(head: DenseHead) -> Sequence[New]:
    return head.graft.plan.new or ()


def _labels(rows: Rows) -> Tensor:
    return torch.cat([rows.take(numbers)[-1] for numbers in batches(len(rows), 256)])


def _as_arrays(weights: Mapping[str, Tensor], scaling: Scaling | None) -> dict[str, np.ndarray]:
    """The weights for features as they are; the first layer's are for scaled ones where there is a scaling."""
    values = {name: tensor.numpy() for name, tensor in weights.items()}
    if scaling is None:
        return values
    kernel, bias = list(values)[:2]
    scaled = values[kernel].astype(np.float64) / scaling.spread
    shift = scaling.mean.double().numpy() @ scaled
    return {**values, kernel: scaled.astype(np.float32), bias: (values[bias] - shift).astype(np.float32)}
