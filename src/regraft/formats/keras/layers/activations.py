"""Layers that change each value by itself, and the activation functions of other layers."""

from __future__ import annotations

from typing import Any

from regraft.formats.keras.building import Call
from regraft.formats.keras.model import Layer
from regraft.formats.keras.weights import Weight
from regraft.network.building import Unsupported
from regraft.network.curves import CURVE_NAMES
from regraft.network.graph import Ref

# Those that are functions of the graph themselves; all others go by name through `activation`.
_OWN = ("relu", "relu6", "elu", "selu", "softplus", "softsign", "sigmoid", "tanh", "softmax", "log_softmax")
_ALIASES = {
    "swish": "silu",
    "hard_swish": "hard_silu",
    "logsoftmax": "log_softmax",
    "logsigmoid": "log_sigmoid",
    "leakyrelu": "leaky_relu",
}


def curve_of(call: Call, setting: Any) -> str:
    """The name of an activation function, as `regraft.network.functions.curves` has it.

    Raises:
        Unsupported: nobody knows it, or it has settings of its own.
    """
    if isinstance(setting, dict):
        inside = setting.get("config")
        setting = inside if isinstance(inside, str) else f"{setting.get('class_name')} with settings"
    name = _ALIASES.get(str(setting).lower(), str(setting).lower()) if setting else "linear"
    if name == "hard_sigmoid" and call.net.keras < 3:
        name = "hard_sigmoid_steep"
    if name not in CURVE_NAMES:
        raise Unsupported(f"the activation function {str(setting)[:60]}")
    return name


def activated(call: Call, value: Ref, rank: int) -> Ref:
    """A value through the activation function of its layer."""
    setting = call.option("activation")
    if isinstance(setting, dict) and setting.get("class_name") in ("ReLU", "LeakyReLU"):
        return _bent(call, value, setting["class_name"], setting.get("config") or {})
    name = curve_of(call, setting)
    if name == "linear":
        return value
    if name in ("softmax", "log_softmax") and rank < 2:
        raise Unsupported("softmax over the examples of a batch")
    if name in _OWN:
        return call.inner("activation", name, value)
    return call.inner("activation", "activation", value, kind=name)


def activation(call: Call) -> None:
    """An activation function by its name."""
    value = call.value()
    call.give(activated(call, value.ref, value.rank), value.shape, call.mask(value))


def _number(call: Call, config: Any, *keys: str, default: float) -> float:
    """The first setting that is there; old configs hold {"type": "ndarray", "value": 0.3}."""
    for key in keys:
        value = config.get(key)
        if isinstance(value, dict):
            value = value.get("value")
        if isinstance(value, int | float):
            return float(value)
    return default


def _bent(call: Call, value: Ref, kind: str, config: Any) -> Ref:
    if kind == "LeakyReLU":
        return call.inner(
            "activation", "leaky_relu", value, alpha=_number(call, config, "negative_slope", "alpha", default=0.3)
        )
    most = config.get("max_value")
    slope, threshold = (_number(call, config, key, default=0.0) for key in ("negative_slope", "threshold"))
    top = None if most is None else _number(call, config, "max_value", default=0.0)
    if not slope and not threshold and top in (None, 6.0):
        return call.inner("activation", "relu" if top is None else "relu6", value)
    return call.inner("activation", "bent_relu", value, max_value=top, slope=slope, threshold=threshold)


def relu(call: Call) -> None:
    """0 in place of values below a threshold, with a slope there and a bound above where they are set."""
    value = call.value()
    call.give(_bent(call, value.ref, "ReLU", call.layer.config), value.shape, call.mask(value))


def leaky_relu(call: Call) -> None:
    """Negative values times a slope."""
    value = call.value()
    call.give(_bent(call, value.ref, "LeakyReLU", call.layer.config), value.shape, call.mask(value))


def elu(call: Call) -> None:
    """Takes alpha * (e^x - 1) in place of negative values."""
    value, alpha = call.value(), _number(call, call.layer.config, "alpha", default=1.0)
    call.give(call.inner("activation", "elu", value.ref, alpha=alpha), value.shape, call.mask(value))


def thresholded_relu(call: Call) -> None:
    """0 in place of values up to a threshold."""
    value, theta = call.value(), _number(call, call.layer.config, "theta", default=1.0)
    above = call.inner("above", "threshold", value.ref, bound=theta)
    call.give(call.inner("activation", "mul", value.ref, above), value.shape, call.mask(value))


def prelu(call: Call) -> None:
    """Negative values times a trained slope, which some dimensions may share."""
    value = call.value()
    shared = call.option("shared_axes") or []
    if not all(isinstance(axis, int) for axis in shared):
        raise Unsupported("shared_axes that are no numbers")
    shape = [1 if axis in shared else size for axis, size in enumerate(value.shape)][1:]
    slope = call.parameter("alpha", shape)
    call.give(call.inner("activation", "sloped_relu", value.ref, slope), value.shape, call.mask(value))


def softmax(call: Call) -> None:
    """e^x over the sum of e^x along one dimension; what a mask leaves out does not count."""
    value, axis = call.value(), call.option("axis", -1)
    if not isinstance(axis, int):
        raise Unsupported("softmax over several dimensions")
    said = call.kwargs.get("mask")
    if said is not None and hasattr(said, "ref"):
        made = call.inner("activation", "masked_softmax", value.ref, said.ref, axis=axis, zeros=call.net.keras > 2)
    else:
        made = call.inner("activation", "softmax", value.ref, axis=axis)
    call.give(made, value.shape, value.mask)


def prelu_weights(layer: Layer, keras: int) -> list[Weight]:
    """The slope."""
    return [Weight(name="alpha", path="vars/0")]


LAYERS = {
    "Activation": activation,
    "ReLU": relu,
    "LeakyReLU": leaky_relu,
    "ELU": elu,
    "ThresholdedReLU": thresholded_relu,
    "PReLU": prelu,
    "Softmax": softmax,
}
WEIGHTS = {"PReLU": prelu_weights}
