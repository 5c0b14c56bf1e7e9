"""Sizes that layers compute from constant shapes."""

from __future__ import annotations

import numpy as np
import pytest
from formats.tf1.making import Made

from regraft.formats.tf1.graph.sizes import known_size
from regraft.formats.tf1.graph.source import Flow, operations_of


def flatten(**masks: int) -> Made:
    """The shape tf.layers.flatten wants: the batch of a known shape, and the rest."""
    made = Made().constant("shape", np.array([8, 3, 5], np.int32))
    for name, value in (("begin", [0]), ("end", [1]), ("stride", [1])):
        made.constant(name, np.array(value, np.int32))
    made.node("batch", "StridedSlice", "shape", "begin", "end", "stride", **masks)
    return made.constant("rest", np.int32(-1)).node("wanted", "Pack", "batch", "rest")


def known(made: Made, tensor: str) -> list[int] | None:
    size = known_size(Flow(operations_of(made.message.node, "here"), "here"), tensor)
    return None if size is None else size.tolist()


def test_the_batch_and_the_rest() -> None:
    assert known(flatten(shrink_axis_mask=1), "wanted:0") == [8, -1]


def test_products_of_the_other_sizes() -> None:
    made = Made().constant("shape", np.array([8, 3, 5], np.int32)).constant("from", np.array([1], np.int32))
    made.constant("count", np.array([-1], np.int32)).node("others", "Slice", "shape", "from", "count")
    made.constant("axis", np.int32(0)).node("product", "Prod", "others", "axis")
    made.constant("two", np.int32(2)).node("double", "Mul", "product", "two")

    assert known(made, "double:0") == 30


@pytest.mark.parametrize("tensor", ["x:0", "sum:0", "table:0"])
def test_what_is_fed_or_no_shape_is_not_known(tensor: str) -> None:
    made = Made().placeholder("x", 3, dtype="int32").constant("one", np.int32(1)).node("sum", "Add", "x", "one")

    assert known(made.constant("table", np.zeros((2, 2), np.int32)), tensor) is None


def test_a_slice_that_does_not_fit_is_not_known() -> None:
    made = Made().constant("shape", np.array([8], np.int32)).constant("begin", np.array([4], np.int32))
    made.constant("end", np.array([5], np.int32)).constant("stride", np.array([0], np.int32))
    made.node("wrong", "StridedSlice", "shape", "begin", "end", "stride")
    made.node("shrunk", "StridedSlice", "shape", "begin", "end", "stride", shrink_axis_mask=1)

    assert (known(made, "wrong:0"), known(made, "shrunk:0")) == (None, None)
