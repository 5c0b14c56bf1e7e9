"""A TensorFlow graph as it stands in a file: operations by name, and what the file says about them."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from regraft.errors import UnreadableFile, nearest_names
from regraft.formats.tf1.graph.constants import Array, array_of
from regraft.formats.tf1.ops import READ

# Types of our own, for what is resolved while a graph is read. An output k of
#   CONDITIONAL  reads inputs[0] (the predicate), inputs[1 + 2k] (where true) and inputs[2 + 2k] (where false)
#   PASSING      is inputs[k], as that of an IdentityN
#   STATE        is what a loop carries from step to step, at a step; it reads its start
#   LOOP         is the last value of the state inputs[1 + 2k], of which inputs[2 + 2k] is the next value; as long as
#                inputs[0] is true a step is done
CONDITIONAL, PASSING = "regraft/Conditional", "regraft/Passing"
STATE, LOOP = "regraft/State", "regraft/Loop"

VARIABLES = frozenset({"Variable", "VariableV2", "VarHandleOp"})
PLACEHOLDERS = frozenset({"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"})


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A node of a GraphDef.

    Attributes:
        inputs: tensor names, always with their ":k".
        controls: names of operations that must run first.
        attrs: its AttrValue messages.
        guards: the conditions under which it runs at all: predicate tensor -> side.
        loop: the name of the LOOP at each step of which it runs; "": it runs once.
    """

    name: str
    type: str
    inputs: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    attrs: Mapping[str, Any] = field(default_factory=dict)
    guards: Mapping[str, bool] = field(default_factory=dict)
    loop: str = ""


@dataclass(frozen=True, kw_only=True)
class Source:
    """A graph file.

    Attributes:
        functions: FunctionDef messages by name.
        collections: CollectionDef messages by key.
        signature: the SignatureDef that serves predictions, where the file has one.
        saver: the SaverDef, where the file has one.
        producer: the version of the GraphDef format.
        where: the file, for errors.
    """

    operations: Mapping[str, Operation]
    where: str
    functions: Mapping[str, Any] = field(default_factory=dict)
    collections: Mapping[str, Any] = field(default_factory=dict)
    signature: Any = None
    saver: Any = None
    producer: int = 0


@dataclass(frozen=True, kw_only=True)
class Picture:
    """How a graph prepares a picture of values 0..255 before it looks at it: `(value * scale) + offset`."""

    channels: int | None = None
    size: tuple[int, int] | None = None  # height, width
    scale: tuple[float, ...] = (1.0,)
    offset: tuple[float, ...] = (0.0,)
    old_corners: bool = False  # ResizeBilinear with the corner rule of TensorFlow 1


@dataclass(frozen=True, kw_only=True)
class Given:
    """What is known of a tensor that is given from outside, though the file computes it (a queue, a decoder)."""

    shape: tuple[int | None, ...] | None
    dtype: str
    picture: Picture | None = None


def operation_of(tensor: str) -> str:
    """The name of the operation a tensor belongs to."""
    return tensor.rpartition(":")[0]


def index_of(tensor: str) -> int:
    """Which output of its operation a tensor is."""
    return int(tensor.rpartition(":")[2])


def full_name(reference: str) -> str:
    """A tensor name as a NodeDef writes it, with its ":0"."""
    name, colon, index = reference.rpartition(":")
    return reference if colon and name and index.isdecimal() else f"{reference}:0"


_GRADIENTS = re.compile(r"((?:.*?/)?gradients(?:_\d+)?(?:/gradients(?:_\d+)?)*)/")


def gradient_scope(name: str) -> str | None:
    """The scope in which tf.gradients made an operation or tensor ("train/gradients"); None for any other."""
    found = _GRADIENTS.match(name)
    return found[1] if found else None


def belongs_to_gradients(name: str) -> bool:
    """Whether tf.gradients made an operation or tensor."""
    return gradient_scope(name) is not None


def operations_of(nodes: Iterable[Any], where: str) -> dict[str, Operation]:
    """The operations of a list of NodeDefs.

    Raises:
        UnreadableFile: two have one name, or one reads what is not there.
    """
    found: dict[str, Operation] = {}
    for node in nodes:
        if not node.name or node.name in found:
            raise UnreadableFile(f"two operations of the graph are named {node.name!r}", where=where)
        found[node.name] = Operation(
            name=node.name,
            type=node.op,
            inputs=tuple(full_name(name) for name in node.input if not name.startswith("^")),
            controls=tuple(name[1:] for name in node.input if name.startswith("^")),
            attrs=node.attr,
        )
    _require_complete(found, where)
    return found


# How many tensors operations read that are no functions of ours; for the others the table says it.
_READS = {
    **dict.fromkeys(("Const", "Placeholder", "PlaceholderV2", *VARIABLES), 0),
    **dict.fromkeys(("Switch", "RefSwitch", "Assign", "AssignVariableOp", "AssignSub", "AssignSubVariableOp"), 2),
    **dict.fromkeys(("AssignAdd", "AssignAddVariableOp"), 2),
    **dict.fromkeys(("Enter", "RefEnter", "NextIteration", "RefNextIteration", "Exit", "RefExit", "LoopCond"), 1),
}


def require_reads(operation: Operation, where: str) -> None:
    """Check that an operation reads as many tensors as its type takes.

    Raises:
        UnreadableFile: it reads more or fewer.
    """
    op, count = READ.get(operation.type), len(operation.inputs)
    if op is None:
        fits, expected = count == _READS.get(operation.type, count), str(_READS.get(operation.type))
    else:
        fits, expected = op.takes_list or count == len(op.inputs), " ".join(op.inputs)
        fits = fits and count >= len(op.inputs) - 1
    if not fits:
        raise UnreadableFile(
            f"an operation of type {operation.type} reads the wrong number of tensors",
            where=f"{where}, node {operation.name}",
            expected=expected,
            got=", ".join(operation.inputs) or "none",
        )


def _require_complete(operations: Mapping[str, Operation], where: str) -> None:
    for operation in operations.values():
        require_reads(operation, where)
        for name in [*map(operation_of, operation.inputs), *operation.controls]:
            if name not in operations:
                raise UnreadableFile(
                    "the graph is incomplete",
                    where=f"{where}, node {operation.name}",
                    expected=f"an operation {name!r}, which it reads",
                    nearest=nearest_names(name, operations),
                )


class Flow:
    """The data flow of a graph: what each tensor is computed from.

    Attributes:
        operations: by name.
        where: the file, for errors.
        given: the tensors that are given from outside in place of what the file computes them from.
    """

    def __init__(
        self, operations: Mapping[str, Operation], where: str, given: Mapping[str, Given] | None = None
    ) -> None:
        self.operations = operations
        self.where = where
        self.given = given or {}
        self._used: dict[str, list[str]] | None = None

    def of(self, tensor: str) -> Operation:
        """The operation a tensor is an output of."""
        return self.operations[operation_of(tensor)]

    def value(self, operation: Operation) -> Array:
        """The array a constant holds."""
        return array_of(operation.attrs["value"].tensor, f"{self.where}, node {operation.name}")

    def reads(self, tensor: str) -> tuple[str, ...]:
        """The tensors that are needed to compute this one: a conditional's outputs are resolved one by one."""
        operation = self.of(tensor)
        index = index_of(tensor)
        if tensor in self.given:
            return ()
        if operation.type in (PASSING, "IdentityN"):
            return operation.inputs[index : index + 1]
        if operation.type == CONDITIONAL:
            return (operation.inputs[0], *operation.inputs[1 + 2 * index : 3 + 2 * index])
        return operation.inputs

    def ancestors(self, wanted: Iterable[str], stop: Iterable[str] = ()) -> set[str]:
        """The wanted tensors and all they are computed from, not looking behind `stop`."""
        closed = set(stop)
        seen: set[str] = set()
        waiting = list(wanted)
        while waiting:
            tensor = waiting.pop()
            if tensor not in seen:
                seen.add(tensor)
                if tensor not in closed:
                    waiting.extend(self.reads(tensor))
        return seen

    def ordered(self, wanted: Sequence[str]) -> list[str]:
        """The wanted tensors and all they are computed from, each after what it reads.

        What a loop computes for its next round comes after the loop's other tensors.

        Raises:
            UnreadableFile: a tensor is computed from itself.
        """
        done: dict[str, None] = {}
        open_: set[str] = set()
        waiting = deque(wanted)
        while waiting:
            tensor = waiting.popleft()
            path: list[tuple[str, Iterator[str]]] = [(tensor, self._above(tensor))] if tensor not in done else []
            open_.update(name for name, _ in path)
            while path:
                name, rest = path[-1]
                following = next((read for read in rest if read not in done), None)
                if following is None:
                    path.pop()
                    open_.discard(name)
                    done[name] = None
                    waiting.extend(self._round(name))
                elif following in open_:
                    raise UnreadableFile(
                        "the graph runs in a circle", where=f"{self.where}, node {operation_of(following)}"
                    )
                else:
                    open_.add(following)
                    path.append((following, self._above(following)))
        return list(done)

    def _above(self, tensor: str) -> Iterator[str]:
        return iter(() if self._round(tensor) else self.reads(tensor))

    def _round(self, tensor: str) -> tuple[str, ...]:
        """What a loop carries on to its next round by a tensor: the way back, which would make a circle."""
        return self.reads(tensor) if self.of(tensor).type in ("NextIteration", "RefNextIteration") else ()

    def through(self, tensor: str, types: Iterable[str]) -> str:
        """The tensor one reaches going up through operations of these types by their first input."""
        seen: set[str] = set()
        while self.of(tensor).type in types and tensor not in seen and self.reads(tensor):
            seen.add(tensor)
            tensor = self.reads(tensor)[0]
        return tensor

    def readers(self) -> dict[str, list[Operation]]:
        """The operations that read each tensor, summaries left out."""
        found: dict[str, list[Operation]] = {}
        for operation in self.operations.values():
            if not operation.type.endswith("Summary"):
                for tensor in dict.fromkeys(operation.inputs):
                    found.setdefault(tensor, []).append(operation)
        return found

    def descendants(self, tensors: Iterable[str], ignoring: Collection[str] = ()) -> set[str]:
        """All tensors that are computed from these, themselves included.

        Args:
            ignoring: types of operations that pass nothing on.
        """
        uses = self.uses()
        seen: set[str] = set()
        waiting = list(tensors)
        while waiting:
            tensor = waiting.pop()
            if tensor not in seen:
                seen.add(tensor)
                waiting.extend(use for use in uses.get(tensor, ()) if self.of(use).type not in ignoring)
        return seen

    def tensors(self) -> set[str]:
        """Every tensor something reads, and the first output of every operation."""
        read = {tensor for operation in self.operations.values() for tensor in operation.inputs}
        return read | {f"{name}:0" for name in self.operations}

    def uses(self) -> Mapping[str, list[str]]:
        """The tensors that are computed from each tensor directly."""
        if self._used is None:
            self._used = {}
            for tensor in self.tensors():
                for read in self.reads(tensor):
                    self._used.setdefault(read, []).append(tensor)
        return self._used
