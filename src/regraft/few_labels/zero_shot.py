"""Classes without an example, told by what is known of them: ESZSL (Romera-Paredes and Torr 2015), in closed form.

A matrix leads from the features of an example to what is known of its class; it is learned from the classes of which
there are examples. What it says of those it has seen is made less by a constant (Chao et al. 2016): else hardly an
example would be taken for a class it has not seen. Both penalties and the constant are chosen among the seen classes,
each of which is taken for unseen in turn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from statistics import fmean
from typing import Any

import numpy as np

from regraft.data import Examples
from regraft.errors import BadArgument, BadData, nearest_names
from regraft.few_labels.embedding import Embedding
from regraft.few_labels.methods import Centred
from regraft.few_labels.recognising import Recognised, named
from regraft.few_labels.semantics import of_classes, with_others
from regraft.network import GraphNetwork
from regraft.run import Progress

METHOD = "ESZSL"

_PENALTIES = (0.01, 0.1, 1.0, 10.0, 100.0)  # of each side
_LESS = np.linspace(0, 2, 41)  # times the spread of what is said of an example, taken from the seen classes
_HELD = 0.2  # of the examples of a seen class, to be told
_LEAST = 3  # seen classes
_FEWEST = 5  # examples of a seen class: one of them is held back


@dataclass(frozen=True, kw_only=True)
class Told:
    """How well examples are told apart with all classes to choose from; shares of the examples of a class, then means.

    Attributes:
        unseen: the classes of which no example was learned from.
        seen_accuracy, unseen_accuracy: of the seen classes, on examples held back, and of the unseen ones.
        harmonic: the harmonic mean of both.
        among_unseen: with the unseen classes alone to choose from; None: there is one.
        chance: of guessing among all classes.
    """

    unseen: tuple[str, ...]
    seen_accuracy: float
    unseen_accuracy: float
    harmonic: float
    among_unseen: float | None
    chance: float


@dataclass(frozen=True, kw_only=True)
class ZeroShot:
    """What came of each choice of unseen classes; `at` is the tensor the features are of."""

    at: str
    told: tuple[Told, ...]

    def as_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return asdict(self)


def zero_shot(
    network: GraphNetwork,
    examples: Examples,
    semantics: Mapping[str, np.ndarray],
    unseen: Sequence[str] | None,
    *,
    at: str | None = None,
    input: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> ZeroShot:
    """Learn from the examples of some classes, and tell those of all.

    Args:
        semantics: a vector (a) for each class.
        unseen: classes whose examples are not learned from; None: each class in turn.
        at: the tensor whose values are the features; None: the bottleneck.
        input: how pictures are fed, as `--input` says it; None: as the file says, or guessed.
        seed: of what is held back.

    Raises:
        RegraftError: the network or the examples cannot be used, nothing is known of a class, or too few are seen.
    """
    known = of_classes(semantics, examples.classes, examples.source)
    turns = [tuple(unseen)] if unseen else [(name,) for name in examples.classes]
    for turn in turns:
        _require_seen(turn, examples)
    _require_examples(examples)
    embedding = Embedding(network, [examples], at, input, progress or Progress())
    points = embedding.points(examples).astype(np.float64)
    told = [_told(points, examples, known, turn, seed) for turn in turns]
    return ZeroShot(at=embedding.at, told=tuple(told))


def recognised(
    network: GraphNetwork,
    support: Examples,
    query: Examples,
    semantics: Mapping[str, np.ndarray],
    *,
    at: str | None = None,
    input: str | None = None,
    progress: Progress | None = None,
) -> Recognised:
    """The class of each query among all of which something is known, learned from the examples of some of them.

    Args:
        support: labelled examples.
        semantics: a vector (a) for each class, those without an example among them.
        at, input: as for `zero_shot`.

    Raises:
        RegraftError: the network or the examples cannot be used, nothing is known of a class, or too few are seen.
    """
    known = with_others(semantics, support.classes, support.source)
    _require_seen((), support)
    _require_examples(support)
    embedding = Embedding(network, [support, query], at, input, progress or Progress())
    learned, asked = (embedding.points(examples).astype(np.float64) for examples in (support, query))
    given = learned, support.labels, np.stack(list(known.values()))
    told = Eszsl(*given).scores(asked, chosen(*given)).argmax(axis=1)
    return named(METHOD, query, told, list(known))


def _require_seen(unseen: Sequence[str], examples: Examples) -> None:
    strange = [name for name in unseen if name not in examples.classes]
    if strange:
        raise BadArgument(
            f"there is no class {strange[0]}",
            where=examples.source,
            nearest=nearest_names(strange[0], examples.classes),
        )
    if len(examples.classes) - len(unseen) < _LEAST:
        raise BadArgument(
            "too few classes are left to learn from",
            where=examples.source,
            expected=f"{_LEAST} or more that are seen",
            got=f"{len(examples.classes)} classes, {len(unseen)} of them unseen",
        )


def _require_examples(examples: Examples) -> None:
    counts = np.bincount(examples.labels, minlength=len(examples.classes))
    if counts.min() < _FEWEST:
        raise BadData(
            f"the class {examples.classes[int(counts.argmin())]} has too few examples",
            where=examples.source,
            expected=f"{_FEWEST} or more",
            got=str(counts.min()),
        )


def _told(points: np.ndarray, examples: Examples, known: np.ndarray, unseen: Sequence[str], seed: int) -> Told:
    is_unseen = np.array([name in unseen for name in examples.classes])
    learned, held = _divided(examples.labels, is_unseen, seed)
    given = points[learned], examples.labels[learned], known
    scores = Eszsl(*given).scores(points, chosen(*given))
    taken = scores.argmax(axis=1)
    alone = np.where(is_unseen, scores, -np.inf).argmax(axis=1)
    asked = np.flatnonzero(is_unseen[examples.labels])
    seen, other = _accuracy(taken, examples.labels, held), _accuracy(taken, examples.labels, asked)
    return Told(
        unseen=tuple(unseen),
        seen_accuracy=seen,
        unseen_accuracy=other,
        harmonic=_harmonic(seen, other),
        among_unseen=_accuracy(alone, examples.labels, asked) if len(unseen) > 1 else None,
        chance=1 / len(examples.classes),
    )


def _divided(labels: np.ndarray, is_unseen: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the examples of seen classes: to learn from, and held back."""
    random = np.random.default_rng(seed)
    learned, held = list[np.ndarray](), list[np.ndarray]()
    for number in np.flatnonzero(~is_unseen):
        own = random.permutation(np.flatnonzero(labels == number))
        count = round(_HELD * len(own))
        held.append(own[:count])
        learned.append(own[count:])
    return np.concatenate(learned), np.concatenate(held)


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Penalties of the side of the features and of that of the classes, and what is taken from seen classes."""

    features: float
    classes: float
    less: float


class Eszsl:
    """Matrices from features to what is known of classes, learned from examples of some of them."""

    def __init__(self, points: np.ndarray, labels: np.ndarray, known: np.ndarray) -> None:
        """Learn from points (n d) and labels (n); `known` (k a) has all classes, seen ones and others."""
        self._seen = np.isin(np.arange(len(known)), labels)
        self._known = known
        self._centre = Centred().fit(points, labels)
        x, s = self._centre.transform(points), known[self._seen]
        truth = 2.0 * (labels[:, None] == np.flatnonzero(self._seen)) - 1
        # Decomposed once, for all penalties; with fewer examples than features the same is told by a smaller matrix.
        wide = len(x) < x.shape[1]
        sizes, turn = np.linalg.eigh(x @ x.T if wide else x.T @ x)
        self._features = (sizes, x.T @ turn if wide else turn, turn.T @ (truth if wide else x.T @ truth) @ s)
        sizes, turn = np.linalg.eigh(s.T @ s)
        self._classes = (sizes, turn)

    def scores(self, points: np.ndarray, choice: Choice) -> np.ndarray:
        """What is said (m k) for each class of points (m d): in spreads of the seen classes, these made less."""
        sizes, turn, right = self._features
        own, back = self._classes
        middle = (
            (right / (np.maximum(sizes, 0) + choice.features)[:, None]) @ back / (np.maximum(own, 0) + choice.classes)
        )
        said = self._centre.transform(points) @ turn @ (middle @ (back.T @ self._known.T))
        spread = float(said[:, self._seen].std()) or 1.0
        return said / spread - choice.less * self._seen


def chosen(points: np.ndarray, labels: np.ndarray, known: np.ndarray) -> Choice:
    """The choice that does best where each class in turn is not seen: by the mean of the harmonic means.

    Args:
        points: (n d).
        labels: (n), of the classes that are seen.
        known: (k a), of all classes.
    """
    classes, own = np.unique(labels, return_inverse=True)
    found = np.zeros((len(_PENALTIES), len(_PENALTIES), len(_LESS)))
    for hidden in range(len(classes)):
        learned, held = _divided(own, np.arange(len(classes)) == hidden, 0)
        model = Eszsl(points[learned], own[learned], known[classes])
        for (one, features), (other, side) in product(enumerate(_PENALTIES), enumerate(_PENALTIES)):
            scores = model.scores(points, Choice(features=features, classes=side, less=0))
            found[one, other] += _harmonics(scores, own, hidden, held)
    one, other, less = np.unravel_index(found.argmax(), found.shape)
    return Choice(features=_PENALTIES[one], classes=_PENALTIES[other], less=float(_LESS[less]))


def _harmonics(scores: np.ndarray, labels: np.ndarray, hidden: int, held: np.ndarray) -> np.ndarray:
    """The harmonic mean for each constant, of scores (n k): an example is taken for the hidden class above a margin."""
    others = np.delete(scores, hidden, axis=1)
    margin, taken = others.max(axis=1) - scores[:, hidden], others.argmax(axis=1)
    taken += taken >= hidden
    unseen = (margin[labels == hidden] < _LESS[:, None]).mean(axis=1)
    right = (taken[held] == labels[held]) & (margin[held] >= _LESS[:, None])
    share = 1 / np.bincount(labels[held], minlength=scores.shape[1])[labels[held]]
    seen = right @ share / len(np.unique(labels[held]))
    return 2 * seen * unseen / np.maximum(seen + unseen, 1e-12)


def _accuracy(taken: np.ndarray, labels: np.ndarray, rows: np.ndarray) -> float:
    """The mean over classes of the share of their examples, among some rows, that was told right."""
    right = taken[rows] == labels[rows]
    return fmean(float(right[labels[rows] == number].mean()) for number in np.unique(labels[rows]))


def _harmonic(one: float, other: float) -> float:
    return 2 * one * other / (one + other) if one + other else 0.0
