"""The operations of a graph as plain records, and their attributes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from regraft.errors import UnreadableFile
from regraft.formats.onnx.modelfile import domain_of

# AttributeProto.AttributeType -> the field the value stands in.
_FIELDS = {1: "f", 2: "i", 3: "s", 4: "t", 5: "g", 6: "floats", 7: "ints", 8: "strings", 9: "tensors", 10: "graphs"}
_GRAPHS = (5, 10)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """A node of the file.

    Attributes:
        inputs: names of the tensors it reads; "" where an optional one is left out.
        attributes: as the file has them, by name.
        opset: the version of its domain's operations.
    """

    name: str
    type: str
    domain: str
    overload: str = ""
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(repr=False)
    opset: int

    @property
    def title(self) -> str:
        """The type, with the domain where it is not ONNX's own."""
        return f"{self.domain}.{self.type}" if self.domain else self.type

    @property
    def label(self) -> str:
        """What it is called in messages: its name or, where it has none, its first output."""
        return self.name or next((name for name in self.outputs if name), "without a name")


def operation(node: Any, opsets: Mapping[str, int], where: str) -> Operation:
    """The record of a NodeProto.

    Raises:
        UnreadableFile: it has no type, or an attribute twice.
    """
    require_text([node.name, node.op_type, node.domain, node.overload, *node.input, *node.output], where)
    require_text([text for one in node.attribute for text in (one.name, one.ref_attr_name)], where)
    domain = domain_of(node.domain)
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if not node.op_type or len(attributes) < len(node.attribute):
        problem = "an operation has an attribute twice" if node.op_type else "an operation has no type"
        raise UnreadableFile(problem, where=f"{where}, node {node.name or ', '.join(node.output)}")
    return Operation(
        name=node.name,
        type=node.op_type,
        domain=domain,
        overload=node.overload,
        inputs=tuple(node.input),
        outputs=tuple(node.output),
        attributes=attributes,
        opset=opsets.get(domain, 1),
    )


def require_text(names: Iterable[Any], where: str) -> None:
    """Raise UnreadableFile where a name is no text: the package gives what is no UTF-8 as bytes."""
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise UnreadableFile("a name in the file is no text", where=where, got=repr(wrong)[:100])


def value_of(attribute: Any, where: str) -> Any:
    """The value of an attribute: a number, a str, a tuple of these, or a message.

    Raises:
        UnreadableFile: it has none, or a text is no UTF-8.
    """
    kind = attribute.type or next((code for code, name in _FIELDS.items() if _holds(attribute, name)), 0)
    if kind not in _FIELDS:
        raise UnreadableFile(f"the attribute {attribute.name} has no value that can be read", where=where)
    value = getattr(attribute, _FIELDS[kind])
    try:
        if kind == 3:
            return value.decode()
        if kind == 8:
            return tuple(text.decode() for text in value)
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"the attribute {attribute.name} is no text", where=where) from error
    return tuple(value) if kind > 5 else value


def _holds(attribute: Any, name: str) -> bool:
    value = getattr(attribute, name)
    return len(value) > 0 if _FIELDS_REPEATED.get(name) else attribute.HasField(name)


_FIELDS_REPEATED = {name: code > 5 for code, name in _FIELDS.items()}
