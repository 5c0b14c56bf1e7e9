"""Entities written as one tag a word, by any of the usual schemes; IOB1 and BILOU become IOB2 and BIOES."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from regraft.errors import BadData

Scheme = Literal["IOB2", "BIOES", ""]
TagNames = tuple[str, ...]  # of a sentence, one a word

_ENTITY = re.compile("[BIESLU]-.+")
_OPEN, _GOING_ON = ("B", "I"), ("I", "E", "L")
_BILOU = {"L": "E", "U": "S"}


@dataclass(frozen=True, kw_only=True)
class Marked:
    """TagNames in a scheme that is known.

    Attributes:
        tags: of each sentence, one a word.
        scheme: "" where they are no entities: each is a class by itself.
        was: the scheme they were turned from; "": they are as they were.
    """

    tags: tuple[TagNames, ...]
    scheme: Scheme
    was: Literal["IOB1", "BILOU", ""] = ""


def are_entities(tags: Collection[str]) -> bool:
    """Whether tags make up entities: "O" is among them, and all others are B-TYPE, I-TYPE, and so on."""
    return "O" in tags and all(tag == "O" or _ENTITY.fullmatch(tag) for tag in tags)


def marked(tags: tuple[TagNames, ...], lines: Sequence[Sequence[int]], where: str) -> Marked:
    """The tags of sentences with their scheme, which is told by themselves.

    Args:
        tags: of each sentence, one a word.
        lines: of the file, where they stand.
        where: the file, for errors.

    Raises:
        BadData: they are entities, and keep to no scheme throughout.
    """
    known = set(chain.from_iterable(tags))
    if not are_entities(known):
        return Marked(tags=tags, scheme="")
    prefixes = {tag[0] for tag in known}
    if prefixes & set("ESLU"):
        _require_ends(tags, lines, where)
        if not prefixes & set(_BILOU):
            return Marked(tags=tags, scheme="BIOES")
        return Marked(tags=tuple(map(_bioes, tags)), scheme="BIOES", was="BILOU")
    no_iob2, no_iob1 = (_first(tags, lines, begins) for begins in (_begins_by_i, _begins_by_b))
    if no_iob2 is None:
        return Marked(tags=tags, scheme="IOB2")
    if no_iob1 is None:
        return Marked(tags=tuple(map(_iob2, tags)), scheme="IOB2", was="IOB1")
    raise BadData(
        "the tags are neither IOB2 nor IOB1",
        where=f"{where}, line {no_iob2[0]}",
        expected="B- begins each entity (IOB2), or only those directly after one of the same type (IOB1)",
        got=f"{no_iob2[1]} begins an entity, and so does {no_iob1[1]} in line {no_iob1[0]}",
        fix="write all tags in one of these schemes",
    )


def _begins_by_i(before: str, tag: str) -> bool:
    """Whether a word begins an entity as IOB2 does not."""
    return tag[0] == "I" and before[2:] != tag[2:]


def _begins_by_b(before: str, tag: str) -> bool:
    """Whether a word begins an entity as IOB1 does not."""
    return tag[0] == "B" and before[2:] != tag[2:]


def _iob2(tags: TagNames) -> TagNames:
    return tuple("B" + tag[1:] if _begins_by_i(before, tag) else tag for before, tag in _pairs(tags))


def _bioes(tags: TagNames) -> TagNames:
    return tuple(_BILOU.get(tag[0], tag[0]) + tag[1:] for tag in tags)


def _pairs(tags: TagNames) -> Iterator[tuple[str, str]]:
    """Each tag, after the one before it; before the first there is no entity."""
    return zip(("O", *tags), tags, strict=False)


def _first(
    tags: Sequence[TagNames], lines: Sequence[Sequence[int]], is_so: Callable[[str, str], bool]
) -> tuple[int, str] | None:
    """The line of the first tag of which something is so, and the tag."""
    for sentence, numbers in zip(tags, lines, strict=True):
        for number, (before, tag) in zip(numbers, _pairs(sentence), strict=True):
            if is_so(before, tag):
                return number, tag
    return None


def _require_ends(tags: Sequence[TagNames], lines: Sequence[Sequence[int]], where: str) -> None:
    """Refuse BIOES and BILOU where an entity of several words lacks its beginning or its end."""
    for sentence, numbers in zip(tags, lines, strict=True):
        for number, before, tag in zip((*numbers, numbers[-1]), ("", *sentence), (*sentence, ""), strict=True):
            if not _may_follow(before, tag):
                raise _incomplete(before, tag, f"{where}, line {number}")


def _may_follow(before: str, tag: str) -> bool:
    """Whether a tag may stand after another; "" is what lies outside of the sentence."""
    is_open = before[:1] in _OPEN
    return is_open == (tag[:1] in _GOING_ON) and (not is_open or before[2:] == tag[2:])


def _incomplete(before: str, tag: str, where: str) -> BadData:
    of, fix = before[2:], "in BIOES and BILOU several words are B- I- E- or B- I- L-, and one alone is S- or U-"
    if before[:1] in _OPEN:
        expected, got = f"I-{of}, E-{of} or L-{of} after {before}", tag or "the end of the sentence"
        return BadData("an entity lacks its end", where=where, expected=expected, got=got, fix=fix)
    expected, got = f"B-{tag[2:]} before {tag}", before or "the start of the sentence"
    return BadData("an entity lacks its beginning", where=where, expected=expected, got=got, fix=fix)
