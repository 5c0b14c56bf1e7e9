"""A plan carried out, in a few lines: what is frozen, reused, fresh, new and dropped."""

from __future__ import annotations

from itertools import groupby

from regraft.network.surgery import Graft, Row

_ORDER = ("frozen", "reused", "fresh", "new", "dropped")


def summary(graft: Graft) -> str:
    """The trunk's end, how much of it matched, and a line for each kind of parameter."""
    matched = graft.matched
    head = f"{matched['tensors']}/{matched['of']} tensors reused, {matched['percent']:g} % of the trunk's parameters"
    rows = sorted(graft.rows, key=lambda row: _ORDER.index(row.state))
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.state)]
    return "\n".join([f"trunk up to {graft.at}: {head}", *map(_line, groups)])


def _line(rows: list[Row]) -> str:
    first, last = rows[0].parameter, rows[-1].parameter
    names = first if len(rows) == 1 else f"{first} ... {last}"
    count = sum(row.count for row in rows)
    return f"  {rows[0].state:<8}{len(rows):>5} tensors {count:>12,} numbers  {names}"
