"""What a finished network takes examples for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from regraft.data import Examples, open_unlabelled, whole
from regraft.data.arrays import unlabelled
from regraft.network import GraphNetwork
from regraft.run import Progress
from regraft.tasks.judging import class_names, judged


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """What examples were taken for: `probability` is (n k), columns in the order of `classes`."""

    inputs: tuple[str, ...] = field(repr=False)
    classes: tuple[str, ...]
    probability: np.ndarray = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The most likely class of each example, as JSON holds it."""
        best = self.probability.argmax(axis=1)
        return {
            "predictions": [
                {"input": name, "class": self.classes[k], "probability": float(row[k])}
                for name, k, row in zip(self.inputs, best, self.probability, strict=True)
            ]
        }


def predict(
    network: GraphNetwork,
    inputs: Examples | np.ndarray | Path | str | Sequence[Path | str],
    *,
    classes: Sequence[str] | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
) -> Predictions:
    """Judge examples.

    Args:
        inputs: pictures, folders and archives of them, or one array (n ...) as a file or in memory.
        classes: the names of the network's classes, in the order of its output; None: their numbers.
        input: how pictures are prepared, as `--input` says it; None: as the network says, or guessed.
        skip_bad: leave out pictures that cannot be read.

    Raises:
        RegraftError: the inputs cannot be opened, or do not fit the network.
    """
    progress = progress or Progress()
    names = class_names(network, classes)
    examples = _opened(inputs, skip_bad, progress)
    for line in examples.skipped:
        progress.say(f"skipped {line}")
    probability = judged(network, whole(examples), input=input, device=device, progress=progress)
    return Predictions(
        inputs=tuple(examples.name(index) for index in range(len(examples))),
        classes=names,
        probability=probability,
    )


def _opened(
    inputs: Examples | np.ndarray | Path | str | Sequence[Path | str], skip_bad: bool, progress: Progress
) -> Examples:
    if isinstance(inputs, Examples):
        return inputs
    if isinstance(inputs, np.ndarray):
        return unlabelled(inputs, "the array given")
    paths = [inputs] if isinstance(inputs, Path | str) else list(inputs)
    return open_unlabelled(paths, skip_bad=skip_bad, progress=progress)
