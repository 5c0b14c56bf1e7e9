"""Layers on sequences (b t c), and on pictures and volumes where Keras's rules are none of TensorFlow's operations.

`data_format` says for all of them "channels_last" (b t c) or "channels_first" (b c t), as Keras does.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import ShapeMismatch
from regraft.network.functions.images import resize_bicubic, resize_bilinear
from regraft.network.functions.operands import LARGEST, sizes, together
from regraft.network.functions.windows import same


def conv1d(
    input: Tensor,
    filter: Tensor,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Tensor:
    """Convolve sequences; in groups where the filter (w in out) has fewer input channels than they.

    `padding` is "valid", "same" or "causal" (all of it in front: no step sees a later one).
    """
    input, filter = together(input, filter)
    rows = _first(input, data_format)
    rows = functional.pad(rows, _pads(rows.shape[2], filter.shape[0], stride, dilation, padding))
    groups = rows.shape[1] // filter.shape[1]
    made = functional.conv1d(rows, filter.permute(2, 1, 0), stride=stride, dilation=dilation, groups=groups)
    return _back(made, data_format)


def depthwise_conv1d(
    input: Tensor,
    filter: Tensor,
    *,
    stride: int = 1,
    dilation: int = 1,
    padding: str = "valid",
    data_format: str = "channels_last",
) -> Tensor:
    """Convolve each channel of sequences with filters (w c multiplier) of its own."""
    width, channels, multiplier = filter.shape
    return conv1d(
        input,
        filter.reshape(width, 1, channels * multiplier),
        stride=stride,
        dilation=dilation,
        padding=padding,
        data_format=data_format,
    )


def max_pool1d(
    input: Tensor, *, size: int, stride: int, padding: str = "valid", data_format: str = "channels_last"
) -> Tensor:
    """The greatest value in each window of each channel."""
    rows = _first(input, data_format)
    rows = functional.pad(rows, _pads(rows.shape[2], size, stride, 1, padding), value=-math.inf)
    return _back(functional.max_pool1d(rows, size, stride), data_format)


def avg_pool1d(
    input: Tensor, *, size: int, stride: int, padding: str = "valid", data_format: str = "channels_last"
) -> Tensor:
    """The mean of each window of each channel; padding does not count."""
    rows = _first(input, data_format)
    pads = _pads(rows.shape[2], size, stride, 1, padding)
    sums = functional.avg_pool1d(functional.pad(rows, pads), size, stride)
    inside = functional.avg_pool1d(functional.pad(torch.ones_like(rows[:1, :1]), pads), size, stride)
    return _back(sums / inside, data_format)


_TRANSPOSED: dict[int, Callable[..., Tensor]] = {
    1: functional.conv_transpose1d,
    2: functional.conv_transpose2d,
    3: functional.conv_transpose3d,
}


def conv_transpose(
    input: Tensor,
    filter: Tensor,
    *,
    strides: tuple[int, ...],
    padding: str = "valid",
    output_padding: tuple[int, ...] | None = None,
    dilations: tuple[int, ...] = (1, 1, 1),
    data_format: str = "channels_last",
) -> Tensor:
    """Convolve transposed in one to three dimensions with a filter (... out in): see Keras's Conv2DTranspose.

    The result is as long as what convolves to the input: `output_padding` says which of several lengths.
    """
    input, filter = together(input, filter)
    rows = _first(input, data_format)
    count = rows.ndim - 2
    extra = output_padding or (None,) * count
    plans = [
        _transposed(*one)
        for one in zip(rows.shape[2:], filter.shape, strides, dilations, extra, (padding,) * count, strict=False)
    ]
    whole = _TRANSPOSED[count](
        rows,
        filter.permute(count + 1, count, *range(count)),
        stride=strides,
        dilation=dilations[:count],
    )
    for axis, (before, length) in enumerate(plans, start=2):
        missing = before + length - whole.shape[axis]
        if missing > 0:  # rows that no window reached
            whole = functional.pad(whole, [0, 0] * (whole.ndim - 1 - axis) + [0, missing])
        whole = whole.narrow(axis, before, length)
    return _back(whole, data_format)


def _transposed(
    length: int, kernel: int, stride: int, dilation: int, extra: int | None, padding: str
) -> tuple[int, int]:
    """Where the result of a transposed convolution begins in what it reaches, and how long it is."""
    reach = (kernel - 1) * dilation + 1
    if padding == "valid":
        return 0, (length - 1) * stride + reach + (max(0, stride - reach) if extra is None else extra)
    made = length * stride if extra is None else (length - 1) * stride + reach % 2 + extra
    return same(made, kernel, stride, dilation)[0], made


def upsample(
    input: Tensor, *, factors: tuple[int, ...], kind: str = "nearest", data_format: str = "channels_last"
) -> Tensor:
    """Each place repeated, or pictures made larger by a "bilinear" or "bicubic" mix."""
    axes = range(1, input.ndim - 1) if data_format == "channels_last" else range(2, input.ndim)
    sizes([input.shape[axis] * factor for axis, factor in zip(axes, factors, strict=True)])
    if kind == "nearest":
        for axis, factor in zip(axes, factors, strict=True):
            input = input.repeat_interleave(factor, axis)
        return input
    pictures = input.permute(0, 2, 3, 1) if data_format == "channels_first" else input
    size = torch.tensor([pictures.shape[place + 1] * factor for place, factor in enumerate(factors)])
    resize = resize_bicubic if kind == "bicubic" else resize_bilinear
    made = resize(pictures, size, half_pixel_centers=True)
    return made.permute(0, 3, 1, 2) if data_format == "channels_first" else made


def masked_mean(input: Tensor, mask: Tensor, *, axis: int = 1, keep_dims: bool = False) -> Tensor:
    """The mean over the steps (dimension `axis` of three) that the mask (b t) does not leave out."""
    input, mask = together(input, mask)
    kept = mask.bool().unsqueeze(3 - axis)
    total = torch.where(kept, input, torch.zeros_like(input)).sum(axis, keepdim=keep_dims)
    return total / kept.to(input.dtype).sum(axis, keepdim=keep_dims)


def token_mask(tokens: Tensor, *, filler: int) -> Tensor:
    """Where a text stands (b t), 1, and where it was filled up, 0; the filler in a text itself counts as filled up."""
    return (tokens != filler).to(torch.int64)


def token_types(tokens: Tensor, *, separator: int, filler: int) -> Tensor:
    """Which of two texts a token (b t) is of: 1 behind the first separator, 0 before it and where it was filled up."""
    ends = (tokens == separator).to(torch.int64)
    behind = ends.cumsum(1) - ends > 0
    return (behind & (tokens != filler)).to(torch.int64)


def filled_beyond(input: Tensor, mask: Tensor, *, value: float) -> Tensor:
    """A sequence (b t c) with a value wherever the mask (b t) leaves a step out."""
    input, mask = together(input, mask)
    return torch.where(mask.bool().unsqueeze(-1), input, torch.full_like(input, value))


def chained(scores: Tensor, transitions: Tensor, possible: Tensor) -> Tensor:
    """The scores of tags at each place (b t k); by what else the tags of words are rated stands beside them.

    Which places are words no graph knows: `regraft.tasks.crf` puts the two together.
    """
    return scores


def dot_axes(x: Tensor, y: Tensor, *, axes: tuple[int, int], normalize: bool = False) -> Tensor:
    """The product of examples summed along one dimension of each: (b ... ...), (b 1) of two vectors."""
    x, y = together(x, y)
    if x.shape[axes[0]] != y.shape[axes[1]]:
        raise ShapeMismatch(
            "two tensors cannot be multiplied along these dimensions",
            expected=f"{x.shape[axes[0]]} (dimension {axes[0]} of {tuple(x.shape)})",
            got=f"{y.shape[axes[1]]} (dimension {axes[1]} of {tuple(y.shape)})",
        )
    x, y = x.movedim(axes[0], -1), y.movedim(axes[1], -1)
    if normalize:
        x, y = (one * torch.rsqrt(one.square().sum(-1, keepdim=True).clamp(min=1e-12)) for one in (x, y))
    if x.ndim == y.ndim == 2:
        return (x * y).sum(-1, keepdim=True)
    left, right = x.flatten(1, -2) if x.ndim > 2 else x.unsqueeze(1), y.flatten(1, -2) if y.ndim > 2 else y.unsqueeze(1)
    return (left @ right.mT).reshape(x.shape[0], *x.shape[1:-1], *y.shape[1:-1])


def embedding(indices: Tensor, table: Tensor) -> Tensor:
    """The row of the table for each index, which may be a number with a fraction of 0."""
    indices, table = together(indices, table)
    return functional.embedding(indices.long(), table)


def rows_apart(rows: Tensor, like: Tensor) -> Tensor:
    """Rows (b*t ...) as (b t ...), b and t those of another tensor."""
    return rows.reshape(like.shape[0], like.shape[1], *rows.shape[1:])


def _first(rows: Tensor, data_format: str) -> Tensor:
    return rows.movedim(-1, 1) if data_format == "channels_last" else rows


def _back(rows: Tensor, data_format: str) -> Tensor:
    return rows.movedim(1, -1) if data_format == "channels_last" else rows


def _pads(length: int, size: int, stride: int, dilation: int, padding: str) -> Sequence[int]:
    if padding == "causal":
        return sizes([(size - 1) * dilation, 0])
    before, after = same(length, size, stride, dilation) if padding == "same" else (0, 0)
    return sizes([before, min(after, LARGEST)])


FUNCTIONS = {
    "conv1d": conv1d,
    "depthwise_conv1d": depthwise_conv1d,
    "max_pool1d": max_pool1d,
    "avg_pool1d": avg_pool1d,
    "conv_transpose": conv_transpose,
    "upsample": upsample,
    "masked_mean": masked_mean,
    "token_mask": token_mask,
    "token_types": token_types,
    "filled_beyond": filled_beyond,
    "chained": chained,
    "dot_axes": dot_axes,
    "embedding": embedding,
    "rows_apart": rows_apart,
}
