"""What a pretraining was worth: the same labels with it, without it, and on a source that others have trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from regraft.data import Splits
from regraft.network import GraphNetwork, Plan
from regraft.network.fresh import untrained
from regraft.run import Progress
from regraft.run.folder import is_run
from regraft.tasks.evidence import Hits, difference, each, interval
from regraft.tasks.fit import FitResult, fit
from regraft.tasks.judging import computed

SCRATCH = "from scratch"
_WAYS: Mapping[str, Plan] = {"pretrained, frozen": Plan(), "pretrained, all trained": Plan(freeze=None)}
# Where all layers are trained, pretrained or not: a few labels are no validation to stop by.
_ALL: Mapping[str, Any] = {"lr": 1e-3, "schedule": "cosine", "keep": "last", "batch": 32}
_STEPS, _EPOCHS = 600, 20  # at least


@dataclass(frozen=True, kw_only=True, eq=False)
class Goal:
    """What a pretraining is meant for: labelled data; and a network that others have trained, to compare it with."""

    data: Splits
    source: GraphNetwork | None = None


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One way to use the labels; accuracies are shares, the interval is of the test accuracy at 95 %."""

    name: str
    validation: float
    test: float
    interval: tuple[float, float]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Worth:
    """All ways, and how far the better pretrained one, chosen on validation, lies above others on the test part."""

    ways: tuple[Compared, ...]
    chosen: str
    above: Mapping[str, tuple[float, float]]

    @property
    def verdict(self) -> list[str]:
        """What that means, in a sentence for each of the others."""
        return [_said(name, low, high) for name, (low, high) in self.above.items()]

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return {**asdict(self), "verdict": self.verdict}


def worth(pretrained: GraphNetwork, goal: Goal, seed: int, folder: Path, progress: Progress) -> Worth:
    """Train on the same labels in all ways; `folder` gets a run for each.

    Raises:
        RegraftError: the data do not fit one of the networks.
    """
    data = goal.data
    tried = {name: (pretrained, plan) for name, plan in _WAYS.items()}
    tried[SCRATCH] = (untrained(pretrained, seed), Plan(freeze=None))
    if goal.source is not None:
        tried["source, frozen"] = (goal.source, Plan())
    found: dict[str, FitResult] = {}
    for number, (name, (network, plan)) in enumerate(tried.items(), 1):
        progress.say(f"{len(data.train)} labelled examples, {name}")
        place = folder / f"labels-{number}"
        settings = {"seed": seed} if plan.freeze else {"seed": seed, **_all(len(data.train))}
        found[name] = fit(
            network, data, plan=plan, settings=settings, out=place, resume=is_run(place), progress=progress
        )
    hits = {name: _hits(result, data, progress) for name, result in found.items()}
    chosen = max(_WAYS, key=lambda name: found[name].validation.score)
    others = [name for name in found if name not in _WAYS]
    return Worth(
        ways=tuple(_compared(name, result, hits[name]) for name, result in found.items()),
        chosen=chosen,
        above={name: difference(hits[chosen], hits[name]) for name in others},
    )


def _all(examples: int) -> dict[str, Any]:
    """Settings for training all layers on so many examples."""
    return {**_ALL, "epochs": max(_EPOCHS, -(-_STEPS * _ALL["batch"] // examples))}


def _hits(result: FitResult, data: Splits, progress: Progress) -> Hits:
    """Which of the test examples were told right."""
    return each(computed(result.network, data.test, progress=progress).argmax(axis=1) == data.test.labels)


def _compared(name: str, result: FitResult, hits: Hits) -> Compared:
    return Compared(
        name=name,
        validation=result.validation.score,
        test=hits.score,
        interval=interval(hits),
        seconds=result.seconds,
    )


def _said(name: str, low: float, high: float) -> str:
    between = f"{100 * low:+.1f} to {100 * high:+.1f} points on the test part, 95 %"
    if low > 0:
        return f"pretraining is better than {name}: {between}"
    if high < 0:
        return f"pretraining is worse than {name}: {between}; use that instead"
    return f"pretraining and {name} cannot be told apart: {between}"
