"""Where data come into a graph: the tensors after queues, iterators, parsers and decoders are inputs."""

from __future__ import annotations

import re
from typing import Any

from regraft.formats.tf1.graph.constants import attribute_of, shape_of
from regraft.formats.tf1.graph.sizes import known_size
from regraft.formats.tf1.graph.source import PLACEHOLDERS, VARIABLES, Flow, Given, Operation, index_of

# Operations that fetch and decode examples; no network is made of them.
_FETCHING = re.compile(
    r".*Queue(V2)?|.*Dequeue.*|.*Reader(V2)?|ReaderRead.*|.*Dataset(V\d)?|.*Iterator.*|Decode.*|Parse.*|ReadFile"
    r"|MatchingFiles|Unstage|Stage|StringTo.*|StringSplit.*|Substr|RegexReplace|.*HashTable.*|Lookup.*"
    r"|(Eager)?PyFunc(Stateless)?|SampleDistortedBoundingBox.*|Barrier.*|RecordInput"
)

# What a loop over examples gives (tf.map_fn of a decoder), but also one over time steps.
_GATHERING = re.compile(r"TensorArrayGather(V\d)?|TensorListStack")
# What may as well stand in the middle of a network.
_ANYWHERE = re.compile(rf"(Eager)?PyFunc(Stateless)?|{_GATHERING.pattern}")

Shape = tuple[int | None, ...]


def fetches(operation: Operation) -> bool:
    """Whether an operation belongs to an input pipeline."""
    return bool(_FETCHING.fullmatch(operation.type))


def given(flow: Flow) -> dict[str, Given]:
    """The tensors at the end of the graph's input pipelines."""
    found: dict[str, Given] = {}
    for operation in flow.operations.values():
        ends = [] if fetches(operation) else [tensor for tensor in operation.inputs if _ends_pipeline(flow, tensor)]
        for tensor in ends:
            end = flow.of(tensor)
            if operation.type == "PlaceholderWithDefault":  # the pipeline is what it stands for when nothing is fed
                found[f"{operation.name}:0"] = placeholder(operation)
            elif tensor not in found:
                dtype = _dtype(end, index_of(tensor)) or "float32"
                found[tensor] = Given(shape=_shape(flow, end, index_of(tensor)), dtype=dtype)
    return found


def placeholder(operation: Operation, producer: int = 99) -> Given:
    """What a placeholder says of the tensor it stands for.

    Args:
        producer: the version of the graph's format; before 24 a shape without dimensions meant "any".
    """
    shape = shape_of(operation.attrs["shape"].shape) if "shape" in operation.attrs else None
    if shape is None or (not shape and producer < 24):
        shape = _listed(operation, "_output_shapes", 0)
    return Given(shape=shape, dtype=str(_attribute(operation, "dtype") or "float32"))


def _ends_pipeline(flow: Flow, tensor: str) -> bool:
    operation = flow.of(tensor)
    gathers = bool(_GATHERING.fullmatch(operation.type))
    if not gathers and not fetches(operation):
        return False
    if _dtype(operation, index_of(tensor)) in ("string", "resource", "variant"):
        return False
    if not _ANYWHERE.fullmatch(operation.type):
        return True
    above = _everything_above(flow, operation)
    numeric = (before.type in PLACEHOLDERS and _attribute(before, "dtype") != "string" for before in above)
    if any(numeric) or any(before.type in VARIABLES for before in above):
        return False
    return not gathers or any(fetches(before) or before.type in PLACEHOLDERS for before in above)


def _everything_above(flow: Flow, operation: Operation) -> list[Operation]:
    """The operation and all it reads, also by the way back of a loop."""
    found = {operation.name: operation}
    waiting = [operation]
    while waiting:
        for tensor in waiting.pop().inputs:
            before = flow.of(tensor)
            if before.name not in found:
                found[before.name] = before
                waiting.append(before)
    return list(found.values())


def _dtype(operation: Operation, index: int) -> str | None:
    """The type of an output of a fetching operation; None where it is not told."""
    for key in ("component_types", "output_types", "Tout", "dtypes"):
        types = _attribute(operation, key)
        if isinstance(types, tuple) and index < len(types):
            return str(types[index])
    if operation.type.startswith("Parse"):
        dense = index - _first_dense(operation)
        types = _attribute(operation, "Tdense")
        return str(types[dense]) if isinstance(types, tuple) and 0 <= dense < len(types) else "string"
    told = _attribute(operation, "out_type") or _attribute(operation, "dtype")
    if told:
        return str(told)
    texts = operation.type.startswith(("Read", "Matching", "Substr", "Regex"))
    return "string" if texts else "uint8" if operation.type.startswith("Decode") else None


def _shape(flow: Flow, operation: Operation, index: int) -> Shape | None:
    """The shape of an output of a fetching operation; None where it is not told."""
    if operation.type.startswith("Parse"):
        shape = _listed(operation, "dense_shapes", index - _first_dense(operation))
        return shape if shape is None or "Single" in operation.type else (None, *shape)
    shape = _listed(operation, "output_shapes", index)
    if shape is None and operation.inputs:  # a queue knows the shape of one element
        shape = _listed(flow.of(operation.inputs[0]), "shapes", index)
        if shape is not None and re.search("Many|UpTo", operation.type):
            shape = (_count(flow, operation), *shape)
    return _listed(operation, "_output_shapes", index) if shape is None else shape


def _count(flow: Flow, operation: Operation) -> int | None:
    """How many elements a queue gives at once; None where they may be fewer, or where it is not told."""
    told = known_size(flow, operation.inputs[1]) if "Many" in operation.type and len(operation.inputs) > 1 else None
    return int(told) if told is not None and told.ndim == 0 and told > 0 else None


def _listed(operation: Operation, key: str, index: int) -> Shape | None:
    shapes = _attribute(operation, key)
    return shapes[index] if isinstance(shapes, tuple) and 0 <= index < len(shapes) else None


def _attribute(operation: Operation, key: str) -> Any:
    return attribute_of(operation.attrs[key]) if key in operation.attrs else None


def _first_dense(operation: Operation) -> int:
    """A parser gives three tensors for each sparse feature before the dense ones."""
    return 3 * len(_attribute(operation, "sparse_types") or ())
