"""Layers that slide a window over pictures (b c h w), and Crop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from regraft.formats.caffe.building import Call
from regraft.network.building import Unsupported
from regraft.network.lengths import pooled_length

Pair = tuple[int, int]
_LARGEST = 1 << 15  # of a window, a stride or a padding: larger ones are a damaged file's


def convolution(call: Call) -> None:
    """Convolution with `num_output` filters, with groups and dilation, and a bias unless `bias_term` is false."""
    options, shape = _two_dimensional(call), call.picture()
    size, stride, pad, gaps = _window(call, options)
    outputs, groups = options.num_output, _groups(call, options, shape[1])
    inputs = None if shape[1] is None else shape[1] // groups
    filter = call.parameter(0, (outputs, inputs, *size), options.weight_filler)
    call.learn(1, call.held(filter).shape[1] * groups)
    lengths = [_convolved(call, *side) for side in zip(shape[2:], size, stride, pad, gaps, strict=True)]
    product = {
        "strides": (1, 1, *stride),
        "padding": "EXPLICIT",
        "explicit_paddings": (0, 0, 0, 0, pad[0], pad[0], pad[1], pad[1]),
        "data_format": "NCHW",
        "dilations": (1, 1, *gaps),
        "filter_format": "OIHW",
    }
    _with_bias(call, options, (shape[0], outputs, *lengths), "conv2d", filter, product)


def depthwise(call: Call) -> None:
    """Convolution of each channel by itself: the layer of this name of MobileNet's branches."""
    channels = call.picture()[1]
    options = call.options("convolution_param")
    if options.group == 1 and channels:
        options.group = channels
    convolution(call)


def deconvolution(call: Call) -> None:
    """Transposed convolution; options as those of Convolution."""
    options, shape = _two_dimensional(call), call.picture()
    size, stride, pad, gaps = _window(call, options)
    outputs, groups = options.num_output, _groups(call, options, shape[1])
    filter = call.parameter(0, (shape[1], outputs // groups, *size), options.weight_filler)
    call.learn(1, call.held(filter).shape[0])
    lengths = [
        None if length is None else stride[k] * (length - 1) + gaps[k] * (size[k] - 1) + 1 - 2 * pad[k]
        for k, length in enumerate(shape[2:])
    ]
    if any(length is not None and length < 1 for length in lengths):
        raise call.wrong("nothing is left of the picture", "a padding smaller than the result", str(pad))
    product = {"strides": stride, "pads": pad, "dilations": gaps, "groups": groups}
    _with_bias(call, options, (shape[0], outputs, *lengths), "deconvolution", filter, product)


def pooling(call: Call) -> None:
    """The greatest value or the mean of each window, or of each channel; the last window may reach over the border.

    The size is rounded up (`round_mode: CEIL`, Caffe's own), or down; padding counts in a mean.
    """
    options, shape = call.options("pooling_param"), call.picture()
    if options.pool not in (0, 1):
        raise Unsupported("it pools at random (pool: STOCHASTIC)")
    if len(call.layer.tops) > 1:
        raise Unsupported("it also gives the places of the greatest values (a second top)")
    is_mean = options.pool == 1
    if options.global_pooling:
        axes = call.constant("axes", (2, 3))
        call.give((*shape[:2], 1, 1), "mean" if is_mean else "max", call.bottom(), axes, keep_dims=True)
        return
    size, stride, pad = (_pair(call, options, word) for word in ("kernel_size", "stride", "pad"))
    ceil = options.round_mode == 0 and options.ceil_mode
    if any(p >= s for p, s in zip(pad, size, strict=True)):
        raise call.wrong("the padding is as large as the window", f"less than {size}", str(pad))
    lengths = [_pooled(call, *side, ceil) for side in zip(shape[2:], size, stride, pad, strict=True)]
    function = "avg_pool_padded" if is_mean else "max_pool_padded"
    call.give((*shape[:2], *lengths), function, call.bottom(), ksize=size, strides=stride, pads=pad, ceil=ceil)


def crop(call: Call) -> None:
    """The part of the first blob, from `axis` on, that has the size of the second and starts at `offset`."""
    options, shape, reference = call.options("crop_param"), call.shape(0), call.shape(1)
    axis = call.axis(options.axis)
    count = len(shape) - axis
    offsets = tuple(options.offset) or (0,)
    offsets = offsets * count if len(offsets) == 1 else offsets
    if len(offsets) != count or len(reference) != len(shape):
        raise call.wrong("the offsets or the reference do not fit what is cropped", f"{count} offsets", str(offsets))
    for place, offset in enumerate(offsets, start=axis):
        have, want = shape[place], reference[place]
        if have is not None and want is not None and offset + want > have:
            raise call.wrong("the part to crop is not inside", f"at most {have} along {place}", f"{offset} + {want}")
    result = (*shape[:axis], *reference[axis:])
    call.give(result, "crop", call.bottom(0), call.bottom(1), axis=axis, offsets=offsets)


def _two_dimensional(call: Call) -> Any:
    options = call.options("convolution_param")
    if options.axis not in (1, -3):
        raise Unsupported(f"it convolves along other dimensions than height and width (axis: {options.axis})")
    if len(call.layer.bottoms) > 1:
        raise Unsupported("it convolves several blobs with one filter")
    if not options.num_output:
        raise call.wrong("the layer has no width", "num_output from 1 on", "0")
    return options


def _with_bias(
    call: Call, options: Any, shape: Sequence[int | None], function: str, filter: Any, attributes: dict[str, Any]
) -> None:
    if not options.bias_term:
        call.give(shape, function, call.bottom(), filter, **attributes)
        return
    bias = call.parameter(1, (options.num_output,), options.bias_filler if options.HasField("bias_filler") else 0.0)
    product = call.inner("product", function, call.bottom(), filter, **attributes)
    call.give(shape, "bias_add", product, bias, data_format="NCHW")


def _window(call: Call, options: Any) -> tuple[Pair, Pair, Pair, Pair]:
    gaps = tuple(options.dilation) or (1,)
    gaps = gaps * 2 if len(gaps) == 1 else gaps
    if len(gaps) != 2 or not all(1 <= gap <= _LARGEST for gap in gaps):
        raise call.wrong("the dilation cannot be used", "one or two numbers from 1 on", str(gaps))
    size, stride, pad = (_pair(call, options, word) for word in ("kernel_size", "stride", "pad"))
    return size, stride, pad, (gaps[0], gaps[1])


def _groups(call: Call, options: Any, channels: int | None) -> int:
    groups = options.group
    if groups < 1 or options.num_output % groups or (channels or 0) % groups:
        divided = f"{channels or '?'} channels and {options.num_output} filters"
        raise call.wrong("the groups do not fit", f"a divisor of {divided}", str(groups))
    return groups


_LEAST = {"kernel_size": 1, "stride": 1, "pad": 0}


def _pair(call: Call, options: Any, word: str) -> Pair:
    """(height, width) of a window's size, stride or padding, in any of the ways a file may write it."""
    given = getattr(options, word)
    values = [given] if isinstance(given, int) else list(given)
    short = word.removesuffix("_size")
    if options.HasField(f"{short}_h") or options.HasField(f"{short}_w"):
        values = [getattr(options, f"{short}_h"), getattr(options, f"{short}_w")]
    values = values or [_LEAST[word]] * (word != "kernel_size")
    values = values * 2 if len(values) == 1 else values
    if len(values) != 2 or not all(_LEAST[word] <= value <= _LARGEST for value in values):
        raise call.wrong(
            f"{word} cannot be used", f"height and width, {_LEAST[word]} to {_LARGEST}", str(tuple(values) or "none")
        )
    return values[0], values[1]


def _convolved(call: Call, length: int | None, size: int, stride: int, pad: int, gap: int) -> int | None:
    if length is None:
        return None
    rest = length + 2 * pad - (gap * (size - 1) + 1)
    if rest < 0:
        raise call.wrong("the window is larger than the picture", f"at most {length + 2 * pad}", str(rest))
    return rest // stride + 1


def _pooled(call: Call, length: int | None, size: int, stride: int, pad: int, ceil: bool) -> int | None:
    if length is None:
        return None
    if size > length + 2 * pad:
        raise call.wrong("the window is larger than the picture", f"at most {length + 2 * pad}", str(size))
    count = pooled_length(length, size, stride, pad, ceil=ceil)
    if ceil and not pad and -(-(length - size) // stride) + 1 > count:
        raise Unsupported("its last window would lie outside the picture, where Caffe gives a meaningless number")
    return count


LAYERS = {
    "Convolution": convolution,
    "ConvolutionDepthwise": depthwise,
    "DepthwiseConvolution": depthwise,
    "Deconvolution": deconvolution,
    "Pooling": pooling,
    "Crop": crop,
}
