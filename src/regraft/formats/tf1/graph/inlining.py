"""Functions put in place of their calls: PartitionedCall, and the `If` and `While` that newer graphs have."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from regraft.errors import RegraftError, UnreadableFile, UnsafeFile
from regraft.formats.tf1.graph import whiles
from regraft.formats.tf1.graph.constants import attribute_of
from regraft.formats.tf1.graph.source import (
    CONDITIONAL,
    PASSING,
    Operation,
    Source,
    belongs_to_gradients,
    require_reads,
)
from regraft.formats.tf1.operation import output_names
from regraft.formats.tf1.ops import READ

_CALLS = ("PartitionedCall", "StatefulPartitionedCall")
_BRANCHES = ("If", "StatelessIf")

# Functions that call functions can make a large graph of a small file.
_MOST_OPERATIONS = 500_000
_DEEPEST = 50


def inlined(source: Source) -> dict[str, Operation]:
    """The operations of a graph with the bodies of its functions in place of their calls.

    An operation of a body is named after the call: "cond/true/mul". Calls of functions the file does not
    hold stay as they are, and so do those that compute gradients.

    Raises:
        UnsafeFile: the functions call each other without end.
        UnreadableFile: a body and its call do not fit together.
    """
    found = dict(source.operations)
    waiting = [(operation, 0) for operation in found.values()]
    while waiting:
        operation, depth = waiting.pop()
        made = {} if belongs_to_gradients(operation.name) else _expanded(operation, found, source)
        if made and (depth > _DEEPEST or len(found) > _MOST_OPERATIONS):
            raise UnsafeFile("the functions of the graph call each other without end", where=source.where)
        found.update(made)
        waiting.extend((inner, depth + 1) for name, inner in made.items() if name != operation.name)
    return found


def _expanded(call: Operation, found: dict[str, Operation], source: Source) -> dict[str, Operation]:
    """What stands for a call: what its functions do, and the call itself as what hands on their results."""
    states = whiles.states(call, source, found)
    results: list[tuple[str, ...]] = []
    made = {operation.name: operation for operation in states.values()}
    known = ChainMap(made, found)  # a copy of all operations for each call would take as long as reading them
    for body in _bodies(call, source.functions, states):
        added, outputs = body.instantiated(call, known, source)
        made.update(added)
        results.append(outputs)
    if not results:
        return {}
    if call.type in whiles.WHILES:
        return made | whiles.replaced(call, states, results, known)
    return {**made, call.name: _replaced(call, results)}


def _replaced(call: Operation, results: list[tuple[str, ...]]) -> Operation:
    if len(results) == 1:
        return replace(call, type=PASSING, inputs=results[0], attrs={})
    pairs = [tensor for pair in zip(*results, strict=True) for tensor in pair]
    return replace(call, type=CONDITIONAL, inputs=(call.inputs[0], *pairs), attrs={})


def _bodies(operation: Operation, functions: Mapping[str, Any], states: Mapping[int, Operation]) -> list[_Body]:
    """What an operation calls: one function, the sides of a conditional, condition and step of a loop, or nothing."""
    loop, arguments = operation.loop, operation.inputs
    if operation.type in _CALLS:
        names, scopes, guards = [operation.attrs["f"].func.name], [""], [operation.guards]
    elif operation.type in whiles.WHILES:
        names, scopes, guards = whiles.functions(operation), ["cond/", "body/"], [operation.guards] * 2
        arguments = whiles.carried(operation, states)
        loop = whiles.loop_of(states)
    elif operation.type in _BRANCHES and operation.inputs:
        names = [operation.attrs[side].func.name for side in ("then_branch", "else_branch")]
        scopes = ["true/", "false/"]
        guards = [{**operation.guards, operation.inputs[0]: side} for side in (True, False)]
    else:
        names, scopes, guards = [operation.type], [""], [operation.guards]
    if not all(name in functions for name in names) or (operation.type in whiles.WHILES and not states):
        return []
    if operation.type in _BRANCHES:
        arguments = arguments[1:]
    return [_Body(functions[n], s, g, arguments, loop) for n, s, g in zip(names, scopes, guards, strict=True)]


class _Body:
    """A function about to be put in place of a call."""

    def __init__(
        self, function: Any, scope: str, guards: Mapping[str, bool], arguments: tuple[str, ...], loop: str
    ) -> None:
        self._function = function
        self._scope = scope
        self._guards = guards
        self._arguments = arguments
        self._loop = loop

    def instantiated(
        self, call: Operation, taken: Mapping[str, Operation], source: Source
    ) -> tuple[dict[str, Operation], tuple[str, ...]]:
        """The operations of the body, and the tensors it returns."""
        where = f"{source.where}, function {self._function.signature.name} called by {call.name}"
        formal = [argument.name for argument in self._function.signature.input_arg]
        if len(formal) != len(self._arguments):
            raise UnreadableFile(
                "a function is called with the wrong number of arguments",
                where=where,
                expected=str(len(formal)),
                got=str(len(self._arguments)),
            )
        names = self._fresh_names(f"{call.name}/{self._scope}", taken)
        table = dict(zip(formal, self._arguments, strict=True))
        for node in self._function.node_def:
            table.update(_output_table(node, names[node.name], source.functions))
        added = {
            names[node.name]: Operation(
                name=names[node.name],
                type=node.op,
                inputs=_looked_up((name for name in node.input if name[:1] != "^"), table, names, where),
                controls=tuple(names[name[1:]] for name in node.input if name[:1] == "^" and name[1:] in names),
                attrs=node.attr,
                guards=self._guards,
                loop=self._loop if node.op != "Const" else "",
            )
            for node in self._function.node_def
        }
        for operation in added.values():
            require_reads(operation, where)
        returned = (self._function.ret.get(a.name, a.name) for a in self._function.signature.output_arg)
        return added, _looked_up(returned, table, names, where)

    def _fresh_names(self, prefix: str, taken: Mapping[str, Operation]) -> dict[str, str]:
        names: dict[str, str] = {}
        for node in self._function.node_def:
            name = f"{prefix}{node.name}"
            while name in taken:
                name = f"{name}_"
            names[node.name] = name
        return names


def _looked_up(
    references: Iterable[str], table: Mapping[str, str], names: Mapping[str, str], where: str
) -> tuple[str, ...]:
    found: list[str] = []
    for reference in references:
        node, _, output = reference.partition(":")
        index = output.rpartition(":")[2]
        if reference in table:
            found.append(table[reference])
        elif node in names and index.isdecimal():  # the operation is not in our table: its outputs have no names here
            found.append(f"{names[node]}:{index}")
        else:
            raise UnreadableFile("a function reads what it does not hold", where=where, got=repr(reference))
    return tuple(found)


def _output_table(node: Any, name: str, functions: Mapping[str, Any]) -> dict[str, str]:
    """How a body refers to a node's outputs ("split:output:1") -> tensor ("cond/true/split:1")."""
    table: dict[str, str] = {}
    seen: dict[str, int] = {}
    for index, output in enumerate(_outputs(node, functions)):
        table[f"{node.name}:{output}:{seen.get(output, 0)}"] = f"{name}:{index}"
        seen[output] = seen.get(output, 0) + 1
    return table


def _outputs(node: Any, functions: Mapping[str, Any]) -> tuple[str, ...]:
    if node.op in functions:
        return tuple(argument.name for argument in functions[node.op].signature.output_arg)
    given = {key: attribute_of(value) for key, value in node.attr.items()}
    try:
        return output_names(READ[node.op], given, node.name) if node.op in READ else ()
    except RegraftError:
        return ()
