"""Pooling of sequences, pictures and volumes, in windows and over all places."""

from __future__ import annotations

from collections.abc import Callable

from regraft.formats.keras.building import Call
from regraft.formats.keras.layers.convolution import channels, layout, placed, spread
from regraft.network.building import Unsupported
from regraft.network.graph import Ref

_WINDOWED = {
    ("max", 1): "max_pool1d",
    ("max", 2): "max_pool",
    ("max", 3): "max_pool3d",
    ("avg", 1): "avg_pool1d",
    ("avg", 2): "avg_pool",
    ("avg", 3): "avg_pool3d",
}


def _pool(kind: str, count: int) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        value = call.value(count + 2)
        size = call.sizes("pool_size", count, 2)
        strides = size if call.option("strides") is None else call.sizes("strides", count)
        padding = str(call.option("padding", "valid")).lower()
        if padding not in ("valid", "same") or not all((*size, *strides)):
            raise Unsupported(f"the padding {padding[:40]}, or a window of nothing")
        function = _WINDOWED[kind, count]
        if count == 1:
            form = "channels_first" if call.channels_first else "channels_last"
            made = call.inner(
                "pool", function, value.ref, size=size[0], stride=strides[0], padding=padding, data_format=form
            )
        else:
            numbers = spread(call, size), spread(call, strides)
            form = layout(call, count)
            made = _pooled(call, function, value.ref, *numbers, padding.upper(), form)
        call.give(made, placed(call, value, channels(call, value)))

    word = "greatest value" if kind == "max" else "mean"
    handler.__doc__ = f"The {word} in each window of each channel; padding does not count."
    return handler


def _pooled(
    call: Call, function: str, value: Ref, size: tuple[int, ...], strides: tuple[int, ...], padding: str, form: str
) -> Ref:
    if function == "max_pool":  # TensorFlow's takes the window as tensors
        window = call.constant("size", size), call.constant("strides", strides)
        return call.inner("pool", function, value, *window, padding=padding, data_format=form)
    return call.inner("pool", function, value, ksize=size, strides=strides, padding=padding, data_format=form)


def _overall(kind: str, count: int) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        value = call.value(count + 2)
        keep = bool(call.option("keepdims", False))
        axes = tuple(range(2, count + 2) if call.channels_first else range(1, count + 1))
        mask = call.mask(value)
        if kind == "avg" and count == 1 and mask is not None:
            made = call.inner("mean", "masked_mean", value.ref, mask, axis=axes[0], keep_dims=keep)
        else:
            where = call.constant("axes", axes)
            made = call.inner("pool", "max" if kind == "max" else "mean", value.ref, where, keep_dims=keep)
        shape = [1 if axis in axes else size for axis, size in enumerate(value.shape) if keep or axis not in axes]
        call.give(made, shape)

    word = "greatest value" if kind == "max" else "mean"
    doc = f"The {word} of each channel over all places"
    handler.__doc__ = f"{doc}; steps that a mask leaves out do not count." if (kind, count) == ("avg", 1) else f"{doc}."
    return handler


LAYERS = {
    **{f"MaxPooling{count}D": _pool("max", count) for count in (1, 2, 3)},
    **{f"AveragePooling{count}D": _pool("avg", count) for count in (1, 2, 3)},
    **{f"GlobalMaxPooling{count}D": _overall("max", count) for count in (1, 2, 3)},
    **{f"GlobalAveragePooling{count}D": _overall("avg", count) for count in (1, 2, 3)},
}
