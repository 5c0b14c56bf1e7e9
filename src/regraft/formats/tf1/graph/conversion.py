"""From TensorFlow operations to the nodes of a graph, by the table in `ops.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from regraft.errors import UnreadableFile, UnsupportedOp
from regraft.formats.tf1.checkpoint.dtypes import NAMES, PACKED, WITHOUT_ARRAYS
from regraft.formats.tf1.graph.constants import attribute_of
from regraft.formats.tf1.graph.pipelines import placeholder
from regraft.formats.tf1.graph.source import (
    CONDITIONAL,
    LOOP,
    PASSING,
    PLACEHOLDERS,
    STATE,
    VARIABLES,
    Flow,
    Operation,
    index_of,
)
from regraft.formats.tf1.operation import attributes, output_names
from regraft.formats.tf1.ops import READ
from regraft.network.graph import Body, Node, Ref

_PASSING = (PASSING, "IdentityN")
_INTERNAL = (CONDITIONAL, *_PASSING, STATE, "Const", *VARIABLES)
_READ = {CONDITIONAL: 3, **dict.fromkeys((*_PASSING, STATE), 1)}  # tensors read by one output
_NO_TENSORS = ("reserve_space_1", "reserve_space_2", "reserve_space_3")
_MOST_NAMED = 5
_DEEPEST = 20  # loops in loops
_FEW = 1024  # outputs of an operation; of more, those alone are nodes that are read
# The types of numbers that can be computed with.
_NUMBERS = frozenset(NAMES.values()) - {*PACKED, *WITHOUT_ARRAYS, "qint8", "quint8", "qint16", "quint16", "qint32"}


class Conversion:
    """Turns the tensors of a flow into nodes.

    Args:
        flow: the graph.
        parameters: names of the variables and constants that are parameters -> whether they are trained.
    """

    def __init__(self, flow: Flow, parameters: Mapping[str, bool]) -> None:
        self._flow = flow
        self._parameters = parameters
        self._names: dict[str, tuple[str, ...]] = {}

    def unsupported(self, tensors: Iterable[str]) -> dict[str, Operation]:
        """The tensors that cannot be turned into nodes, and the operations that stand in the way."""
        return {tensor: self._flow.of(tensor) for tensor in tensors if not self._is_supported(tensor)}

    def _is_supported(self, tensor: str) -> bool:
        operation = self._flow.of(tensor)
        if self._is_input(tensor):
            given = self._flow.given.get(tensor) or placeholder(operation)
            return given.dtype in _NUMBERS
        if operation.type in READ and operation.type not in _INTERNAL:
            try:
                kwargs = attributes(READ[operation.type], _given(operation), operation.name)
            except UnsupportedOp:
                return False
            types = [kwargs[name] for name, attr in READ[operation.type].attrs.items() if attr.kind == "type"]
            return set(types) <= _NUMBERS
        if operation.type == "Const":
            return "value" in operation.attrs and attribute_of(operation.attrs["dtype"]) != "string"
        reads = self._flow.reads(tensor)
        if operation.type == LOOP:
            return index_of(tensor) < len(reads) // 2
        return operation.type in _INTERNAL and len(reads) == _READ.get(operation.type, 0)

    def _is_input(self, tensor: str) -> bool:
        operation = self._flow.of(tensor)
        return tensor in self._flow.given or (operation.type in PLACEHOLDERS and not operation.inputs)

    def nodes(self, tensors: Sequence[str]) -> tuple[Node, ...]:
        """The nodes of supported tensors, which come in running order; those of a loop stand in its body.

        Raises:
            UnreadableFile: loops are tangled.
        """
        found: dict[str, dict[str, Node]] = {"": {}}
        places: dict[str, str] = {}
        for tensor in tensors:
            place = places[tensor] = self._place(tensor, places)
            own = found.setdefault(place, {})
            operation = self._flow.of(tensor)
            made = (
                self._loop(operation, found.get(operation.name, {})) if operation.type == LOOP else self._nodes(tensor)
            )
            around = self._around(place)
            if any(places.get(name, place) not in around for node in made for name in node.refs()):
                raise self._tangled(operation.name)
            for node in made:
                own.setdefault(node.name, node)
        return tuple(found[""].values())

    def _place(self, tensor: str, places: Mapping[str, str]) -> str:
        """The loop in whose body a tensor is computed: that of its operation, or the innermost of what it reads."""
        operation = self._flow.of(tensor)
        if operation.loop or operation.type == LOOP:
            return operation.loop
        return max(
            (places[read] for read in self._flow.reads(tensor)), key=lambda loop: len(self._around(loop)), default=""
        )

    def _around(self, loop: str) -> list[str]:
        """A loop, those it is in, and the graph itself."""
        found = [loop]
        while found[-1]:
            found.append(self._flow.operations[found[-1]].loop)
            if len(found) > _DEEPEST:
                raise self._tangled(loop)
        return found

    def _tangled(self, name: str) -> UnreadableFile:
        where = f"{self._flow.where}, node {name}"
        return UnreadableFile(
            "the loops of the graph are tangled", where=where, expected=f"one in another, {_DEEPEST} at most"
        )

    def _loop(self, operation: Operation, inside: Mapping[str, Node]) -> list[Node]:
        """The node of a loop, of which all that is done at a step is known, and one for each of its results."""
        condition, *pairs = operation.inputs
        variables, following = tuple(pairs[::2]), tuple(pairs[1::2])
        read = [*(name for node in inside.values() for name in node.refs()), condition, *following]
        given = tuple(dict.fromkeys(name for name in read if name not in inside and name not in variables))
        nodes = tuple(inside.values())
        body = Body(variables=variables, given=given, nodes=nodes, condition=condition, following=following).needed()
        starts = [self._flow.reads(state)[0] for state in variables]
        args = tuple(map(Ref, [*starts, *body.given]))
        whole = Node(name=operation.name, function="loop", args=args, kwargs={"body": body})
        return [whole, *(_output(whole.name, k) for k in range(len(variables)))]

    def _nodes(self, tensor: str) -> list[Node]:
        operation = self._flow.of(tensor)
        if operation.type == STATE:
            return []
        if self._is_input(tensor):
            return [Node(name=tensor, function="input")]
        if operation.name in self._parameters:
            trainable = {"trainable": self._parameters[operation.name]}
            return [Node(name=tensor, function="parameter", args=(operation.name,), kwargs=trainable)]
        reads = tuple(Ref(name) for name in self._flow.reads(tensor))
        if operation.type == "Const":
            value = self._flow.value(operation)
            return [Node(name=tensor, function="constant", args=(value.tolist(),), kwargs={"dtype": str(value.dtype)})]
        if operation.type in (CONDITIONAL, *_PASSING):
            return [Node(name=tensor, function="select" if operation.type == CONDITIONAL else "identity", args=reads)]
        return self._called(operation, tensor, reads)

    def _called(self, operation: Operation, tensor: str, reads: tuple[Ref, ...]) -> list[Node]:
        op, given = READ[operation.type], _given(operation)
        kwargs = attributes(op, given, operation.name)
        names = self._names.get(operation.name) or output_names(op, given, operation.name)
        self._names[operation.name] = names
        if index_of(tensor) >= len(names):
            raise UnreadableFile(
                "an output is read that the operation does not have",
                where=f"{self._flow.where}, node {operation.name} ({operation.type})",
                expected=f"outputs 0 to {len(names) - 1}",
                got=tensor,
            )
        if len(op.outputs) == 1 and "*" not in op.outputs[0]:
            return [Node(name=tensor, function=op.function, args=reads, kwargs=kwargs)]
        whole = Node(name=operation.name, function=op.function, args=reads, kwargs=kwargs)
        return [
            whole,
            *(
                _output(operation.name, k)
                for k, name in enumerate(names)
                if k == index_of(tensor) or (name not in _NO_TENSORS and len(names) <= _FEW)
            ),
        ]


def _output(operation: str, index: int) -> Node:
    return Node(name=f"{operation}:{index}", function="item", args=(Ref(operation), index))


def _given(operation: Operation) -> dict[str, object]:
    return {name: attribute_of(value) for name, value in operation.attrs.items()}


def refused(flow: Flow, unsupported: Collection[Operation], cut: str | None) -> UnsupportedOp:
    """The error that names every operation in the way, and where to cut before them."""
    by_type: dict[str, set[str]] = {}
    for operation in unsupported:
        by_type.setdefault(operation.type, set()).add(operation.name)
    lines = [
        f"{type} ({len(names)}): {', '.join(sorted(names)[:_MOST_NAMED])}{', ...' if len(names) > _MOST_NAMED else ''}"
        for type, names in sorted(by_type.items())
    ]
    return UnsupportedOp(
        "the graph uses operations that regraft cannot run",
        where=flow.where,
        got="; ".join(lines),
        fix=f"cut before them: the first safe cut is {cut!r} (--at, or open(..., to=...))" if cut
        else "no tensor before them can be used",
    )  # fmt: skip
