"""A map of names: which weight of a file goes where, and how its axes go; also as a YAML file that people edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from regraft.errors import BadArgument, MissingFile, UnreadableFile
from regraft.network.axes import parsed
from regraft.network.naming import compile_pattern, renamed

_FORM = "old name: new name, or {to: new name, turn: o i -> i o}, or nothing where it is not used"


@dataclass(frozen=True)
class Place:
    """Where a weight goes.

    Attributes:
        to: the new name; None: nowhere.
        turn: how its axes go there (see `regraft.network.axes`); None: as the two layouts say.
    """

    to: str | None
    turn: str | None = None


class Renames:
    """The places of names: those named exactly first, then the first pattern that matches all of a name."""

    def __init__(self, rename: Mapping[str, Any], where: str | None = None) -> None:
        """See the class.

        Args:
            rename: old name (a full-match regular expression) -> new name, {"to": ..., "turn": ...} or None.

        Raises:
            BadArgument: an entry is none of these.
        """
        self.places = {old: _place(old, new, where) for old, new in rename.items()}

    def place(self, name: str) -> Place:
        """Where the weight of that name goes."""
        if name in self.places:
            return self.places[name]
        for old, place in self.places.items():
            if compile_pattern(old).fullmatch(name):
                return Place(None if place.to is None else renamed(name, {old: place.to}), place.turn)
        return Place(name)


def read_renames(path: Path) -> Renames:
    """The map in a YAML file, such as `regraft match` writes.

    Raises:
        MissingFile: there is none.
        UnreadableFile: it is no YAML.
        BadArgument: it is no map of names.
    """
    if not path.is_file():
        raise MissingFile(f"there is no file {path.name}", where=str(path))
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableFile("the map of names is no YAML", where=str(path), got=str(error)[:300]) from error
    if not isinstance(content, dict) or not all(isinstance(old, str) for old in content):
        raise BadArgument("this is no map of names", where=str(path), expected=_FORM)
    return Renames(content, str(path))


def renames_as_text(rename: Mapping[str, Any], undecided: Mapping[str, Sequence[str]], said: Sequence[str]) -> str:
    """A map of names as people edit it.

    Args:
        undecided: old names with the places they may go to: comments, to be chosen from.
        said: what stands at its head, as comments.
    """
    lines = [f"# {line}" for line in said]
    lines += [_line(old, new) for old, new in rename.items()]
    for old, places in undecided.items():
        lines.append(f"# undecided: {len(places)} places fit; take away one '#'")
        lines += [f"# {line}" for new in places for line in _line(old, new).splitlines()]
    return "\n".join(lines) + "\n"


def _line(old: str, new: Any) -> str:
    """One entry, on one line unless its name is very long."""
    flow = None if isinstance(new, Mapping) else False
    return yaml.safe_dump({old: new}, default_flow_style=flow, width=100_000, allow_unicode=True).strip()


def _place(old: str, new: Any, where: str | None) -> Place:
    if new is None or isinstance(new, str):
        return Place(new)
    if isinstance(new, Place):
        return new
    if isinstance(new, Mapping) and set(new) <= {"to", "turn"} and isinstance(new.get("to"), str):
        turn = new.get("turn")
        if turn is None or isinstance(turn, str):
            if turn is not None:
                parsed(turn)
            return Place(new["to"], turn)
    raise BadArgument(f"the map of names says nothing clear about {old!r}", where=where, expected=_FORM, got=repr(new))
