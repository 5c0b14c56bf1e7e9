"""What a search found, as its run folder keeps it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data import Part
from regraft.network import GraphNetwork, New, Plan
from regraft.network.plan import plan_to_data
from regraft.tasks.classify import Report
from regraft.tasks.evidence import interval
from regraft.tasks.truth import truth_of
from regraft.trials.baselines import Baseline
from regraft.trials.calibration import Calibration
from regraft.trials.ground import Ground
from regraft.trials.planning import Planned
from regraft.trials.probe import Reading
from regraft.trials.trial import Trial
from regraft.trials.views import Effect

_MISTAKES = 24
_SOUGHT = ("at", "reuse", "freeze")
_FLAGS = ("optimizer", "lr", "schedule", "layer_decay", "epochs", "batch")


@dataclass(frozen=True, kw_only=True, eq=False)
class Winner:
    """The scheme that did best on validation, and what became of it.

    `network` is the trunk with its trained head; `ties` names trials that cannot be told apart from it;
    `probability` is (t k) for the test part. Where that is empty, `test` is None.
    """

    trial: Trial
    network: GraphNetwork = field(repr=False)
    plan: Mapping[str, Any]
    validation: Report
    test: Report | None
    probability: np.ndarray
    ties: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Found:
    """A finished search. `seconds` are those of each stage, `forecast` what they were expected to be."""

    run: Path
    model: Path
    winner: Winner
    readings: tuple[Reading, ...]
    trials: tuple[Trial, ...]
    baselines: tuple[Baseline, ...]
    untrained: Mapping[str, float]
    plan: Planned
    calibration: Calibration
    forecast: Mapping[str, float]
    seconds: Mapping[str, float]
    naive: float
    minutes: float | None
    augmentation: Effect | None
    warnings: tuple[str, ...]
    ground: Ground = field(repr=False)

    @property
    def network(self) -> GraphNetwork:
        """The network that won, trained."""
        return self.winner.network

    @property
    def validation(self) -> Report:
        """How well it does on the validation part."""
        return self.winner.validation

    def as_json(self) -> dict[str, Any]:
        """The search as results.json holds it."""
        splits = self.ground.splits
        truth = truth_of([splits.validation])
        return {
            "run": str(self.run),
            "model": str(self.model),
            "task": splits.train.examples.task,
            "measure": self.validation.measure,
            "source": _source(self.ground),
            "data": {
                "source": splits.train.examples.source,
                "classes": list(splits.classes),
                "train": len(splits.train),
                "validation": len(splits.validation),
                "test": len(splits.test),
            },
            "rule": {"name": self.plan.drafted.rule.name, "text": self.plan.drafted.rule.text},
            "folds": self.ground.folds.crossed,
            "budget": self._budget(),
            "seconds": dict(self.seconds),
            "curve": [_point(reading, self.untrained) for reading in self.readings],
            "trials": [trial.as_json(truth) for trial in self.trials],
            "winner": self._winner(),
            "baselines": {baseline.name: baseline.score for baseline in self.baselines},
            "baseline_notes": {baseline.name: baseline.note for baseline in self.baselines if baseline.note},
            "augmentation": self.augmentation and asdict(self.augmentation),
            "warnings": list(self.warnings),
            "mistakes": mistakes(self.ground, self.winner.probability),
        }

    def _budget(self) -> dict[str, Any]:
        measured = self.calibration
        return {
            "passes": self.plan.schedule.passes,
            "minutes": self.minutes,
            "pass_seconds": self.plan.work.total * measured.example,
            "engine": measured.engine.name,
            "engines": [
                {
                    "name": timing.kind,
                    "seconds": timing.seconds,
                    "difference": timing.difference,
                    "note": timing.note or "",
                }
                for timing in measured.timings
            ],
            "stored": [{"tensor": name, "bytes": size} for name, size in self.plan.drafted.stored.items()],
            "forecast": dict(self.forecast),
            "naive_seconds": self.naive,
        }

    def _command(self) -> str:
        """What trains the winner's plan from the source again, with those of its settings that `fit` has words for."""
        trial = self.winner.trial
        names = ("seed",) if trial.stage == "probe" else (*_FLAGS, "seed")
        given = {name: trial.settings.get(name) for name in names}
        flags = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
        source = [self.ground.name or "SOURCE", "DATA", *self.ground.given]
        return shlex.join(["regraft", "fit", *source, "--plan", "plan.yaml", *flags])

    def _winner(self) -> dict[str, Any]:
        import yaml

        winner = self.winner
        hits = truth_of([self.ground.splits.test]).hits(winner.probability.argmax(1))
        return {
            "number": winner.trial.number,
            "name": winner.trial.scheme.name,
            "plan": dict(winner.plan),
            "settings": dict(winner.trial.settings),
            "plan_text": yaml.safe_dump(_told(winner.plan), sort_keys=False),
            "command": self._command(),
            "validation": winner.validation.as_json(),
            "test": winner.test.as_json() if winner.test else None,
            "score": winner.test.score if winner.test else None,
            "interval": list(interval(hits)) if winner.test else None,
            "ties": list(winner.ties),
        }


def _told(plan: Mapping[str, Any]) -> dict[str, Any]:
    """A plan with what a reader looks for, and what is not as it would be without a word."""
    usual = plan_to_data(Plan())
    said = {word: value for word, value in plan.items() if word in _SOUGHT or value != usual[word]}
    if plan["new"]:
        said["new"] = [_layer_told(layer) for layer in plan["new"]]
    return said


def _layer_told(layer: Mapping[str, Any]) -> dict[str, Any]:
    usual = asdict(New(kind=layer["kind"]))
    return {word: value for word, value in layer.items() if word == "kind" or value != usual[word]}


def mistakes(ground: Ground, probability: np.ndarray) -> list[dict[str, Any]]:
    """The test examples, or words, that were taken for something else, the worst first."""
    test, truth, classes = ground.splits.test, ground.splits.test.truth, ground.splits.classes
    losses = -np.log(np.maximum(probability[np.arange(len(truth)), truth], np.finfo(np.float32).tiny))
    taken, named = probability.argmax(1), _named(test)
    order = [place for place in np.argsort(-losses, kind="stable").tolist() if taken[place] != truth[place]]
    return [
        {
            "index": named[place][0],
            "input": named[place][1],
            "truth": classes[truth[place]],
            "taken": classes[taken[place]],
            "probability": float(probability[place, taken[place]]),
            "loss": float(losses[place]),
        }
        for place in order[:_MISTAKES]
    ]


def _named(part: Part) -> list[tuple[int, str]]:
    """The number of each example, or of the sentence of each word, and what it is called, or the word."""
    indices = part.indices.tolist()
    if part.tags is None:
        return [(index, part.examples.name(index)) for index in indices]
    return [(index, word) for index in indices for word in part.examples.sentences[index]]


def about(found: Found, record: Mapping[str, Any]) -> dict[str, Any]:
    """What is saved with the model beside its graph."""
    winner = found.winner
    reports = {"validation": winner.validation, "test": winner.test}
    return {
        "task": found.ground.splits.train.examples.task,
        "classes": list(found.ground.splits.classes),
        "source": {"format": found.ground.network.format},
        "metrics": {name: own.summary for name, own in reports.items() if own},
        "plan": dict(winner.plan),
        "training": dict(winner.trial.settings),
        "data": record["data"],
    }


def _source(ground: Ground) -> dict[str, Any]:
    network = ground.network
    return {
        "format": network.format,
        "name": ground.name or network.format,
        "parameters": sum(p.value.size for p in network.parameters.values()),
        "flops": ground.flops,
        "blocks": len(ground.levels),
    }


def _point(reading: Reading, untrained: Mapping[str, float]) -> dict[str, Any]:
    return {
        "cut": reading.level.cut,
        "layers_reused": reading.level.layers,
        "accuracy": reading.accuracy,
        "score": reading.score,
        "low": reading.low,
        "high": reading.high,
        "knn": reading.knn,
        "untrained": untrained.get(reading.level.cut),
    }
