"""A network's nodes as operations of a TensorFlow graph, by the table in `ops.py`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from regraft.errors import UnsupportedOp
from regraft.formats.tf1.operation import Op, derived_attributes
from regraft.formats.tf1.ops import writer
from regraft.formats.tf1.writing.encoding import Value
from regraft.formats.tf1.writing.graph_writer import GraphWriter
from regraft.formats.tf1.writing.naming import OpNames, legal, output_of
from regraft.network import Graph, GraphNetwork, Node

_MOST_NAMED = 5  # nodes in one line of an error


class Forward:
    """Writes the nodes of a network in their order.

    Attributes:
        wires: what stands for each tensor among the inputs of a NodeDef ("x", or "x:1" for a second output).
        assignments: tensors written as the assignment of a moving average, whose next value they only hand on.
    """

    def __init__(self, network: GraphNetwork, out: GraphWriter, names: OpNames, types: Mapping[str, str]) -> None:
        self._network, self._out, self._names, self._types = network, out, names, types
        self._switches = {switch.name: switch for switch in network.graph.switches}
        self.assignments = _assignments(network.graph)
        self._joined = {node: name for name, nodes in names.joined.items() for node in nodes if node}
        self._problems: dict[str, list[str]] = {}
        self._special: Mapping[str, Callable[[Node], str]] = {
            "input": self._input,
            "parameter": self._parameter,
            "constant": self._constant,
            "item": self._item,
            "select": self._select,
            "dropout": self._dropout,
        }
        self.wires: dict[str, str] = {}

    def write(self) -> None:
        """Write all nodes.

        Raises:
            UnsupportedOp: TensorFlow has no operation for some of them; all are named.
        """
        for node in self._network.graph.nodes:
            joined = self._joined.get(node.name)
            if node.name in self.wires or (joined and self._hand_on_at_once(joined)):
                continue
            self._write(node)
            if joined and all(name in self.wires for name in self._names.joined[joined] if name):
                self._hand_on(joined, self._names.joined[joined])
        if self._problems:
            raise _unsupported(self._problems)

    def _write(self, node: Node) -> None:
        """Write one node, or note why that cannot be done."""
        self.wires[node.name] = self._names.operations.get(node.name, node.name)
        try:
            self.wires[node.name] = self._writer(node)(node)
        except UnsupportedOp as error:
            details = f" (expected {error.expected}, got {error.got})" if error.expected else ""
            self._problems.setdefault(f"{node.function}: {error.what}{details}", []).append(node.name)

    def _writer(self, node: Node) -> Callable[[Node], str]:
        if node.name in self._switches:
            return self._switch
        return self._assign if node.name in self.assignments else self._special.get(node.function, self._tabled)

    # --- outputs of one operation that are computed apart -------------------------------------------------

    def _hand_on_at_once(self, joined: str) -> bool:
        """Write a Switch, an iterator and their like, which only hand on what is there, as one operation."""
        nodes = [self._network.nodes[name] for name in self._names.joined[joined] if name]
        if not all(self._is_at_hand(node) for node in nodes):
            return False
        for node in nodes:
            if node.function == "input":
                self._write(node)
        sources = {node.name: next(node.refs(), node.name) for node in nodes}
        self._hand_on(joined, [name and sources[name] for name in self._names.joined[joined]])
        return True

    def _is_at_hand(self, node: Node) -> bool:
        is_copy = node.function == "identity" and set(node.refs()) <= set(self.wires)
        return node.name not in self._switches and (is_copy or node.function == "input")

    def _hand_on(self, joined: str, tensors: Sequence[str | None]) -> None:
        """Give tensors as the outputs of one operation; an output nobody knows repeats another."""
        given = [tensor for tensor in tensors if tensor]
        filled = [tensor or given[0] for tensor in tensors]
        types = Value("types", [self._types[tensor] for tensor in filled])
        self._out.put("IdentityN", joined, self._wired(filled), T=types)
        for index, name in enumerate(self._names.joined[joined]):
            if name:
                self.wires[name] = _wire(joined, index)

    # --- one node -------------------------------------------------------------------------------------------

    def _tabled(self, node: Node) -> str:
        refs = list(node.refs())
        op = writer(node.function, len(refs), node.kwargs) if len(refs) == len(node.args) else None
        if op is None:
            raise UnsupportedOp("TensorFlow has no operation for it")
        derived = derived_attributes(op, [self._types[name] for name in refs])
        attributes = {**_attributes(op, node), **{name: _derived(value) for name, value in derived.items()}}
        return self._out.put(op.type, self._names.operations[node.name], self._wired(refs), **attributes)

    def _input(self, node: Node) -> str:
        spec = self._network.inputs[node.name]
        dtype, shape = Value("type", spec.dtype), Value("shape", spec.shape)
        return self._out.put("Placeholder", self._names.operations[node.name], dtype=dtype, shape=shape)

    def _switch(self, node: Node) -> str:
        """A placeholder that need not be fed in evaluation."""
        name, dtype = self._names.operations[node.name], self._types[node.name]
        value = self._switches[node.name].evaluation
        default = next((ref for ref in node.refs() if self._network.nodes[ref].args == (value,)), None)
        wire = self.wires[default] if default else self._out.constant(f"{name}/input", value, dtype)
        scalar = {"shape": Value("shape", ()), "_output_shapes": Value("shapes", [()])}  # the latter for old formats
        return self._out.put("PlaceholderWithDefault", name, [wire], dtype=Value("type", dtype), **scalar)

    def _assign(self, node: Node) -> str:
        inputs = [self._names.variables[self.assignments[node.name]], *self._wired(node.refs())]
        dtype = Value("type", self._types[node.name])
        return self._out.put("Assign", self._names.operations[node.name], inputs, T=dtype)

    def _parameter(self, node: Node) -> str:
        return self._called(node, self._names.variables[node.args[0]], 0)

    def _constant(self, node: Node) -> str:
        return self._out.put_constant(self._names.operations[node.name], node.args[0], node.kwargs["dtype"])

    def _item(self, node: Node) -> str:
        source, index = node.args
        return self._called(node, self.wires[source.name], index)

    def _called(self, node: Node, operation: str, index: int) -> str:
        """An output of an operation under the node's own name, where that is another one and free."""
        wanted, output = output_of(node.name)
        wire = _wire(operation, index)
        if (legal(wanted), output) == (operation, index) or output or legal(wanted) in self._out.taken:
            return wire
        return self._out.add("Identity", wanted, [wire], T=Value("type", self._types[node.name]))

    def _select(self, node: Node) -> str:
        """Both sides run, as they do not in regraft; the result and the gradients are the same."""
        inputs = self._wired(node.refs())
        return self._out.put(
            "Select", self._names.operations[node.name], inputs, T=Value("type", self._types[node.args[1].name])
        )

    def _dropout(self, node: Node) -> str:
        """As tf.nn.dropout wrote it: x / keep * floor(keep + random)."""
        (x,) = node.refs()
        name, dtype, add = self._names.operations[node.name], self._types[x], self._out.add
        kind = Value("type", dtype)
        keep = self._out.constant(f"{name}/keep_prob", 1 - node.kwargs["rate"], dtype)
        shape = add("Shape", f"{name}/Shape", [self.wires[x]], T=kind)
        random = add("RandomUniform", f"{name}/random_uniform", [shape], T=Value("type", "int32"), dtype=kind)
        kept = add("Floor", f"{name}/Floor", [add("Add", f"{name}/add", [keep, random], T=kind)], T=kind)
        scaled = add("RealDiv", f"{name}/div", [self.wires[x], keep], T=kind)
        return self._out.put("Mul", name, [scaled, kept], T=kind)

    def _wired(self, tensors: Iterable[str]) -> list[str]:
        return [self.wires[tensor] for tensor in tensors]


def _assignments(graph: Graph) -> dict[str, str]:
    """Tensor -> moving average: what an assignment becomes when it is read, where nothing else looks at it."""
    read = {name for node in graph.nodes for name in node.refs()} | set(graph.outputs)
    copies = {node.name for node in graph.nodes if node.function == "identity"} - read
    return {tensor: parameter for parameter, tensor in graph.updates.items() if tensor in copies}


def _attributes(op: Op, node: Node) -> dict[str, Value]:
    """The attributes that differ from TensorFlow's defaults: older versions do not know the others."""
    missing = [
        name for name, a in op.attrs.items() if a.default is None and a.kind != "shape" and name not in node.kwargs
    ]
    if missing:
        raise UnsupportedOp(f"TensorFlow's {op.type} also wants {', '.join(missing)}")
    return {
        name: Value(op.attrs[name].kind, value)
        for name, value in node.kwargs.items()
        if value != op.attrs[name].default
    }


def _derived(value: str | int | tuple[str, ...]) -> Value:
    if isinstance(value, tuple):
        return Value("types", value)
    return Value("int", value) if isinstance(value, int) else Value("type", value)


def _wire(operation: str, index: int) -> str:
    return f"{operation}:{index}" if index else operation


def _unsupported(problems: Mapping[str, Sequence[str]]) -> UnsupportedOp:
    lines = [
        f"  {reason}\n    {len(nodes)} node{'s' * (len(nodes) > 1)}: {', '.join(nodes[:_MOST_NAMED])}"
        + (", ..." if len(nodes) > _MOST_NAMED else "")
        for reason, nodes in problems.items()
    ]
    count = sum(len(nodes) for nodes in problems.values())
    return UnsupportedOp(
        "\n".join([f"{count} node{'s' * (count > 1)} of the network cannot be written as a TensorFlow graph:", *lines]),
        fix="cut below them (--at NAME), or keep the network as a regraft model",
    )
