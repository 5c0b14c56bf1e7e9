"""Episodes: a few classes, a few labelled examples of each, and others of them to be recognised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from regraft.errors import BadArgument, BadData


def require_several(classes: Sequence[str], where: str) -> None:
    """Raise BadData where there is nothing to tell apart."""
    if len(classes) < 2:
        raise BadData("there is one class only: nothing can be told apart", where=where, expected="2 or more")


@dataclass(frozen=True, kw_only=True)
class Setup:
    """How episodes are drawn.

    Attributes:
        ways: classes of an episode.
        shots: labelled examples of each, in several studies.
        queries: examples of each to be recognised.
        count: how many episodes.
        seed: of all of them.

    Raises:
        BadArgument: a number is too small.
    """

    ways: int = 5
    shots: tuple[int, ...] = (1, 5)
    queries: int = 15
    count: int = 600
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what no episode can be made of."""
        least = {"ways": (self.ways, 2), "queries": (self.queries, 1), "episodes": (self.count, 2)}
        least |= {"shots": (min(self.shots, default=0), 1)}
        for name, (value, bound) in least.items():
            if value < bound:
                raise BadArgument(f"{name} cannot be {value}", expected=f"at least {bound}", got=str(value))


@dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """Positions of examples: `support` (w s) and `query` (w q), a row for each class."""

    support: np.ndarray
    query: np.ndarray


class Episodes:
    """The episodes of a setup on labelled examples: with more shots they have the same classes and queries."""

    def __init__(self, labels: np.ndarray, classes: Sequence[str], setup: Setup, where: str) -> None:
        """Take the classes that have enough examples.

        Raises:
            BadData: there are too few of them.
        """
        self._setup = setup
        members = [np.flatnonzero(labels == number) for number in range(len(classes))]
        needed = max(setup.shots) + setup.queries
        self._members = [one for one in members if len(one) >= needed]
        require_several(classes, where)
        if len(self._members) < setup.ways:
            largest = ", ".join(
                f"{name} {len(one)}"
                for name, one in sorted(zip(classes, members, strict=True), key=lambda c: -len(c[1]))[:5]
            )
            raise BadData(
                f"too few classes have {max(setup.shots)} examples to learn from and {setup.queries} to recognise",
                where=where,
                expected=f"{setup.ways} classes with {needed} examples",
                got=f"{len(self._members)}; the largest: {largest}",
                fix="fewer --shots, --queries or --ways",
            )

    def draw(self, number: int, shots: int) -> Episode:
        """The episode of a number."""
        random = np.random.default_rng((self._setup.seed, number))
        chosen = random.choice(len(self._members), self._setup.ways, replace=False)
        orders = [random.permutation(self._members[one]) for one in chosen]
        queries = self._setup.queries
        return Episode(
            support=np.stack([order[queries : queries + shots] for order in orders]),
            query=np.stack([order[:queries] for order in orders]),
        )
