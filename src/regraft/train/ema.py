"""Moving averages of the weights themselves, as tf.train.ExponentialMovingAverage keeps them."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager

import numpy as np
import torch
from torch import Tensor


class Ema:
    """Shadows of weights that follow them slowly; the weights themselves are never touched by an update.

    Attributes:
        shadows: {weight: its average}.
    """

    def __init__(self, decay: float, weights: Mapping[str, Tensor]) -> None:
        self._decay = np.float32(decay)
        self._weights = dict(weights)
        self.shadows = {name: weight.detach().clone() for name, weight in weights.items()}

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Follow the weights as they are after step number `step`, counted from 1."""
        # Young averages follow fast, else they would hold the first weights for long (num_updates in TensorFlow).
        young = np.float32(1 + step) / np.float32(10 + step)
        decay = float(min(self._decay, young))
        for name, shadow in self.shadows.items():
            weight = self._weights[name]
            if shadow.is_floating_point():
                shadow.lerp_(weight, 1 - decay)
            else:
                shadow.copy_(weight)

    @contextmanager
    def applied(self) -> Generator[dict[str, Tensor]]:
        """Within it the weights have the values of their shadows; yields their own."""
        raw = {name: weight.detach().clone() for name, weight in self._weights.items()}
        put(self._weights, self.shadows)
        try:
            yield raw
        finally:
            put(self._weights, raw)


@torch.no_grad()
def put(weights: Mapping[str, Tensor], values: Mapping[str, Tensor]) -> None:
    """Overwrite weights in place with the values of the same names."""
    for name, value in values.items():
        weights[name].copy_(value)
