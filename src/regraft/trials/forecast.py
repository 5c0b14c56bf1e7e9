"""How long a search will take on this machine: a few short measurements, and arithmetic."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from regraft.data import prepare
from regraft.features import Engine, Timing, choose
from regraft.network import Plan
from regraft.tasks.head import Head, own_copy
from regraft.trials.ground import Ground
from regraft.trials.linear import STEPS
from regraft.trials.planning import Entry, Planned
from regraft.trials.probe import SPREADS
from regraft.trials.stored import total

_SAMPLE = 32  # examples that are measured on
_HEAD_EPOCHS = 20  # that a head takes in the naive count


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What was measured, in seconds.

    Attributes:
        example: one example through the trunk, prepared and computed.
        plain: the same with torch as it is, which is how schemes are tried one by one.
        train: the part of an epoch of training that costs one pass.
        product: a thousand million multiplications of a head's matrix product.
    """

    engine: Engine
    timings: tuple[Timing, ...]
    example: float
    plain: float
    train: float
    product: float


def calibrated(ground: Ground, tensors: Sequence[str]) -> Calibration:
    """Measure on a batch of the training part; the engine is chosen for the tensors that are to be stored."""
    examples, device = ground.splits.train.examples, str(ground.device)
    indices = ground.splits.train.indices[:_SAMPLE]
    preparing = _seconds(lambda: prepare(examples, indices, ground.spec)) / len(indices)
    engine, timings = choose(ground.surveyed, tensors, ground.spec, examples, device, total(ground.splits))
    seconds = {timing.kind: timing.seconds or 0.0 for timing in timings}
    return Calibration(
        engine=engine,
        timings=timings,
        example=preparing + seconds[engine.kind],
        plain=preparing + seconds["torch"],
        train=_training(ground),
        product=_product(),
    )


def forecast(ground: Ground, plan: Planned, measured: Calibration) -> dict[str, float]:
    """Seconds that each stage will take."""
    work, bought = plan.work, plan.schedule
    one_pass = work.total * measured.example
    race = _raced(plan.entries)
    return {
        "probe": one_pass + _probing(ground) * measured.product,
        "heads": 0.0,
        "thaw": race * measured.train,
        "baselines": bought.untrained * one_pass + bought.scratch * measured.train,
        "test": len(ground.splits.test) * measured.plain,
    }


def passes_for(seconds: float, expected: Callable[[float], Mapping[str, float]]) -> float:
    """The largest budget in passes that is expected to take at most so many seconds; the smallest there is, if none.

    Args:
        expected: seconds of each stage for a budget.
    """
    steps = [1.1**step for step in range(100)]
    fitting = [passes for passes in steps if sum(expected(passes).values()) <= seconds]
    return round(fitting[-1] if fitting else steps[0], 2)


def naive(plan: Planned, measured: Calibration, heads: int, races: Sequence[tuple[int, float]]) -> float:
    """Seconds that the same schemes would take one by one, with every epoch through the whole network.

    Args:
        heads: how many schemes train a head alone, counted with 20 epochs.
        races: for each of the others its epochs, and what its training part costs in passes.
    """
    looks = (plan.work.train + plan.work.validation) * measured.plain
    epochs = heads * _HEAD_EPOCHS + sum(count for count, _ in races)
    return epochs * looks + sum(count * cost for count, cost in races) * measured.train * 2 / 3


def _raced(entries: Sequence[Entry]) -> float:
    """Passes the race takes: of each stretch the mean over all entries, for those that are left then."""
    entered = [entry for entry in entries if entry.stretches]
    spent, left = 0.0, len(entered)
    for stretch in range(len(entered[0].stretches) if entered else 0):
        costs = [
            (entry.stretches[stretch] - (entry.stretches[stretch - 1] if stretch else 0)) * entry.epoch
            for entry in entered
        ]
        spent += sum(costs) / len(costs) * left
        left = -(-left // 2)
    return spent


def _probing(ground: Ground) -> float:
    """Thousand millions of multiplications that the heads of all cuts take."""
    rows, columns = ground.folds.learns.shape
    numbers = sum(min(rows, level.width) for level in ground.levels)
    return 2e-9 * STEPS * rows * numbers * columns * len(SPREADS) * len(ground.splits.classes)


def _training(ground: Ground) -> float:
    """Seconds of training, on the upper half of the cuts, for what costs one pass."""
    level = ground.levels[len(ground.levels) // 2]
    grafted = ground.graft(Plan(freeze=None, freeze_below=level.cut, freeze_statistics=True))
    inputs = grafted.features
    head = Head(own_copy(grafted.network), inputs, grafted.logits, ground.device)
    learner = head.learner()
    shapes = [(grafted.network.tensors[name].shape or ())[1:] for name in inputs]
    batch = (
        *(torch.rand(_SAMPLE, *(size or 1 for size in shape)) for shape in shapes),
        torch.zeros(_SAMPLE, dtype=torch.int64),
    )
    weights = [learner.weights[name] for name in learner.trained]

    def step() -> None:
        torch.autograd.grad(learner.step(batch).loss, weights, allow_unused=True)

    step()
    seconds = min(_seconds(step) for _ in range(2))
    above = ground.flops - ground.flops_below(inputs)
    return seconds / (3 * above * _SAMPLE) * ground.flops * total(ground.splits)


def _product() -> float:
    left, right = torch.rand(512, 512), torch.rand(512, 512)
    _ = left @ right
    return min(_seconds(lambda: left @ right) for _ in range(3)) / (512**3 * 1e-9)


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
