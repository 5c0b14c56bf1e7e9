"""Thawing as a race: all schemes train a little, the better half trains on, until one is left (successive halving).

Each stretch costs the same in all: a scheme that trains little of the network gets more epochs for it. Every
scheme starts from the solved linear head and from features stored at the highest cut below what it trains. It keeps
its best epoch, the start included: a thaw that hurts is rolled back.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from pathlib import Path

from regraft.errors import Diverged
from regraft.network import GraphNetwork
from regraft.run import Progress, RunFolder
from regraft.tasks.head import Head, own_copy
from regraft.tasks.layer_rates import layer_rates
from regraft.train.learner import Rows
from regraft.train.loop import Trained, train
from regraft.train.range_test import STEPS, range_test
from regraft.trials.ground import Ground
from regraft.trials.planning import Entry
from regraft.trials.stored import Stored
from regraft.trials.trial import State, Trial

_TESTING = 0.1  # share of the race that a range test may take
_FASTEST = 1e-3  # learning rate: what was learned before is soon lost


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """Where a race takes place: `folder` gets a run for each trial."""

    ground: Ground
    stored: Stored
    folder: Path
    progress: Progress


def race(entries: Sequence[Entry], starts: Sequence[GraphNetwork], track: Track) -> list[Trial]:
    """The trials of all entries, in their order.

    Args:
        starts: for each entry the network with its first weights: the source's, and the linear head solved on its cut.
    """
    begins = {entry.number: start for entry, start in zip(entries, starts, strict=True)}
    labels = track.ground.splits.validation.labels
    trials: dict[int, Trial] = {}
    running = list(entries)
    for stretch in range(max((len(entry.stretches) for entry in entries), default=0)):
        for entry in running:
            before = trials.get(entry.number)
            trials[entry.number] = _run(entry, begins[entry.number], stretch, track, before.seconds if before else 0.0)
        going = [entry for entry in running if trials[entry.number].state == "done"]
        going.sort(key=lambda entry: trials[entry.number].score(labels), reverse=True)
        running = going[: ceil(len(running) / 2)]
        if stretch + 1 < len(entries[0].stretches):
            for entry in going[len(running) :]:
                trials[entry.number] = _dropped(trials[entry.number], entry)
    return [trials[entry.number] for entry in entries]


def with_tested_rate(entries: Sequence[Entry], starts: Sequence[GraphNetwork], track: Track) -> list[Entry]:
    """The entries with the learning rate of one range test, on the one that trains most, where it is cheap enough.

    The rate of an entry whose scheme says it stays. So do all where the test would take more than a small share of
    what the race does.
    """
    entered = [entry for entry in entries if "lr" not in entry.scheme.settings]
    if not entered:
        return list(entries)
    most = max(entered, key=lambda entry: entry.epoch)
    whole = sum(entry.epoch * entry.stretches[-1] for entry in entries)
    looks = STEPS * most.settings.batch / len(track.ground.splits.train)
    if looks * most.epoch > _TESTING * whole:
        return list(entries)
    ground, start = track.ground, starts[list(entries).index(most)]
    head = Head(own_copy(start), most.inputs, most.graft.logits, ground.device)
    learner = head.learner(layer_rates(most.graft, most.settings))
    found = min(_FASTEST, range_test(learner, ground.training(most.inputs, track.stored), most.settings).lr)
    track.progress.say(f"learning rate {found:.1g}, by a range test of: {most.scheme.name}")
    return [replace(one, settings=replace(one.settings, lr=found)) if one in entered else one for one in entries]


def _run(entry: Entry, start: GraphNetwork, stretch: int, track: Track, spent: float) -> Trial:
    """An entry trained to the end of a stretch, from where it was."""
    started = time.monotonic()
    ground, settings = track.ground, entry.settings
    head = Head(own_copy(start), entry.inputs, entry.graft.logits, ground.device)
    rows = ground.training(entry.inputs, track.stored)
    validation = ground.rows(ground.splits.validation, entry.inputs, track.stored)
    folder = RunFolder.at(track.folder / f"{entry.number:02}", resume=True)
    state, note, trained = _trained(entry, stretch, head, (rows, validation), folder, track.progress)
    if trained is None:
        head = Head(own_copy(start), entry.inputs, entry.graft.logits, ground.device)
    logits, _ = head.logits(validation, settings.batch)
    return Trial(
        number=entry.number,
        scheme=entry.scheme,
        stage="thaw",
        level=entry.level,
        inputs=entry.inputs,
        logits=logits.numpy(),
        values=head.values(),
        settings=settings.as_json(),
        epochs=trained.epochs if trained else 0,
        seconds=spent + time.monotonic() - started,
        state=state,
        note=note,
        learning=tuple(folder.read_lines(folder.metrics.name)),
    )


def _trained(
    entry: Entry, stretch: int, head: Head, rows: tuple[Rows, Rows], folder: RunFolder, progress: Progress
) -> tuple[State, str, Trained | None]:
    with folder.working():
        try:
            trained = train(
                head.learner(layer_rates(entry.graft, entry.settings)),
                rows[0],
                entry.settings,
                validate=lambda: head.measured(rows[1], entry.settings.batch),
                run=folder,
                resume=True,
                until=entry.stretches[stretch],
                progress=progress,
            )
        except Diverged as error:
            return "diverged", f"{error.what}: its start is kept", None
    if trained.best_epoch == 0 and stretch + 1 == len(entry.stretches):
        return "rolled back", f"none of {trained.epochs} epochs was better than the start", trained
    return "done", "", trained


def _dropped(trial: Trial, entry: Entry) -> Trial:
    note = f"behind the better half after {trial.epochs} of {entry.settings.epochs} epochs"
    return replace(trial, state="dropped", note=note)
