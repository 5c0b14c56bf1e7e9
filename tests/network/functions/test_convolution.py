"""What TensorFlow's CPU cannot compute of convolutions is checked against what it can."""

from __future__ import annotations

import itertools

import pytest
import torch

from regraft.errors import UnsupportedOp
from regraft.network.functions import FUNCTIONS

conv2d = FUNCTIONS["conv2d"]
DILATED = {"strides": (1, 1, 1, 1), "padding": "SAME", "dilations": (1, 2, 3, 1)}
WINDOWS = [
    *({"strides": (1, s, s, 1), "padding": padding} for s, padding in itertools.product((1, 2, 3), ("SAME", "VALID"))),
    DILATED,
    {"strides": (1, 2, 1, 1), "padding": "EXPLICIT", "explicit_paddings": (0, 0, 2, 0, 1, 3, 0, 0)},
]


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_a_transposed_convolution_is_the_gradient_of_one(window: dict[str, object]) -> None:
    for height, width in ((9, 8), (7, 11)):
        pictures = torch.randn(2, height, width, 3, dtype=torch.float64, requires_grad=True)
        filter = torch.randn(3, 2, 3, 4, dtype=torch.float64)
        made = conv2d(pictures, filter, **window)
        start = torch.randn_like(made)
        (wanted,) = torch.autograd.grad(made, pictures, start)
        sizes = torch.tensor([1, height, width, 3], dtype=torch.int32)  # the batch is the pictures'
        got = FUNCTIONS["conv2d_backprop_input"](sizes, filter, start, **window)
        torch.testing.assert_close(got, wanted)


def test_a_dilated_depthwise_convolution_is_a_convolution_of_single_channels() -> None:
    pictures = torch.randn(2, 9, 8, 3, dtype=torch.float64)
    filter = torch.randn(3, 2, 3, 2, dtype=torch.float64)
    got = FUNCTIONS["depthwise_conv2d_native"](pictures, filter, **DILATED)
    single = [conv2d(pictures[..., k : k + 1], filter[:, :, k : k + 1], **DILATED) for k in range(3)]
    torch.testing.assert_close(got, torch.cat(single, -1))


def test_a_dilated_convolution_has_the_gradients_of_one_with_zeros_in_its_filter() -> None:
    pictures = torch.randn(2, 9, 8, 3, dtype=torch.float64, requires_grad=True)
    filter = torch.randn(3, 2, 3, 4, dtype=torch.float64, requires_grad=True)
    sparse = torch.zeros(5, 4, 3, 4, dtype=torch.float64)
    sparse = sparse.index_put((torch.tensor([[0], [2], [4]]), torch.tensor([[0, 3]])), filter)
    plain = {"strides": (1, 1, 1, 1), "padding": "SAME"}
    one, other = conv2d(pictures, filter, **DILATED), conv2d(pictures, sparse, **plain)
    torch.testing.assert_close(one, other)
    start = torch.randn_like(one)
    for got, wanted in zip(*(torch.autograd.grad(y, (pictures, filter), start) for y in (one, other)), strict=True):
        torch.testing.assert_close(got, wanted)


def test_pictures_in_nhwc_are_not_copied() -> None:
    """A permuted NHWC tensor is torch's channels_last: the result must come out as such again."""
    pictures, filter = torch.randn(2, 8, 8, 3), torch.randn(3, 3, 3, 16)
    for strides in ((1, 1, 1, 1), (1, 2, 2, 1)):
        assert conv2d(pictures, filter, strides=strides, padding="SAME").is_contiguous()


def test_unknown_layouts_are_refused() -> None:
    with pytest.raises(UnsupportedOp) as caught:
        conv2d(
            torch.ones(1, 1, 4, 4, 4),
            torch.ones(1, 1, 4, 4),
            strides=(1, 1, 1, 1),
            padding="SAME",
            data_format="NCHW_VECT_C",
        )
    assert str(caught.value) == (
        "pictures in the layout NCHW_VECT_C with 4 dimensions cannot be read\n  expected: NHWC, NCHW"
    )


def test_a_window_over_channels_is_refused() -> None:
    with pytest.raises(UnsupportedOp) as caught:
        FUNCTIONS["max_pool"](torch.ones(1, 4, 4, 4), ksize=(1, 1, 1, 2), strides=(1, 1, 1, 2), padding="SAME")
    assert str(caught.value) == "a window over pictures or channels cannot be used: (1, 1, 1, 2) in NHWC"
