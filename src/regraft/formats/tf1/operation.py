"""What a TensorFlow operation looks like in a GraphDef: the words of the table in `ops.py`, for reading and writing.

Pure data: neither this file nor the table imports torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from regraft.errors import UnreadableFile, UnsupportedOp

Kind = Literal["int", "float", "bool", "str", "type", "ints", "shape"]


class Attr(NamedTuple):
    """An attribute a function takes. `default` is used where a file leaves it out; None: it must be there."""

    kind: Kind
    default: Any = None


@dataclass(frozen=True, kw_only=True)
class Op:
    """One type of TensorFlow operation.

    Attributes:
        type: TensorFlow's name of it, "Conv2D".
        function: the key of `regraft.network.functions.FUNCTIONS` that computes it. Inputs become its positional
            arguments in the same order, one by one also where TensorFlow calls them a list; attributes its keywords.
        inputs: the type of each: "T" (the attribute T says it), "int32" (always this one), "N*T" (a list of
            as many as attribute N says, all of type T) or "*T" (a list whose types are listed in attribute T).
        outputs: their names; "num*output" and "*T" stand for lists as above.
        attrs: what the function takes as keyword arguments.
        ignored: attributes without influence on the values, left out when a graph is written.
    """

    type: str
    function: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attrs: Mapping[str, Attr] = field(default_factory=dict)
    ignored: tuple[str, ...] = ()

    @property
    def derived(self) -> tuple[str, ...]:
        """Attributes that follow from the inputs: types and list lengths."""
        named = [part for text in self.inputs for part in text.split("*") if part and part not in FIXED_TYPES]
        return tuple(dict.fromkeys(named))

    @property
    def takes_list(self) -> bool:
        """Whether one of the inputs is a list of any length."""
        return any("*" in text for text in self.inputs)


FIXED_TYPES = ("bool", "float32", "int32", "int64", "resource", "variant")


def attributes(op: Op, given: Mapping[str, Any], where: str = "") -> dict[str, Any]:
    """The keyword arguments of the op's function: the attributes a node gives, and defaults for the others.

    Args:
        given: the node's attributes as Python values: int, float, bool, str, a numpy type name, a tuple of ints,
            a shape as a tuple with None where free (or None as a whole where the rank is unknown).
        where: the node's name, for errors.

    Raises:
        UnsupportedOp: an attribute nobody here knows; it may change what the node computes.
        UnreadableFile: an attribute is missing or of the wrong kind.
    """
    node = f"node {where} ({op.type})"
    unknown = set(given) - set(op.attrs) - set(op.derived) - set(op.ignored)
    strange = sorted(name for name in unknown if not name.startswith("_"))
    if strange:
        raise UnsupportedOp(f"{op.type} has attributes regraft does not know: {', '.join(strange)}", where=node)
    filled: dict[str, Any] = {}
    for name, attr in op.attrs.items():
        value = given.get(name, attr.default)
        if value is None and attr.kind != "shape":
            raise UnreadableFile(f"attribute {name} is missing", where=node, expected=attr.kind)
        if not _CHECKS[attr.kind](value):
            raise UnreadableFile(
                f"attribute {name} is of the wrong kind", where=node, expected=attr.kind, got=repr(value)
            )
        filled[name] = value
    return filled


def output_names(op: Op, given: Mapping[str, Any], where: str = "") -> tuple[str, ...]:
    """The name of each output as a function body refers to it ("split:output:1" is the second of list "output").

    Args:
        given: the node's attributes, with the length of output lists among them.
    """
    names: list[str] = []
    for text in op.outputs:
        count, star, name = text.partition("*")
        names += [name] * _length(given.get(count), f"node {where} ({op.type})", count) if star else [text]
    return tuple(names)


def derived_attributes(op: Op, types: Sequence[str]) -> dict[str, Any]:
    """Types and list lengths of a node that is written, from the numpy type names of its inputs.

    Raises:
        UnsupportedOp: the operation does not take inputs of these numbers or types.
    """
    found: dict[str, Any] = {}
    spare = len(types) - len(op.inputs)  # what lists hold more than one each
    lists = sum("*" in text for text in op.inputs)
    waiting = list(types)
    fits = spare == 0 or (op.takes_list and spare > 0 and spare % lists == 0)
    longer = spare // lists if lists else 0  # all lists of an operation are of one length
    for text in op.inputs if fits else ():
        count, star, kind = text.rpartition("*")
        taken = tuple(waiting[: 1 + longer if star else 1])
        del waiting[: len(taken)]
        if star and not count:
            found[kind] = taken
            continue
        if count:
            found[count] = len(taken)
        agreed = kind if kind in FIXED_TYPES else found.setdefault(kind, taken[0])
        fits = fits and set(taken) == {agreed}
    if not fits:
        raise UnsupportedOp(
            f"TensorFlow's {op.type} does not take these inputs", expected=" ".join(op.inputs), got=" ".join(types)
        )
    return found


def _length(value: Any, node: str, name: str) -> int:
    if isinstance(value, tuple):
        return len(value)
    if not isinstance(value, int) or not 0 <= value <= _MOST_OUTPUTS:
        raise UnreadableFile(f"attribute {name} is no number of outputs", where=node, got=repr(value))
    return value


_MOST_OUTPUTS = 1 << 16  # a number a file may claim without holding anything of that size


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


_CHECKS: dict[Kind, Callable[[Any], bool]] = {
    "int": _is_number,
    "float": lambda value: isinstance(value, float) or _is_number(value),
    "bool": lambda value: isinstance(value, bool),
    "str": lambda value: isinstance(value, str),
    "type": lambda value: isinstance(value, str),
    "ints": lambda value: isinstance(value, tuple) and all(_is_number(item) for item in value),
    "shape": lambda value: (
        value is None or (isinstance(value, tuple) and all(item is None or _is_number(item) for item in value))
    ),
}
