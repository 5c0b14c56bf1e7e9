"""Activation functions."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from regraft.network.functions.operands import together, unary

# Above it log(1 + e^x) is x to the last bit of float64; torch's default of 20 is good for float32 only.
_SOFTPLUS_LINEAR = 40.0
_SELU_SCALE = 1.0507009873554805


def elu(features: Tensor, *, alpha: float = 1.0) -> Tensor:
    """The features, the negative ones as alpha * (e^x - 1)."""
    return functional.elu(features, alpha)


def prelu(features: Tensor, slope: Tensor) -> Tensor:
    """The features, the negative ones times a slope: one number, or one for each channel (dimension 1)."""
    features, slope = together(features, slope)
    return functional.prelu(features, slope.reshape(-1))


def threshold(features: Tensor, *, bound: float = 0.0) -> Tensor:
    """1 where a value is above the bound, else 0."""
    return (features > bound).to(features.dtype)


def leaky_relu(features: Tensor, *, alpha: float = 0.2) -> Tensor:
    """The features, the negative ones times alpha."""
    return functional.leaky_relu(features, alpha)


def selu(features: Tensor) -> Tensor:
    """Scaled exponential linear units; the gradient at 0 is that from above, as in TensorFlow."""
    return torch.where(features < 0, functional.selu(features), _SELU_SCALE * features)


def softplus(features: Tensor) -> Tensor:
    """log(1 + e^x)."""
    return functional.softplus(features, threshold=_SOFTPLUS_LINEAR)


def softmax(logits: Tensor, *, axis: int = -1) -> Tensor:
    """e^x over the sum of e^x along the last dimension, or another."""
    return torch.softmax(logits, axis)


def log_softmax(logits: Tensor, *, axis: int = -1) -> Tensor:
    """The logarithm of `softmax`."""
    return torch.log_softmax(logits, axis)


FUNCTIONS = {
    "relu": unary(functional.relu),
    "relu6": unary(functional.relu6),
    "elu": elu,
    "prelu": prelu,
    "threshold": threshold,
    "selu": selu,
    "leaky_relu": leaky_relu,
    "softplus": softplus,
    "softsign": unary(functional.softsign),
    "sigmoid": unary(torch.sigmoid),
    "tanh": unary(torch.tanh),
    "softmax": softmax,
    "log_softmax": log_softmax,
}
