"""Small GraphDefs made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from regraft.formats.tf1 import protos
from regraft.formats.tf1.checkpoint.dtypes import NUMBERS


class Made:
    """A GraphDef that grows node by node.

    Attributes:
        message: the GraphDef.
    """

    def __init__(self) -> None:
        self.message = protos.new("GraphDef")
        self.message.versions.producer = 26

    def node(self, name: str, type: str, *inputs: str, **attrs: Any) -> Made:
        """Add an operation; a numpy array becomes a tensor, a text that names a type becomes one."""
        node = self.message.node.add(name=name, op=type, input=inputs)
        for key, value in attrs.items():
            set_attribute(node.attr[key], value)
        return self

    def constant(self, name: str, value: Any) -> Made:
        """Add a constant."""
        array = np.asarray(value)
        return self.node(name, "Const", value=array, dtype=str(array.dtype))

    def placeholder(self, name: str, *shape: int, dtype: str = "float32") -> Made:
        """Add a placeholder; -1 is a free dimension."""
        return self.node(name, "Placeholder", dtype=dtype, shape=shape)

    def write(self, path: Path) -> Path:
        """Write the graph to a file."""
        path.write_bytes(self.message.SerializeToString())
        return path


def set_attribute(attr: Any, value: Any) -> None:
    """Fill an AttrValue."""
    if isinstance(value, np.ndarray):
        attr.tensor.dtype = NUMBERS[str(value.dtype)]
        attr.tensor.tensor_content = value.tobytes()
        attr.tensor.tensor_shape.SetInParent()
        for size in value.shape:
            attr.tensor.tensor_shape.dim.add(size=size)
    elif isinstance(value, bool):
        attr.b = value
    elif isinstance(value, int):
        attr.i = value
    elif isinstance(value, float):
        attr.f = value
    elif isinstance(value, tuple):
        attr.shape.SetInParent()
        for size in value:
            attr.shape.dim.add(size=size)
    elif isinstance(value, list):
        attr.list.i.extend(value)
    elif value in NUMBERS:
        attr.type = NUMBERS[value]
    else:
        attr.s = value.encode()


def dense() -> Made:
    """A frozen dense layer: "x" (b 4) to "out" (b 2)."""
    made = Made().placeholder("x", -1, 4)
    made.constant("w", np.arange(8, dtype=np.float32).reshape(4, 2)).node("w/read", "Identity", "w")
    return made.node("out", "MatMul", "x", "w/read")
