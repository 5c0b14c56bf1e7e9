"""Convolutions of sequences, pictures and volumes."""

from __future__ import annotations

from typing import Any

from regraft.formats.keras.building import Call, Shape, Value
from regraft.formats.keras.layers.activations import activated
from regraft.formats.keras.layers.dense import biased, kernel_and_bias
from regraft.formats.keras.model import Layer
from regraft.formats.keras.weights import Weight
from regraft.network.building import Unsupported
from regraft.network.graph import Ref

_FUNCTIONS = {1: "conv1d", 2: "conv2d", 3: "conv3d"}
_DEPTHWISE = {1: "depthwise_conv1d", 2: "depthwise_conv2d_native"}


def conv1d(call: Call) -> None:
    """A convolution of sequences, also a causal one, a bias, and an activation function."""
    _convolved(call, 1)


def conv2d(call: Call) -> None:
    """A convolution of pictures, a bias, and an activation function."""
    _convolved(call, 2)


def conv3d(call: Call) -> None:
    """A convolution of volumes, a bias, and an activation function."""
    _convolved(call, 3)


def depthwise_conv1d(call: Call) -> None:
    """A convolution of each channel of sequences by itself, a bias, and an activation function."""
    _depthwise(call, 1)


def depthwise_conv2d(call: Call) -> None:
    """A convolution of each channel of pictures by itself, a bias, and an activation function."""
    _depthwise(call, 2)


def separable_conv1d(call: Call) -> None:
    """A convolution of each channel by itself, one that mixes channels, a bias, and an activation function."""
    _separable(call, 1)


def separable_conv2d(call: Call) -> None:
    """A convolution of each channel by itself, one that mixes channels, a bias, and an activation function."""
    _separable(call, 2)


def conv1d_transpose(call: Call) -> None:
    """A transposed convolution of sequences, a bias, and an activation function."""
    _transposed(call, 1)


def conv2d_transpose(call: Call) -> None:
    """A transposed convolution of pictures, a bias, and an activation function."""
    _transposed(call, 2)


def conv3d_transpose(call: Call) -> None:
    """A transposed convolution of volumes, a bias, and an activation function."""
    _transposed(call, 3)


def window(call: Call, count: int, *, dilated: bool = True) -> dict[str, Any]:
    """Strides, padding and dilation as the function of `count` dimensions takes them."""
    padding = str(call.option("padding", "valid")).lower()
    if padding not in ("valid", "same", "causal") or (padding == "causal" and count > 1):
        raise Unsupported(f"the padding {padding[:40]}")
    steps = call.sizes("strides", count)
    gaps = call.sizes("dilation_rate", count) if dilated else (1,) * count
    if not all((*steps, *gaps)):
        raise call.wrong("strides or dilation cannot be used", "numbers from 1", f"{steps}, {gaps}")
    if count == 1:
        return {"stride": steps[0], "dilation": gaps[0], "padding": padding, "data_format": _format(call)}
    return {
        "strides": spread(call, steps),
        "dilations": spread(call, gaps),
        "padding": padding.upper(),
        "data_format": layout(call, count),
    }


def layout(call: Call, count: int) -> str:
    """The layout of pictures or volumes, in TensorFlow's word."""
    spatial = "DHW"[-count:]
    return f"NC{spatial}" if call.channels_first else f"N{spatial}C"


def spread(call: Call, numbers: tuple[int, ...]) -> tuple[int, ...]:
    """Numbers for the places of a picture, with ones for batch and channels."""
    return (1, 1, *numbers) if call.channels_first else (1, *numbers, 1)


def channels(call: Call, value: Value) -> int | None:
    """How many channels a value has."""
    return value.shape[1 if call.channels_first else -1]


def placed(call: Call, value: Value, width: int | None) -> Shape:
    """The shape with other channels and lengths that nothing tells."""
    places: Shape = (None,) * (value.rank - 2)
    return (value.shape[0], width, *places) if call.channels_first else (value.shape[0], *places, width)


def _format(call: Call) -> str:
    return "channels_first" if call.channels_first else "channels_last"


def _finish(call: Call, value: Value, made: Ref, width: int | None) -> None:
    made = biased(call, made, width, channels_first=call.channels_first)
    call.give(activated(call, made, value.rank), placed(call, value, width))


def _convolved(call: Call, count: int) -> None:
    value = call.value(count + 2)
    filters, groups = call.option("filters"), call.option("groups", 1)
    read = channels(call, value)
    if not isinstance(groups, int) or groups < 1 or (read is not None and read % groups):
        raise call.wrong("the channels cannot be divided into groups", f"a divisor of {read}", str(groups))
    if groups > 1 and count == 3:
        raise Unsupported("a convolution of volumes in groups")
    within = None if read is None else read // groups
    kernel = call.parameter("kernel", (*call.sizes("kernel_size", count), within, filters))
    made = call.inner("convolution", _FUNCTIONS[count], value.ref, kernel, **window(call, count))
    _finish(call, value, made, filters)


def _depthwise(call: Call, count: int) -> None:
    value = call.value(count + 2)
    read = channels(call, value)
    name = "kernel" if call.net.keras > 2 else "depthwise_kernel"
    kernel = call.parameter(name, (*call.sizes("kernel_size", count), read, call.option("depth_multiplier", 1)))
    stored = call.shape_of(name) or (0, 0)
    made = call.inner("depthwise", _DEPTHWISE[count], value.ref, kernel, **window(call, count))
    _finish(call, value, made, stored[-1] * stored[-2])


def _separable(call: Call, count: int) -> None:
    value = call.value(count + 2)
    read, filters = channels(call, value), call.option("filters")
    size, multiplier = call.sizes("kernel_size", count), call.option("depth_multiplier", 1)
    depthwise = call.parameter("depthwise_kernel", (*size, read, multiplier))
    pointwise = call.parameter("pointwise_kernel", (*(1,) * count, None, filters))
    made = call.inner("depthwise", _DEPTHWISE[count], value.ref, depthwise, **window(call, count))
    plain: dict[str, Any] = (
        {"data_format": _format(call)}
        if count == 1
        else {"strides": (1,) * (count + 2), "padding": "VALID", "data_format": layout(call, count)}
    )
    made = call.inner("pointwise", _FUNCTIONS[count], made, pointwise, **plain)
    _finish(call, value, made, filters)


def _transposed(call: Call, count: int) -> None:
    value = call.value(count + 2)
    filters = call.option("filters")
    kernel = call.parameter("kernel", (*call.sizes("kernel_size", count), filters, channels(call, value)))
    padding = str(call.option("padding", "valid")).lower()
    if padding not in ("valid", "same"):
        raise Unsupported(f"the padding {padding[:40]}")
    extra = None if call.option("output_padding") is None else call.sizes("output_padding", count)
    made = call.inner(
        "convolution",
        "conv_transpose",
        value.ref,
        kernel,
        strides=call.sizes("strides", count),
        padding=padding,
        output_padding=extra,
        dilations=call.sizes("dilation_rate", count),
        data_format=_format(call),
    )
    _finish(call, value, made, filters)


def depthwise_weights(layer: Layer, keras: int) -> list[Weight]:
    """The kernel, called as in the version of Keras, and the bias."""
    kernel, *bias = kernel_and_bias(layer, keras)
    return [Weight(name="kernel" if keras > 2 else "depthwise_kernel", path=kernel.path), *bias]


def separable_weights(layer: Layer, keras: int) -> list[Weight]:
    """The two kernels and the bias."""
    bias = [Weight(name="bias", path="vars/2")] if layer.config.get("use_bias", True) else []
    return [
        Weight(name="depthwise_kernel", path="vars/0"),
        Weight(name="pointwise_kernel", path="vars/1"),
        *bias,
    ]


LAYERS = {
    "Conv1D": conv1d,
    "Conv2D": conv2d,
    "Conv3D": conv3d,
    "DepthwiseConv1D": depthwise_conv1d,
    "DepthwiseConv2D": depthwise_conv2d,
    "SeparableConv1D": separable_conv1d,
    "SeparableConv2D": separable_conv2d,
    "Conv1DTranspose": conv1d_transpose,
    "Conv2DTranspose": conv2d_transpose,
    "Conv3DTranspose": conv3d_transpose,
}
WEIGHTS = {
    name: depthwise_weights
    if name.startswith("Depthwise")
    else separable_weights
    if name.startswith("Separable")
    else kernel_and_bias
    for name in LAYERS
}
