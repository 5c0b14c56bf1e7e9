"""tf.while_loop as TensorFlow 1 writes it: Enter, Merge, Switch, NextIteration and Exit turned into states and a loop.

A tensor comes into a loop by an Enter. What changes from step to step goes round: a Merge takes its start or, from a
NextIteration, its next value; a Switch hands it to a step or, when the condition (a LoopCond) fails, to an Exit. The
other operations of a loop are told by reading, or waiting for, something in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from regraft.formats.tf1.graph.additions import free_name
from regraft.formats.tf1.graph.source import (
    LOOP,
    PASSING,
    STATE,
    Operation,
    belongs_to_gradients,
    index_of,
    operation_of,
)

_ENTERS = ("Enter", "RefEnter")
_MERGES = ("Merge", "RefMerge")
_SWITCHES = ("Switch", "RefSwitch")
_ROUNDS = ("NextIteration", "RefNextIteration")
_EXITS = ("Exit", "RefExit")


@dataclass(frozen=True, kw_only=True)
class _Variable:
    """What goes round: the operations by which it does."""

    merge: str
    switch: str
    round: str
    exits: tuple[str, ...]


def resolved(operations: Mapping[str, Operation]) -> dict[str, Operation]:
    """The operations with every while loop as states, what a step does, and a loop that gives the last states.

    A loop that computes gradients stays as it is, and so does one that is not of this form.
    """
    conditions = [o for o in operations.values() if o.type == "LoopCond" and not belongs_to_gradients(o.name)]
    if not conditions:
        return dict(operations)
    readers = _readers(operations)
    loops: dict[str, _Loop] = {}
    for condition in conditions:
        loop = _Loop.of(condition, operations, readers)
        if loop is not None:
            loops[loop.frame] = loop
    places = _places(loops, operations, readers)
    found = dict(operations)
    names = {frame: loop.name(found) for frame, loop in loops.items()}
    for name, frame in places.items():
        if operations[name].type != "Const":
            found[name] = replace(operations[name], loop=names[frame])
    for frame, loop in loops.items():
        found.update(loop.replaced(names[frame], found))
    return found


def _readers(operations: Mapping[str, Operation]) -> dict[str, list[Operation]]:
    """The operations that read an operation, or wait for it."""
    found: dict[str, list[Operation]] = {}
    for operation in operations.values():
        for before in dict.fromkeys([*map(operation_of, operation.inputs), *operation.controls]):
            found.setdefault(before, []).append(operation)
    return found


def _places(
    loops: Mapping[str, _Loop], operations: Mapping[str, Operation], readers: Mapping[str, list[Operation]]
) -> dict[str, str]:
    """The frame of the loop at each step of which an operation runs; those that run once are left out."""
    entered = {frame: [o.name for o in operations.values() if _frame(o) == frame] for frame in loops}
    waiting = [(name, frame) for frame, enters in entered.items() for name in enters]
    places: dict[str, str] = {}
    while waiting:
        name, frame = waiting.pop()
        for reader in readers.get(name, ()):
            inner, is_exit = _frame(reader), reader.type in _EXITS
            if is_exit or reader.name in places:
                continue
            places[reader.name] = frame
            if inner is None:
                waiting.append((reader.name, frame))
            elif inner in loops:  # a loop in a loop: what comes out of it is again in the outer one
                leaving = [exit for variable in loops[inner].variables for exit in variable.exits]
                places.update(dict.fromkeys(leaving, frame))
                waiting += [(exit, frame) for exit in leaving]
    return places


def _frame(operation: Operation) -> str | None:
    """The frame an Enter leads into."""
    if operation.type not in _ENTERS or "frame_name" not in operation.attrs:
        return None
    return operation.attrs["frame_name"].s.decode("utf-8", errors="replace")


@dataclass(frozen=True, kw_only=True)
class _Loop:
    """A loop: its frame, its condition, what goes round, and all by which tensors come into it."""

    frame: str
    condition: Operation
    variables: tuple[_Variable, ...]
    enters: tuple[str, ...]

    @classmethod
    def of(
        cls, condition: Operation, operations: Mapping[str, Operation], readers: Mapping[str, list[Operation]]
    ) -> _Loop | None:
        """The loop of a condition; None where something is missing."""
        switches = [reader for reader in readers.get(condition.name, ()) if reader.type in _SWITCHES]
        variables = [_variable(switch, operations, readers) for switch in switches]
        known = [variable for variable in variables if variable is not None]
        frames = {_frame(operations[_start(variable, operations)]) for variable in known}
        frame = frames.pop() if len(frames) == 1 else None
        if frame is None or len(known) < len(variables):
            return None
        enters = tuple(operation.name for operation in operations.values() if _frame(operation) == frame)
        return cls(frame=frame, condition=condition, variables=tuple(known), enters=enters)

    def name(self, taken: Mapping[str, Operation]) -> str:
        """What the loop is called: the scope it was made in."""
        scope = self.condition.name.rpartition("/")[0] or self.condition.name
        return free_name(scope, taken) if scope in taken else scope

    def replaced(self, name: str, operations: Mapping[str, Operation]) -> dict[str, Operation]:
        """The operations that carry tensors round, and the loop itself."""
        needed = self._needed(operations)
        kept = [variable for variable in self.variables if variable.merge in needed]
        outer = operations[_start(self.variables[0], operations)].loop
        changed = {self.condition.name: replace(self.condition, type="Identity", loop=name)}
        for enter in self.enters:
            changed[enter] = replace(operations[enter], type=PASSING, attrs={}, loop=name)
        for k, variable in enumerate(kept):
            merge, switch, round = (operations[o] for o in (variable.merge, variable.switch, variable.round))
            start = operations[_start(variable, operations)].inputs
            changed[merge.name] = replace(merge, type=STATE, inputs=start, attrs={})
            changed[switch.name] = replace(switch, type=PASSING, inputs=(f"{merge.name}:0",) * 2, attrs={})
            changed[round.name] = replace(round, type="Identity")
            for exit in variable.exits:
                changed[exit] = replace(operations[exit], type="Identity", inputs=(f"{name}:{k}",), loop=outer)
        pairs = [f"{operation}:0" for variable in kept for operation in (variable.merge, variable.round)]
        inputs = (f"{self.condition.name}:0", *pairs)
        return changed | {name: Operation(name=name, type=LOOP, inputs=inputs, loop=outer)}

    def _needed(self, operations: Mapping[str, Operation]) -> set[str]:
        """What the condition is computed from, and all that leaves the loop for more than gradients."""
        readers = _readers(operations)
        exits = [exit for variable in self.variables for exit in variable.exits]
        waiting = [self.condition.name, *(exit for exit in exits if _is_wanted(exit, readers.get(exit, ())))]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name not in seen:
                seen.add(name)
                waiting += map(operation_of, operations[name].inputs)
        return seen


def _variable(
    switch: Operation, operations: Mapping[str, Operation], readers: Mapping[str, list[Operation]]
) -> _Variable | None:
    merge = operations[operation_of(switch.inputs[0])]
    before = [operations[operation_of(tensor)] for tensor in merge.inputs]
    if merge.type not in _MERGES or len(before) != 2:
        return None
    if before[0].type not in _ENTERS or before[1].type not in _ROUNDS:
        return None
    left = [o for o in readers.get(switch.name, ()) if o.type in _EXITS and index_of(o.inputs[0]) == 0]
    exits = tuple(exit.name for exit in left)
    return _Variable(merge=merge.name, switch=switch.name, round=before[1].name, exits=exits)


def _start(variable: _Variable, operations: Mapping[str, Operation]) -> str:
    """The Enter by which a variable comes into its loop."""
    return operation_of(operations[variable.merge].inputs[0])


def _is_wanted(exit: str, readers: Iterable[Operation]) -> bool:
    """Whether a result is read by something that is no gradient, or is an end."""
    names = [reader.name for reader in readers] or [exit]
    return not all(map(belongs_to_gradients, names))
