"""`regraft.fewshot` and `regraft.recognise`: a few labelled examples, with sources and data as addresses and paths."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

from regraft.data import Examples, open_data, open_unlabelled
from regraft.few_labels import Recognised, Study, study
from regraft.few_labels import recognise as told_by
from regraft.few_labels.episodes import Setup
from regraft.network import GraphNetwork
from regraft.opening import as_network


def fewshot(  # noqa: PLR0913 - each but two has a default
    source: str | PathLike[str] | GraphNetwork,
    data: str | PathLike[str] | Examples,
    *,
    shots: Sequence[int] = (1, 5),
    ways: int = 5,
    queries: int = 15,
    episodes: int = 600,
    at: str | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    weights: str | PathLike[str] | None = None,
) -> Study:
    """How well a network's features tell classes apart from a few labelled examples of each.

    Args:
        source: a network, or the address of one.
        data: labelled data in one piece, or their path.
        shots: labelled examples of each class, each tried by itself.
        ways: classes of an episode.
        queries: examples of each class to be recognised.
        episodes: how many are drawn; the more, the narrower the intervals.
        at: the tensor whose values are the features; None: the bottleneck.
        input: how pictures are fed; None: as the file says, or guessed.
        skip_bad: leave out pictures that cannot be read.
        seed: of the episodes, and of the folds that choose a method.
        weights: of the source, as for `open`.

    Raises:
        RegraftError: the network or the data cannot be used, or classes have too few examples.
    """
    setup = Setup(ways=ways, shots=tuple(shots), queries=queries, count=episodes, seed=seed)
    return study(as_network(source, weights=weights), _examples(data, skip_bad), setup, at=at, input=input)


def recognise(
    source: str | PathLike[str] | GraphNetwork,
    support: str | PathLike[str] | Examples,
    query: str | PathLike[str] | Examples,
    *,
    at: str | None = None,
    input: str | None = None,
    skip_bad: bool = False,
    seed: int = 0,
    weights: str | PathLike[str] | None = None,
) -> Recognised:
    """The class of each query, told by a few labelled examples; the network is not trained.

    Args:
        source: a network, or the address of one.
        support: labelled data in one piece, or their path.
        query: pictures, a folder or an archive of them, or an array.
        at: the tensor whose values are the features; None: the bottleneck.
        input: how pictures are fed; None: as the file says, or guessed.
        skip_bad: leave out pictures that cannot be read.
        seed: of the folds by which the method is chosen.
        weights: of the source, as for `open`.

    Raises:
        RegraftError: the network or the data cannot be used.
    """
    asked = query if isinstance(query, Examples) else open_unlabelled([Path(query)], skip_bad=skip_bad)
    known = _examples(support, skip_bad)
    return told_by(as_network(source, weights=weights), known, asked, at=at, input=input, seed=seed)


def _examples(data: str | PathLike[str] | Examples, skip_bad: bool) -> Examples:
    """Labelled examples in one piece."""
    return data if isinstance(data, Examples) else open_data(Path(data), skip_bad=skip_bad)
