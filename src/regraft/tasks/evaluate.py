"""How well a finished network does on labelled data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from regraft.data import Examples, Part, open_data, whole
from regraft.data.examples import said_of_skipped
from regraft.errors import BadData
from regraft.network import GraphNetwork
from regraft.run import Progress
from regraft.tasks.judging import answers_words, class_names, judged, task_of
from regraft.tasks.scores import AnyReport, reported


def evaluate(
    network: GraphNetwork,
    data: Part | Examples | Path | str,
    *,
    classes: Sequence[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> AnyReport:
    """Judge labelled examples and compare.

    Args:
        data: what `open_data` gives, or takes; of data that come in parts, the test part.
        classes: the names of the network's classes, in the order of its output; None: their numbers, which the
            data must use too.
        input: how pictures are prepared, as `--input` says it; None: as the network says, or guessed.
        skip_bad: leave out pictures that cannot be read, and sentences whose tags break their scheme.

    Raises:
        RegraftError: the data do not fit the network.
    """
    progress = progress or Progress()
    part = opened(data, "test", skip_bad=skip_bad, progress=progress)
    part = labelled(part, network, classes, progress)
    return compared(network, judged(network, part, input=input, device=device, progress=progress), part)


def opened(data: Part | Examples | Path | str, use: str, *, skip_bad: bool, progress: Progress) -> Part:
    """Labelled data; of those that come in parts, the part `use`."""
    if isinstance(data, Part):
        return data
    return whole(
        data if isinstance(data, Examples) else open_data(data, skip_bad=skip_bad, part=use, progress=progress)
    )


def labelled(part: Part, network: GraphNetwork, classes: Sequence[str] | None, progress: Progress) -> Part:
    """Labelled examples, numbered by the classes of a network; what is left out of them is said.

    Args:
        classes: their names; None: their numbers.

    Raises:
        BadData: they are not labelled, or otherwise than the network answers.
    """
    for line in said_of_skipped(part.examples.skipped):
        progress.say(line)
    _require_task(network, part.examples)
    part = replace(part, examples=part.examples.with_classes(class_names(network, classes)))
    if part.examples.labels.ndim == 1 and (part.truth < 0).any():
        raise BadData("these examples are not labelled", where=part.examples.source, fix="`regraft predict` takes such")
    return part


def compared(network: GraphNetwork, answers: np.ndarray, part: Part) -> AnyReport:
    """How well what a network answered for labelled examples (n k), or for their words (w k), fits the truth.

    Raises:
        BadData: it has said something of words where examples are labelled, or the other way round.
    """
    labels = part.truth
    if len(answers) != len(labels):
        raise BadData(
            "the labels do not fit the network's answers",
            where=part.examples.source,
            expected="tagged words" if answers_words(network) else "a class for each example",
            got=f"{len(labels)} labels for {len(answers)} answers",
        )
    return reported(answers, part)


def _require_task(network: GraphNetwork, examples: Examples) -> None:
    """Raise BadData where labels are of another kind than what the network answers."""
    own = examples.task if examples.labels.ndim == 2 else None
    told = task_of(network)
    if own != told:
        raise BadData(
            "the labels are of another kind than the network's answers",
            where=examples.source,
            expected=told or "a class for each",
            got=own or "a class for each",
            fix=f"--task {told or 'classify'}",
        )
