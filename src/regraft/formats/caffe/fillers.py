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
    return _FILLERS.get(kind, _xavier)(random, shape, filler).astype(np.float32, copy=False)


def _fan(shape: tuple[int, ...], filler: Any) -> float:
    count = prod(shape)
    fans = count / max(1, shape[0]), count / max(1, shape[1] if len(shape) > 1 else 1)
    return max(1.0, (fans[0], fans[1], sum(fans) / 2)[filler.variance_norm])


def _between(random: np.random.Generator, shape: tuple[int, ...], low: float, high: float) -> Array:
    """Evenly from low to high, in no more memory than the numbers take."""
    values = random.random(shape, np.float32)
    values *= high - low
    values += low
    return values


def _normal(random: np.random.Generator, shape: tuple[int, ...], mean: float, deviation: float) -> Array:
    values = random.standard_normal(shape, np.float32)
    values *= deviation
    values += mean
    return values


def _xavier(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    limit = sqrt(3 / _fan(shape, filler))
    return _between(random, shape, -limit, limit)


def _msra(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    return _normal(random, shape, 0.0, sqrt(2 / _fan(shape, filler)))


def _gaussian(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    values = _normal(random, shape, filler.mean, abs(filler.std))
    if filler.sparse >= 0 and shape[0]:
        values *= random.random(shape, np.float32) < filler.sparse / shape[0]
    return values


def _uniform(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    return _between(random, shape, *sorted((filler.min, filler.max)))


def _unit_ball(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    values = random.random(shape, np.float32)
    rows = values.reshape(shape[0], -1)
    rows /= np.maximum(rows.sum(1, keepdims=True), np.finfo(np.float32).tiny)
    return values


def _bilinear(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    """The weights with which a deconvolution enlarges pictures."""
    width = shape[-1]
    factor = -(-width // 2)
    centre = (2 * factor - 1 - factor % 2) / (2 * factor)
    row = 1 - np.abs(np.arange(width) / factor - centre)
    column = 1 - np.abs(np.arange(shape[-2]) / factor - centre) if len(shape) > 1 else row
    return np.broadcast_to(np.outer(column, row), shape)


def _constant(random: np.random.Generator, shape: tuple[int, ...], filler: Any) -> Array:
    return np.full(shape, filler.value, np.float32)


_FILLERS = {
    "constant": _constant,
    "xavier": _xavier,
    "msra": _msra,
    "gaussian": _gaussian,
    "uniform": _uniform,
    "positive_unitball": _unit_ball,
    "bilinear": _bilinear,
}
