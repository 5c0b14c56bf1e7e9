"""Convolutions. Filters keep their source's layout.

TensorFlow's is (h w in out), that of depthwise ones (h w in multiplier); Caffe's is (out in h w).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from regraft.errors import ShapeMismatch
from regraft.network.functions.operands import numbers, together
from regraft.network.functions.windows import Window, channels_first, padded, restored, window


def conv2d(  # noqa: PLR0913 - as many as its sources say
    input: Tensor,
    filter: Tensor,
    *,
    strides: tuple[int, ...],
    padding: str,
    explicit_paddings: tuple[int, ...] = (),
    data_format: str = "NHWC",
    dilations: tuple[int, ...] = (1, 1, 1, 1),
    filter_format: str = "HWIO",
    groups: int | None = None,
) -> Tensor:
    """Convolve pictures; in groups where the filter has fewer input channels than they.

    Args:
        groups: as many as there must be, where the source says it.
    """
    input, filter = together(input, filter)
    pictures = channels_first(input, data_format)
    weight = filter if filter_format == "OIHW" else filter.permute(3, 2, 0, 1)
    sliding = window(
        pictures.shape[2:],
        weight.shape[2:],
        strides=strides,
        padding=padding,
        explicit_paddings=explicit_paddings,
        data_format=data_format,
        dilations=dilations,
    )
    if groups is not None:
        require_groups(pictures, weight, groups)
    return restored(_convolved(pictures, weight, sliding, pictures.shape[1] // weight.shape[1]), data_format)


def require_groups(pictures: Tensor, weight: Tensor, groups: int) -> None:
    """Raise ShapeMismatch where (b c ...) are not what so many groups of filters (out in ...) take."""
    inputs = weight.shape[1]
    if pictures.shape[1] != groups * inputs:
        raise ShapeMismatch(
            "a convolution's filters do not fit its groups",
            expected=f"{groups * inputs} channels: {inputs} for each of {groups} groups",
            got=f"{pictures.shape[1]} channels",
            fix="the source contradicts itself; write it again with the program that made it",
        )


def deconvolution(
    input: Tensor,
    filter: Tensor,
    *,
    strides: tuple[int, int],
    pads: tuple[int, int],
    dilations: tuple[int, int] = (1, 1),
    groups: int = 1,
) -> Tensor:
    """Convolve (b c h w) transposed with a filter (in out h w): the smallest pictures that convolve to such ones.

    `pads` are the rows and columns cut off on each side.
    """
    input, filter = together(input, filter)
    return functional.conv_transpose2d(input, filter, stride=strides, padding=pads, dilation=dilations, groups=groups)


def depthwise_conv2d_native(
    input: Tensor,
    filter: Tensor,
    *,
    strides: tuple[int, ...],
    padding: str,
    explicit_paddings: tuple[int, ...] = (),
    data_format: str = "NHWC",
    dilations: tuple[int, ...] = (1, 1, 1, 1),
) -> Tensor:
    """Convolve each channel of pictures with filters of its own."""
    height, width, channels, multiplier = filter.shape
    return conv2d(
        input,
        filter.permute(2, 3, 0, 1).reshape(channels * multiplier, 1, height, width),
        strides=strides,
        padding=padding,
        explicit_paddings=explicit_paddings,
        data_format=data_format,
        dilations=dilations,
        filter_format="OIHW",
    )


def conv2d_backprop_input(
    input_sizes: Tensor,
    filter: Tensor,
    out_backprop: Tensor,
    *,
    strides: tuple[int, ...],
    padding: str,
    explicit_paddings: tuple[int, ...] = (),
    data_format: str = "NHWC",
    dilations: tuple[int, ...] = (1, 1, 1, 1),
) -> Tensor:
    """Convolve transposed ("deconvolution"): the gradient of `conv2d` in its input.

    Args:
        input_sizes: the shape of the result; its batch is not looked at, the pictures have theirs.
        filter: (h w out in), in the sense of this operation.
        out_backprop: the pictures.
    """
    filter, out_backprop = together(filter, out_backprop)
    sizes = numbers(input_sizes)
    height, width = sizes[1:3] if data_format == "NHWC" else sizes[2:4]
    sliding = window(
        (height, width),
        filter.shape[:2],
        strides=strides,
        padding=padding,
        explicit_paddings=explicit_paddings,
        data_format=data_format,
        dilations=dilations,
    )
    pictures = channels_first(out_backprop, data_format)
    above, left = sliding.before
    reach = [
        (count - 1) * stride + (size - 1) * dilation + 1
        for count, stride, size, dilation in zip(
            pictures.shape[2:], sliding.strides, sliding.size, sliding.dilations, strict=True
        )
    ]
    whole = functional.conv_transpose2d(
        pictures,
        filter.permute(3, 2, 0, 1),
        stride=sliding.strides,
        dilation=sliding.dilations,
        # Rows that no window of the convolution reached have no gradient.
        output_padding=(max(0, above + height - reach[0]), max(0, left + width - reach[1])),
    )
    return restored(whole[:, :, above : above + height, left : left + width], data_format)


def bias_add(value: Tensor, bias: Tensor, *, data_format: str = "NHWC") -> Tensor:
    """Add one number to each channel."""
    value, bias = together(value, bias)
    if data_format == "NCHW":
        bias = bias.view(-1, *[1] * (value.ndim - 2))
    return value + bias


def _convolved(pictures: Tensor, weight: Tensor, sliding: Window, groups: int) -> Tensor:
    if weight.shape[2:] == (1, 1) and sliding.strides != (1, 1) and sliding.pads == ((0, 0), (0, 0)):
        # Only these places are read. torch 2.14's gradient of the strided form crashes on (b h w c) in memory.
        down, right = sliding.strides
        return functional.conv2d(pictures[:, :, ::down, ::right], weight, groups=groups)
    if not sliding.is_symmetric:
        pictures = padded(pictures, sliding.pads)
    return functional.conv2d(
        pictures,
        weight,
        stride=sliding.strides,
        padding=sliding.before if sliding.is_symmetric else 0,
        dilation=sliding.dilations,
        groups=groups,
    )


FUNCTIONS = {
    "conv2d": conv2d,
    "depthwise_conv2d_native": depthwise_conv2d_native,
    "conv2d_backprop_input": conv2d_backprop_input,
    "deconvolution": deconvolution,
    "bias_add": bias_add,
}
