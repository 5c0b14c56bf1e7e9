"""Reuse a part of a network and train the rest on labelled data."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data import Splits, open_splits
from regraft.formats import saved
from regraft.network import GraphNetwork, Plan
from regraft.network.plan import plan_to_data
from regraft.network.surgery import Graft
from regraft.run import Progress, RunFolder, place_of
from regraft.tasks.baselines import constant, embedded, majority, neighbours, tag_baselines
from regraft.tasks.feeding import Fed, feed
from regraft.tasks.head import Head, array, own_copy
from regraft.tasks.job import Job, settle_job
from regraft.tasks.judging import answering
from regraft.tasks.layer_rates import layer_rates
from regraft.tasks.linear import require_linear, zeroed
from regraft.tasks.record import require_same
from regraft.tasks.rows import ScaledRows, scaling_of
from regraft.tasks.scores import AnyReport, measured, reported
from regraft.tasks.start import Start, drop_start
from regraft.train.loop import Trained, train
from regraft.train.settings import Settings, seed_of

_LARGE = 2**29  # bytes of features above which no neighbours are looked for


@dataclass(frozen=True, kw_only=True, eq=False)
class FitResult:
    """A finished training.

    `network` is the trunk with its trained head, `graft` tells what became of each parameter. `validation` and
    `test` measure the network as it was saved in `model`; where weights were averaged it has the averages, and the
    model in the run's folder `raw` its own. `baselines` are scores on the test part by the measure of these. `answers`
    are what the network says of the test part: probabilities (t k), or (w k) for its words, or numbers (t m). Where the
    data have no test part, `test` is None and there are no baselines.
    """

    run: Path
    model: Path
    network: GraphNetwork = field(repr=False)
    graft: Graft = field(repr=False)
    settings: Settings
    trained: Trained
    validation: AnyReport
    test: AnyReport | None
    answers: np.ndarray = field(repr=False)
    baselines: Mapping[str, float]
    device: str
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        return {
            "run": str(self.run),
            "model": str(self.model),
            "matched": self.graft.matched,
            "validation": self.validation.as_json(),
            "test": self.test.as_json() if self.test else None,
            "baselines": dict(self.baselines),
            "seconds": self.seconds,
            "epochs": self.trained.epochs,
            "best_epoch": self.trained.best_epoch,
            "stopped": self.trained.stopped,
            "device": self.device,
            "settings": self.settings.as_json(),
            "plan": plan_to_data(self.graft.plan),
        }


def fit(
    network: GraphNetwork,
    data: Splits | Path | str,
    *,
    plan: Plan | None = None,
    settings: Settings | Mapping[str, Any] | None = None,
    out: Path | str | None = None,
    input: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> FitResult:
    """Train the layers a plan leaves open on labelled data, and save the model.

    Args:
        data: what `open_splits` gives, or takes.
        plan: None: everything up to the bottleneck is frozen, and a new linear layer put on it.
        settings: all of them, or those that shall differ from good ones for the plan.
        out: the run folder; None: a new one in `runs`.
        input: how pictures are prepared, as `--input` says it ("range=-1..1"); None: as the file says, or guessed.
        resume: go on with the run in `out`.
        progress: None: said and shown on stderr.

    Raises:
        RegraftError: the plan or the data do not fit the network, or there is nothing to train.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    start = time.monotonic()
    progress = progress or Progress()
    place = place_of(out, resume=resume)
    splits = data if isinstance(data, Splits) else open_splits(data, seed=seed_of(settings), progress=progress)
    job = settle_job(network, splits, plan or Plan(), settings, input, progress)
    run = RunFolder.at(place, resume=resume)
    record = require_same(run, job.as_json())
    with run.working():
        run.write_json(run.settings.name, record)
        result = _carried_out(job, run, resume, progress)
        result = replace(result, seconds=time.monotonic() - start)
        run.write_json(run.results.name, result.as_json())
    return result


def _carried_out(job: Job, run: RunFolder, resume: bool, progress: Progress) -> FitResult:
    fed = feed(job, progress)
    network, raw, trained = _trained(job, fed, run, resume, progress)
    judge = Head(own_copy(network), fed.inputs, job.graft.logits, job.trained_on)
    batch, splits = job.settings.batch, job.splits
    validation = job.kind.answers(judge.logits(fed.validation, batch)[0])
    test = job.kind.answers(judge.logits(fed.test, batch)[0]) if len(fed.test) else np.zeros(0)
    result = FitResult(
        run=run.path,
        model=run.model,
        network=network,
        graft=job.graft,
        settings=job.settings,
        trained=trained,
        validation=reported(validation, splits.validation),
        test=reported(test, splits.test) if len(fed.test) else None,
        answers=test,
        baselines=_baselines(job, fed) if len(fed.test) else {},
        device=str(job.device),
        seconds=0.0,
    )
    saved.write(network, run.model, _about(job, result))
    if raw:
        saved.write(raw, run.raw, {**_about(job, result), "metrics": {}})
    drop_start(run)
    return result


def _trained(
    job: Job, fed: Fed, run: RunFolder, resume: bool, progress: Progress
) -> tuple[GraphNetwork, GraphNetwork | None, Trained]:
    """The network with its trained weights, and with those that are not averaged where these are."""
    network, settings = own_copy(job.graft.network), job.settings
    train_rows, validation_rows = fed.train, fed.validation
    linear = require_linear(job.graft) if settings.centred else None
    scaling = scaling_of(fed.train) if linear else None
    if linear and scaling:
        network = zeroed(network, linear)
        train_rows, validation_rows = ScaledRows(fed.train, scaling), ScaledRows(fed.validation, scaling)
    start = Start(
        network=answering(job.graft.network, job.graft.logits, job.splits.train.examples.task),
        classes=job.splits.classes,
        features=fed.inputs,
        head=linear,
        scaling=scaling,
        units=job.units,
    )
    start.write(run)
    head = Head(network, fed.inputs, job.graft.logits, job.trained_on, job.kind.loss)
    trained = train(
        head.learner(layer_rates(job.graft, settings)),
        train_rows,
        settings,
        validate=lambda: measured(*head.logits(validation_rows, settings.batch), job.splits.validation),
        run=run,
        resume=resume,
        progress=progress,
    )
    raw = {name: array(weight) for name, weight in trained.raw.items()}
    own = start.network.assign(start.plain(raw)) if raw else None
    return start.network.assign(start.plain(head.values())), own, trained


def _baselines(job: Job, fed: Fed) -> dict[str, float]:
    splits = job.splits
    if splits.train.tags is not None:
        return tag_baselines(splits)
    task = splits.train.examples.task
    if task == "classify":
        found = {"majority class": majority(splits.train.labels, splits.test.labels)}
    else:
        found = constant(splits)
    if 0 < fed.stored <= _LARGE:
        train, validation, test = (embedded(rows) for rows in (fed.train, fed.validation, fed.test))
        found["nearest neighbours"] = neighbours(train, validation, test, task)
    return found


def _about(job: Job, result: FitResult) -> dict[str, Any]:
    """What is saved with the model beside its graph."""
    reports = {"validation": result.validation, "test": result.test}
    return {
        "task": job.splits.train.examples.task,
        "classes": list(job.splits.classes),
        "source": {"format": job.graft.network.format},
        "matched": result.graft.matched,
        "metrics": {name: found.summary for name, found in reports.items() if found},
        **{key: value for key, value in job.as_json().items() if key in ("plan", "data", "training")},
    }
