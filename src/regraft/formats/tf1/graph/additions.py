"""Operations that are put into a graph while it is read; their names start with "regraft/"."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from regraft.formats.tf1 import protos
from regraft.formats.tf1.checkpoint.dtypes import NUMBERS
from regraft.formats.tf1.graph.constants import Array
from regraft.formats.tf1.graph.source import Operation

TRAINING = "regraft/training"  # the switch of what a training graph always does


def training_switch() -> Operation:
    """A placeholder that tells training from evaluation."""
    shape = protos.new("AttrValue")
    shape.shape.SetInParent()
    attrs = {"dtype": protos.attribute("type", NUMBERS["bool"]), "shape": shape}
    return Operation(name=TRAINING, type="Placeholder", attrs=attrs)


def constant(name: str, value: Array | int | float) -> Operation:
    """A constant; whole numbers are int32, as shapes are."""
    array = np.asarray(value, dtype=np.int32 if isinstance(value, int) else None)
    held = protos.new("AttrValue")
    held.tensor.dtype = NUMBERS[str(array.dtype)]
    held.tensor.tensor_content = array.tobytes()
    held.tensor.tensor_shape.SetInParent()
    for size in array.shape:
        held.tensor.tensor_shape.dim.add(size=size)
    return Operation(
        name=name, type="Const", attrs={"value": held, "dtype": protos.attribute("type", held.tensor.dtype)}
    )


def batch_of(tensor: str, name: str) -> dict[str, Operation]:
    """Operations that read the batch size of a tensor; the last one is called `name`."""
    first, second = constant(f"{name}/first", np.zeros(1, np.int32)), constant(f"{name}/second", np.ones(1, np.int32))
    shape = Operation(name=f"{name}/shape", type="Shape", inputs=(tensor,))
    whole = Operation(
        name=name,
        type="StridedSlice",
        inputs=tuple(f"{operation.name}:0" for operation in (shape, first, second, second)),
        attrs={"shrink_axis_mask": protos.attribute("i", 1)},
    )
    return by_name(first, second, shape, whole)


def by_name(*operations: Operation) -> dict[str, Operation]:
    """Operations under their names."""
    return {operation.name: operation for operation in operations}


def free_name(name: str, taken: Mapping[str, Operation]) -> str:
    """The name "regraft/`name`", with a number where a graph has it already."""
    wanted = f"regraft/{name}"
    numbered = (f"{wanted}_{k}" for k in range(1, len(taken) + 2))
    return wanted if wanted not in taken else next(other for other in numbered if other not in taken)
