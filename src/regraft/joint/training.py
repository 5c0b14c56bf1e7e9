"""Several tasks trained at once: each batch holds examples of all, whose losses are added."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from regraft.joint.balance import Balance, Weighting
from regraft.network import GraphNetwork
from regraft.run import Progress, RunFolder
from regraft.tasks.feeding import Fed
from regraft.tasks.head import Head, own_copy
from regraft.tasks.job import Job
from regraft.tasks.layer_rates import layer_rates
from regraft.tasks.scores import AnyReport, measured, reported
from regraft.train.learner import Batch, Learner, Rows, Step
from regraft.train.loop import Measured, train


def trained_together(
    jobs: Mapping[str, Job],
    fed: Mapping[str, Fed],
    balance: Balance,
    run: RunFolder,
    *,
    resume: bool,
    progress: Progress,
) -> dict[str, np.ndarray]:
    """Train what the plans of several tasks leave open in the network they share; returns these weights.

    The epoch is kept whose scores on validation, averaged over the tasks, are the best.
    """
    job = next(iter(jobs.values()))
    heads = _heads(own_copy(job.graft.network), jobs, fed)
    learners = {task: head.learner(layer_rates(jobs[task].graft, job.settings)) for task, head in heads.items()}
    train(
        joint_learner(learners, Weighting(balance, jobs, job.device)),
        MixedRows(
            {task: one.train for task, one in fed.items()},
            balance.turns({task: len(one.train) for task, one in fed.items()}),
        ),
        job.settings,
        validate=lambda: _looked_at(heads, fed, jobs),
        run=run,
        resume=resume,
        progress=progress,
    )
    values = {name: value for head in heads.values() for name, value in head.values().items()}
    for one in jobs.values():
        values = one.units.undone(values) if one.units else values
    return values


def tested(network: GraphNetwork, jobs: Mapping[str, Job], fed: Mapping[str, Fed]) -> dict[str, AnyReport]:
    """How well a network does each task on its test part."""
    found = dict[str, AnyReport]()
    for task, head in _heads(own_copy(network), jobs, fed).items():
        part = jobs[task].splits.test
        logits, _ = head.logits(fed[task].test, jobs[task].settings.batch)
        found[task] = reported(jobs[task].kind.answers(logits), part)
    return found


def _heads(network: GraphNetwork, jobs: Mapping[str, Job], fed: Mapping[str, Fed]) -> dict[str, Head]:
    """What is trained of each task: the parts of one network, which share its weights."""
    return {
        task: Head(network, fed[task].inputs, job.graft.logits, job.device, job.kind.loss) for task, job in jobs.items()
    }


class MixedRows:
    """The rows of several tasks in one row, those of small tasks again and again."""

    def __init__(self, rows: Mapping[str, Rows], turns: Mapping[str, int]) -> None:
        """`turns`: how many of each task there shall be, at least as many as it has."""
        self._rows = list(rows.values())
        self._ends = np.cumsum([turns[task] for task in rows])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: np.ndarray) -> Batch:
        """A batch of each task; None where none of its rows is asked for."""
        tasks = np.searchsorted(self._ends, rows, side="right")
        starts = [0, *self._ends[:-1]]
        return tuple(
            own.take((rows[tasks == number] - starts[number]) % len(own)) if (tasks == number).any() else None
            for number, own in enumerate(self._rows)
        )


def joint_learner(learners: Mapping[str, Learner], weighting: Weighting) -> Learner:
    """What the loop trains: the weights of all tasks, and the factors of their losses where these are learned."""
    each = list(learners.values())
    factors: dict[str, Tensor] = {f"loss/{task}/log_variance": one for task, one in weighting.learned.items()}

    def step(batch: Batch) -> Step:
        present = [(task, own) for task, own in zip(learners, batch, strict=True) if own is not None]
        shares = np.array([len(own[-1]) for _, own in present], float)
        shares /= shares.sum()
        steps = [learners[task].step(own) for task, own in present]
        losses = [
            share * weighting(task, one.loss) for (task, _), one, share in zip(present, steps, shares, strict=True)
        ]
        return Step(loss=torch.stack(losses).sum(), updates=_averaged(steps, shares))

    return Learner(
        weights={**each[0].weights, **factors},
        trained=(*dict.fromkeys(name for one in each for name in one.trained), *factors),
        followed=tuple(dict.fromkeys(name for one in each for name in one.followed)),
        step=step,
        rates={name: rate for one in each for name, rate in one.rates.items()},
    )


def _averaged(steps: list[Step], shares: np.ndarray) -> dict[str, Tensor]:
    """The next values of what follows the training: the mean of what each task's examples give."""
    found: dict[str, list[tuple[float, Tensor]]] = {}
    for step, share in zip(steps, shares.tolist(), strict=True):
        for name, value in step.updates.items():
            found.setdefault(name, []).append((share, value))
    return {name: _mean(each) for name, each in found.items()}


def _mean(shares: list[tuple[float, Tensor]]) -> Tensor:
    """The mean of tensors by their shares; of counters, which are all the same, the first."""
    first = shares[0][1]
    if not first.is_floating_point():
        return first
    total = sum(share for share, _ in shares)
    return torch.stack([share / total * value for share, value in shares]).sum(0)


def _looked_at(heads: Mapping[str, Head], fed: Mapping[str, Fed], jobs: Mapping[str, Job]) -> Measured:
    """A look at validation: the mean over the tasks of what counts in each, then a smaller loss."""
    found = {
        task: measured(*head.logits(fed[task].validation, jobs[task].settings.batch), jobs[task].splits.validation)
        for task, head in heads.items()
    }
    scores = [one.score[0] for one in found.values()]
    losses = [one.metrics["loss"] for one in found.values()]
    metrics = {f"{task}_{name}": value for task, one in found.items() for name, value in one.metrics.items()}
    return Measured(score=(float(np.mean(scores)), -float(np.sum(losses))), metrics=metrics)
