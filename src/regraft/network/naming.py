"""Finding names by pattern, and saying it well when there is none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from regraft.errors import BadArgument, UnknownName, nearest_names

_PART = re.compile(r"(.+)/part_\d+")


def compile_pattern(pattern: str) -> re.Pattern[str]:
    """The compiled pattern.

    Raises:
        BadArgument: it is no regular expression.
    """
    try:
        return re.compile(pattern)
    except re.error as error:
        raise BadArgument(
            f"{pattern!r} is not a regular expression", got=str(error), fix="see docs.python.org/3/library/re.html"
        ) from error


def matches(pattern: re.Pattern[str], name: str) -> bool:
    """Whether `re.match` finds the pattern in the name, with or without its ":0" (tf.get_collection's rule)."""
    return bool(pattern.match(name) or pattern.match(f"{name}:0"))


def matching(pattern: str, names: Iterable[str], what: str, noun: str = "parameter") -> list[str]:
    """The names a pattern matches, in their own order.

    Args:
        what: what the pattern is for ("reuse", "freeze"), and
        noun: what the names are of: both stand in the error.

    Raises:
        UnknownName: it matches none.
    """
    names = list(names)
    compiled = compile_pattern(pattern)
    found = [name for name in names if matches(compiled, name)]
    if found:
        return found
    inside = [name for name in names if compiled.search(name)]
    if inside:
        there = f"{len(inside)} {noun}{'s' * (len(inside) > 1)}"
        fix = f"a pattern is matched from the start of the name: use '.*{pattern}' (it matches {there})"
    else:
        fix = f"`regraft show --{'tensors' if noun == 'tensor' else 'params'} '.*'` lists all {noun}s"
    raise UnknownName(
        f"{what}: the pattern {pattern!r} matches no {noun}",
        got=f"{len(names)} {noun}s, first: {', '.join(names[:5])}",
        nearest=inside[:3] or nearest_names(pattern, names),
        fix=fix,
    )


def resolve(name: str, known: Mapping[str, object], where: str) -> str:
    """The tensor a user means: its full name, or one without the ":0" of an operation's only output.

    Raises:
        UnknownName: there is no such tensor, or the operation has several outputs.
    """
    if name in known:
        return name
    if f"{name}:0" in known:
        if f"{name}:1" in known:
            outputs = [f"{name}:{k}" for k in range(len(known)) if f"{name}:{k}" in known]
            raise UnknownName(f"{name!r} has several outputs", where=where, expected="one of " + ", ".join(outputs))
        return f"{name}:0"
    raise UnknownName(
        f"there is no tensor {name!r}",
        where=where,
        nearest=nearest_names(name, known),
        fix="`regraft show --tensors '.*'` lists all tensors",
    )


def whole_of(part: str) -> str | None:
    """The variable TensorFlow has made a part of, by the part's name: "deep/w" of "deep/w/part_0"; else None."""
    found = _PART.fullmatch(part)
    return found[1] if found else None


def renamed(name: str, rename: Mapping[str, str]) -> str:
    """The new name of a parameter: the first pattern that matches all of the old name decides."""
    for old, new in rename.items():
        found = compile_pattern(old).fullmatch(name)
        if found:
            try:
                return found.expand(new)
            except (re.error, IndexError) as error:
                raise BadArgument(f"rename: {new!r} is not a replacement for {old!r}", got=str(error)) from error
    return name
