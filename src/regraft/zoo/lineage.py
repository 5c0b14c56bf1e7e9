"""Which model comes from which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A model, and those before or after it. `here` is False where it has been removed from the zoo."""

    name: str
    here: bool
    branches: tuple[Branch, ...]


@dataclass(frozen=True, kw_only=True)
class Lineage:
    """A model between those whose weights it came from, and those that came from its own."""

    name: str
    parents: tuple[Branch, ...]
    children: tuple[Branch, ...]


def lineage_of(name: str, parents: Mapping[str, Sequence[str]]) -> Lineage:
    """The lineage of a model, from the names of the parents of each."""
    children: dict[str, list[str]] = {}
    for child, own in parents.items():
        for parent in own:
            children.setdefault(parent, []).append(child)
    return Lineage(
        name=name,
        parents=_branches(name, parents, parents, {name}),
        children=_branches(name, children, parents, {name}),
    )


def _branches(
    name: str, after: Mapping[str, Sequence[str]], known: Mapping[str, object], seen: set[str]
) -> tuple[Branch, ...]:
    """Those after a name, each once: one that many come from stands with the first of them."""
    found: list[Branch] = []
    for other in after.get(name, ()):
        if other not in seen:  # a name that was given again to another model may lead back to itself
            seen.add(other)
            found.append(Branch(name=other, here=other in known, branches=_branches(other, after, known, seen)))
    return tuple(found)
