"""Layers that change each value by itself."""

from __future__ import annotations

from collections.abc import Callable

from regraft.formats.caffe.building import Call
from regraft.network.building import Unsupported


def _plain(function: str, doc: str) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        call.give(call.shape(), function, call.bottom())

    handler.__doc__ = doc
    return handler


def relu(call: Call) -> None:
    """0 in place of negative values, or those times `negative_slope`."""
    slope = call.options("relu_param").negative_slope
    if slope:
        call.give(call.shape(), "leaky_relu", call.bottom(), alpha=slope)
    else:
        call.give(call.shape(), "relu", call.bottom())


def prelu(call: Call) -> None:
    """Negative values times a trained slope: one for each channel, or with `channel_shared` one for all."""
    options, shape = call.options("prelu_param"), call.shape()
    if len(shape) < 2:
        raise Unsupported("it reads one dimension, and so no channels")
    filler = options.filler if options.HasField("filler") else 0.25
    slope = call.parameter(0, () if options.channel_shared else (shape[1],), filler)
    call.give(shape, "prelu", call.bottom(), slope)


def elu(call: Call) -> None:
    """Takes alpha * (e^x - 1) in place of negative values."""
    call.give(call.shape(), "elu", call.bottom(), alpha=call.options("elu_param").alpha)


def power(call: Call) -> None:
    """(shift + scale * x) ^ power."""
    options = call.options("power_param")
    numbers = {name: getattr(options, name) for name in ("power", "scale", "shift")}
    call.give(call.shape(), "affine_pow", call.bottom(), **numbers)


def exp(call: Call) -> None:
    """A base ^ (shift + scale * x), the base e where none is given."""
    _with_base(call, "exp_param", "affine_exp")


def log(call: Call) -> None:
    """The logarithm of shift + scale * x to a base; e where none is given."""
    _with_base(call, "log_param", "affine_log")


def _with_base(call: Call, field: str, function: str) -> None:
    options = call.options(field)
    if options.base != -1 and (options.base <= 0 or (function == "affine_log" and options.base == 1)):
        raise call.wrong("the base of the layer cannot be used", "a positive number, or -1 for e", f"{options.base:g}")
    numbers = {name: getattr(options, name) for name in ("base", "scale", "shift")}
    call.give(call.shape(), function, call.bottom(), **numbers)


def threshold(call: Call) -> None:
    """1 where a value is above the threshold, else 0."""
    call.give(call.shape(), "threshold", call.bottom(), bound=call.options("threshold_param").threshold)


def clip(call: Call) -> None:
    """Values outside two bounds replaced by the bounds."""
    options = call.options("clip_param")
    bounds = call.constant("min", options.min, "float32"), call.constant("max", options.max, "float32")
    call.give(call.shape(), "clip_by_value", call.bottom(), *bounds)


def swish(call: Call) -> None:
    """A value times the sigmoid of beta times it."""
    beta = call.options("swish_param").beta
    scaled = call.inner("scaled", "affine_pow", call.bottom(), power=1.0, scale=beta, shift=0.0)
    call.give(call.shape(), "mul", call.bottom(), call.inner("sigmoid", "sigmoid", scaled))


def dropout(call: Call) -> None:
    """In training each value 0 with a probability, the others made larger; in evaluation the values themselves."""
    rate = call.options("dropout_param").dropout_ratio
    if not 0 <= rate < 1:
        raise call.wrong("the ratio of the dropout cannot be used", "from 0 on, below 1", f"{rate:g}")
    dropped = call.inner("dropped", "dropout", call.bottom(), rate=rate)
    call.give(call.shape(), "select", call.net.switch(), dropped, call.bottom())


LAYERS = {
    "ReLU": relu,
    "PReLU": prelu,
    "ELU": elu,
    "ReLU6": _plain("relu6", "Values below 0 and above 6 replaced by these bounds."),
    "Sigmoid": _plain("sigmoid", "1 / (1 + e^-x)."),
    "TanH": _plain("tanh", "The hyperbolic tangent."),
    "AbsVal": _plain("abs", "The absolute value."),
    "BNLL": _plain("softplus", "log(1 + e^x)."),
    "Power": power,
    "Exp": exp,
    "Log": log,
    "Threshold": threshold,
    "Clip": clip,
    "Swish": swish,
    "Dropout": dropout,
}
