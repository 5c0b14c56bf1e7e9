"""Layers that bring values to a common scale."""

from __future__ import annotations

from typing import Any

from regraft.formats.keras.building import Call, Value
from regraft.formats.keras.model import Layer
from regraft.formats.keras.weights import Weight
from regraft.network.building import Unsupported
from regraft.network.graph import Ref


def batch_norm(call: Call) -> None:
    """Mean 0 and variance 1 in each channel by moving averages, in training by the batch; then scaled and shifted."""
    value = call.value()
    axis = _axes(call, value)[0]
    if call.option("renorm", False) or call.option("virtual_batch_size"):
        raise Unsupported("renorm or a virtual batch")
    if axis not in (1, value.rank - 1):
        raise Unsupported(f"its channels are dimension {axis} of {value.rank}")
    width = (value.shape[axis],)
    scale = call.parameter("gamma", width) if call.option("scale", True) else None
    shift = call.parameter("beta", width) if call.option("center", True) else None
    mean, variance = (call.parameter(f"moving_{one}", width, trained=False) for one in ("mean", "variance"))
    scale = scale or call.inner("scale", "ones_like", mean)
    shift = shift or call.inner("shift", "zeros_like", mean)
    form = "NHWC" if axis == value.rank - 1 else "NCHW"
    shared: dict[str, Any] = {"epsilon": float(call.option("epsilon", 1e-3)), "data_format": form}
    stored = call.inner(
        "stored", "fused_batch_norm", value.ref, scale, shift, mean, variance, is_training=False, **shared
    )
    empty = call.constant("empty", (), "float32")
    batch = call.inner("batch", "fused_batch_norm", value.ref, scale, shift, empty, empty, is_training=True, **shared)
    sides = call.inner("batch/0", "item", batch, 0), call.inner("stored/0", "item", stored, 0)
    # Keras 2 follows pictures with the unbiased variance, its fused operation's, and all else with the biased one.
    which = 2 if call.net.keras < 3 and value.rank in (4, 5) else 4
    momentum = float(call.option("momentum", 0.99))
    _follow(call, "moving_mean", mean, call.inner("batch/mean", "item", batch, 1), momentum)
    _follow(call, "moving_variance", variance, call.inner("batch/variance", "item", batch, which), momentum)
    call.give(call.inner("normal", "select", call.net.switch(), *sides), value.shape, call.mask(value))


def _follow(call: Call, name: str, old: Ref, batch: Ref, momentum: float) -> None:
    """The next value of a moving average: momentum * old + (1 - momentum) * batch. A second call is not followed."""
    if f"{call.owner}/{name}" in call.net.updates:
        return
    kept = call.inner(f"{name}/kept", "mul", old, call.constant(f"{name}/momentum", momentum, "float32"))
    rest = call.constant(f"{name}/rest", 1 - momentum, "float32")
    added = call.inner(f"{name}/added", "mul", batch, rest)
    call.net.updates[f"{call.owner}/{name}"] = call.inner(f"{name}/next", "add", kept, added).name


def layer_norm(call: Call) -> None:
    """Mean 0 and variance 1 over dimensions of each example, then scaled and shifted.

    With `rms_scaling` Keras divides by the deviation and keeps the mean, whatever the name says.
    """
    value = call.value()
    axes = _axes(call, value)
    epsilon = float(call.option("epsilon", 1e-3))
    tight, shape = _scales(value, axes)
    if call.option("rms_scaling", False):
        made = call.inner("normal", "spread_norm", value.ref, axes=axes, epsilon=epsilon)
        made = _along(call, made, "gamma", "mul", tight, shape)
    else:
        made = call.inner("normal", "layer_norm", value.ref, axes=axes, epsilon=epsilon)
        made = _along(call, made, "gamma", "mul", tight, shape) if call.option("scale", True) else made
        made = _along(call, made, "beta", "add", tight, shape) if call.option("center", True) else made
    call.give(made, value.shape, call.mask(value))


def rms_norm(call: Call) -> None:
    """Divided by the root mean square over dimensions of each example, then scaled."""
    value = call.value()
    axes = _axes(call, value)
    epsilon = float(call.option("epsilon", 1e-6))
    made = call.inner("normal", "layer_norm", value.ref, axes=axes, epsilon=epsilon, centre=False)
    call.give(_along(call, made, "scale", "mul", *_scales(value, axes)), value.shape, call.mask(value))


def _scales(value: Value, axes: tuple[int, ...]) -> tuple[list[Any], list[int | None]]:
    """The shape of a weight over these dimensions, and of the same beside the value."""
    shape = [size if axis in axes else 1 for axis, size in enumerate(value.shape)]
    return [value.shape[axis] for axis in axes], shape


def _along(call: Call, value: Ref, weight: str, function: str, tight: list[Any], shape: list[int | None]) -> Ref:
    """A product or sum with a weight, which lies along the dimensions that are not 1 in the shape."""
    numbers = call.parameter(weight, tight)
    used = [axis for axis, size in enumerate(shape) if size != 1]
    if used and used != list(range(len(shape) - len(tight), len(shape))):
        stored = call.shape_of(weight) or ()
        sizes = iter(stored)
        wide = [next(sizes, 1) if axis in used else 1 for axis in range(len(shape))]
        numbers = call.inner(f"{weight}/wide", "reshape", numbers, call.constant(f"{weight}/shape", tuple(wide)))
    return call.inner(f"by_{weight}", function, value, numbers)


def group_norm(call: Call) -> None:
    """Mean 0 and variance 1 in each group of channels of each example, then scaled and shifted."""
    value = call.value()
    (axis,) = _axes(call, value)
    width = value.shape[axis]
    groups = call.option("groups", 32)
    groups = width if groups == -1 else groups
    if not isinstance(groups, int) or not width or width % groups:
        raise call.wrong("the channels cannot be divided into groups", f"a divisor of {width}", str(groups))
    epsilon = float(call.option("epsilon", 1e-3))
    made = call.inner("normal", "group_norm", value.ref, groups=groups, axis=axis, epsilon=epsilon)
    shape = [size if place == axis else 1 for place, size in enumerate(value.shape)]
    made = _along(call, made, "gamma", "mul", [width], shape) if call.option("scale", True) else made
    made = _along(call, made, "beta", "add", [width], shape) if call.option("center", True) else made
    call.give(made, value.shape, call.mask(value))


def unit_norm(call: Call) -> None:
    """Scaled to length 1 over dimensions."""
    value = call.value()
    call.give(call.inner("unit", "unit_norm", value.ref, axes=_axes(call, value)), value.shape, call.mask(value))


def normalization(call: Call) -> None:
    """The mean of the author's data taken off and divided by their deviation."""
    value = call.value()
    axis = call.layer.config.get("axis", -1)
    axes = _axes(call, value) if axis is not None else ()
    tight = [value.shape[axis] for axis in axes]
    shape = [size if axis in axes else 1 for axis, size in enumerate(value.shape)]
    given = call.option("mean"), call.option("variance")
    if given[0] is None:
        mean, variance = (call.parameter(name, tight, trained=False) for name in ("mean", "variance"))
    else:
        mean, variance = (
            call.constant(name, numbers(call, one), "float32")
            for name, one in zip(("mean", "variance"), given, strict=True)
        )
    if axes and axes != tuple(range(value.rank - len(axes), value.rank)):
        wide = call.constant("wide", tuple(size or 1 for size in shape))
        mean, variance = (call.inner(f"{one.name}/wide", "reshape", one, wide) for one in (mean, variance))
    least = call.constant("least", 1e-7, "float32")
    deviation = call.inner("least_deviation", "maximum", call.inner("deviation", "sqrt", variance), least)
    if call.option("invert", False):
        product = call.inner("product", "mul", value.ref, deviation)
        call.give(call.inner("sum", "add", product, mean), value.shape, value.mask)
        return
    centred = call.inner("centred", "sub", value.ref, mean)
    call.give(call.inner("scaled", "real_div", centred, deviation), value.shape, value.mask)


def rescaling(call: Call) -> None:
    """Times a number, plus a number; each may be one for each channel."""
    value = call.value()
    scale, offset = (numbers(call, call.option(key, start)) for key, start in (("scale", 1.0), ("offset", 0.0)))
    source = call.inner("float", "cast", value.ref, DstT="float32")
    product = call.inner("product", "mul", source, call.constant("scale", scale, "float32"))
    call.give(call.inner("sum", "add", product, call.constant("offset", offset, "float32")), value.shape, value.mask)


def layer_scale(call: Call) -> None:
    """Times a trained number for each channel (ConvNeXt)."""
    value = call.value()
    call.give(call.inner("scaled", "mul", value.ref, call.parameter("gamma", (value.shape[-1],))), value.shape)


def numbers(call: Call, setting: Any) -> Any:
    """A number, or nested tuples of them, from a setting that may be an array in one of Keras's forms."""
    if isinstance(setting, dict):
        setting = setting.get("value", (setting.get("config") or {}).get("value"))
    if isinstance(setting, list):
        return tuple(numbers(call, one) for one in setting)
    if not isinstance(setting, int | float):
        raise Unsupported("a setting that is no number")
    return float(setting)


def _axes(call: Call, value: Value) -> tuple[int, ...]:
    setting = call.option("axis", -1)
    axes = setting if isinstance(setting, list) else [setting]
    if not axes or not all(isinstance(axis, int) and -value.rank <= axis < value.rank for axis in axes):
        raise call.wrong("the layer speaks of dimensions that are not there", f"of {value.rank}", str(setting)[:60])
    return tuple(sorted(axis % value.rank for axis in axes))


def batch_norm_weights(layer: Layer, keras: int) -> list[Weight]:
    """Scale and shift where there are any, and the moving averages."""
    names = [*_scaled(layer), "moving_mean", "moving_variance"]
    return [
        Weight(name=name, path=f"vars/{place}", trainable=not name.startswith("moving"))
        for place, name in enumerate(names)
    ]


def scaled_weights(layer: Layer, keras: int) -> list[Weight]:
    """Scale and shift where there are any."""
    names = _scaled(layer)
    if layer.config.get("rms_scaling"):
        names = ["gamma"]
    return [Weight(name=name, path=f"vars/{place}") for place, name in enumerate(names)]


def normalization_weights(layer: Layer, keras: int) -> list[Weight]:
    """Mean, variance and how many data there were, unless the settings hold them."""
    names = () if layer.config.get("mean") is not None else ("mean", "variance", "count")
    return [Weight(name=name, path=f"vars/{place}", trainable=False) for place, name in enumerate(names)]


def _scaled(layer: Layer) -> list[str]:
    settings = (("scale", "gamma"), ("center", "beta"))
    return [name for setting, name in settings if layer.config.get(setting, True)]


LAYERS = {
    "BatchNormalization": batch_norm,
    "LayerNormalization": layer_norm,
    "RMSNormalization": rms_norm,
    "GroupNormalization": group_norm,
    "UnitNormalization": unit_norm,
    "Normalization": normalization,
    "Rescaling": rescaling,
    "LayerScale": layer_scale,
}
WEIGHTS = {
    "BatchNormalization": batch_norm_weights,
    "LayerNormalization": scaled_weights,
    "RMSNormalization": lambda layer, keras: [Weight(name="scale", path="vars/0")],
    "GroupNormalization": scaled_weights,
    "Normalization": normalization_weights,
    "LayerScale": lambda layer, keras: [Weight(name="gamma", path="vars/0")],
}
