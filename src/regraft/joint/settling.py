"""What the training of several tasks is going to do, settled and said before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from regraft.data import Part, Splits
from regraft.data.tokens import of_length
from regraft.network import GraphNetwork, InputSpec
from regraft.network.surgery import Graft
from regraft.network.uniting import Wanted, graft_tasks
from regraft.run import Progress
from regraft.tasks.crf import informed
from regraft.tasks.defaults import settings_for
from regraft.tasks.inputs import of_one_length, only_input, settled
from regraft.tasks.job import Job
from regraft.tasks.linear import linear_head
from regraft.tasks.record import source_record
from regraft.tasks.tagging import divided, of_one_window
from regraft.train.learner import device_of
from regraft.train.settings import Settings, seed_of


def kept_apart(tasks: Mapping[str, Splits], progress: Progress) -> dict[str, Splits]:
    """The splits, none of which trains on what another task holds back to choose by or to test on.

    Tasks that share examples, as columns of one table do, are divided alike, as the first of them is. Where parts were
    given, such examples are left out of the training, which is said.
    """
    divided = _divided_alike(tasks)
    held = {task: _hashes(splits.validation) | _hashes(splits.test) for task, splits in divided.items()}
    found = dict[str, Splits]()
    for task, splits in divided.items():
        others = set[bytes]().union(*(hashes for other, hashes in held.items() if other != task))
        train = splits.train
        stays = np.array([train.examples.hashes[index] not in others for index in train.indices], bool)
        found[task] = replace(splits, train=replace(train, indices=train.indices[stays]))
        if not stays.all():
            left = int((~stays).sum())
            progress.say(f"note: {task} is not trained on {left} examples that another task is tested on or chosen by")
    return found


def _divided_alike(tasks: Mapping[str, Splits]) -> dict[str, Splits]:
    """The splits, those that were divided off one set of examples as earlier tasks have divided the same examples."""
    known: dict[bytes, str] = {}
    found = dict[str, Splits]()
    for task, splits in tasks.items():
        parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        examples = splits.train.examples
        if all(part.examples is examples for part in parts.values()):
            own = {int(index): name for name, part in parts.items() for index in part.indices}
            place = {index: known.get(examples.hashes[index], name) for index, name in own.items()}
            parts = {
                name: replace(part, indices=np.array(sorted(k for k, at in place.items() if at == name), np.int64))
                for name, part in parts.items()
            }
        for name, part in parts.items():
            known.update({key: name for key in _hashes(part) if key not in known})
        found[task] = replace(splits, **parts)
    return found


def settle_jobs(
    network: GraphNetwork,
    tasks: Mapping[str, Splits],
    wanted: Mapping[str, Wanted],
    settings: Settings | Mapping[str, Any] | None,
    input: str | None,
    progress: Progress,
) -> dict[str, Job]:
    """Carry out the plans on one network, and settle what was left open.

    Raises:
        RegraftError: plans, input or settings do not fit.
    """
    grafts = graft_tasks(network, wanted, seed_of(settings))
    whole = next(iter(grafts.values())).network
    spec = only_input(whole, [graft.logits for graft in grafts.values()])
    for splits in tasks.values():
        spec = settled(network, spec, splits.train, input, progress)
    spec = _of_one_length(whole, grafts, tasks, spec, progress)
    for task, graft in grafts.items():
        whole = informed(replace(graft, network=whole), tasks[task].train)
    whole = whole.with_input(spec)
    chosen, source = _settings(grafts, tasks, settings), source_record(network)
    device = device_of(chosen.device)
    return {
        task: Job(
            source=source,
            graft=replace(graft, network=whole),
            spec=spec,
            splits=divided(tasks[task], spec) if tasks[task].train.tags is not None else tasks[task],
            settings=chosen,
            device=device,
        )
        for task, graft in grafts.items()
    }


def trains_trunk(graft: Graft) -> bool:
    """Whether anything is trained that other tasks may share."""
    parameters = graft.network.parameters
    shared = [row.parameter for row in graft.rows if row.state in ("reused", "fresh")]
    return any(parameters[name].trainable and not parameters[name].frozen for name in shared)


def _of_one_length(
    network: GraphNetwork,
    grafts: Mapping[str, Graft],
    tasks: Mapping[str, Splits],
    spec: InputSpec,
    progress: Progress,
) -> InputSpec:
    """The input with the longest length that a task needs, where one needs any."""
    tagged = any(splits.train.tags is not None for splits in tasks.values())
    stored = {name for graft in grafts.values() for name in graft.features}
    needs_one = tagged or any(None in (network.tensors[name].shape or ())[1:] for name in stored)
    if spec.shape[1:2] != (None,) or not needs_one:
        return spec
    quiet = Progress(silent=True)
    found = [
        of_one_window(spec, splits.train.examples, quiet)
        if splits.train.tags is not None
        else of_one_length(spec, splits.train)
        for splits in tasks.values()
    ]
    length = max(one.shape[1] or 0 for one in found)
    longer = "cut off" if spec.overlap is None else "in windows"
    progress.say(f"note: texts are read as {length} {spec.layout}, longer ones {longer}, sentences of words in pieces")
    return of_length(spec, length)


def _settings(
    grafts: Mapping[str, Graft], tasks: Mapping[str, Splits], given: Settings | Mapping[str, Any] | None
) -> Settings:
    """The settings of the joint training: what fits a plan that is more than a linear head on frozen features."""
    deep = [task for task, graft in grafts.items() if linear_head(graft) is None] or list(grafts)
    return settings_for(grafts[deep[0]], sum(len(splits.train) for splits in tasks.values()), given)


def _hashes(part: Part) -> set[bytes]:
    return {part.examples.hashes[index] for index in part.indices}
