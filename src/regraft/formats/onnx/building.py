"""Nodes made of operations: what the handler of an operation may ask and emit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from regraft.errors import UnreadableFile
from regraft.formats.onnx.modelfile import package
from regraft.formats.onnx.operations import Operation, value_of
from regraft.formats.onnx.source import Source
from regraft.formats.onnx.tensors import Array
from regraft.formats.onnx.weights import Kind
from regraft.network.building import Nodes, Unsupported
from regraft.network.graph import Node, Ref


@dataclass(kw_only=True)
class Net(Nodes):
    """What has been built of a network.

    Attributes:
        kinds: what each value of the file is.
    """

    source: Source
    kinds: Mapping[str, Kind]

    def hold(self, name: str) -> None:
        """The node of a value of the file, if it has none yet."""
        if name in self.nodes or name not in self.source.values:
            return
        value, kind = self.source.values[name], self.kinds[name]
        if kind == "setting":
            self.add(Node(name=name, function="constant", args=(_nested(value),), kwargs={"dtype": value.dtype.name}))
        else:
            self.add(Node(name=name, function="parameter", args=(name,), kwargs={"trainable": kind == "weight"}))


@dataclass(frozen=True, kw_only=True)
class Call:
    """An operation to be turned into nodes.

    Attributes:
        known: its attributes; those the file leaves out have the values ONNX gives them.
        asked: attributes the handler looked at.
    """

    operation: Operation
    net: Net
    known: Mapping[str, Any]
    asked: set[str] = field(default_factory=set[str])

    @property
    def where(self) -> str:
        """File and operation, for errors."""
        return f"{self.net.source.where}, node {self.operation.label} ({self.operation.title})"

    @property
    def opset(self) -> int:
        """The version of ONNX's operations it is written in."""
        return self.operation.opset

    # --- asking -------------------------------------------------------------------------------------

    def attribute(self, name: str, default: Any = None) -> Any:
        """The value of an attribute."""
        self.asked.add(name)
        return self.known.get(name, default)

    def has(self, place: int) -> bool:
        """Whether it reads an input of that number."""
        return place < len(self.operation.inputs) and bool(self.operation.inputs[place])

    def optional(self, place: int) -> Ref | None:
        """An input that may be left out."""
        if not self.has(place):
            return None
        name = self.operation.inputs[place]
        self.net.hold(name)
        return Ref(name)

    def input(self, place: int = 0) -> Ref:
        """An input.

        Raises:
            UnreadableFile: it is left out.
        """
        found = self.optional(place)
        if found is None:
            raise UnreadableFile("an operation reads too little", where=self.where, expected=f"input {place + 1}")
        return found

    def inputs(self) -> tuple[Ref | None, ...]:
        """All inputs, None for those left out."""
        return tuple(self.optional(place) for place in range(len(self.operation.inputs)))

    def value(self, place: int) -> Array | None:
        """The numbers of an input, where they stand in the file; None where they are computed."""
        return self.net.source.values.get(self.operation.inputs[place]) if self.has(place) else None

    def setting(self, place: int) -> Array | None:
        """The numbers of an input that only sets something; None where it is left out.

        Raises:
            Unsupported: they are computed.
        """
        found = self.value(place)
        if found is None and self.has(place):
            raise Unsupported(f"its input {place + 1} is computed, where it must be constant")
        return found

    def gives(self, place: int) -> bool:
        """Whether an output of that number is wanted."""
        return place < len(self.operation.outputs) and bool(self.operation.outputs[place])

    def wrong(self, what: str, expected: str, got: str) -> UnreadableFile:
        """The error for an operation that cannot be meant."""
        return UnreadableFile(what, where=self.where, expected=expected, got=got)

    # --- emitting -----------------------------------------------------------------------------------

    @property
    def first(self) -> str:
        """The name of the first output there is."""
        return next((name for name in self.operation.outputs if name), self.operation.label)

    def inner(self, detail: str, function: str, /, *args: Any, **kwargs: Any) -> Ref:
        """A node inside the operation: a value the file has no name for."""
        return self.net.add(Node(name=f"{self.first}@{detail}", function=function, args=args, kwargs=kwargs))

    def constant(self, detail: str, value: Any, dtype: str = "int64") -> Ref:
        """A constant inside the operation."""
        return self.inner(detail, "constant", value, dtype=dtype)

    def give(self, function: str, /, *args: Any, **kwargs: Any) -> None:
        """The node of the first output."""
        if not self.gives(0):
            return
        self.net.add(Node(name=self.operation.outputs[0], function=function, args=args, kwargs=kwargs))

    def give_all(self, function: str, /, *args: Any, **kwargs: Any) -> None:
        """The nodes of all outputs of a function that gives several."""
        whole = self.inner("all", function, *args, **kwargs)
        for place, name in enumerate(self.operation.outputs):
            if name:
                self.net.add(Node(name=name, function="item", args=(whole, place)))

    def only_first(self) -> None:
        """Raise Unsupported where a second output is wanted."""
        if any(self.operation.outputs[1:]):
            raise Unsupported("only its first output can be given")


Handler = Callable[[Call], None]


def called(operation: Operation, net: Net) -> Call:
    """The call of an operation ONNX knows in its version.

    Raises:
        Unsupported: it does not.
        UnreadableFile: it has attributes, or numbers of inputs and outputs, that the operation does not have.
    """
    onnx = package()
    where = f"{net.source.where}, node {operation.label} ({operation.title})"
    try:
        schema = onnx.defs.get_schema(operation.type, operation.opset, operation.domain)
    except onnx.defs.SchemaError:
        raise Unsupported(f"opset {operation.opset} has no such operation") from None
    if schema.deprecated:
        raise Unsupported(f"opset {operation.opset} has no such operation any more")
    strange = sorted(set(operation.attributes) - set(schema.attributes))
    if strange:
        raise UnreadableFile(
            "an operation has attributes that it does not know", where=where,
            expected=", ".join(sorted(schema.attributes)) or "none", got=", ".join(strange),
        )  # fmt: skip
    counts = (("inputs", operation.inputs, schema.min_input, schema.max_input),
              ("outputs", operation.outputs, schema.min_output, schema.max_output))  # fmt: skip
    for what, names, least, most in counts:
        if not least <= len(names) <= most:
            raise UnreadableFile(f"an operation has {len(names)} {what}", where=where, expected=f"{least} to {most}")
    optional = onnx.defs.OpSchema.FormalParameterOption.Optional
    for place, name in enumerate(operation.inputs):
        if not name and schema.inputs[min(place, len(schema.inputs) - 1)].option != optional:
            raise UnreadableFile("an operation reads too little", where=where, expected=f"input {place + 1}")
    return Call(operation=operation, net=net, known=_attributes(operation, schema, where))


def _attributes(operation: Operation, schema: Any, where: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, about in schema.attributes.items():
        given = operation.attributes.get(name)
        if given is None:
            if about.required:
                raise UnreadableFile(f"the attribute {name} is missing", where=where)
            if about.default_value.type:
                found[name] = value_of(about.default_value, where)
            continue
        found[name] = value_of(given, where)
        if given.type and given.type != int(about.type.value if hasattr(about.type, "value") else about.type):
            raise UnreadableFile(f"the attribute {name} is of the wrong type", where=where)
    return found


def plain(function: str, *, outputs: str = "one", refused: str = "", **fixed: Any) -> Handler:
    """The handler of an operation that is one function: its inputs are the arguments, its attributes the keywords.

    Args:
        outputs: "one", or "all" for a function that gives several.
        refused: what of the operation is refused, for the page.
        fixed: further keywords.
    """

    def handler(call: Call) -> None:
        attributes = {name: call.attribute(name) for name in call.known}
        args = call.inputs()
        give = call.give_all if outputs == "all" else call.give
        if outputs == "one":
            call.only_first()
        give(function, *args, **attributes, **fixed)

    handler.__doc__ = refused
    return handler


def require_asked(call: Call) -> None:
    """Raise Unsupported where the file sets an attribute the handler did not look at."""
    left = sorted(set(call.operation.attributes) - call.asked)
    if left:
        raise Unsupported(f"its attribute {', '.join(left)} is not known")


def integers(values: Iterable[Any] | None) -> tuple[int, ...]:
    """The values as plain whole numbers."""
    return () if values is None else tuple(int(value) for value in values)


def _nested(value: Array) -> Any:
    """The numbers as nested tuples of Python's own."""
    plain = value.tolist() if value.dtype.kind != "c" else np.asarray(value).tolist()

    def turned(item: Any) -> Any:
        return tuple(turned(one) for one in item) if isinstance(item, list) else item

    return turned(plain)
