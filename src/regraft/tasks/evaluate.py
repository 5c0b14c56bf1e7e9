"""How well a finished network does on labelled data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from regraft.data import Examples, Part, open_data, whole
from regraft.errors import BadData
from regraft.network import GraphNetwork
from regraft.run import Progress
from regraft.tasks.classify import Report
from regraft.tasks.judging import answers_words, class_names, judged
from regraft.tasks.scores import reported


def evaluate(
    network: GraphNetwork,
    data: Part | Examples | Path | str,
    *,
    classes: Sequence[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> Report:
    """Judge labelled examples and compare.

    Args:
        data: what `open_data` gives, or takes; of data that come in parts, the test part.
        classes: the names of the network's classes, in the order of its output; None: their numbers, which the
            data must use too.
        input: how pictures are prepared, as `--input` says it; None: as the network says, or guessed.
        skip_bad: leave out pictures that cannot be read.

    Raises:
        RegraftError: the data do not fit the network.
    """
    progress = progress or Progress()
    part = opened(data, "test", skip_bad=skip_bad, progress=progress)
    part = labelled(part, class_names(network, classes), progress)
    probability = judged(network, part, input=input, device=device, progress=progress)
    return compared(network, probability, part)


def opened(data: Part | Examples | Path | str, use: str, *, skip_bad: bool, progress: Progress) -> Part:
    """Labelled data; of those that come in parts, the part `use`."""
    if isinstance(data, Part):
        return data
    return whole(
        data if isinstance(data, Examples) else open_data(data, skip_bad=skip_bad, part=use, progress=progress)
    )


def labelled(part: Part, classes: Sequence[str], progress: Progress) -> Part:
    """Labelled examples, numbered by the classes of a network; what is left out of them is said.

    Raises:
        BadData: they are not labelled, or have a class that the network lacks.
    """
    for line in part.examples.skipped:
        progress.say(f"skipped {line}")
    part = replace(part, examples=part.examples.with_classes(classes))
    if (_truth(part) < 0).any():
        raise BadData("these examples are not labelled", where=part.examples.source, fix="`regraft predict` takes such")
    return part


def compared(network: GraphNetwork, probability: np.ndarray, part: Part) -> Report:
    """How well what a network said of labelled examples (n k), or of their words (w k), fits the truth.

    Raises:
        BadData: it has said something of words where examples are labelled, or the other way round.
    """
    labels = _truth(part)
    if len(probability) != len(labels):
        raise BadData(
            "the labels do not fit the network's answers",
            where=part.examples.source,
            expected="tagged words" if answers_words(network) else "a class for each example",
            got=f"{len(labels)} labels for {len(probability)} answers",
        )
    return reported(probability, labels, part)


def _truth(part: Part) -> np.ndarray:
    return part.labels if part.tags is None else part.tags.flat
