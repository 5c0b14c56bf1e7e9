"""A plan carried out, in a few lines: what is frozen, reused, fresh, new and dropped, and what training switches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from regraft.network import GraphNetwork
from regraft.network.flow import ancestors
from regraft.network.surgery import Graft, Row

_ORDER = ("frozen", "reused", "fresh", "new", "dropped")


def summary(graft: Graft) -> str:
    """The trunk's end, how much of it matched, a line for each kind of parameter, and what holds in training."""
    matched = graft.matched
    head = f"{matched['tensors']}/{matched['of']} tensors reused, {matched['percent']:g} % of the trunk's parameters"
    rows = sorted(graft.rows, key=lambda row: _ORDER.index(row.state))
    groups = [list(group) for _, group in groupby(rows, key=lambda row: row.state)]
    stops = [graft.network.resolve(name) for name in graft.plan.stop_gradient]
    stopped = [f"  no gradient goes below {', '.join(stops)}"] if stops else []
    switched = switches(graft.network, [graft.logits])
    return "\n".join([f"trunk up to {graft.at}: {head}", *map(_line, groups), *stopped, *switched])


def switches(network: GraphNetwork, tensors: Sequence[str]) -> list[str]:
    """A line for each of the source's own switches that some tensors depend on: what it is set to."""
    below = ancestors(network.nodes, tensors)
    lines: list[str] = []
    for switch in network.graph.switches:
        if switch.name in below and not switch.name.startswith("regraft/"):
            same = " as well: --switch NAME=VALUE says otherwise" if switch.training == switch.evaluation else ""
            lines.append(
                f"  switch {switch.name}: {switch.evaluation} in evaluation, {switch.training} in training{same}"
            )
    return lines


def _line(rows: list[Row]) -> str:
    first, last = rows[0].parameter, rows[-1].parameter
    names = first if len(rows) == 1 else f"{first} ... {last}"
    count = sum(row.count for row in rows)
    return f"  {rows[0].state:<8}{len(rows):>5} tensors {count:>12,} numbers  {names}"
