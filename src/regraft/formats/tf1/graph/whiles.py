"""tf.while_loop as newer graphs have it: a While calls functions, one for its condition and one for a step.

It becomes states and a loop, as the loops of `loops.py` do. What the step hands on as it is needs no state.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from regraft.errors import UnreadableFile
from regraft.formats.tf1.graph.additions import free_name
from regraft.formats.tf1.graph.constants import attribute_of
from regraft.formats.tf1.graph.source import (
    LOOP,
    PASSING,
    STATE,
    Operation,
    Source,
    belongs_to_gradients,
    operation_of,
)

WHILES = ("While", "StatelessWhile")


def functions(call: Operation) -> list[str]:
    """The names of the functions a While calls: condition and step."""
    return [call.attrs[key].func.name for key in ("cond", "body")]


def states(call: Operation, source: Source, taken: Mapping[str, Operation]) -> dict[int, Operation]:
    """The states of a While, by the place of what they carry; none where it is no While.

    Raises:
        UnreadableFile: a step gives more or fewer tensors than it takes.
    """
    step = source.functions.get(functions(call)[1]) if call.type in WHILES else None
    if step is None:
        return {}
    formal = [argument.name for argument in step.signature.input_arg]
    returned = [step.ret.get(result.name, result.name) for result in step.signature.output_arg]
    if not len(formal) == len(returned) == len(call.inputs):
        raise UnreadableFile(
            "the step of a loop gives other tensors than it takes",
            where=f"{source.where}, function {step.signature.name} called by {call.name}",
            expected=str(len(call.inputs)),
            got=f"{len(formal)} taken, {len(returned)} given",
        )
    loop = free_name(f"{call.name}/loop", taken)
    return {
        k: Operation(name=free_name(f"{call.name}/{k}", taken), type=STATE, inputs=(start,), loop=loop)
        for k, start in enumerate(call.inputs)
        if returned[k] != formal[k]
    }


def loop_of(states: Mapping[int, Operation]) -> str:
    """The name of the loop that some states belong to."""
    return next((state.loop for state in states.values()), "")


def carried(call: Operation, states: Mapping[int, Operation]) -> tuple[str, ...]:
    """The arguments of both functions: states, and what stays the same."""
    return tuple(f"{states[k].name}:0" if k in states else tensor for k, tensor in enumerate(call.inputs))


def replaced(
    call: Operation,
    states: Mapping[int, Operation],
    results: Sequence[Sequence[str]],
    operations: Mapping[str, Operation],
) -> dict[str, Operation]:
    """The loop, and the While as what hands on its results.

    Args:
        results: of the condition and of the step.
        operations: all, with those of the functions.
    """
    (condition, *_), following = results
    kept = _needed(call, condition, {k: (states[k].name, following[k]) for k in states}, operations)
    pairs = [tensor for k in kept for tensor in (f"{states[k].name}:0", following[k])]
    loop = Operation(name=loop_of(states), type=LOOP, inputs=(condition, *pairs), loop=call.loop)
    given = {k: f"{loop.name}:{place}" for place, k in enumerate(kept)}
    unread = f"{loop.name}:{len(kept)}"  # an output that the loop does not have
    outputs = tuple(given.get(k, unread if k in states else start) for k, start in enumerate(call.inputs))
    return {loop.name: loop, call.name: replace(call, type=PASSING, inputs=outputs, attrs={})}


def _needed(
    call: Operation,
    condition: str,
    variables: Mapping[int, tuple[str, str]],
    operations: Mapping[str, Operation],
) -> list[int]:
    """The places of what the condition is computed from, and of all that is read after the loop."""
    read = _read(call, operations)
    owners = {name: k for k, (name, _) in variables.items()}
    waiting = [condition, *(following for k, (_, following) in variables.items() if k in read)]
    needed = read & variables.keys()
    seen: set[str] = set()
    while waiting:
        name = operation_of(waiting.pop())
        if name not in seen:
            seen.add(name)
            if name in owners and owners[name] not in needed:
                needed.add(owners[name])
                waiting.append(variables[owners[name]][1])
            waiting += operations[name].inputs if name not in owners else ()
    return sorted(needed)


def _read(call: Operation, operations: Mapping[str, Operation]) -> set[int]:
    """The places of a loop's results, those left out that are lists, kept for gradients, and nothing else reads."""
    readers: dict[str, list[str]] = {}  # what hands a tensor on; "" for any other use
    for operation in operations.values():
        if not belongs_to_gradients(operation.name):
            for k, tensor in enumerate(operation.inputs):
                use = f"{operation.name}:{k}" if operation.type in (PASSING, "Identity") else ""
                readers.setdefault(tensor, []).append(use)

    def is_read(tensor: str) -> bool:
        seen = {tensor}
        waiting = [tensor]
        while waiting:
            new = set(readers.get(waiting.pop(), ())) - seen
            if "" in new:
                return True
            seen |= new
            waiting += new
        return False

    types = attribute_of(call.attrs["T"]) if "T" in call.attrs else ()
    lists = {k for k, type in enumerate(types) if type == "variant"}
    return {k for k in range(len(call.inputs)) if k not in lists or is_read(f"{call.name}:{k}")}
