"""Puts operations into a GraphDef, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from regraft.formats.tf1.protos import new
from regraft.formats.tf1.writing.encoding import Value, attr_value, tensor_proto, type_of
from regraft.formats.tf1.writing.naming import Taken

# The GraphDef version of TensorFlow 1.15: readers from 1.0 to 2.21 take it. An operation that was later given up
# can only be written as of the last version that had it (`Deprecated` in tensorflow/core/ops/*.cc).
_PRODUCER = 134
_LAST_PRODUCER = {"BatchNormWithGlobalNormalization": 8, "TopK": 6}


class GraphWriter:
    """A GraphDef being written.

    Attributes:
        graph_def: the message.
        taken: the names in use.
    """

    def __init__(self) -> None:
        self.graph_def = new("GraphDef")
        self.graph_def.versions.producer = _PRODUCER
        self.taken = Taken()

    def put(self, type: str, name: str, inputs: Sequence[str] = (), **attributes: Value) -> str:
        """Add an operation under a name that is already taken for it; gives the name back.

        Args:
            inputs: as a NodeDef writes them: "x", "x:1" for its second output, "^x" to run only after it.
        """
        node = self.graph_def.node.add(name=name, op=type, input=inputs)
        for key, value in attributes.items():
            node.attr[key].CopyFrom(attr_value(value))
        versions = self.graph_def.versions
        versions.producer = min(versions.producer, _LAST_PRODUCER.get(type, _PRODUCER))
        return name

    def add(self, type: str, name: str, inputs: Sequence[str] = (), **attributes: Value) -> str:
        """Add an operation under this name, or the next free one; gives the name it got."""
        return self.put(type, self.taken.take(name), inputs, **attributes)

    def constant(self, name: str, value: Any, dtype: str | type) -> str:
        """Add a constant under this name, or the next free one; gives the name it got."""
        return self.put_constant(self.taken.take(name), value, dtype)

    def put_constant(self, name: str, value: Any, dtype: str | type) -> str:
        """Add a constant under a name that is already taken for it; gives the name back."""
        array = np.array(value, dtype)
        return self.put(
            "Const", name, dtype=Value("type", type_of(array.dtype)), value=Value("tensor", tensor_proto(array))
        )
