"""Thawing as a race: all schemes train a little, the better half trains on, until one is left (successive halving).

Each stretch costs the same in all: a scheme that trains little of the network gets more epochs for it. Every scheme
starts from the best head that was found on its cut, and from features stored at the highest cut below what it trains. A
thaw that hurts is rolled back to its start.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import Diverged
from regraft.network import GraphNetwork
from regraft.run import Progress, RunFolder
from regraft.run.atomic import read_json, write_json
from regraft.tasks.evidence import is_worse
from regraft.tasks.head import Head, own_copy
from regraft.tasks.layer_rates import layer_rates
from regraft.tasks.scores import measured
from regraft.tasks.truth import Truth, truth_of
from regraft.train.learner import Rows
from regraft.train.loop import train
from regraft.train.range_test import range_test
from regraft.trials.augmentation import Augmentation
from regraft.trials.budget import LEAST_EPOCHS
from regraft.trials.ground import Ground
from regraft.trials.planning import Entry, rate_test
from regraft.trials.stored import Stored
from regraft.trials.trial import State, Trial

_FASTEST = 1e-3  # learning rate: what was learned before is soon lost
_LONGER = 1.25  # times as long as it was planned may what is left of a race be: more epochs are of no use


@dataclass(frozen=True, kw_only=True, eq=False)
class Track:
    """Where a race takes place: `folder` gets a run for each trial."""

    ground: Ground
    stored: Stored
    folder: Path
    progress: Progress


def race(
    entries: Sequence[Entry], starts: Sequence[GraphNetwork], track: Track, seconds: float | None = None
) -> list[Trial]:
    """The trials of all entries, in their order.

    Args:
        starts: for each entry the network with its first weights: the source's, and those of its head.
        seconds: that all of it should take; where the first stretches took longer, or less, than their part of them,
            the others get fewer epochs, or more. None: as long as it takes.
    """
    begins = {entry.number: start for entry, start in zip(entries, starts, strict=True)}
    planned, done = {entry.number: entry for entry in entries}, 1.0
    trials: dict[int, Trial] = {}
    running, last = list(entries), max((len(entry.stretches) for entry in entries), default=0) - 1
    for stretch in range(last + 1):
        # Who goes on, and for how long, is written down: after a kill the trials of those have been trained further
        # than they had then.
        kept = track.folder / f"stretch-{stretch + 1}.json"
        decision: dict[str, Any] | None = read_json(kept) if kept.is_file() else None
        for entry in running:
            if decision is None or entry.number not in decision["ahead"]:
                trials[entry.number] = _run(entry, begins[entry.number], stretch, track)
        if stretch == last:
            break
        if decision is None:
            ahead = _ahead([trials[entry.number] for entry in running], truth_of([track.ground.splits.validation]))
            spent = sum(trial.seconds for trial in trials.values())
            decision = {"ahead": ahead, "pace": seconds and _pace(seconds, spent, done, last - stretch)}
            write_json(kept, decision)
        for entry in running:
            if entry.number not in decision["ahead"] and trials[entry.number].state == "done":
                trials[entry.number] = _dropped(trials[entry.number], entry)
        running = [entry for entry in running if entry.number in decision["ahead"]]
        if (pace := decision.get("pace")) is not None:
            running, done = [_paced(entry, planned[entry.number], stretch, pace) for entry in running], done + pace
    return [trials[entry.number] for entry in entries]


def _pace(seconds: float, spent: float, done: float, left: int) -> float:
    """How many times as long as planned the stretches left may be, where `done` planned ones have spent so much."""
    planned = spent / done * left
    return min(_LONGER, max(0.0, (seconds - spent) / planned)) if planned else 1.0  # else all have diverged at once


def _paced(entry: Entry, planned: Entry, stretch: int, pace: float) -> Entry:
    """An entry that has run a stretch, and is trained so many times as long as planned in those that are left."""
    left = [max(LEAST_EPOCHS, round(pace * (end - start))) for start, end in pairwise(planned.stretches[stretch:])]
    stretches = (*entry.stretches[:stretch], *accumulate(left, initial=entry.stretches[stretch]))
    settings = replace(entry.settings, epochs=stretches[-1], restarts=stretches[:-1])
    return replace(entry, stretches=stretches, settings=settings)


def _ahead(trials: Sequence[Trial], truth: Truth) -> list[int]:
    """The numbers of the better half."""
    going = [trial for trial in trials if trial.state == "done"]
    going.sort(key=lambda trial: trial.score(truth), reverse=True)
    return [trial.number for trial in going[: ceil(len(trials) / 2)]]


def with_tested_rate(entries: Sequence[Entry], starts: Sequence[GraphNetwork], track: Track) -> list[Entry]:
    """The entries with the learning rate of one range test, on the one that trains most, where it is cheap enough.

    The rate of an entry whose scheme says it stays. So do all where the test would take more than a small share of
    what the race does.
    """
    found = rate_test(entries, len(track.ground.splits.train))
    if found is None:
        return list(entries)
    most, _ = found
    kept = track.folder / "rate.json"  # a race that is resumed goes on with it, whatever a test would say now
    if not kept.is_file():
        write_json(kept, {"lr": _tested_rate(most, starts[list(entries).index(most)], track)})
    lr = read_json(kept)["lr"]
    track.progress.say(f"learning rate {lr:.1g}, by a range test of: {most.scheme.name}")
    return [
        one if "lr" in one.scheme.settings else replace(one, settings=replace(one.settings, lr=lr)) for one in entries
    ]


def _tested_rate(entry: Entry, start: GraphNetwork, track: Track) -> float:
    """Half of the rate at which an entry's loss no longer falls, if that is not too fast."""
    head = Head(own_copy(start), entry.inputs, entry.graft.logits, track.ground.device)
    learner = head.learner(layer_rates(entry.graft, entry.settings))
    brink = range_test(learner, _training(entry, track), entry.settings).brink
    return min(_FASTEST, brink / 2)


def _run(entry: Entry, start: GraphNetwork, stretch: int, track: Track) -> Trial:
    """An entry trained to the end of a stretch, from where it was."""
    ground, folder = track.ground, RunFolder.at(track.folder / f"{entry.number:02}", resume=True)
    validation = ground.rows(ground.splits.validation, entry.inputs, track.stored)
    head, begun = (Head(own_copy(start), entry.inputs, entry.graft.logits, ground.device) for _ in range(2))
    state, note, epochs = _trained(entry, stretch, head, validation, folder, track)
    last, batch = stretch + 1 == len(entry.stretches), entry.settings.batch
    truth = truth_of([ground.splits.validation])
    if state == "done" and last and is_worse(*(truth.hits(_taken(one, validation, batch)) for one in (head, begun))):
        state, note = "rolled back", "it ended worse than it began, beyond doubt"
    kept = head if state == "done" else begun
    logits, _ = kept.logits(validation, batch)
    learning = tuple(folder.read_lines(folder.metrics.name))
    return Trial(
        number=entry.number,
        scheme=entry.scheme,
        stage="thaw",
        level=entry.level,
        inputs=entry.inputs,
        logits=logits.numpy(),
        values=kept.values(),
        settings=entry.settings.as_json(),
        epochs=epochs,
        seconds=sum(epoch["seconds"] for epoch in learning),
        state=state,
        note=note,
        learning=learning,
    )


def _trained(
    entry: Entry, stretch: int, head: Head, validation: Rows, folder: RunFolder, track: Track
) -> tuple[State, str, int]:
    """What became of it, why, and after how many epochs."""
    ground, batch = track.ground, entry.settings.batch
    with folder.working():
        try:
            trained = train(
                head.learner(layer_rates(entry.graft, entry.settings)),
                _training(entry, track),
                entry.settings,
                validate=lambda: measured(*head.logits(validation, batch), ground.splits.validation),
                run=folder,
                resume=True,
                until=entry.stretches[stretch],
                progress=track.progress,
            )
        except Diverged as error:
            return "diverged", f"{error.what}: its start is kept", 0
    if trained.best_epoch == 0 and stretch + 1 == len(entry.stretches):
        return "rolled back", f"none of {trained.epochs} epochs was better than the start", trained.epochs
    return "done", "", trained.epochs


def _training(entry: Entry, track: Track) -> Rows:
    """What it learns from."""
    ground = replace(track.ground, augmentation=Augmentation()) if entry.plain else track.ground
    return ground.training(entry.inputs, track.stored)


def _taken(head: Head, rows: Rows, batch: int) -> np.ndarray:
    """What a head takes examples for."""
    return head.logits(rows, batch)[0].argmax(1).numpy()


def _dropped(trial: Trial, entry: Entry) -> Trial:
    note = f"behind the better half after {trial.epochs} of {entry.settings.epochs} epochs"
    return replace(trial, state="dropped", note=note)
