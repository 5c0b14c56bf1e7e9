"""Examples told by the nearest description of a class: both become points of one network, and nothing is learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from regraft.data import Examples
from regraft.errors import BadArgument
from regraft.few_labels.embedding import Embedding
from regraft.few_labels.recognising import Recognised, named
from regraft.few_labels.semantics import with_others
from regraft.few_labels.sentences import of_length_1
from regraft.network import GraphNetwork
from regraft.network.graph import PICTURE, SENTENCE
from regraft.run import Progress
from regraft.tasks.baselines import majority
from regraft.tasks.evidence import each, interval

METHOD = "nearest description"


@dataclass(frozen=True, kw_only=True)
class Nearest:
    """How many of some labelled examples lie nearest to the description of their class.

    Attributes:
        accuracy, interval: the share, with its interval at 95 %.
        balanced: the mean of the shares of the classes.
        majority: the share of the most frequent class.
    """

    n: int
    accuracy: float
    interval: tuple[float, float]
    balanced: float
    majority: float

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return {"method": METHOD, **asdict(self)}


def nearest(
    network: GraphNetwork,
    examples: Examples,
    semantics: Mapping[str, np.ndarray],
    *,
    input: str | None = None,
    progress: Progress | None = None,
) -> Nearest:
    """Tell labelled examples, with all classes of which something is known to choose from, and count.

    Args:
        network: one that makes points of such examples and of texts.
        semantics: its points of the classes.
        input: how pictures are fed, as `--input` says it; None: as the file says, or guessed.

    Raises:
        RegraftError: the network makes no points of such examples, or nothing is known of a class.
    """
    known = with_others(semantics, examples.classes, examples.source)
    told = _told(network, examples, list(known.values()), input, progress)
    right = told == examples.labels
    classes = np.unique(examples.labels)
    return Nearest(
        n=len(examples),
        accuracy=float(right.mean()),
        interval=interval(each(right)),
        balanced=float(np.mean([right[examples.labels == one].mean() for one in classes])),
        majority=majority(examples.labels, examples.labels),
    )


def recognised(
    network: GraphNetwork,
    query: Examples,
    semantics: Mapping[str, np.ndarray],
    *,
    input: str | None = None,
    progress: Progress | None = None,
) -> Recognised:
    """The class of each example; see `nearest`."""
    told = _told(network, query, list(semantics.values()), input, progress)
    return named(METHOD, query, told, list(semantics))


def _told(
    network: GraphNetwork,
    examples: Examples,
    known: Sequence[np.ndarray],
    input: str | None,
    progress: Progress | None,
) -> np.ndarray:
    """For each example (n) the number of the nearest description."""
    at = SENTENCE if examples.kind == "text" else PICTURE
    if at not in network.outputs:
        raise BadArgument(
            "this network makes points of texts alone",
            where=examples.source,
            expected=f"texts, or a network with an output {PICTURE}, as those of CLIP have",
            got=f"examples of the kind {examples.kind}",
            fix="name a network for such examples, and this one as --encoder",
        )
    points = of_length_1(Embedding(network, [examples], at, input, progress or Progress()).points(examples))
    if len(known[0]) != points.shape[1]:
        raise BadArgument(
            "attributes cannot be compared with the points of a network",
            expected="names or descriptions, which the network reads itself",
            got=f"{len(known[0])} numbers a class",
        )
    return (points @ np.stack(known).T).argmax(axis=1)
