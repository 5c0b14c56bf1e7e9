"""tf.cond on reference variables: Switch and Merge turned into conditionals.

A Switch sends a tensor to one of two sides; what depends on the other side is dead, through data or (constants)
through control inputs alone. A Merge takes the one input that is alive. So every operation runs under some
conditions, predicate -> side, and the two inputs of a Merge differ in exactly one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from regraft.formats.tf1.graph.source import CONDITIONAL, PASSING, Operation, index_of, operation_of

_SWITCHES = ("Switch", "RefSwitch")
_MERGES = ("Merge", "RefMerge")
_LOOPS = ("Enter", "RefEnter", "NextIteration", "RefNextIteration")
_SAME = ("Identity", "RefIdentity", *_SWITCHES)

Guards = Mapping[str, bool]


def resolved(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """The operations with every Switch passing its tensor on and every Merge a conditional.

    A Merge that belongs to a while loop stays as it is.
    """
    if not any(operation.type in _MERGES + _SWITCHES for operation in operations.values()):
        return dict(operations)
    guards: dict[str, Guards] = {}
    found = dict(operations)
    for name in _in_order(operations):
        operation = operations[name]
        sides = [_tensor_guards(tensor, operations, guards) for tensor in operation.inputs]
        if operation.type in _MERGES and len(sides) == 2:
            loops = any(operations[operation_of(tensor)].type in _LOOPS for tensor in operation.inputs)
            predicate = None if loops else _difference(*sides)
            if predicate:
                found[name] = _merged(operation, predicate, sides)
            guards[name] = {p: side for p, side in sides[0].items() if p != predicate and sides[1].get(p) == side}
        else:
            sides += [guards.get(control, {}) for control in operation.controls]
            guards[name] = {p: side for guard in (operation.guards, *sides) for p, side in guard.items()}
        if _is_switch(operation, operations):
            found[name] = replace(operation, type=PASSING, inputs=(operation.inputs[0],) * 2)
        found[name] = replace(found[name], guards=guards[name])
    return found


def _merged(merge: Operation, predicate: str, sides: list[Guards]) -> Operation:
    true_first = sides[0].get(predicate, not sides[1].get(predicate))
    on_true, on_false = merge.inputs if true_first else reversed(merge.inputs)
    return replace(merge, type=CONDITIONAL, inputs=(predicate, on_true, on_false), attrs={})


def _difference(one: Guards, other: Guards) -> str | None:
    """The predicate that tells the two inputs of a Merge apart: the innermost one."""
    opposite = [p for p in one if p in other and one[p] != other[p]]
    # Where a tool has dropped the control input of a constant, only the other side is known.
    alone = [p for p in one if p not in other] + [p for p in other if p not in one]
    return (opposite or alone or [None])[-1]


def _tensor_guards(tensor: str, operations: Mapping[str, Operation], guards: Mapping[str, Guards]) -> Guards:
    operation = operations[operation_of(tensor)]
    known = guards.get(operation.name, {})
    if not _is_switch(operation, operations):
        return known
    return {**known, _root(operation.inputs[1], operations): index_of(tensor) == 1}


def _is_switch(operation: Operation, operations: Mapping[str, Operation]) -> bool:
    """Whether an operation is the Switch of a conditional; that of a while loop is none."""
    return operation.type in _SWITCHES and operations[operation_of(operation.inputs[1])].type != "LoopCond"


def _root(predicate: str, operations: Mapping[str, Operation]) -> str:
    """The tensor a predicate is a copy of: nested conditionals pass theirs through switches."""
    seen: set[str] = set()
    while predicate not in seen:
        seen.add(predicate)
        operation = operations[operation_of(predicate)]
        if operation.type in _SAME and operation.inputs:
            predicate = operation.inputs[0]
    return predicate


def _in_order(operations: Mapping[str, Operation]) -> Iterator[str]:
    """Names of all operations, each after those it reads or waits for; loops are entered anywhere."""
    done: set[str] = set()
    for first in operations:
        path = [(first, _before(operations[first]))] if first not in done else []
        done.add(first)
        while path:
            name, rest = path[-1]
            following = next((before for before in rest if before not in done), None)
            if following is None:
                path.pop()
                yield name
            else:
                done.add(following)
                path.append((following, _before(operations[following])))


def _before(operation: Operation) -> Iterator[str]:
    return iter([*map(operation_of, operation.inputs), *operation.controls])
