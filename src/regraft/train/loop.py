"""The training loop.

What it draws at random (the order of the examples, dropout) is a function of the seed, the epoch and the
step: a training that was stopped at any moment goes on as if it had not been.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from regraft.errors import BadArgument, Diverged
from regraft.run import Progress, RunFolder
from regraft.train import checkpoint as checkpoints
from regraft.train.checkpoint import Best, Checkpoint
from regraft.train.curves import Curves
from regraft.train.denormals import flushed
from regraft.train.ema import Ema, put
from regraft.train.interrupt import interruptible
from regraft.train.learner import Learner, Rows, fingerprint
from regraft.train.optimizers import make_optimizer
from regraft.train.randomness import order, own_randomness, seed
from regraft.train.schedules import rate
from regraft.train.settings import Settings
from regraft.train.stepping import take

_FREE = ("patience", "device", "features")  # settings that may differ when a training goes on
# Saving may take this share of the time.
_SAVING = 0.02


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A look at the validation data. Higher scores are better, compared one after the other."""

    score: tuple[float, ...]
    metrics: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """How a training ended."""

    epochs: int
    best_epoch: int  # whose weights the learner holds now; 0: those it began with
    metrics: Mapping[str, float]  # of that epoch, on validation
    raw: Mapping[str, Tensor] = field(repr=False)  # that epoch's weights as they were, where the best are averages
    slots: Mapping[str, Mapping[str, Tensor]] = field(repr=False)  # the optimizer's last state, and its counters
    powers: Mapping[str, float]
    stopped: Literal["epochs", "until", "patience"]
    seconds: float


def train(
    learner: Learner,
    rows: Rows,
    settings: Settings,
    *,
    validate: Callable[[], Measured] | None = None,
    until: int | None = None,
    run: RunFolder | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Trained:
    """Train a learner's weights in place; they end as they were in the best epoch.

    Args:
        validate: measures the weights as they are; None: the last epoch counts as the best.
        until: pause after so many epochs in all, of those that the schedule is stretched over; None: after all.
        run: where checkpoints and curves go; None: nowhere.
        resume: go on from the run's checkpoint, if there is one.

    Raises:
        BadArgument: there is nothing to train, or the checkpoint is of another training.
        Diverged: the loss is no finite number any more.
        KeyboardInterrupt: Ctrl-C; the run can be resumed from that very step.
    """
    _require_possible(learner, settings, validate, until)
    start = time.monotonic()
    training = _Training(learner, rows, settings, run)
    if resume:
        training.restore()
    with own_randomness(), flushed(), interruptible() as interrupted:
        training.go(validate, until, interrupted, progress or Progress(silent=True))
    return training.ended(time.monotonic() - start)


def _require_possible(
    learner: Learner, settings: Settings, validate: Callable[[], Measured] | None, until: int | None
) -> None:
    if settings.patience and not validate:
        raise BadArgument("early stopping needs validation data", got=f"patience {settings.patience}")
    if settings.look_first and not validate:
        raise BadArgument("a first look needs validation data", got="look_first")
    if until is not None and not 1 <= until <= settings.epochs:
        raise BadArgument(
            "a training cannot pause there", expected=f"an epoch from 1 to {settings.epochs}", got=f"until {until}"
        )
    if settings.layer_decay is not None and not learner.rates:
        raise BadArgument(
            "a learning rate for each block needs a network of blocks",
            got=f"layer_decay {settings.layer_decay:g}, and weights that are of no block",
            fix="leave out layer_decay",
        )


class _Training:
    """A training under way: where it stands, and how it goes on by a step."""

    def __init__(self, learner: Learner, rows: Rows, settings: Settings, run: RunFolder | None) -> None:
        self._learner = learner
        self._rows = rows
        self._settings = settings
        self._run = run
        trained = {name: learner.weights[name] for name in learner.trained}
        self._optimizer = make_optimizer(settings, trained, learner.rates)
        if learner.slots or learner.powers:
            self._optimizer.load(learner.slots, learner.powers)
        self._ema = Ema(settings.ema, learner.changing) if settings.ema else None
        self._epoch = 0
        self._step = 0
        self._loss = 0.0
        self._best: Best | None = None
        self._saved_best: int | None = None
        self._saved_at = time.monotonic()
        self._saving_took = 0.0
        self._identity = _identity(learner, rows, settings)

    @property
    def _steps(self) -> int:
        """Steps of an epoch."""
        return math.ceil(len(self._rows) / self._settings.batch)

    @property
    def _total(self) -> int:
        """Steps of all epochs, over which a schedule is stretched."""
        return self._settings.epochs * self._steps

    # --- going --------------------------------------------------------------------------------------

    def go(
        self,
        validate: Callable[[], Measured] | None,
        until: int | None,
        interrupted: Callable[[], bool],
        progress: Progress,
    ) -> None:
        last = until or self._settings.epochs
        done = self._epoch * self._steps + self._step
        curves = Curves(self._run, self._epoch if self._best else None) if self._run else nullcontext()
        with curves, progress.task("training", last * self._steps, done) as advance:
            if self._settings.look_first and not self._best:
                self._noted(curves, lambda: self._look(validate))
            while self._epoch < last and not self._stale():
                self._noted(curves, lambda: self._one_epoch(validate, interrupted, advance))
                self._save_if(interrupted)
        self._save()
        if interrupted():  # since the last epoch
            raise KeyboardInterrupt

    def _noted(self, curves: Curves | nullcontext[None], work: Callable[[], Mapping[str, float]]) -> None:
        """Do what gives the numbers of an epoch, and write them down."""
        started = time.monotonic()
        numbers = work()
        if isinstance(curves, Curves):
            curves.add(self._epoch, {**numbers, "seconds": time.monotonic() - started})

    def _one_epoch(
        self,
        validate: Callable[[], Measured] | None,
        interrupted: Callable[[], bool],
        advance: Callable[[int], None],
    ) -> dict[str, float]:
        self._finish_epoch(interrupted, advance)
        loss = self._loss / len(self._rows)
        self._require_finite(loss)
        self._epoch, self._step, self._loss = self._epoch + 1, 0, 0.0
        return {"loss": loss, "lr": self._optimizer.lr, **self._look(validate)}

    def _finish_epoch(self, interrupted: Callable[[], bool], advance: Callable[[int], None]) -> None:
        numbers = order(len(self._rows), self._settings.seed, self._epoch)
        size = self._settings.batch
        total = torch.tensor(self._loss, dtype=torch.float64)  # read once an epoch: reading waits for a GPU
        while self._step < self._steps:
            rows = numbers[self._step * size : (self._step + 1) * size]
            loss = self._one_step(rows)
            total = total.to(loss.device) + loss.double() * len(rows)
            self._step += 1
            advance(1)
            if interrupted() or self._is_due():
                self._loss = float(total)
                self._save_if(interrupted)
        self._loss = float(total)

    def _one_step(self, rows: np.ndarray) -> Tensor:
        number = self._epoch * self._steps + self._step
        seed(self._settings.seed, number)
        step = self._learner.step(self._rows.take(rows))
        self._optimizer.lr = rate(self._settings, number, self._total) if step.lr is None else float(step.lr)
        take(step, self._learner, self._optimizer, self._settings)
        if self._ema:
            self._ema.update(number + 1)
        return step.loss.detach()

    def _look(self, validate: Callable[[], Measured] | None) -> dict[str, float]:
        """Measure the weights, and keep them if they are the best so far."""
        with self._ema.applied() if self._ema else nullcontext({}) as raw:
            measured = validate() if validate else Measured(score=(float(self._epoch),), metrics={})
            self._require_finite(*measured.metrics.values())
            if self._best is None or self._settings.keep == "last" or measured.score > self._best.score:
                self._best = Best(
                    epoch=self._epoch,
                    score=measured.score,
                    metrics=measured.metrics,
                    weights={name: weight.detach().clone() for name, weight in self._learner.changing.items()},
                    raw=raw,
                )
        return {f"validation_{name}": value for name, value in measured.metrics.items()}

    def _require_finite(self, *losses: float) -> None:
        if not all(map(math.isfinite, losses)):
            raise Diverged(
                "the training diverged: the loss is no finite number any more",
                where=f"step {self._epoch * self._steps + self._step}",
                got=f"lr {self._optimizer.lr:g}",
                fix="take a smaller learning rate, or clip the gradients: clip_norm",
            )

    def _stale(self) -> bool:
        patience, best = self._settings.patience, self._best
        return patience is not None and best is not None and self._epoch - best.epoch >= patience

    def _stopped(self) -> Literal["epochs", "until", "patience"]:
        if self._epoch >= self._settings.epochs:
            return "epochs"
        return "patience" if self._stale() else "until"

    def ended(self, seconds: float) -> Trained:
        """The best weights put in place."""
        assert self._best is not None
        put(self._learner.weights, self._best.weights)
        return Trained(
            epochs=self._epoch,
            best_epoch=self._best.epoch,
            metrics=self._best.metrics,
            raw=self._best.raw,
            slots=self._optimizer.slots,
            powers={name: float(power) for name, power in self._optimizer.powers.items()},
            stopped=self._stopped(),
            seconds=seconds,
        )

    # --- saving -------------------------------------------------------------------------------------

    def _is_due(self) -> bool:
        return (time.monotonic() - self._saved_at) * _SAVING > self._saving_took

    def _save_if(self, interrupted: Callable[[], bool]) -> None:
        if interrupted():
            self._save()
            raise KeyboardInterrupt
        if self._is_due():
            self._save()

    def _save(self) -> None:
        if not self._run:
            return
        start = time.monotonic()
        best = self._best
        checkpoint = Checkpoint(
            identity=self._identity,
            epoch=self._epoch,
            step=self._step,
            loss=self._loss,
            weights=self._learner.changing,
            shadows=self._ema.shadows if self._ema else {},
            slots=self._optimizer.slots,
            powers={name: float(power) for name, power in self._optimizer.powers.items()},
            best=best,
        )
        new_best = best is not None and best.epoch != self._saved_best
        checkpoints.write(self._run.checkpoints, checkpoint, new_best=new_best)
        self._saved_best = best and best.epoch
        self._saved_at = time.monotonic()
        self._saving_took = self._saved_at - start

    def restore(self) -> None:
        """Go on from the run's checkpoint.

        Raises:
            BadArgument: it is of another training.
        """
        stored = checkpoints.read(self._run.checkpoints) if self._run else None
        if stored is None:
            return
        _same(stored.identity, self._identity, stored.epoch + bool(stored.step))
        put(self._learner.weights, stored.weights)
        self._optimizer.load(stored.slots, stored.powers)
        if self._ema:
            put(self._ema.shadows, stored.shadows)
        self._epoch, self._step, self._loss = stored.epoch, stored.step, stored.loss
        self._best = stored.best
        self._saved_best = stored.best and stored.best.epoch


def _identity(learner: Learner, rows: Rows, settings: Settings) -> dict[str, Any]:
    return {
        "settings": {name: value for name, value in settings.as_json().items() if name not in _FREE},
        "examples": len(rows),
        "trained": list(learner.trained),
        "followed": list(learner.followed),
        "frozen": {"names": sorted(learner.frozen), "sha256": fingerprint(learner.frozen)},
    }


def _same(stored: Mapping[str, Any], now: Mapping[str, Any], begun: int) -> None:
    """Make sure that a training goes on as it began, so many epochs of which were begun."""
    settings = ({**Settings().as_json(), **side["settings"]} for side in (stored, now))  # older ones have fewer
    one, other = (
        {**side, **own, "epochs": _settled(own, begun), "restarts": None}
        for side, own in zip((stored, now), settings, strict=True)
    )
    keys = [*now["settings"], *(key for key in now if key != "settings")]
    different = [key for key in keys if one[key] != other[key]]
    if different:
        raise BadArgument(
            "the run's checkpoint is of another training: it cannot be resumed",
            where=", ".join(different),
            expected=_short(one[different[0]]),
            got=_short(other[different[0]]),
            fix="give the same settings, or start anew in another folder",
        )


def _settled(settings: Mapping[str, Any], begun: int) -> str:
    """The epochs after which the cycles end that a schedule has begun; later ones may still be changed."""
    if settings["schedule"] == "constant":
        return ""
    bounds = [0, *settings["restarts"], settings["epochs"]]
    return ", ".join(str(end) for start, end in pairwise(bounds) if start < begun)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
