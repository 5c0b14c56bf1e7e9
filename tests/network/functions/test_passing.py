"""Operations that hand their input on."""

from __future__ import annotations

import pytest
import torch

from regraft.errors import ShapeMismatch, UnsupportedOp
from regraft.network.functions import FUNCTIONS


def test_a_forbidden_gradient_is_an_error() -> None:
    x = torch.ones(2, requires_grad=True)
    with pytest.raises(UnsupportedOp) as caught:
        FUNCTIONS["prevent_gradient"](x, message="not twice").sum().backward()
    assert str(caught.value) == (
        "the graph forbids this gradient: not twice\n  to do: freeze what lies below, or stop the gradient"
    )


def test_a_shape_that_is_not_the_demanded_one_is_an_error() -> None:
    with pytest.raises(ShapeMismatch) as caught:
        FUNCTIONS["ensure_shape"](torch.ones(2, 3), shape=(None, 4))
    assert str(caught.value) == (
        "a tensor does not have the shape its graph demands\n  expected: (None, 4)\n  got: (2, 3)"
    )


def test_a_type_without_torch_tensors_is_an_error() -> None:
    with pytest.raises(UnsupportedOp) as caught:
        FUNCTIONS["cast"](torch.ones(2), DstT="string")
    assert str(caught.value) == (
        "torch has no tensors of type string\n"
        "  expected: bool, uint8, uint16, uint32, uint64, int8, int16, int32, int64, "
        "float16, bfloat16, float32, float64, complex64, complex128"
    )
