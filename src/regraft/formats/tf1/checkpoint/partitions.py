"""What a checkpoint says of its tensors, and how a partitioned variable is put together."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from regraft.formats.tf1.checkpoint.mapped import Array
from regraft.protobuf.wire import Message, malformed

MOST_DIMENSIONS = 32
MOST_ELEMENTS = 1 << 56  # numpy counts bytes in 63 bits, also those of an empty array's other dimensions
Region = tuple[slice, ...]

EVERYTHING = -1  # the length of a slice that takes a whole dimension


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A tensor in a checkpoint; `dtype` is the name of its type in the file ("bfloat16", "string")."""

    name: str
    shape: tuple[int, ...]
    dtype: str

    def __str__(self) -> str:
        """Type and shape, for an error."""
        return f"{self.dtype} of shape {self.shape}"

    @property
    def size(self) -> int:
        """How many elements it has."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Part:
    """Where one slice of a partitioned variable lies: start and length for each dimension."""

    extents: tuple[tuple[int, int], ...]

    def __str__(self) -> str:
        """The part as TensorFlow writes it: "0,4:-"."""
        return ":".join("-" if length == EVERYTHING else f"{start},{length}" for start, length in self.extents)

    def region(self, shape: tuple[int, ...], where: str) -> Region:
        """The part as an index into the whole."""
        if len(self.extents) != len(shape):
            raise malformed(where, f"a slice of {len(shape)} dimensions", f"{len(self.extents)} dimensions")
        ends = [
            size if length == EVERYTHING else start + length
            for (start, length), size in zip(self.extents, shape, strict=True)
        ]
        for (start, length), end, size in zip(self.extents, ends, shape, strict=True):
            if not 0 <= start <= end <= size or length < EVERYTHING:
                raise malformed(where, f"a slice inside {size} rows", f"{length} rows from row {start} on")
        return tuple(slice(start, end) for (start, _), end in zip(self.extents, ends, strict=True))


def read_shape(message: Message) -> tuple[int, ...]:
    """A TensorShapeProto whose sizes are all known and can exist."""
    sizes = tuple(dimension.number(1) for dimension in message.messages(2))
    known = not message.number(3) and all(size >= 0 for size in sizes)
    if not known or len(sizes) > MOST_DIMENSIONS or math.prod(max(size, 1) for size in sizes) > MOST_ELEMENTS:
        raise malformed(message.where, "a shape that an array can have", f"shape {shape_text(sizes)}")
    return sizes


def read_part(message: Message) -> Part:
    """A TensorSliceProto. A dimension without a length is taken whole."""
    extents = message.messages(1)
    return Part(tuple((extent.number(1), extent.number(2) if extent.holds(2) else EVERYTHING) for extent in extents))


def shape_text(sizes: tuple[int, ...]) -> str:
    """A shape for an error; one with a thousand sizes is cut."""
    text = str(sizes)
    return text if len(text) < 100 else f"{text[:96]}...)"


def region_shape(region: Region) -> tuple[int, ...]:
    """The shape of what a region takes."""
    return tuple(part.stop - part.start for part in region)


def check_cover(entry: Entry, regions: Sequence[Region], where: str) -> None:
    """Fail unless the regions make the whole, once: then it can be allocated, and every element is written."""
    found = sum(math.prod(region_shape(region)) for region in regions)
    if found != entry.size:
        raise malformed(where, f"slices of {entry.size} elements together", f"{found} elements")
    if entry.size == 0:
        return
    # As many elements as the whole has: then they leave nothing out if no two overlap. That is looked up on a grid
    # with one cell between any two borders, which has no more cells than the whole has elements.
    bounds = [np.unique([(part.start, part.stop) for part in axis]) for axis in zip(*regions, strict=True)]
    taken = np.zeros([borders.size - 1 for borders in bounds], bool)
    for region in regions:
        cells = tuple(
            slice(*np.searchsorted(borders, (part.start, part.stop)))
            for borders, part in zip(bounds, region, strict=True)
        )
        if taken[cells].any():
            raise malformed(where, "slices that do not overlap", "two that do")
        taken[cells] = True


def assemble(entry: Entry, dtype: np.dtype, parts: Iterable[tuple[Region, Array]]) -> Array:
    """The whole of a variable whose regions have passed `check_cover`."""
    whole = np.empty(entry.shape, dtype)
    for region, values in parts:
        whole[region] = values
    return whole
