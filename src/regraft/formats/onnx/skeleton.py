"""A model without the numbers of its tensors, for protobuf to parse: each tensor says where in the file it lies.

Protobuf would hold all weights a second time, and those that are written one by one twice more while it reads them.
The place stands in the field `segment`, which no program fills.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regraft.errors import UnsafeFile
from regraft.protobuf.wire import BYTES, bytes_field, fields, number_field

# Of each message the fields whose messages hold tensors.
_INSIDE: Mapping[str, Mapping[int, str]] = {
    "Model": {7: "Graph", 25: "Function"},
    "Graph": {1: "Node", 5: "Tensor", 15: "Sparse"},
    "Function": {7: "Node", 11: "Attribute"},
    "Node": {5: "Attribute"},
    "Attribute": {5: "Tensor", 6: "Graph", 10: "Tensor", 11: "Graph", 22: "Sparse", 23: "Sparse"},
    "Sparse": {1: "Tensor", 2: "Tensor"},
    "Tensor": {},
}
_ABOUT = frozenset({1, 2, 8, 13, 14})  # of a tensor: dims, type, name, external data, whether they are external
# Bytes of a message beside the parts that are looked into: protobuf makes many times as much of short names.
_MOST: Mapping[str, int] = {"Tensor": 64 << 10, "Attribute": 1 << 20, "Node": 1 << 20}
_SEGMENT, _BEGIN, _END = 3, 1, 2
_MOST_OPERATIONS = 50_000
_DEEPEST = 100  # messages in messages, as protobuf counts


def skeleton(data: memoryview, where: str) -> bytes:
    """The ModelProto `data` hold, without numbers.

    Raises:
        UnreadableFile: the bytes are no message.
        UnsafeFile: there are more operations than a network has, or one is described without measure.
    """
    return _Skeleton(where).of(data, "Model", 0, 0)


def lying(tensor: Any, data: memoryview) -> memoryview:
    """The TensorProto with its numbers; one that is of no file has them itself.

    Args:
        data: the file the skeleton is of.
    """
    if tensor.HasField("segment"):
        return data[tensor.segment.begin : tensor.segment.end]
    return memoryview(tensor.SerializeToString())


def require_few(count: int, where: str) -> None:
    """Raise UnsafeFile where there are more operations than a network has."""
    if count > _MOST_OPERATIONS:
        raise UnsafeFile("the graph has too many operations", where=where, expected=f"at most {_MOST_OPERATIONS:,}")


class _Skeleton:
    def __init__(self, where: str) -> None:
        self._where = where
        self._nodes = 0

    def of(self, data: memoryview, kind: str, start: int, depth: int) -> bytes:
        """A message without numbers.

        Args:
            start: where in the file it lies.
        """
        kept, own, end = bytearray(), 0, start
        for field in fields(data, self._where):
            end += len(field.whole)
            inside = _INSIDE[kind].get(field.number) if field.kind == BYTES and depth < _DEEPEST else None
            if inside:
                kept += bytes_field(field.number, self._part(field.data, inside, end - len(field.data), depth + 1))
            elif kind != "Tensor" or field.number in _ABOUT:
                own += len(field.whole)
                self._require_short(own, kind)
                kept += field.whole
        if kind == "Tensor":
            kept += bytes_field(_SEGMENT, number_field(_BEGIN, start) + number_field(_END, end))
        return bytes(kept)

    def _part(self, data: memoryview, kind: str, start: int, depth: int) -> bytes:
        if kind == "Node":
            self._nodes += 1
            require_few(self._nodes, self._where)
        return self.of(data, kind, start, depth)

    def _require_short(self, size: int, kind: str) -> None:
        most = _MOST.get(kind)
        if most is not None and size > most:
            raise UnsafeFile(
                f"what the file says of one {kind.lower()} is too long",
                where=self._where,
                expected=f"at most {most:,} bytes beside weights and graphs",
            )
