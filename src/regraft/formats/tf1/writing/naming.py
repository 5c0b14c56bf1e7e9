"""Names for the operations of a graph that is written: a network's own names wherever TensorFlow allows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from regraft.network.graph import Graph

_OUTPUT = re.compile(r"(.+):(\d{1,9})")
_ILLEGAL = re.compile(r"[^A-Za-z0-9_.\\/>-]")
_LEGAL_START = re.compile(r"[A-Za-z0-9.]")
_MOST_JOINED = 1000  # outputs of one operation; a name may claim any number


def output_of(tensor: str) -> tuple[str, int]:
    """The operation a tensor name speaks of, and which of its outputs; a name without ":k" is the first."""
    found = _OUTPUT.fullmatch(tensor)
    return (found[1], int(found[2])) if found else (tensor, 0)


def legal(name: str) -> str:
    """The name with what TensorFlow forbids in operation names replaced (its node_def_util.cc: IsValidOpName)."""
    name = _ILLEGAL.sub("_", name)
    return name if _LEGAL_START.match(name) else f"op{name}"


class Taken:
    """The operation names in use."""

    def __init__(self) -> None:
        self._names: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return name in self._names

    def take(self, wanted: str) -> str:
        """The wanted name; where it is in use the next free one, "x_1", as TensorFlow does."""
        wanted = name = legal(wanted)
        count = 0
        while name in self._names:
            count += 1
            name = f"{wanted}_{count}"
        self._names.add(name)
        return name


@dataclass(frozen=True, kw_only=True)
class OpNames:
    """What the operations of a written graph are called.

    Attributes:
        variables: by parameter name.
        operations: by node name; nodes of parameters and of outputs of another node have none.
        joined: operations that only hand on what their source counted as outputs of one operation (a Switch):
            name -> the node that gives each output, None where there is none.
    """

    variables: Mapping[str, str]
    operations: Mapping[str, str]
    joined: Mapping[str, list[str | None]]


def named(graph: Graph, taken: Taken) -> OpNames:
    """Names for all operations; a variable has the first right to its name: it is the checkpoint's key."""
    parameters = dict.fromkeys(node.args[0] for node in graph.nodes if node.function == "parameter")
    variables = {parameter: taken.take(parameter) for parameter in parameters}
    tuples = {name for node in graph.nodes if node.function == "item" for name in node.refs()}
    own = [node for node in graph.nodes if node.function not in ("parameter", "item")]
    shared = _shared(node.name for node in own if node.name not in tuples)
    joined = {taken.take(name): outputs for name, outputs in shared.items() if legal(name) not in taken}
    operations: dict[str, str] = {}
    for node in own:
        operation, index = output_of(node.name)
        operations[node.name] = taken.take(f"{operation}_{index}" if operation in shared else operation)
    return OpNames(variables=variables, operations=operations, joined=joined)


def _shared(tensors: Iterable[str]) -> dict[str, list[str | None]]:
    """Operations that these tensors, each computed on its own, are called the outputs of."""
    outputs: dict[str, dict[int, str]] = {}
    for tensor in tensors:
        operation, index = output_of(tensor)
        outputs.setdefault(operation, {})[index] = tensor
    return {
        operation: [claims.get(index) for index in range(max(claims) + 1)]
        for operation, claims in outputs.items()
        if 0 < max(claims) < _MOST_JOINED
    }
