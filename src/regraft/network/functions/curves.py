"""Activation functions chosen by name, as layers of Keras and the gates of recurrent ones have them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import UnsupportedOp, nearest_names
from regraft.network.functions.activations import selu, softplus

Curve = Callable[[Tensor], Tensor]


def squareplus(x: Tensor) -> Tensor:
    """(x + sqrt(x^2 + 4)) / 2."""
    return (x + torch.sqrt(x.square() + 4)) / 2


def sparse_plus(x: Tensor) -> Tensor:
    """0 below -1, x above 1, a parabola between."""
    return torch.where(x <= -1, torch.zeros_like(x), torch.where(x >= 1, x, (x + 1).square() / 4))


def hard_sigmoid(x: Tensor) -> Tensor:
    """A line from 0 at -3 to 1 at 3."""
    return functional.relu6(x + 3) / 6


CURVES: Mapping[str, Curve] = {
    "linear": lambda x: x,
    "relu": functional.relu,
    "relu6": functional.relu6,
    "elu": functional.elu,
    "selu": selu,
    "celu": functional.celu,
    "softplus": softplus,
    "softsign": functional.softsign,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "softmax": lambda x: torch.softmax(x, -1),
    "log_softmax": lambda x: torch.log_softmax(x, -1),
    "log_sigmoid": functional.logsigmoid,
    "exponential": torch.exp,
    "gelu": functional.gelu,
    "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
    "silu": functional.silu,
    "mish": functional.mish,
    "leaky_relu": lambda x: functional.leaky_relu(x, 0.2),
    "hard_sigmoid": hard_sigmoid,
    "hard_sigmoid_steep": lambda x: (0.2 * x + 0.5).clamp(0, 1),  # what Keras 2 means by hard_sigmoid
    "hard_silu": lambda x: x * hard_sigmoid(x),
    "hard_tanh": functional.hardtanh,
    "hard_shrink": functional.hardshrink,
    "soft_shrink": functional.softshrink,
    "tanh_shrink": functional.tanhshrink,
    "glu": functional.glu,
    "squareplus": squareplus,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": lambda x: ((x + 1) / 2).clamp(0, 1),
}


def curve(name: str) -> Curve:
    """The activation function of that name.

    Raises:
        UnsupportedOp: there is none.
    """
    if name not in CURVES:
        raise UnsupportedOp(f"there is no activation function {name!r}", nearest=nearest_names(name, CURVES))
    return CURVES[name]


def activation(x: Tensor, *, kind: str) -> Tensor:
    """An activation function, by its name."""
    return curve(kind)(x)


def bent_relu(x: Tensor, *, max_value: float | None = None, slope: float = 0.0, threshold: float = 0.0) -> Tensor:
    """The values from `threshold` on, at most `max_value`; below it slope * (x - threshold)."""
    kept = x if max_value is None else x.clamp(max=max_value)
    return torch.where(x >= threshold, kept, slope * (x - threshold))


def sloped_relu(x: Tensor, slope: Tensor) -> Tensor:
    """The values, the negative ones times a slope that broadcasts over them."""
    return functional.relu(x) - slope * functional.relu(-x)


FUNCTIONS = {"activation": activation, "bent_relu": bent_relu, "sloped_relu": sloped_relu}
