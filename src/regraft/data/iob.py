"""Entities written as one tag a word, by any of the usual schemes; IOB1 and BILOU become IOB2 and BIOES."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Literal, NamedTuple

import numpy as np

from regraft.errors import BadData

Scheme = Literal["IOB2", "BIOES", ""]
TagNames = tuple[str, ...]  # of a sentence, one a word

_ENTITY = re.compile("[BIESLU]-.+")
_SEVERAL = re.compile("[BIESLU]-[^,]+(,[BIESLU]-[^,]+)+")  # "B-person,B-group"
_OPEN, _GOING_ON = ("B", "I"), ("I", "E", "L")
_OR_SKIP = "or leave such sentences out: --skip-bad"
_BILOU = {"L": "E", "U": "S"}


@dataclass(frozen=True, kw_only=True)
class Marked:
    """Tags in a scheme that is known.

    Attributes:
        tags: of each sentence that is not left out, one a word.
        scheme: "" where they are no entities: each is a class by itself.
        was: the scheme they were turned from; "": they are as they were.
        left_out: why sentences are, by their number.
    """

    tags: tuple[TagNames, ...]
    scheme: Scheme
    was: Literal["IOB1", "BILOU", ""] = ""
    left_out: Mapping[int, str] = field(default_factory=dict[int, str])


def are_entities(tags: Collection[str]) -> bool:
    """Whether tags make up entities: "O" is among them, and all others are B-TYPE, I-TYPE, and so on."""
    return "O" in tags and all(tag == "O" or _ENTITY.fullmatch(tag) for tag in tags)


def may_follow(tags: Sequence[str]) -> np.ndarray:
    """Which tag may stand behind which: bool (k+1 k+1), from rows to columns.

    The last row is of those that may begin a sentence, the last column of those that may end one. Where tags are no
    entities, any may stand anywhere.
    """
    count = len(tags) + 1
    if not are_entities(tags):
        return np.ones((count, count), bool)
    breaks, names = _possible(tags)[0].breaks, (*tags, "")
    return np.array([[not breaks(before, tag) for tag in names] for before in names])


def marked(tags: Sequence[TagNames], lines: Sequence[Sequence[int]], where: str, *, skip_bad: bool = False) -> Marked:
    """The tags of sentences with their scheme, which is told by themselves.

    Args:
        tags: of each sentence, one a word.
        lines: of the file, where they stand.
        where: the file, for errors.
        skip_bad: take the scheme that fewest sentences break, and leave those out.

    Raises:
        BadData: they are entities, and keep to no scheme throughout.
    """
    known = set(chain.from_iterable(tags))
    if not are_entities(known):
        return Marked(tags=tuple(tags), scheme="")
    many = {tag for tag in known if _SEVERAL.fullmatch(tag)}
    several = _flaws(tags, lines, lambda _, tag: tag in many)
    broken = {written: {**_flaws(tags, lines, written.breaks), **several} for written in _possible(known)}
    written = min(broken, key=lambda one: len(broken[one]))
    flaws = broken[written]
    if flaws and not skip_bad:
        raise _several_tags(several, where) if several else written.refusal([*broken.values()], where)
    if len(flaws) == len(tags):
        raise BadData("no sentence keeps to a scheme", where=where, got=str(flaws[0]))
    return Marked(
        tags=tuple(written.turn(own) for k, own in enumerate(tags) if k not in flaws),
        scheme=written.becomes,
        was=written.was,
        left_out={k: str(flaws[k]) for k in sorted(flaws)},
    )


class _Flaw(NamedTuple):
    """A tag that breaks a scheme, and the one before; "" is what lies outside of the sentence."""

    line: int
    before: str
    tag: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.tag or 'the end'} after {self.before or 'the start'}"


_Flaws = Mapping[int, _Flaw]  # the first of each sentence, by its number


@dataclass(frozen=True, kw_only=True)
class _Written:
    """How tags may be written: what breaks it, how they are turned, and the error for flaws in all ways tried."""

    breaks: Callable[[str, str], bool]
    becomes: Scheme
    was: Literal["IOB1", "BILOU", ""] = ""
    turn: Callable[[TagNames], TagNames]
    refusal: Callable[[Sequence[_Flaws], str], BadData]


def _possible(tags: Collection[str]) -> Sequence[_Written]:
    """How a file with such tags may be written; of two ways that are as good, the first."""
    prefixes = {tag[0] for tag in tags}
    if prefixes & set(_BILOU):
        return (_IN_BILOU,)
    return (_IN_BIOES,) if prefixes & set("ES") else (_IN_IOB2, _IN_IOB1)


def _flaws(
    tags: Sequence[TagNames], lines: Sequence[Sequence[int]], breaks: Callable[[str, str], bool]
) -> dict[int, _Flaw]:
    """The first flaw of each sentence that has one."""
    found: dict[int, _Flaw] = {}
    for k, (sentence, numbers) in enumerate(zip(tags, lines, strict=True)):
        places = zip((*numbers, numbers[-1]), ("", *sentence), (*sentence, ""), strict=True)
        flaw = next((_Flaw(*place) for place in places if breaks(*place[1:])), None)
        if flaw is not None:
            found[k] = flaw
    return found


def _begins_by_i(before: str, tag: str) -> bool:
    """Whether a word begins an entity as IOB2 does not."""
    return tag[:1] == "I" and before[2:] != tag[2:]


def _begins_by_b(before: str, tag: str) -> bool:
    """Whether a word begins an entity as IOB1 does not."""
    return tag[:1] == "B" and before[2:] != tag[2:]


def _may_not_follow(before: str, tag: str) -> bool:
    """Whether BIOES and BILOU have no such tag after another."""
    is_open = before[:1] in _OPEN
    return is_open != (tag[:1] in _GOING_ON) or (is_open and before[2:] != tag[2:])


def _as_they_are(tags: TagNames) -> TagNames:
    return tags


def _iob2(tags: TagNames) -> TagNames:
    return tuple("B" + tag[1:] if _begins_by_i(before, tag) else tag for before, tag in _pairs(tags))


def _bioes(tags: TagNames) -> TagNames:
    return tuple(_BILOU.get(tag[0], tag[0]) + tag[1:] for tag in tags)


def _pairs(tags: TagNames) -> Iterator[tuple[str, str]]:
    """Each tag, after the one before it; before the first there is no entity."""
    return zip(("O", *tags), tags, strict=False)


def _first(flaws: _Flaws) -> _Flaw:
    return flaws[min(flaws)]


def _several_tags(flaws: _Flaws, where: str) -> BadData:
    return BadData(
        "a word has several tags",
        where=f"{where}, line {_first(flaws).line}",
        expected="one",
        got=_first(flaws).tag,
        fix=f"write one of them, {_OR_SKIP}",
    )


def _neither(flaws: Sequence[_Flaws], where: str) -> BadData:
    no_iob2, no_iob1 = map(_first, flaws)
    return BadData(
        "the tags are neither IOB2 nor IOB1",
        where=f"{where}, line {no_iob2.line}",
        expected="B- begins each entity (IOB2), or only those directly after one of the same type (IOB1)",
        got=f"{no_iob2.tag} begins an entity, and so does {no_iob1.tag} in line {no_iob1.line}",
        fix=f"write all tags in one of these schemes, {_OR_SKIP}",
    )


def _incomplete(flaws: Sequence[_Flaws], where: str) -> BadData:
    """An entity of several words lacks its beginning or its end."""
    line, before, tag = _first(flaws[0])
    where, of = f"{where}, line {line}", before[2:]
    fix = f"in BIOES and BILOU several words are B- I- E- or B- I- L-, and one alone is S- or U-; {_OR_SKIP}"
    if before[:1] in _OPEN:
        expected, got = f"I-{of}, E-{of} or L-{of} after {before}", tag or "the end of the sentence"
        return BadData("an entity lacks its end", where=where, expected=expected, got=got, fix=fix)
    expected, got = f"B-{tag[2:]} before {tag}", before or "the start of the sentence"
    return BadData("an entity lacks its beginning", where=where, expected=expected, got=got, fix=fix)


_IN_IOB2 = _Written(breaks=_begins_by_i, becomes="IOB2", turn=_as_they_are, refusal=_neither)
_IN_IOB1 = _Written(breaks=_begins_by_b, becomes="IOB2", was="IOB1", turn=_iob2, refusal=_neither)
_IN_BIOES = _Written(breaks=_may_not_follow, becomes="BIOES", turn=_as_they_are, refusal=_incomplete)
_IN_BILOU = _Written(breaks=_may_not_follow, becomes="BIOES", was="BILOU", turn=_bioes, refusal=_incomplete)
