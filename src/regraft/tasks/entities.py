"""How well entities are found: whole ones alone count, as by conlleval of the CoNLL tasks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

Entity = tuple[str, int, int]  # its type, its first word, and the word behind its last


@dataclass(frozen=True, kw_only=True)
class EntityScore:
    """How well the entities of one type are found, or those of all types."""

    name: str  # of the type; "" for all together
    n: int  # entities of it
    precision: float  # share of the right ones among those taken for it; 0 where nothing was
    recall: float  # share of its entities that were found, from their first word to their last
    f1: float


def entities(tags: Sequence[str], ends: Sequence[int]) -> set[Entity]:
    """The entities in tags (words) of IOB2 or BIOES, however badly formed.

    A word goes on with an entity where it is I- or E- of the type of the word before, which is B- or I-. Any other
    begins one, unless it is "O"; none reaches from one sentence into the next.

    Args:
        tags: of the words of all sentences, one after another.
        ends: for each sentence, the position behind its last word.

    Returns:
        Them by the positions of their words.
    """
    found, bounds, first = set[Entity](), set(ends), 0
    for at, (before, tag) in enumerate(zip(("O", *tags), (*tags, "O"), strict=True)):
        if at in bounds or not _goes_on(before, tag):
            if before != "O":
                found.add((before[2:], first, at))
            first = at
    return found


def entity_scores(
    truth: Sequence[str], taken: Sequence[str], ends: Sequence[int]
) -> tuple[EntityScore, tuple[EntityScore, ...]]:
    """How well the entities in the true tags (words) are found by what the words were taken for (words).

    Args:
        truth: of the words of all sentences, one after another, in IOB2 or BIOES.
        taken: as many, in the same scheme.
        ends: for each sentence, the position behind its last word.

    Returns:
        The score of all entities together, and that of each type, in the order of their names.
    """
    there, found = entities(truth, ends), entities(taken, ends)
    counts = [Counter(name for name, _, _ in some) for some in (there & found, there, found)]
    by_type = (_score(name, *(count[name] for count in counts)) for name in sorted(counts[1] | counts[2]))
    return _score("", *(count.total() for count in counts)), tuple(by_type)


def _goes_on(before: str, tag: str) -> bool:
    return before[0] in "BI" and tag[0] in "IE" and before[2:] == tag[2:]


def _score(name: str, hits: int, there: int, found: int) -> EntityScore:
    return EntityScore(
        name=name,
        n=there,
        precision=share(hits, found),
        recall=share(hits, there),
        f1=share(2 * hits, there + found),
    )


def share(part: float, whole: float) -> float:
    """A part of a whole; 0 of nothing."""
    return float(part / whole) if whole else 0.0
