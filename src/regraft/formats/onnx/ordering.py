"""The order of operations: each after those that give what it reads."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from regraft.errors import UnreadableFile, nearest_names
from regraft.formats.onnx.operations import Operation


def ordered(operations: Sequence[Operation], given: Sequence[str], where: str) -> list[Operation]:
    """The operations in running order, their own order where that is one.

    Args:
        given: tensors that need no operation.

    Raises:
        UnreadableFile: two give one tensor, one reads what nobody gives, or they wait for each other.
    """
    givers = _givers(operations, given, where)
    waits = [_waits(one, givers, where) for one in operations]
    waiting = [len(below) for below in waits]
    readers: list[list[int]] = [[] for _ in operations]
    for place, below in enumerate(waits):
        for giver in below:
            readers[giver].append(place)
    if all(giver < place for place, below in enumerate(waits) for giver in below):
        return list(operations)
    ready, done = deque(place for place, count in enumerate(waiting) if not count), list[int]()
    while ready:
        place = ready.popleft()
        done.append(place)
        for reader in readers[place]:
            waiting[reader] -= 1
            if not waiting[reader]:
                ready.append(reader)
    if len(done) < len(operations):
        stuck = [operations[place].label for place, count in enumerate(waiting) if count]
        raise UnreadableFile("operations of the graph wait for each other", where=where, got=", ".join(stuck[:5]))
    return [operations[place] for place in done]


def _givers(operations: Sequence[Operation], given: Sequence[str], where: str) -> dict[str, int]:
    """Which operation gives each tensor; -1 for those that need none."""
    givers = dict.fromkeys(given, -1)
    if len(givers) < len(given) or "" in givers:
        raise UnreadableFile("an input of the graph has no name, or that of another one", where=where)
    for place, one in enumerate(operations):
        for name in one.outputs:
            if name and givers.setdefault(name, place) != place:
                raise UnreadableFile("two operations give one tensor", where=where, got=repr(name))
        if len({name for name in one.outputs if name}) < sum(map(bool, one.outputs)):
            raise UnreadableFile("an operation gives one tensor twice", where=where, got=one.label)
    return givers


def _waits(one: Operation, givers: dict[str, int], where: str) -> set[int]:
    below: set[int] = set()
    for name in one.inputs:
        if name and name not in givers:
            raise UnreadableFile(
                f"an operation reads {name!r}, which nothing gives",
                where=f"{where}, node {one.label} ({one.title})",
                nearest=nearest_names(name, list(givers)[:2000]),
            )
        if name and givers[name] >= 0:
            below.add(givers[name])
    return below
