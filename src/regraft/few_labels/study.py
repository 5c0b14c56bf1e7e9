"""How well a source tells classes apart from a few examples: the mean over many episodes, beside what knows nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from regraft.data import Examples
from regraft.data.examples import TEXT_KINDS
from regraft.few_labels.embedding import Embedding, pixels, words
from regraft.few_labels.episodes import Episode, Episodes, Setup
from regraft.few_labels.methods import CENTROID, METHODS, Handful, chosen
from regraft.network import GraphNetwork
from regraft.run import Progress

CHOSEN = "chosen by cross-validation"
SOURCE, UNTRAINED, PIXELS, WORDS = "source", "untrained trunk", "raw pixels", "bag of words"
_Z = 1.96  # standard errors of a mean, at 95 %


@dataclass(frozen=True, kw_only=True)
class Result:
    """The mean accuracy of a method over all episodes, with its interval at 95 %.

    `features` says on what: the source's, those of the same trunk with fresh weights, or the pixels; of texts
    the words.
    """

    features: str
    method: str
    ways: int
    shots: int
    accuracy: float
    interval: tuple[float, float]


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """What came of the episodes; `at` is the tensor the features are of, `seconds` what both stages took."""

    at: str
    setup: Setup
    results: tuple[Result, ...]
    seconds: Mapping[str, float]

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        results = [asdict(result) for result in self.results]
        return {"at": self.at, "episodes": asdict(self.setup), "results": results, "seconds": dict(self.seconds)}


def study(
    network: GraphNetwork,
    examples: Examples,
    setup: Setup,
    *,
    at: str | None = None,
    input: str | None = None,
    progress: Progress | None = None,
) -> Study:
    """Try all methods in episodes on labelled examples. One pass over them serves all shots and ways.

    Args:
        at: the tensor whose values are the features; None: the bottleneck.
        input: how pictures are fed, as `--input` says it; None: as the file says, or guessed.
        progress: None: said and shown on stderr.

    Raises:
        RegraftError: the network or the examples cannot be used, or there are too few of them.
    """
    progress = progress or Progress()
    episodes = Episodes(examples.labels, examples.classes, setup, examples.source)
    started = time.monotonic()
    embedding = Embedding(network, [examples], at, input, progress)
    points, fresh = embedding.points(examples), embedding.untrained(examples, setup.seed)
    texts = examples.kind in TEXT_KINDS
    plain = words(examples) if texts else pixels(examples, embedding.spec)
    passed = time.monotonic()
    with threadpool_limits(1):  # several threads take longer to share such small work than to do it
        results = [
            *_tried(SOURCE, points, _every, episodes, setup, progress),
            *_tried(UNTRAINED, fresh, _centroid, episodes, setup, progress),
            *_tried(WORDS if texts else PIXELS, plain, _centroid, episodes, setup, progress),
        ]
    seconds = {"features": passed - started, "episodes": time.monotonic() - passed}
    return Study(at=embedding.at, setup=setup, results=tuple(results), seconds=seconds)


def _tried(
    features: str,
    points: np.ndarray,
    tell: Callable[[_Seen, int], Mapping[str, float]],
    episodes: Episodes,
    setup: Setup,
    progress: Progress,
) -> Iterator[Result]:
    """What `tell` gives for each episode, the share that each method tells right, over all of them."""
    for shots in setup.shots:
        shares: dict[str, list[float]] = {}
        with progress.task(f"{features}, {shots} shots", setup.count) as advance:
            for number in range(setup.count):
                for name, share in tell(_Seen(points, episodes.draw(number, shots)), setup.seed).items():
                    shares.setdefault(name, []).append(share)
                advance(1)
        yield from (_result(features, name, shots, setup, found) for name, found in shares.items())


def _every(seen: _Seen, seed: int) -> Mapping[str, float]:
    """Every method, and the one that the episode's own support chooses."""
    own = {name: seen.accuracy(name) for name in METHODS}
    return {**own, CHOSEN: own[chosen(seen.support, seen.known, seed)]}


def _centroid(seen: _Seen, seed: int) -> Mapping[str, float]:
    """The nearest centroid alone."""
    return {CENTROID: seen.accuracy(CENTROID)}


class _Seen:
    """The points of an episode."""

    def __init__(self, points: np.ndarray, episode: Episode) -> None:
        self.support, query = (points[rows.ravel()] for rows in (episode.support, episode.query))
        self.known, self._truth = (
            np.repeat(np.arange(len(rows)), rows.shape[1]) for rows in (episode.support, episode.query)
        )
        self._handful = Handful(self.support, self.known, query)

    def accuracy(self, method: str) -> float:
        """The share of the queries that a method tells right, once it has learnt the support."""
        return float((self._handful.told(method) == self._truth).mean())


def _result(features: str, method: str, shots: int, setup: Setup, shares: Sequence[float]) -> Result:
    mean, error = float(np.mean(shares)), float(np.std(shares, ddof=1) / np.sqrt(len(shares)))
    low, high = max(0.0, mean - _Z * error), min(1.0, mean + _Z * error)
    return Result(features=features, method=method, ways=setup.ways, shots=shots, accuracy=mean, interval=(low, high))
