"""Several tasks on one trunk, and what each of them gains or loses by it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from regraft.data import Splits
from regraft.errors import BadArgument, BadData, nearest_names
from regraft.formats import saved
from regraft.joint.balance import Balance
from regraft.joint.picture import draw
from regraft.joint.settling import kept_apart, settle_jobs, trains_trunk
from regraft.joint.training import tested, trained_together
from regraft.network import GraphNetwork, Plan
from regraft.network.graph import TASKS
from regraft.network.uniting import Wanted, named_after
from regraft.run import Progress, RunFolder, place_of
from regraft.tasks.feeding import feed
from regraft.tasks.fit import FitResult, fit
from regraft.tasks.job import Job
from regraft.tasks.record import require_same
from regraft.tasks.scores import AnyReport
from regraft.train.settings import Settings


@dataclass(frozen=True, kw_only=True)
class LearnedTask:
    """A task that was learned beside others.

    Attributes:
        alone: the model that learned nothing else, by the same plan from the same examples.
        test: how well the shared model does on the test part.
    """

    alone: FitResult = field(repr=False)
    test: AnyReport = field(repr=False)

    @property
    def gain(self) -> float:
        """How much better than alone it does; below 0 it loses."""
        return self.test.score - self.alone_score

    @property
    def alone_score(self) -> float:
        """How well the model does on the test part that learned nothing else."""
        assert self.alone.test is not None
        return self.alone.test.score

    def as_json(self) -> dict[str, Any]:
        """The task as JSON holds it."""
        return {
            "measure": self.test.measure,
            "alone": self.alone_score,
            "together": self.test.score,
            "gain": self.gain,
            "test": self.test.as_json(),
            "baselines": dict(self.alone.baselines),
            "model_alone": str(self.alone.model),
        }


@dataclass(frozen=True, kw_only=True, eq=False)
class Learned:
    """Several tasks on one trunk.

    `network` has an output for each task, called as the task is: those in `tasks`, and the ones in `kept`, which
    its source had learned before and which answer as they did.
    """

    run: Path
    model: Path
    network: GraphNetwork = field(repr=False)
    tasks: Mapping[str, LearnedTask]
    kept: tuple[str, ...]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """The result as JSON holds it."""
        return {
            "run": str(self.run),
            "model": str(self.model),
            "tasks": {task: one.as_json() for task, one in self.tasks.items()},
            "kept": list(self.kept),
            "seconds": self.seconds,
        }


@dataclass(frozen=True, kw_only=True)
class Choices:
    """How several tasks are learned on one trunk.

    Attributes:
        plan: what is reused, frozen and new; a linear layer for each task where it names no new layers.
        plans: of tasks that end the trunk elsewhere or have other new layers.
        detached: tasks whose losses leave the trunk alone.
        balance: how much each task counts.
    """

    plan: Plan = field(default_factory=Plan)
    plans: Mapping[str, Plan] = field(default_factory=dict)
    detached: Collection[str] = ()
    balance: Balance = field(default_factory=Balance)

    def require_known(self, tasks: Collection[str]) -> None:
        """Raise BadArgument where something is said of a task that is none."""
        for task in (*self.plans, *self.detached, *self.balance.fixed):
            if task not in tasks:
                nearest = nearest_names(task, tasks)
                raise BadArgument(f"there is no task {task}", expected=", ".join(tasks), nearest=nearest)

    def plan_of(self, task: str) -> Plan:
        """The plan of a task, whose new layers are named after it."""
        return named_after(task, self.plans.get(task, self.plan))


def learn(
    network: GraphNetwork,
    tasks: Mapping[str, Splits],
    choices: Choices,
    *,
    settings: Settings | Mapping[str, Any] | None = None,
    out: Path | str | None = None,
    input: str | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> Learned:
    """Learn several tasks on one trunk, and each alone to compare with.

    Tasks that share nothing that is trained are learned one by one. Tasks that the source has learned before are
    kept as they are.

    Args:
        tasks: the data of each, by its name.
        settings, out, input, resume, progress: as for `fit`.

    Raises:
        RegraftError: the plans or the data do not fit the network or each other.
        KeyboardInterrupt: Ctrl-C; the run can be resumed.
    """
    start = time.monotonic()
    progress = progress or Progress()
    choices.require_known(tasks)
    folder = place_of(out, resume=resume, kind="multitask")
    splits = kept_apart(tasks, progress)
    _require_parts(splits)
    jobs = settle_jobs(network, splits, _wanted(splits, choices), settings, input, progress)
    run = RunFolder.at(folder, resume=resume)
    balance = asdict(choices.balance)
    records = {task: require_same(run, {**job.as_json(), "balance": balance}, task) for task, job in jobs.items()}
    with run.working():
        run.write_json(run.settings.name, records)
        how = {"settings": settings, "input": input}
        alone = {task: _alone(network, task, one, choices, run, progress, how) for task, one in splits.items()}
        shared, reports = _shared(jobs, alone, choices.balance, run, resume, progress)
        found = Learned(
            run=run.path,
            model=run.model,
            network=shared,
            tasks={task: LearnedTask(alone=alone[task], test=reports[task]) for task in tasks},
            kept=network.collections.get(TASKS, ()),
            seconds=time.monotonic() - start,
        )
        saved.write(shared, run.model, _about(found, network.format, records))
        run.write_json(run.results.name, found.as_json())
        draw(run.path / "gains.svg", found.tasks)
    return found


def _alone(
    network: GraphNetwork,
    task: str,
    splits: Splits,
    choices: Choices,
    run: RunFolder,
    progress: Progress,
    how: Mapping[str, Any],
) -> FitResult:
    """A task learned by itself."""
    progress.say(f"learning {task} alone")
    place = run.path / "alone" / task
    quiet = Progress(silent=True)
    return fit(network, splits, plan=choices.plan_of(task), out=place, resume=place.exists(), progress=quiet, **how)


def _require_parts(tasks: Mapping[str, Splits]) -> None:
    """Raise BadData where a task has no examples to train on, to choose by or to test on, once they are kept apart."""
    if not tasks:
        raise BadData("there is no task")
    for task, splits in tasks.items():
        for name in ("train", "validation", "test"):
            if not len(getattr(splits, name)):
                raise BadData(f"a task has no {name} part", where=task)


def _wanted(splits: Mapping[str, Splits], choices: Choices) -> dict[str, Wanted]:
    return {
        task: Wanted(
            plan=choices.plan_of(task),
            classes=one.classes,
            answers=one.train.examples.task if one.train.labels.ndim == 2 else None,
            each_place=one.train.tags is not None,
            detached=task in choices.detached,
        )
        for task, one in splits.items()
    }


def _shared(
    jobs: Mapping[str, Job],
    alone: Mapping[str, FitResult],
    balance: Balance,
    run: RunFolder,
    resume: bool,
    progress: Progress,
) -> tuple[GraphNetwork, dict[str, AnyReport]]:
    """The network of all tasks with its trained weights, and how well it does each."""
    network = next(iter(jobs.values())).graft.network
    joint = {task: job for task, job in jobs.items() if trains_trunk(job.graft)}
    if len(joint) < 2:
        joint = {}
    values = {
        name: value
        for task, result in alone.items()
        if task not in joint
        for name, value in result.network.values.items()
        if name in network.parameters
    }
    reports = {task: result.test for task, result in alone.items() if result.test}
    if joint:
        progress.say(f"learning {', '.join(joint)} together")
        fed = {task: feed(job, progress) for task, job in joint.items()}
        values |= trained_together(joint, fed, balance, run, resume=resume, progress=progress)
        reports |= tested(network.assign(values), joint, fed)
    return network.assign(values), reports


def _about(found: Learned, format: str, records: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What is saved with the model beside its graph."""
    return {
        "task": "several",
        "source": {"format": format},
        "metrics": {task: {"test": one.test.summary} for task, one in found.tasks.items()},
        "training": next(iter(records.values()))["training"],
        "plans": {task: record["plan"] for task, record in records.items()},
        "data": {task: record["data"] for task, record in records.items()},
    }
