"""Dense heads on a frozen cut, trained together: those that differ in their learning rate alone share every batch.

So do the trainings of all folds, each with a batch of its own examples. Each head gets the gradients, the steps and the
choice of its best epoch that it would get by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from regraft.tasks.evidence import Hits, is_worse
from regraft.tasks.rows import ScaledRows, Scaling, batches, scaling_of
from regraft.tasks.truth import Truth, truth_of
from regraft.train.learner import Batch, Learner, Rows, Step
from regraft.train.loop import Measured, train
from regraft.train.settings import Settings
from regraft.trials.folds import Folds
from regraft.trials.levels import Level
from regraft.trials.schemes import Scheme
from regraft.trials.stored import PoolRows, Stored
from regraft.trials.trial import Trial

Curve = Callable[[Tensor], Tensor]
_CURVES: Mapping[str | None, Curve] = {
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
        folds: each head that is not worse than the best on the validation part, beyond doubt, is also trained on what
            each fold learns from, and asked about what it judges; None: none is.
    """
    trials = {trial.number: trial for group in _alike(heads) for trial in _together(group, stored)}
    if folds:
        left = _promising(heads, trials, truth_of([stored.splits.validation]))
        for head, hits in (pair for group in _alike(left) for pair in _judged(group, stored, folds)):
            trials[head.number] = replace(trials[head.number], crossed=hits)
    return [trials[head.number] for head in heads]


def _alike(heads: Sequence[DenseHead]) -> list[list[DenseHead]]:
    """Groups of heads that are trained together."""
    groups: dict[tuple[object, ...], list[DenseHead]] = {}
    for head in heads:
        groups.setdefault(head.alike, []).append(head)
    return list(groups.values())


def _promising(heads: Sequence[DenseHead], trials: Mapping[int, Trial], truth: Truth) -> list[DenseHead]:
    """The heads that may be the best."""
    best = max(trials.values(), key=lambda trial: trial.score(truth)).hits(truth)
    return [head for head in heads if not is_worse(trials[head.number].hits(truth), best)]


def _together(group: Sequence[DenseHead], stored: Stored) -> list[Trial]:
    """The trials of a group; where one diverges, the loss of all is no number: each is trained alone then."""
    try:
        return _trained(group, stored)
    except Diverged as error:
        if len(group) > 1:
            return [trial for head in group for trial in _together([head], stored)]
        return [_diverged(group[0], stored, error)]


def _judged(group: Sequence[DenseHead], stored: Stored, folds: Folds) -> list[tuple[DenseHead, Hits]]:
    """What each head of a group tells right in the folds; where it diverges in one, nothing."""
    try:
        return list(zip(group, _crossed(group, stored, folds), strict=True))
    except Diverged:
        if len(group) > 1:
            return [pair for head in group for pair in _judged([head], stored, folds)]
        return [(group[0], folds.truth.hits(folds.truth.labels).none)]


def _trained(group: Sequence[DenseHead], stored: Stored) -> list[Trial]:
    started = time.monotonic()
    vector = [group[0].level.vector]
    validation = stored.rows(stored.splits.validation, vector)
    scaling = _scaling(group, stored.rows(stored.splits.train, vector))
    watched = [_scaled(validation, scaling)]
    bundle = _learned(group, [_scaled(stored.training(vector), scaling)], watched)
    (logits,) = bundle.best_logits(watched)
    seconds = (time.monotonic() - started) / len(group)
    return [
        Trial(
            number=head.number,
            scheme=head.scheme,
            stage="heads",
            level=head.level,
            inputs=(head.level.vector,),
            logits=logits[place].numpy(),
            values=_as_arrays(bundle.best[0][place].weights, scaling),
            settings=head.settings.as_json(),
            epochs=head.settings.epochs,
            seconds=seconds,
            learning=tuple(bundle.best[0][place].learning),
        )
        for place, head in enumerate(group)
    ]


def _learned(group: Sequence[DenseHead], rows: Sequence[Rows], looked: Sequence[Rows]) -> _Bundle:
    """The heads trained on each of some rows, each as it was in the epoch that was best on those looked at."""
    settings = group[0].settings
    bundle = _Bundle(group, len(rows), centred=settings.centred)
    # Which epoch is best is each head's own matter: the loop keeps the last, the bundle the best of each.
    together = replace(settings, keep="last", patience=None)
    train(bundle.learner(), _SideBySide(rows), together, validate=lambda: bundle.look(looked, settings))
    return bundle


class _SideBySide:
    """Batches of several rows at once: as many of each as the fewest have."""

    def __init__(self, several: Sequence[Rows]) -> None:
        self._several = several

    def __len__(self) -> int:
        return min(map(len, self._several))

    def take(self, rows: np.ndarray) -> Batch:
        """Features (c b d) and labels (c b) of the c rows."""
        features, labels = zip(*(own.take(rows) for own in self._several), strict=True)
        return torch.stack(features), torch.stack(labels)


def _scaling(group: Sequence[DenseHead], rows: Rows) -> Scaling | None:
    return scaling_of(rows) if group[0].settings.centred else None


def _scaled(rows: Rows, scaling: Scaling | None) -> Rows:
    return ScaledRows(rows, scaling) if scaling else rows


def _crossed(group: Sequence[DenseHead], stored: Stored, folds: Folds) -> list[Hits]:
    """What each head tells right of all examples of the folds, each told by the training that judges it."""
    taken = np.zeros((len(group), len(folds.truth)), np.int64)
    pool, numbers = stored.pool(group[0].level.vector), list(range(1, folds.crossed + 1))

    def rows(chosen: np.ndarray) -> Rows:
        return PoolRows(pool, folds.truth.labels, np.flatnonzero(chosen))

    # A norm that is held down is that of all weights: where there is one, folds are trained one by one.
    for together in [[fold] for fold in numbers] if group[0].settings.clip_norm else [numbers]:
        both = [(rows(folds.learns[:, fold]), rows(folds.judge == fold)) for fold in together]
        scalings = [_scaling(group, learned) for learned, _ in both]
        learned, judged = (
            [_scaled(own, scaling) for own, scaling in zip(side, scalings, strict=True)]
            for side in zip(*both, strict=True)
        )
        for fold, logits in zip(together, _learned(group, learned, judged).best_logits(judged), strict=True):
            taken[:, folds.judge == fold] = logits.argmax(2).numpy()
    return [folds.truth.hits(own) for own in taken]


def _diverged(head: DenseHead, stored: Stored, error: Diverged) -> Trial:
    """A head as it was before it was trained."""
    start = {name: head.graft.network.values[name] for name in head.names}
    (logits,) = _Bundle([head], 1, centred=False).logits([stored.rows(stored.splits.validation, [head.level.vector])])
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


@dataclass(kw_only=True)
class _Best:
    """The best epoch of one training of one head so far."""

    score: tuple[float, ...] = ()
    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    learning: list[Mapping[str, Any]] = field(default_factory=list)

    def look(self, measured: Measured, weights: Mapping[str, Tensor], settings: Settings) -> None:
        """Keep the weights where they are the best so far, by what was measured of them."""
        epoch = len(self.learning) + (0 if settings.look_first else 1)
        waited = settings.patience is not None and epoch - self.epoch > settings.patience
        if not waited and (settings.keep == "last" or measured.score > (self.score or (-1.0,))):
            self.score, self.epoch = measured.score, epoch
            self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}
        self.learning.append(
            {"epoch": epoch, **{f"validation_{name}": value for name, value in measured.metrics.items()}}
        )


class _Bundle:
    """Heads with the same layers on the same vector, each trained several times, as one learner.

    Shapes: c trainings, h heads, b or v rows. Weights of the trainings stand one after another on the first axis: they
    have as many axes as by themselves, by which the optimizer knows what decays.
    """

    def __init__(self, group: Sequence[DenseHead], count: int, *, centred: bool) -> None:
        self._group, self._count = group, count
        self._curves = [_CURVES[layer.activation] for layer in _layers(group[0])]
        self._weights: dict[str, Tensor] = {}
        for place, head in enumerate(group):
            for name in head.names:
                start = torch.tensor(head.graft.network.values[name] * (0 if centred else 1))
                self._weights[f"{place}:{name}"] = torch.cat([start] * count).requires_grad_()
        self.best = [[_Best() for _ in group] for _ in range(count)]

    def learner(self) -> Learner:
        """What the loop trains: every head at its own rate."""
        first = self._group[0].settings.lr
        rates = {
            f"{place}:{name}": head.settings.lr / first for place, head in enumerate(self._group) for name in head.names
        }
        return Learner(weights=self._weights, trained=tuple(self._weights), step=self._step, rates=rates)

    def look(self, rows: Sequence[Rows], settings: Settings) -> Measured:
        """A look at the validation of each training, at which heads keep their weights where they are their best."""
        losses: list[float] = []
        for number, own in enumerate(rows):
            weights, labels = self._now(number), _labels(own)
            for place, logits in enumerate(_logits(self._curves, own, weights)):
                best, measured = self.best[number][place], classify.measured(logits, labels)
                best.look(measured, weights[place], settings)
                losses.append(measured.metrics["loss"])
        mean = sum(losses) / len(losses)
        return Measured(score=(-mean,), metrics={"loss": mean})

    def logits(self, rows: Sequence[Rows]) -> list[Tensor]:
        """(h v k) of every head as it is, for the rows of each training."""
        return [_logits(self._curves, own, self._now(number)) for number, own in enumerate(rows)]

    def best_logits(self, rows: Sequence[Rows]) -> list[Tensor]:
        """(h v k) of every head in its best epoch, for the rows of each training."""
        weights = [[best.weights for best in own] for own in self.best]
        return [_logits(self._curves, own, each) for own, each in zip(rows, weights, strict=True)]

    def _now(self, number: int) -> list[dict[str, Tensor]]:
        return [
            {name: self._each(place, name)[number] for name in head.names} for place, head in enumerate(self._group)
        ]

    def _step(self, batch: Batch) -> Step:
        features, labels = batch
        heads = len(self._group)
        stacked = [torch.stack(same).flatten(0, 1) for same in self._by_layer()]
        logits = _forward(self._curves, features.repeat(heads, 1, 1), stacked)
        return Step(loss=len(logits) * classify.loss(logits.flatten(0, 1), labels.repeat(heads, 1).flatten()))

    def _by_layer(self) -> Iterable[tuple[Tensor, ...]]:
        own = [[self._each(place, name) for name in head.names] for place, head in enumerate(self._group)]
        return zip(*own, strict=True)

    def _each(self, place: int, name: str) -> Tensor:
        """(c ...) of a head's weight."""
        return self._weights[f"{place}:{name}"].unflatten(0, (self._count, -1))


@torch.no_grad()
def _logits(curves: Sequence[Curve], rows: Rows, weights: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """(h v k) of heads with these weights each, for the same rows."""
    stacked = [torch.stack(same) for same in zip(*(list(own.values()) for own in weights), strict=True)]
    taken = (rows.take(numbers)[0] for numbers in batches(len(rows), 256))
    return torch.cat([_forward(curves, some.expand(len(weights), *some.shape), stacked) for some in taken], dim=1)


def _forward(curves: Sequence[Curve], features: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """(n b d) -> (n b k): one product a layer for all n heads; `weights` are kernel and bias of each layer in turn."""
    values = features
    for curve, kernel, bias in zip(curves, weights[::2], weights[1::2], strict=True):
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
