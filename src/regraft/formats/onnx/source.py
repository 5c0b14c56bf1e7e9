"""The graph of a file as one flat list of operations: functions inlined, constant conditions decided, order checked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import UnreadableFile, UnsafeFile, UnsupportedOp
from regraft.formats.onnx.modelfile import DEFAULT, ModelFile, domain_of, open_file, opsets, package
from regraft.formats.onnx.operations import Operation, operation, require_text, value_of
from regraft.formats.onnx.ordering import ordered
from regraft.formats.onnx.skeleton import require_few
from regraft.formats.onnx.tensors import Array, to_array
from regraft.network import noted

UNUSABLE = "Initializer"  # the type of an operation that stands for a tensor whose numbers cannot be used
_DEEPEST = 32  # functions in functions, branches in branches
_NUMBERS = {"value_float": "f4", "value_floats": "f4", "value_int": "i8", "value_ints": "i8"}


@dataclass(kw_only=True)
class Source:
    """What a file holds.

    Attributes:
        operations: in an order in which each reads what is given before it.
        values: of the initializers and of the Constant nodes, by name.
        constants: which of the values Constant nodes hold.
        inputs: ValueInfoProtos of what is fed from outside.
        problems: why a tensor cannot be used, by its name.
        note: how pictures are fed, where regraft wrote the file; "" elsewhere.
        trained: which of the values are trained, where regraft wrote the file; None elsewhere.
    """

    file: ModelFile
    operations: list[Operation] = field(default_factory=list[Operation])
    values: dict[str, Array] = field(default_factory=dict[str, Array])
    constants: set[str] = field(default_factory=set[str])
    inputs: list[Any] = field(default_factory=list[Any])
    outputs: tuple[str, ...] = ()
    problems: dict[str, str] = field(default_factory=dict[str, str])
    note: str = ""
    trained: frozenset[str] | None = None

    @property
    def where(self) -> str:
        """The file, for errors."""
        return str(self.file.path)


def read_source(path: Path, known: Iterable[str]) -> Source:
    """The graph in a file.

    Args:
        known: types of operations that are not taken apart, though ONNX says of what others they are made.

    Raises:
        UnreadableFile: it is damaged, or no graph: a cycle, a name given twice, a tensor nobody gives.
        UnsafeFile: it would fill the memory, or reach out of its folder.
    """
    file = open_file(path)
    model = file.model
    said = {entry.key: entry.value for entry in model.metadata_props}
    source = Source(file=file, note=said.get(noted.KEY, ""))
    if noted.TRAINED in said:
        source.trained = noted.trained_of(said[noted.TRAINED], source.where)
    flattening = _Flattening(source, frozenset(known))
    graph = model.graph
    flattening.take_initializers(graph, {})
    source.inputs = [info for info in graph.input if info.name not in source.values]
    source.outputs = tuple(info.name for info in graph.output)
    flattening.nodes(graph.node, _Scope(opsets=opsets(model, source.where)))
    fed = [info.name for info in source.inputs]
    source.operations = ordered(source.operations, [*fed, *source.values], source.where)
    given = {*fed, *source.values, *(name for one in source.operations for name in one.outputs)}
    lost = [name for name in source.outputs if name not in given]
    if lost or not source.outputs or "" in source.outputs:
        got = ", ".join(lost[:5]) if lost else "no output"
        raise UnreadableFile("no operation gives what the graph is to give", where=source.where, got=got)
    return source


@dataclass(frozen=True, kw_only=True)
class _Scope:
    """Where a list of nodes stands.

    Attributes:
        names: what its tensors are called in the flat graph, where that is another name.
        prefix: what stands before the names of what is new in it; "" at the top.
        bound: the attributes a function is called with; None outside of one.
    """

    opsets: Mapping[str, int]
    names: Mapping[str, str] = field(default_factory=dict[str, str])
    prefix: str = ""
    bound: Mapping[str, Any] | None = None
    depth: int = 0


class _Flattening:
    """Fills a source."""

    def __init__(self, source: Source, known: frozenset[str]) -> None:
        self._source = source
        self._known = known
        self._functions: dict[tuple[str, str, str], Any] = {}
        model = source.file.model
        self._taken = {info.name for info in (*model.graph.input, *model.graph.output)}
        self._taken.update(name for node in model.graph.node for name in node.output)
        self._count = 0
        self._numbers: dict[str, int] = {}  # how often a name was wanted that was taken
        self._givers: dict[str, Operation] = {}
        for function in model.functions:
            names = (function.domain, function.name, function.overload, *function.input, *function.output)
            require_text(names, source.where)
            key = (domain_of(function.domain), function.name, function.overload)
            if key in self._functions:
                raise UnreadableFile("the file has a function twice", where=source.where, got=".".join(key[:2]))
            self._functions[key] = function

    def take_initializers(self, graph: Any, names: Mapping[str, str]) -> None:
        """The values of a graph's initializers."""
        if len(graph.sparse_initializer):
            raise UnsupportedOp("sparse weights cannot be read", where=self._source.where)
        require_text([tensor.name for tensor in graph.initializer], self._source.where)
        require_text([info.name for info in (*graph.input, *graph.output)], self._source.where)
        for tensor in graph.initializer:
            name = names.get(tensor.name, tensor.name)
            if not name or name in self._source.values or name in self._source.problems:
                problem = "two weights have one name" if name else "a weight has no name"
                raise UnreadableFile(problem, where=self._source.where, got=repr(name))
            self._hold(name, tensor)

    def nodes(self, nodes: Iterable[Any], scope: _Scope) -> None:
        """The operations of a list of nodes."""
        if scope.depth > _DEEPEST:
            raise UnsafeFile(
                "functions call each other without end", where=self._source.where, expected=f"at most {_DEEPEST} deep"
            )
        for node in nodes:
            self._count += 1
            require_few(self._count, self._source.where)
            found = operation(node, scope.opsets, self._source.where)
            self._put(self._placed(found, scope), scope)

    def _placed(self, one: Operation, scope: _Scope) -> Operation:
        """The operation with the names of the flat graph, and the attributes it is called with."""
        attributes = dict(one.attributes)
        for name, attribute in one.attributes.items():
            if attribute.ref_attr_name:
                del attributes[name]
                given = (scope.bound or {}).get(attribute.ref_attr_name)
                if given is not None:
                    attributes[name] = given
        inputs = tuple(scope.names.get(name, name) for name in one.inputs)
        outputs = tuple(scope.names.get(name, name) for name in one.outputs)
        named = f"{scope.prefix}{one.name}" if one.name else ""
        return replace(one, name=named, inputs=inputs, outputs=outputs, attributes=attributes)

    def _put(self, one: Operation, scope: _Scope) -> None:
        function = self._functions.get((one.domain, one.type, one.overload))
        defaults: dict[str, Any] = {}
        if function is None and one.domain == DEFAULT and one.type not in self._known:
            function, defaults = _made_of(one)
        if function is not None:
            self._inline(replace(one, attributes=defaults | dict(one.attributes)), function, scope)
        elif one.title == "Constant" and self._constant(one):
            self._source.constants.add(one.outputs[0])
        elif one.title == "If" and (chosen := self._truth(one.inputs[0] if one.inputs else "")) is not None:
            self._branch(one, chosen, scope)
        else:
            self._source.operations.append(one)
            self._givers.update(dict.fromkeys(one.outputs, one))

    def _hold(self, name: str, tensor: Any) -> None:
        try:
            self._source.values[name] = to_array(tensor, self._source.file, self._source.where)
        except UnsupportedOp as error:
            self._source.problems[name] = error.what
            lost = Operation(name="", type=UNUSABLE, domain="", inputs=(), outputs=(name,), attributes={}, opset=0)
            self._source.operations.append(lost)

    def _constant(self, one: Operation) -> bool:
        """Whether the value of a Constant node could be taken."""
        where = f"{self._source.where}, node {one.label}"
        if len(one.outputs) != 1 or len(one.attributes) != 1 or one.inputs:
            raise UnreadableFile("a Constant gives one value and has one", where=where)
        ((kind, attribute),) = one.attributes.items()
        name, value = one.outputs[0], value_of(attribute, where)
        if name in self._source.values or name in self._source.problems:
            raise UnreadableFile("two operations give one tensor", where=self._source.where, got=repr(name))
        if kind == "value" and hasattr(value, "data_type"):
            self._hold(name, value)
            return True
        if kind not in _NUMBERS:
            return False
        try:
            self._source.values[name] = np.array(value, _NUMBERS[kind])
        except (OverflowError, ValueError, TypeError) as error:
            raise UnreadableFile("a Constant holds no number", where=where) from error
        return True

    def _inline(self, one: Operation, function: Any, scope: _Scope) -> None:
        """The operations of a function in place of the one that calls it."""
        if len(one.inputs) > len(function.input) or len(one.outputs) > len(function.output):
            raise UnreadableFile(
                "a function is called with more than it takes",
                where=f"{self._source.where}, node {one.label} ({one.title})",
            )
        prefix = f"{one.label}/"
        names = dict(zip(function.input, one.inputs, strict=False))
        names.update({name: "" for name in function.input if name not in names})
        named = dict(zip(function.output, one.outputs, strict=False))
        passed = {name: to for name, to in named.items() if to and name in names}
        names.update({name: to for name, to in named.items() if to and name not in passed})
        for node in function.node:
            names.update({name: self._fresh(prefix + name) for name in node.output if name and name not in names})
        bound = {attribute.name: attribute for attribute in function.attribute_proto} | dict(one.attributes)
        versions = {domain_of(each.domain): each.version for each in function.opset_import}
        inner = _Scope(
            opsets=versions or scope.opsets, names=names, prefix=prefix, bound=bound, depth=scope.depth + 1
        )  # fmt: skip
        self.nodes(function.node, inner)
        self._hand_on([(names[name], to) for name, to in passed.items()], one)

    def _branch(self, one: Operation, chosen: bool, scope: _Scope) -> None:
        """The operations of the branch that is always taken."""
        attribute = one.attributes.get("then_branch" if chosen else "else_branch")
        graph: Any = value_of(attribute, self._source.where) if attribute is not None else None
        if not hasattr(graph, "node") or len(graph.output) != len(one.outputs) or len(graph.input):
            raise UnreadableFile("an If has no such branch", where=f"{self._source.where}, node {one.label}")
        prefix = f"{one.label}/"
        own = [tensor.name for tensor in graph.initializer] + [name for node in graph.node for name in node.output]
        names = {**scope.names, **{name: self._free(name, prefix) for name in own if name}}
        self.take_initializers(graph, names)
        self.nodes(graph.node, replace(scope, names=names, prefix=prefix, depth=scope.depth + 1))
        given = [str(names.get(info.name, info.name)) for info in graph.output]
        self._hand_on([(name, to) for name, to in zip(given, one.outputs, strict=True) if to], one)

    def _hand_on(self, pairs: Sequence[tuple[str, str]], one: Operation) -> None:
        for name, to in pairs:
            passed = replace(
                one, type="Identity", domain=DEFAULT, inputs=(name,), outputs=(to,), attributes={}, name=""
            )
            self._source.operations.append(passed)
            self._givers[to] = passed

    def _truth(self, name: str, depth: int = 0) -> bool | None:
        """What a condition always is; None where it is computed."""
        value = self._source.values.get(name)
        if value is not None:
            return bool(value.reshape(-1)[0]) if value.size == 1 else None
        giver = self._givers.get(name) if name else None
        if giver is None or giver.title not in ("Identity", "Not", "Cast") or not giver.inputs or depth > _DEEPEST:
            return None
        below = self._truth(giver.inputs[0], depth + 1)
        return below if below is None or giver.title != "Not" else not below

    def _fresh(self, wanted: str) -> str:
        """A name nothing else has."""
        name = wanted
        while name in self._taken or name in self._source.values:
            self._numbers[wanted] = self._numbers.get(wanted, 1) + 1
            name = f"{wanted}_{self._numbers[wanted]}"
        self._taken.add(name)
        return name

    def _free(self, name: str, prefix: str) -> str:
        """The name itself, where nothing else has it."""
        free = name not in self._taken and name not in self._source.values
        return self._fresh(name if free else prefix + name)


def _made_of(one: Operation) -> tuple[Any, dict[str, Any]]:
    """The function that ONNX says an operation is short for, and its attributes' defaults; None where there is none."""
    onnx = package()
    try:
        schema = onnx.defs.get_schema(one.type, one.opset, one.domain)
    except onnx.defs.SchemaError:
        return None, {}
    if not schema.has_function:
        return None, {}
    return schema.function_body, {
        name: about.default_value for name, about in schema.attributes.items() if about.default_value.type
    }
