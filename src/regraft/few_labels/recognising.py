"""A handful of labelled examples put to use: others are recognised by them at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from regraft.data import Examples
from regraft.few_labels.embedding import Embedding
from regraft.few_labels.episodes import require_several
from regraft.few_labels.methods import Handful, chosen
from regraft.network import GraphNetwork
from regraft.run import Progress


@dataclass(frozen=True, kw_only=True, eq=False)
class Recognised:
    """What examples were taken for; `method` is the one that the labelled examples chose."""

    method: str
    inputs: tuple[str, ...]
    classes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        pairs = zip(self.inputs, self.classes, strict=True)
        return {"method": self.method, "predictions": [{"input": name, "class": one} for name, one in pairs]}


def named(method: str, query: Examples, told: np.ndarray, classes: Sequence[str]) -> Recognised:
    """What examples were taken for, by the numbers (n) of their classes."""
    return Recognised(
        method=method,
        inputs=tuple(query.name(index) for index in range(len(query))),
        classes=tuple(classes[int(one)] for one in told),
    )


def recognise(
    network: GraphNetwork,
    support: Examples,
    query: Examples,
    *,
    at: str | None = None,
    input: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Recognised:
    """The class of each example of `query`, told by the labelled ones of `support`.

    Nothing of the network is trained: a class is added by adding its examples.

    Args:
        at: the tensor whose values are the features; None: the bottleneck.
        input: how pictures are fed, as `--input` says it; None: as the file says, or guessed.
        seed: of the folds by which the method is chosen.

    Raises:
        RegraftError: the network or the examples cannot be used.
    """
    require_several(support.classes, support.source)
    progress = progress or Progress()
    embedding = Embedding(network, [support, query], at, input, progress)
    learnt, asked = embedding.points(support), embedding.points(query)
    with threadpool_limits(1):  # as in a study
        method = chosen(learnt, support.labels, seed)
        told = Handful(learnt, support.labels, asked).told(method)
    return named(method, query, told, support.classes)
