"""Weights that no file holds, started as the prototxt says (Caffe's filler.hpp)."""

from __future__ import annotations

import zlib
from math import prod, sqrt
from typing import Any

import numpy as np

from regraft.formats.caffe.blobs import Array


def filled(name: str, shape: tuple[int, ...], filler: Any) -> Array:
    """A fresh parameter, the same for the same name every time.

    Args:
        filler: a FillerParameter, or a number that stands everywhere. Weights without one start as `xavier`: Caffe's
            own default, zeros, learns nothing.
    """
    if isinstance(filler, int | float):
        return np.full(shape, filler, np.float32)
    kind = filler.type if filler.HasField("type") or filler.HasField("value") else "xavier"
    random = np.random.default_rng(zlib.crc32(name.encode()))
    return _FILLERS.get(kind, _xavier)(random, shape, filler).astype(np.float32)


def _fan(shape: tuple[int, ...], filler: Any) -> float:
    count = prod(shape)
    fans = count / max(1, shape[0]), count / max(1, shape[1] if len(shape) > 1 else 1)
    return max(1.0, (fans[0], fans[1], sum(fans) / 2)[filler.variance_norm])


def _xavier(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    limit = sqrt(3 / _fan(shape, filler))
    return random.uniform(-limit, limit, shape)


def _msra(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    return random.normal(0, sqrt(2 / _fan(shape, filler)), shape)


def _gaussian(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    values = random.normal(filler.mean, abs(filler.std), shape)
    if filler.sparse < 0 or not shape[0]:
        return values
    return values * (random.random(shape) < filler.sparse / shape[0])


def _uniform(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    return random.uniform(min(filler.min, filler.max), max(filler.min, filler.max), shape)


def _unit_ball(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    values = random.random(shape)
    rows = values.reshape(shape[0], -1)
    return (rows / np.maximum(rows.sum(1, keepdims=True), np.finfo(np.float32).tiny)).reshape(shape)


def _bilinear(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    """The weights with which a deconvolution enlarges pictures."""
    width = shape[-1]
    factor = -(-width // 2)
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    row = 1 - np.abs(np.arange(width) / factor - centre)
    column = 1 - np.abs(np.arange(shape[-2]) / factor - centre) if len(shape) > 1 else row
    return np.broadcast_to(np.outer(column, row), shape)


def _constant(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    return np.full(shape, filler.value)


_FILLERS = {
    "constant": _constant,
    "xavier": _xavier,
    "msra": _msra,
    "gaussian": _gaussian,
    "uniform": _uniform,
    "positive_unitball": _unit_ball,
    "bilinear": _bilinear,
}
