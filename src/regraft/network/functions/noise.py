"""Noise that layers add in training."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def spatial_dropout(x: Tensor, *, rate: float, channels_first: bool = False) -> Tensor:
    """Whole channels of each example set to 0 with probability `rate`, the others made larger."""
    spread = range(2, x.ndim) if channels_first else range(1, x.ndim - 1)
    ones = x.new_ones([1 if axis in spread else size for axis, size in enumerate(x.shape)])
    return x * functional.dropout(ones, rate, training=True)


def gaussian_noise(x: Tensor, *, deviation: float) -> Tensor:
    """With normal numbers added."""
    return x + torch.randn_like(x) * deviation


def gaussian_dropout(x: Tensor, *, rate: float) -> Tensor:
    """Times normal numbers of mean 1 and variance rate / (1 - rate)."""
    return x * (1 + torch.randn_like(x) * (rate / (1 - rate)) ** 0.5)


def alpha_dropout(x: Tensor, *, rate: float) -> Tensor:
    """Values set to what `selu` gives at minus infinity; mean and variance stay."""
    return functional.alpha_dropout(x, rate, training=True)


def dropped_path(x: Tensor, *, rate: float) -> Tensor:
    """Whole examples set to 0 with probability `rate`, the others made larger."""
    kept = functional.dropout(x.new_ones(x.shape[0], *[1] * (x.ndim - 1)), rate, training=True)
    return x * kept


FUNCTIONS = {
    "spatial_dropout": spatial_dropout,
    "gaussian_noise": gaussian_noise,
    "gaussian_dropout": gaussian_dropout,
    "alpha_dropout": alpha_dropout,
    "dropped_path": dropped_path,
}
