"""How operands are read."""

from __future__ import annotations

import inspect

import pytest
import torch

from regraft.errors import ShapeMismatch, UnsupportedOp
from regraft.network.functions import FUNCTIONS
from regraft.network.functions.operands import number, numbers, together


def test_constants_follow_the_data_to_their_device() -> None:
    data, scale = torch.empty((2, 3), device="meta"), torch.ones(3)
    assert [one.device.type for one in together(scale, data)] == ["meta", "meta"]
    assert [one.device.type for one in together(scale, scale)] == ["cpu", "cpu"]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")
def test_constants_follow_the_data_to_the_gpu() -> None:
    data, scale = torch.ones((2, 3), device="cuda"), torch.ones(3)
    assert FUNCTIONS["mul"](scale, data).device.type == "cuda"
    assert FUNCTIONS["concat_v2"](data, torch.ones((2, 1)), torch.tensor(1)).device.type == "cuda"


def test_scalars_count_as_lists_of_one() -> None:
    assert numbers(torch.tensor(3)) == numbers((3,)) == numbers(torch.tensor([3])) == [3]
    assert number(torch.tensor([3])) == number(3) == 3


# Torch's forms that are functions of ours.
ALIKE = {"aten.sym_size.int", "aten.copy.default"}


def test_every_function_shows_its_attributes() -> None:
    """Whoever runs a graph checks its attributes against the signatures."""
    for name, function in FUNCTIONS.items():
        by_position = name.partition(".")[0] in ("aten", "operator", "sym")  # torch's own forms have no attributes
        assert bool(inspect.signature(function).parameters) != by_position or name in ALIKE, name


def test_a_split_into_unequal_parts_is_an_error() -> None:
    with pytest.raises(ShapeMismatch) as caught:
        FUNCTIONS["split"](torch.tensor(1), torch.ones(2, 5), num_split=2)
    assert str(caught.value) == (
        "a dimension cannot be split into 2 equal parts\n  expected: a multiple of 2\n  got: 5 (dimension 1 of (2, 5))"
    )


def test_too_wide_a_mirror_is_an_error() -> None:
    with pytest.raises(ShapeMismatch) as caught:
        FUNCTIONS["mirror_pad"](torch.ones(2, 3), torch.tensor([[0, 0], [3, 1]]), mode="REFLECT")
    assert str(caught.value) == (
        "there is too little to mirror\n  expected: at most 2 around dimension 1\n  got: 3 and 1"
    )


def test_depth_to_space_of_an_unknown_layout_is_an_error() -> None:
    with pytest.raises(UnsupportedOp) as caught:
        FUNCTIONS["depth_to_space"](torch.ones(1, 4, 4, 4), block_size=2, data_format="NCHW_VECT_C")
    assert str(caught.value) == "pictures in the layout NCHW_VECT_C cannot be read\n  expected: NHWC, NCHW"


def test_quantisation_by_channel_is_an_error() -> None:
    bound = torch.tensor(1.0)
    with pytest.raises(UnsupportedOp) as caught:
        FUNCTIONS["quantize_and_dequantize"](torch.ones(2, 3), -bound, bound, 8, axis=1)
    assert str(caught.value) == "QuantizeAndDequantize with a range for each channel cannot be computed\n  got: axis 1"


LARGE = torch.tensor([1 << 40])


@pytest.mark.parametrize(
    ("name", "args", "attrs"),
    [
        ("random_uniform", (LARGE,), {"dtype": "float32"}),
        ("range", (torch.tensor(0), LARGE[0], torch.tensor(1)), {}),
        ("range", (torch.tensor(0.0), torch.tensor(float("inf")), torch.tensor(1.0)), {}),
        ("lin_space", (torch.tensor(0.0), torch.tensor(1.0), LARGE[0]), {}),
        ("tile", (torch.ones(1), LARGE), {}),
        ("pad", (torch.ones(1), torch.stack([LARGE, LARGE], 1)), {}),
        ("one_hot", (torch.tensor(0), LARGE[0], torch.tensor(1.0), torch.tensor(0.0)), {}),
        ("scatter_nd", (torch.tensor([[0]]), torch.ones(1), LARGE), {}),
        ("resize_bilinear", (torch.ones(1, 2, 2, 1), LARGE.repeat(2)), {}),
    ],
)
def test_no_memory_is_tried_for_sizes_that_lie(
    name: str, args: tuple[torch.Tensor, ...], attrs: dict[str, str]
) -> None:
    with pytest.raises(UnsupportedOp) as caught:
        FUNCTIONS[name](*args, **attrs)
    text = str(caught.value)
    assert text.startswith("a tensor that large cannot be made\n  expected: at most 268435456 numbers\n  got: [")
