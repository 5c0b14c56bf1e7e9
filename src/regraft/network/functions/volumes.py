"""Operations on volumes: pictures with a depth or a time, (b d h w c) or (b c d h w)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import UnsupportedOp
from regraft.network.functions.operands import numbers, together
from regraft.network.functions.windows import same

_ONES = (1, 1, 1, 1, 1)


def conv3d(
    input: Tensor,
    filter: Tensor,
    *,
    strides: tuple[int, ...],
    padding: str,
    data_format: str = "NDHWC",
    dilations: tuple[int, ...] = _ONES,
) -> Tensor:
    """Convolve volumes; in groups where the filter has fewer input channels than they."""
    input, filter = together(input, filter)
    volumes = _channels_first(input, data_format)
    steps, gaps = _spatial(strides, data_format), _spatial(dilations, data_format)
    pads = _pads(volumes.shape[2:], filter.shape[:3], steps, gaps, padding)
    groups = volumes.shape[1] // filter.shape[3]
    weight = filter.permute(4, 3, 0, 1, 2)
    grown = functional.pad(volumes, pads)
    return _restored(functional.conv3d(grown, weight, stride=steps, dilation=gaps, groups=groups), data_format)


def conv3d_backprop_input(
    input_sizes: Tensor,
    filter: Tensor,
    out_backprop: Tensor,
    *,
    strides: tuple[int, ...],
    padding: str,
    data_format: str = "NDHWC",
    dilations: tuple[int, ...] = _ONES,
) -> Tensor:
    """Convolve transposed ("deconvolution"): the gradient of `conv3d` in its input.

    Args:
        input_sizes: the shape of the result; its batch is not looked at, the volumes have theirs.
        filter: (d h w out in), in the sense of this operation.
        out_backprop: the volumes.
    """
    filter, out_backprop = together(filter, out_backprop)
    wanted = numbers(input_sizes)
    size = wanted[1:4] if data_format == "NDHWC" else wanted[2:5]
    steps, gaps = _spatial(strides, data_format), _spatial(dilations, data_format)
    befores = _pads(size, filter.shape[:3], steps, gaps, padding)[-2::-2]
    volumes = _channels_first(out_backprop, data_format)
    reach = [
        (count - 1) * step + (kernel - 1) * gap + 1
        for count, step, kernel, gap in zip(volumes.shape[2:], steps, filter.shape[:3], gaps, strict=True)
    ]
    grown = [max(0, before + length - one) for before, length, one in zip(befores, size, reach, strict=True)]
    whole = functional.conv_transpose3d(volumes, filter.permute(4, 3, 0, 1, 2), stride=steps, dilation=gaps,
                                        output_padding=grown)  # fmt: skip
    for axis, (before, length) in enumerate(zip(befores, size, strict=True), start=2):
        whole = whole.narrow(axis, before, length)
    return _restored(whole, data_format)


def max_pool3d(
    input: Tensor, *, ksize: tuple[int, ...], strides: tuple[int, ...], padding: str, data_format: str = "NDHWC"
) -> Tensor:
    """The greatest value in each window of each channel; the first of equal ones has the gradient."""
    volumes, size, steps = (
        _channels_first(input, data_format),
        _spatial(ksize, data_format),
        _spatial(strides, data_format),
    )
    pads = _pads(volumes.shape[2:], size, steps, (1, 1, 1), padding)
    return _restored(functional.max_pool3d(functional.pad(volumes, pads, value=-math.inf), size, steps), data_format)


def avg_pool3d(
    input: Tensor, *, ksize: tuple[int, ...], strides: tuple[int, ...], padding: str, data_format: str = "NDHWC"
) -> Tensor:
    """The mean of each window of each channel."""
    volumes, size, steps = (
        _channels_first(input, data_format),
        _spatial(ksize, data_format),
        _spatial(strides, data_format),
    )
    pads = _pads(volumes.shape[2:], size, steps, (1, 1, 1), padding)
    sums = functional.avg_pool3d(functional.pad(volumes, pads), size, steps)
    inside = functional.pad(torch.ones_like(volumes[:1, :1]), pads)
    return _restored(sums / functional.avg_pool3d(inside, size, steps), data_format)


def _spatial(values: Sequence[int], data_format: str) -> tuple[int, ...]:
    """What of one value a dimension belongs to depth, height and width.

    Raises:
        UnsupportedOp: the operation strides over, or joins, volumes or channels.
    """
    if len(values) != 5 or data_format not in ("NDHWC", "NCDHW"):
        raise UnsupportedOp(
            f"volumes in the layout {data_format} with {len(values)} dimensions cannot be read", expected="NDHWC, NCDHW"
        )
    first = data_format.index("D")
    if values[0] != 1 or values[data_format.index("C")] != 1:
        raise UnsupportedOp(f"a window over volumes or channels cannot be used: {tuple(values)} in {data_format}")
    return tuple(values[first : first + 3])


def _pads(
    volume: Sequence[int], size: Sequence[int], strides: Sequence[int], dilations: Sequence[int], padding: str
) -> list[int]:
    """What is put around a volume, the last dimension first."""
    found: list[int] = []
    for axis in zip(volume, size, strides, dilations, strict=True):
        found = [*(same(*axis) if padding == "SAME" else (0, 0)), *found]
    return found


def _channels_first(volumes: Tensor, data_format: str) -> Tensor:
    return volumes.permute(0, 4, 1, 2, 3) if data_format == "NDHWC" else volumes


def _restored(volumes: Tensor, data_format: str) -> Tensor:
    return volumes.permute(0, 2, 3, 4, 1) if data_format == "NDHWC" else volumes


FUNCTIONS = {
    "conv3d": conv3d,
    "conv3d_backprop_input": conv3d_backprop_input,
    "max_pool3d": max_pool3d,
    "avg_pool3d": avg_pool3d,
}
