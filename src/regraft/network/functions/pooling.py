"""Pooling. What is padded is no part of the picture: it is no maximum, and does not count in an average.

The two functions at the end are Caffe's: their last window may reach over the border, and padding counts in an average.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from regraft.network.functions.operands import dtype_named, numbers
from regraft.network.functions.windows import Window, channels_first, padded, restored, spatial, window
from regraft.network.lengths import pooled_length


def max_pool(
    input: Tensor,
    ksize: Tensor | Sequence[int],
    strides: Tensor | Sequence[int],
    *,
    padding: str,
    explicit_paddings: tuple[int, ...] = (),
    data_format: str = "NHWC",
) -> Tensor:
    """The greatest value in each window of each channel."""
    pictures = channels_first(input, data_format)
    sliding = window(
        pictures.shape[2:],
        spatial(numbers(ksize), data_format),
        strides=numbers(strides),
        padding=padding,
        explicit_paddings=explicit_paddings,
        data_format=data_format,
    )
    # What is padded explicitly may be less than the last window wants, which torch would take in.
    if not _torch_pads(sliding) or (padding == "EXPLICIT" and not sliding.is_symmetric):
        pictures, sliding = padded(pictures, sliding.pads, -math.inf), _unpadded(sliding)
    pooled = functional.max_pool2d(
        pictures, sliding.size, sliding.strides, sliding.before, ceil_mode=not sliding.is_symmetric
    )
    return restored(pooled, data_format)


def max_pool_with_argmax(
    input: Tensor,
    *,
    ksize: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    Targmax: str = "int64",  # noqa: N803 - TensorFlow's name
    include_batch_in_index: bool = False,
) -> tuple[Tensor, Tensor]:
    """`max_pool` of (b h w c), and where in the flattened picture (or batch) each value stood."""
    batch, height, width, channels = input.shape
    sliding = window((height, width), spatial(ksize, "NHWC"), strides=strides, padding=padding, data_format="NHWC")
    (above, _), (left, right) = sliding.pads
    pooled, places = functional.max_pool2d(
        padded(channels_first(input, "NHWC"), sliding.pads, -math.inf),
        sliding.size,
        sliding.strides,
        return_indices=True,
    )
    padded_width = left + width + right
    row, column = places // padded_width - above, places % padded_width - left
    channel = torch.arange(channels, device=input.device)
    index = restored(row * width + column, "NHWC") * channels + channel
    if include_batch_in_index:
        index = index + torch.arange(batch, device=input.device).view(-1, 1, 1, 1) * (height * width * channels)
    return restored(pooled, "NHWC"), index.to(dtype_named(Targmax))


def avg_pool(
    value: Tensor, *, ksize: tuple[int, ...], strides: tuple[int, ...], padding: str, data_format: str = "NHWC"
) -> Tensor:
    """The mean of each window of each channel."""
    pictures = channels_first(value, data_format)
    sliding = window(
        pictures.shape[2:], spatial(ksize, data_format), strides=strides, padding=padding, data_format=data_format
    )
    if _torch_pads(sliding):
        pooled = functional.avg_pool2d(
            pictures,
            sliding.size,
            sliding.strides,
            sliding.before,
            ceil_mode=not sliding.is_symmetric,
            count_include_pad=False,
        )
    else:
        inside = padded(torch.ones_like(pictures[:1, :1]), sliding.pads)
        sums = functional.avg_pool2d(padded(pictures, sliding.pads), sliding.size, sliding.strides)
        pooled = sums / functional.avg_pool2d(inside, sliding.size, sliding.strides)
    return restored(pooled, data_format)


def max_pool_padded(
    input: Tensor, *, ksize: tuple[int, int], strides: tuple[int, int], pads: tuple[int, int], ceil: bool = True
) -> Tensor:
    """The greatest value in each window of each channel of (b c h w).

    Args:
        pads: rows above and below, columns left and right.
        ceil: whether what is left at the end gets a window of its own, if it holds more than padding.
    """
    if all(2 * pad <= size for pad, size in zip(pads, ksize, strict=True)):
        return functional.max_pool2d(input, ksize, strides, pads, ceil_mode=ceil)
    return functional.max_pool2d(padded(input, _reach(input, ksize, strides, pads, ceil), -math.inf), ksize, strides)


def avg_pool_padded(
    input: Tensor, *, ksize: tuple[int, int], strides: tuple[int, int], pads: tuple[int, int], ceil: bool = True
) -> Tensor:
    """The mean of each window of each channel of (b c h w); padding counts, what lies behind it does not.

    Arguments as in `max_pool_padded`.
    """
    if all(2 * pad <= size for pad, size in zip(pads, ksize, strict=True)):
        return functional.avg_pool2d(input, ksize, strides, pads, ceil_mode=ceil)
    reach = _reach(input, ksize, strides, pads, ceil)
    counted = padded(torch.ones_like(input[:1, :1]), ((pads[0], pads[0]), (pads[1], pads[1])), 1.0)
    counted = padded(counted, tuple((0, after - pad) for (_, after), pad in zip(reach, pads, strict=True)))  # pyright: ignore[reportArgumentType]
    sums = functional.avg_pool2d(padded(input, reach), ksize, strides)
    return sums / functional.avg_pool2d(counted, ksize, strides)


def _reach(
    input: Tensor, ksize: tuple[int, int], strides: tuple[int, int], pads: tuple[int, int], ceil: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    """What is put around a picture so that its windows fit in exactly."""
    sides: list[tuple[int, int]] = []
    for length, size, stride, pad in zip(input.shape[2:], ksize, strides, pads, strict=True):
        last = pooled_length(length, size, stride, pad, ceil=ceil) - 1
        sides.append((pad, last * stride + size - length - pad))
    return sides[0], sides[1]


def _torch_pads(sliding: Window) -> bool:
    """Whether torch's pooling can pad this window itself, which saves a copy of the pictures.

    One row more below than above is what its `ceil_mode` does, if the window moves by more than one row.
    """
    sides = zip(sliding.pads, sliding.size, sliding.strides, strict=True)
    return all(
        before <= size // 2 and (after == before or (after == before + 1 and stride > 1))
        for (before, after), size, stride in sides
    )


def _unpadded(sliding: Window) -> Window:
    return Window(size=sliding.size, strides=sliding.strides, dilations=sliding.dilations, pads=((0, 0), (0, 0)))


FUNCTIONS = {
    "max_pool": max_pool,
    "max_pool_with_argmax": max_pool_with_argmax,
    "avg_pool": avg_pool,
    "max_pool_padded": max_pool_padded,
    "avg_pool_padded": avg_pool_padded,
}
