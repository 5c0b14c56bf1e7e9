"""Dense heads of one shape on one cut as one learner: every step is one product a layer for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from regraft.data import Part
from regraft.tasks import classify
from regraft.tasks.rows import ROWS, batches
from regraft.tasks.scores import measured
from regraft.train.learner import Batch, Learner, Rows, Step
from regraft.train.loop import Measured, train
from regraft.train.settings import Settings
from regraft.trials.dense import Curve, DenseHead


@dataclass(kw_only=True)
class _Best:
    """The best epoch of a head so far. Weights are those of all its trainings (c ...)."""

    score: tuple[float, ...] = ()
    epoch: int = 0
    weights: dict[str, Tensor] = field(default_factory=dict)
    learning: list[Mapping[str, Any]] = field(default_factory=list)

    def look(self, found: Measured, weights: Mapping[str, Tensor], settings: Settings) -> None:
        """Keep the weights where they are the best so far, by what was measured of them."""
        epoch = len(self.learning) + (0 if settings.look_first else 1)
        waited = settings.patience is not None and epoch - self.epoch > settings.patience
        if not waited and (settings.keep == "last" or found.score > (self.score or (-1.0,))):
            self.score, self.epoch = found.score, epoch
            self.keep(weights)
        self.learning.append({"epoch": epoch, **{f"validation_{name}": value for name, value in found.metrics.items()}})

    def keep(self, weights: Mapping[str, Tensor]) -> None:
        """Keep the weights as they are."""
        self.weights = {name: tensor.detach().clone() for name, tensor in weights.items()}


class Bundle:
    """Heads with the same layers on the same vector, each trained several times, as one learner.

    Shapes: c trainings, h heads, b or v rows. Weights of the trainings stand one after another on the first axis: they
    have as many axes as by themselves, by which the optimizer knows what decays.
    """

    def __init__(self, group: Sequence[DenseHead], count: int) -> None:
        self._group, self._count = group, count
        self._weights: dict[str, Tensor] = {}
        for place, head in enumerate(group):
            for name in head.names:  # what is solved on centred features begins with nothing
                start = torch.tensor(head.graft.network.values[name] * (0 if head.settings.centred else 1))
                self._weights[f"{place}:{name}"] = torch.cat([start] * count).requires_grad_()
        self.best = [_Best() for _ in group]
        self._looks = 0

    def learn(
        self, rows: Sequence[Rows], settings: Settings, look: Callable[[], Measured], until: int | None = None
    ) -> None:
        """Train on the rows of each training, all epochs or `until` so many, with a look after each.

        Which epoch is best is each head's own matter: the loop keeps the last, `best` the best of each.
        """
        together = replace(settings, keep="last", patience=None)
        until = None if until is None else max(1, until)
        train(self._learner(), _SideBySide(rows), together, validate=look, until=until)

    def _learner(self) -> Learner:
        """What the loop trains: every head at its own rate."""
        first = self._group[0].settings.lr
        rates = {
            f"{place}:{name}": head.settings.lr / first for place, head in enumerate(self._group) for name in head.names
        }
        return Learner(weights=self._weights, trained=tuple(self._weights), step=self._step, rates=rates)

    def look(self, rows: Rows, part: Part, settings: Settings) -> Measured:
        """A look at the rows of a validation part, at which each head keeps its weights where they are its best."""
        labels, losses = _labels(rows), list[float]()
        for place, logits in enumerate(logits_of(self._group[0].curves, rows, self._of(0, self._now()))):
            found = measured(logits, labels, part)
            self.best[place].look(found, self._now()[place], settings)
            losses.append(found.metrics["loss"])
        mean = sum(losses) / len(losses)
        return Measured(score=(-mean,), metrics={"loss": mean})

    def keep(self, epochs: Sequence[int]) -> Measured:
        """Keep the weights of each head that has been trained for its number of epochs; nothing is measured."""
        for best, wanted, weights in zip(self.best, epochs, self._now(), strict=True):
            if wanted == self._looks:
                best.keep(weights)
        self._looks += 1
        return Measured(score=(), metrics={})

    def best_logits(self, rows: Sequence[Rows]) -> list[Tensor]:
        """(h v k) of every head in its best epoch, for the rows of each training."""
        best = [own.weights for own in self.best]
        return [logits_of(self._group[0].curves, own, self._of(number, best)) for number, own in enumerate(rows)]

    def best_of(self, place: int) -> dict[str, Tensor]:
        """The weights of a head in its best epoch, by its first training."""
        return self._of(0, [self.best[place].weights])[0]

    def _now(self) -> list[dict[str, Tensor]]:
        return [{name: self._each(place, name) for name in head.names} for place, head in enumerate(self._group)]

    def _of(self, number: int, weights: Sequence[Mapping[str, Tensor]]) -> list[dict[str, Tensor]]:
        return [{name: tensor[number] for name, tensor in own.items()} for own in weights]

    def _step(self, batch: Batch) -> Step:
        features, labels = batch
        heads = len(self._group)
        layers = zip(*(own.values() for own in self._now()), strict=True)
        stacked = [torch.stack(same).flatten(0, 1) for same in layers]
        logits = _forward(self._group[0].curves, features.repeat(heads, 1, 1), stacked)
        return Step(loss=len(logits) * classify.loss(logits.flatten(0, 1), labels.repeat(heads, 1).flatten()))

    def _each(self, place: int, name: str) -> Tensor:
        """(c ...) of a head's weight."""
        return self._weights[f"{place}:{name}"].unflatten(0, (self._count, -1))


@torch.no_grad()
def logits_of(curves: Sequence[Curve], rows: Rows, weights: Sequence[Mapping[str, Tensor]]) -> Tensor:
    """(h v k) of heads with these weights each, for the same rows."""
    stacked = [torch.stack(same) for same in zip(*(list(own.values()) for own in weights), strict=True)]
    taken = (rows.take(numbers)[0] for numbers in batches(len(rows), ROWS))
    return torch.cat([_forward(curves, some.expand(len(weights), *some.shape), stacked) for some in taken], dim=1)


def _forward(curves: Sequence[Curve], features: Tensor, weights: Sequence[Tensor]) -> Tensor:
    """(n b d) -> (n b k): one product a layer for all n heads; `weights` are kernel and bias of each layer in turn."""
    values = features
    for curve, kernel, bias in zip(curves, weights[::2], weights[1::2], strict=True):
        values = curve(torch.baddbmm(bias[:, None], values, kernel))
    return values


def _labels(rows: Rows) -> Tensor:
    return torch.cat([rows.take(numbers)[-1] for numbers in batches(len(rows), ROWS)])


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
