"""A BlobProto: a shape, and the numbers where they lie in the file."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from regraft.errors import ShapeMismatch
from regraft.formats.caffe import protos
from regraft.protobuf.wire import BYTES, VARINT, fields, malformed, signed

Array = npt.NDArray[Any]
_LEGACY = (1, 2, 3, 4)  # num, channels, height, width
_DATA, _SHAPE, _DOUBLES = 5, 7, 8
_MOST_AXES = 32  # Caffe's kMaxBlobAxes


@dataclass(frozen=True, kw_only=True)
class Blob:
    """Some weights.

    Attributes:
        shape: as the file says it; blobs of old files always have four dimensions, those in front of size 1.
        data: the numbers, a view into the file where they lie in one piece.
        where: file and place.
    """

    shape: tuple[int, ...]
    data: Array
    where: str

    def shaped(self, shape: tuple[int | None, ...]) -> Array:
        """The numbers in a shape that fits: ones in front do not count.

        Args:
            shape: None for a size the file decides.

        Raises:
            ShapeMismatch: the file has another shape.
        """
        have = self.shape
        while len(have) > len(shape) and have[0] == 1:
            have = have[1:]
        have = (1,) * (len(shape) - len(have)) + have
        if len(have) != len(shape) or any(want not in (None, size) for want, size in zip(shape, have, strict=True)):
            raise ShapeMismatch(
                "the weights do not fit the layer",
                where=self.where,
                expected=shown(shape),
                got=shown(self.shape),
                fix="is this the prototxt the weights were trained with?",
            )
        return self.data.reshape(have)


def shown(shape: tuple[int | None, ...]) -> str:
    """A shape as one reads it: 64 x 3 x 7 x 7."""
    return " x ".join("?" if size is None else str(size) for size in shape) or "one number"


def read_blob(data: memoryview, where: str) -> Blob:
    """The blob a BlobProto holds.

    Raises:
        UnreadableFile: it is damaged, or holds more or fewer numbers than its shape says.
    """
    legacy: dict[int, int] = {}
    shape: tuple[int, ...] | None = None
    pieces: list[memoryview] = []
    for field in fields(data, where):
        if field.number in _LEGACY and field.kind == VARINT:
            legacy[field.number] = signed(field.value)
        elif field.number == _SHAPE and field.kind == BYTES:
            shape = tuple(protos.parse("BlobShape", bytes(field.data), where).dim)
        elif field.number == _DOUBLES or (field.number == _DATA and (field.kind != BYTES or pieces)):
            return _put_together(data, where)  # as a rule there is one packed piece
        elif field.number == _DATA:
            pieces.append(field.data)
    if shape is None:  # Caffe writes none for a single number
        shape = tuple(legacy.get(number, 0) for number in _LEGACY) if legacy else ()
    return _checked(shape, _view(pieces, where), where)


def _checked(shape: tuple[int, ...], values: Array, where: str) -> Blob:
    if len(shape) > _MOST_AXES or min(shape, default=0) < 0 or prod(shape) != values.size:
        raise malformed(where, f"{shown(shape)} numbers", f"{values.size:,} numbers")
    return Blob(shape=shape, data=values, where=where)


def _view(pieces: list[memoryview], where: str) -> Array:
    piece = pieces[0] if pieces else memoryview(b"")
    if len(piece) % 4:
        raise malformed(where, "numbers of four bytes", f"{len(piece):,} bytes")
    return np.frombuffer(piece, "<f4")


def _put_together(data: memoryview, where: str) -> Blob:
    """The blob as protobuf reads it: numbers of eight bytes, in pieces, or one by one."""
    parsed = protos.parse("BlobProto", bytes(data), where)
    old = (parsed.num, parsed.channels, parsed.height, parsed.width) if parsed.HasField("num") else ()
    shape = tuple(parsed.shape.dim) if parsed.HasField("shape") else old
    return _checked(shape, np.array(parsed.double_data or parsed.data, np.float32), where)
