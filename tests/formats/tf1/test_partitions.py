from __future__ import annotations

import numpy as np
import pytest

from regraft.errors import UnreadableFile
from regraft.formats.tf1.checkpoint.partitions import (
    EVERYTHING,
    Entry,
    Part,
    assemble,
    check_cover,
    read_part,
    read_shape,
)
from regraft.protobuf.wire import Message, bytes_field, number_field

WHOLE = Entry(name="w", shape=(3, 2), dtype="float32")


def shape_message(*sizes: int) -> Message:
    dimensions = (bytes_field(2, number_field(1, size & (1 << 64) - 1)) for size in sizes)
    return Message(memoryview(b"".join(dimensions)), "here")


def test_shapes() -> None:
    assert read_shape(shape_message()) == ()
    assert read_shape(shape_message(3, 0, 5)) == (3, 0, 5)


@pytest.mark.parametrize("sizes", [(-1,), (2**40, 2**40), (0, 2**60), (1,) * 33])
def test_shapes_no_array_has(sizes: tuple[int, ...]) -> None:
    with pytest.raises(UnreadableFile, match="expected: a shape that an array can have\n  got: shape "):
        read_shape(shape_message(*sizes))


def test_a_shape_of_unknown_rank() -> None:
    with pytest.raises(UnreadableFile, match="expected: a shape that an array can have"):
        read_shape(Message(memoryview(number_field(3, 1)), "here"))


def test_a_part() -> None:
    extents = bytes_field(1, number_field(1, 1) + number_field(2, 2)) + bytes_field(1, b"")
    part = read_part(Message(memoryview(extents), "here"))
    assert part == Part(((1, 2), (0, EVERYTHING)))
    assert str(part) == "1,2:-"
    assert part.region((3, 2), "here") == (slice(1, 3), slice(0, 2))


@pytest.mark.parametrize(
    ("extents", "text"),
    [
        (((0, 3),), "expected: a slice of 2 dimensions\n  got: 1 dimensions"),
        (((1, 3), (0, 2)), "expected: a slice inside 3 rows\n  got: 3 rows from row 1 on"),
        (((-1, 2), (0, 2)), "expected: a slice inside 3 rows\n  got: 2 rows from row -1 on"),
        (((2, -2), (0, 2)), "expected: a slice inside 3 rows\n  got: -2 rows from row 2 on"),
    ],
)
def test_parts_outside_the_whole(extents: tuple[tuple[int, int], ...], text: str) -> None:
    with pytest.raises(UnreadableFile, match=text):
        Part(extents).region((3, 2), "here")


def test_parts_become_the_whole() -> None:
    wanted = np.arange(6, dtype="float32").reshape(3, 2)
    regions = [(slice(1, 3), slice(0, 2)), (slice(0, 1), slice(0, 2)), (slice(0, 0), slice(0, 2))]
    check_cover(WHOLE, regions, "here")
    parts = [(region, wanted[region]) for region in regions]
    np.testing.assert_array_equal(assemble(WHOLE, np.dtype("float32"), parts), wanted)


def test_parts_on_both_axes() -> None:
    regions = [(slice(0, 2), slice(0, 1)), (slice(2, 3), slice(0, 2)), (slice(0, 2), slice(1, 2))]
    check_cover(WHOLE, regions, "here")
    check_cover(Entry(name="w", shape=(), dtype="float32"), [()], "here")
    check_cover(Entry(name="w", shape=(0, 2), dtype="float32"), [(slice(0, 0), slice(0, 2))], "here")


@pytest.mark.parametrize(
    ("rows", "text"),
    [
        ([(0, 1)], "expected: slices of 6 elements together\n  got: 2 elements"),
        ([(0, 1), (0, 1), (0, 1)], "expected: slices that do not overlap\n  got: two that do"),
        ([(0, 2), (1, 2)], "expected: slices that do not overlap\n  got: two that do"),
        ([], "expected: slices of 6 elements together\n  got: 0 elements"),
    ],
)
def test_parts_that_do_not_make_the_whole(rows: list[tuple[int, int]], text: str) -> None:
    with pytest.raises(UnreadableFile, match=text):
        check_cover(WHOLE, [(slice(*row), slice(0, 2)) for row in rows], "here")
