"""Graphs built for one batch size, made to take any.

A fixed batch stands in placeholders and, because TensorFlow computes static shapes while a graph is built, in
constants made from them: the first number of a `Reshape`, the size of a `zeros_like`. A constant is changed only where
that keeps what the graph computes for the batch it was built for.
"""

from __future__ import annotations

import re
from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from regraft.formats.tf1.graph.additions import batch_of, constant, free_name
from regraft.formats.tf1.graph.constants import Array, attribute_of
from regraft.formats.tf1.graph.sizes import known_size
from regraft.formats.tf1.graph.source import Flow, Operation

# Names TensorFlow gives to tensors it makes in the shape of others.
_MADE_OF_SHAPE = re.compile(r"(^|/)(zeros|ones)(_like)?(_\d+)?$")
# Operations that make a tensor of a wanted shape: which input says it, and whether a batch of one may be meant.
_SHAPED = {
    "Fill": (0, False),
    "Tile": (1, False),
    "BroadcastTo": (1, False),
    "RandomUniform": (0, True),
    "RandomStandardNormal": (0, True),
    "TruncatedNormal": (0, True),
    "Conv2DBackpropInput": (0, True),
}
_BATCH = "regraft/batch"


def freed(
    flow: Flow, inputs: Mapping[str, int], forward: Sequence[str], loss: Sequence[str]
) -> tuple[Flow, tuple[str, ...]]:
    """The flow without the given batch sizes in its constants.

    Args:
        inputs: tensors given from outside -> the batch size their placeholder fixes.
        forward: the tensors of the network itself.
        loss: the tensors computed from it: there vectors and ranges as long as the batch are replaced too.

    Returns:
        The flow, and the tensors of the network that still hold the batch.
    """
    if not inputs:
        return flow, ()
    freeing = _Freeing(flow, inputs)
    fed = flow.descendants(inputs)
    own = set(forward)
    for tensor in dict.fromkeys([*forward, *loss]):
        freeing.visit(flow.of(tensor), fed=tensor in fed, forward=tensor in own)
    holding = tuple(name for name in freeing.holding if name in own)
    return Flow({**flow.operations, **freeing.changed}, flow.where, flow.given), holding


class _Freeing:
    """Changes operations one by one.

    Attributes:
        changed: the changed operations and the ones added for them.
        holding: tensors of a shape with the batch in it that cannot be freed.
    """

    def __init__(self, flow: Flow, inputs: Mapping[str, int]) -> None:
        self._flow = flow
        self._sizes = set(inputs.values())
        self._input = next(iter(inputs))
        self.changed: dict[str, Operation] = {}
        self.holding: list[str] = []
        self._taken = ChainMap(self.changed, dict(flow.operations))

    def visit(self, operation: Operation, *, fed: bool, forward: bool) -> None:
        """Free one operation.

        Args:
            fed: whether it depends on an input.
            forward: whether it belongs to the network, not to the loss.
        """
        inputs: Sequence[str] | None = None
        if operation.type == "Reshape" and fed:
            inputs = self._reshaped(operation)
        elif operation.type == "Slice" and fed:
            inputs = self._sliced(operation)
        elif operation.type == "Range" and not forward:
            inputs = self._counted(operation)
        elif operation.type == "Const" and _MADE_OF_SHAPE.search(operation.name):
            self._refill(operation, 2 if forward else 1)
        elif operation.type in _SHAPED and (not fed or operation.type not in ("Tile", "BroadcastTo")):
            inputs = self._shaped(operation, 2 if forward else 1)
        if inputs:
            self.changed[operation.name] = replace(operation, inputs=tuple(inputs))

    def _reshaped(self, operation: Operation) -> Sequence[str] | None:
        """The first number of the wanted shape becomes -1."""
        data, shape = operation.inputs
        parts = self._parts(shape)
        first = parts[0] if parts else None
        if first is None or not self._is_batch(first):
            return None
        known = _static_shape(operation)
        if known is not None and len(known) == len(parts) and None not in known[1:]:
            parts = list(known)
        if -1 not in parts[1:]:
            return data, self._shape(operation, "-1", shape, parts)
        if first in self._sizes:
            return data, self._shape(operation, "batch", shape, parts)
        self.holding.append(f"{operation.name}:0")
        return None

    def _parts(self, shape: str) -> list[int | None]:
        """The numbers of a shape, None where one is computed; [] where nothing is known."""
        operation = self._flow.of(shape)
        if operation.type == "Pack":
            numbers = [known_size(self._flow, tensor) for tensor in operation.inputs]
            return [None if n is None or n.size != 1 else int(n.reshape(-1)[0]) for n in numbers]
        whole = known_size(self._flow, shape)
        return [] if whole is None or whole.ndim != 1 else [int(number) for number in whole]

    def _shape(self, operation: Operation, first: str, shape: str, parts: Sequence[int | None]) -> str:
        """A new shape: "-1" or the "batch", then the parts; those that are computed are read from the old shape."""
        if first == "-1" and None not in parts:
            return self._constant(operation, np.array([-1, *parts[1:]], np.int32))
        computed = self._flow.of(shape).inputs if None in parts else ()
        inputs = [self._constant(operation, -1) if first == "-1" else self._batch()]
        inputs += [computed[k] if n is None else self._constant(operation, n) for k, n in enumerate(parts) if k]
        made = Operation(name=free_name(f"{operation.name}/shape", self._taken), type="Pack", inputs=tuple(inputs))
        self.changed[made.name] = made
        return f"{made.name}:0"

    def _sliced(self, operation: Operation) -> Sequence[str] | None:
        """A slice of the whole batch takes all there is."""
        begin, size = (known_size(self._flow, tensor) for tensor in operation.inputs[1:3])
        if begin is None or size is None or not size.size or begin[0] != 0 or int(size[0]) not in self._sizes:
            return None
        return (*operation.inputs[:2], self._constant(operation, np.array([-1, *size[1:]], np.int32)))

    def _counted(self, operation: Operation) -> Sequence[str] | None:
        limit = known_size(self._flow, operation.inputs[1])
        if limit is None or limit.size != 1 or int(limit.reshape(-1)[0]) not in self._sizes - {1}:
            return None
        return operation.inputs[0], self._batch(), operation.inputs[2]

    def _shaped(self, operation: Operation, rank: int) -> Sequence[str] | None:
        """What is made in a shape takes the batch of the input; of `rank` numbers or more."""
        at, of_one = _SHAPED[operation.type]
        parts = self._parts(operation.inputs[at])
        if len(parts) < rank or parts[0] not in self._sizes or (parts[0] == 1 and not of_one):
            return None
        shape = self._shape(operation, "batch", operation.inputs[at], parts)
        return (*operation.inputs[:at], shape, *operation.inputs[at + 1 :])

    def _refill(self, operation: Operation, rank: int) -> None:
        """A constant of zeros or ones is filled anew, in the batch of the input."""
        value = self._flow.value(operation)
        if value.ndim < rank or value.shape[0] not in self._sizes - {1} or not _is_uniform(value):
            return
        filling = constant(free_name(f"{operation.name}/value", self._taken), value.reshape(-1)[0])
        self.changed[filling.name] = filling
        inputs = (self._shape(operation, "batch", "", value.shape), f"{filling.name}:0")
        self.changed[operation.name] = replace(operation, type="Fill", inputs=inputs, attrs={})

    def _is_batch(self, number: int) -> bool:
        return any(number == size or (size > 1 and number > 0 and number % size == 0) for size in self._sizes)

    def _constant(self, operation: Operation, value: Array | int) -> str:
        made = constant(free_name(f"{operation.name}/size", self._taken), value)
        self.changed[made.name] = made
        return f"{made.name}:0"

    def _batch(self) -> str:
        if _BATCH not in self._taken:
            self.changed.update(batch_of(self._input, _BATCH))
        return f"{_BATCH}:0"


def _is_uniform(value: Array) -> bool:
    """Whether all numbers are the same; a constant that repeats one value says so by its strides."""
    if value.dtype.kind not in "if" or not value.size:
        return False
    return not any(value.strides) or bool((value == value.reshape(-1)[0]).all())


def _static_shape(operation: Operation) -> tuple[int | None, ...] | None:
    shapes = attribute_of(operation.attrs["_output_shapes"]) if "_output_shapes" in operation.attrs else None
    return shapes[0] if shapes else None
