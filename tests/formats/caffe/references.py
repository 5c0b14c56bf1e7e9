"""What Caffe computes where OpenCV cannot be asked: written after Caffe's own layer sources, place by place."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

Array = np.ndarray


def lrn_k(x: Array) -> Array:
    """OpenCV leaves k out."""
    squares = np.pad(x**2, ((0, 0), (1, 1), (0, 0), (0, 0)))
    sums = sum(squares[:, k : k + x.shape[1]] for k in range(3))
    return x / np.sqrt(2 + 0.5 / 3 * sums)


def tile(x: Array) -> Array:
    return np.concatenate([x, x], 1)


def arg_max_axis_values(x: Array) -> Array:
    return -np.sort(-x, axis=2)[:, :, :2]


def arg_max_top(x: Array) -> Array:
    places = np.argsort(-x, axis=1)[:, :3]
    return np.stack([places, np.take_along_axis(x, places, 1)], 1)


def pool_stepping_down(x: Array) -> Array:
    """round_mode: FLOOR with a window of 3 and a stride of 2."""
    out = np.empty((*x.shape[:2], 4, 3), x.dtype)
    for i, j in itertools.product(range(4), range(3)):
        out[:, :, i, j] = x[:, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((2, 3))
    return out


REFERENCES: dict[str, Callable[[Array], Array | list[Array]]] = {
    "lrn_k": lrn_k,
    "log": lambda x: np.log(np.abs(x) + 1),
    "log_base": lambda x: np.log10(2 * np.abs(x) + 1),
    "swish": lambda x: x / (1 + np.exp(-0.7 * x)),
    "threshold": lambda x: (x > 0.2).astype(x.dtype),
    "clip": lambda x: np.clip(x, -0.5, 0.25),
    "slice": lambda x: [x[:, :2], x[:, 2:4], x[:, 4:]],
    "reshape_nothing": lambda x: x[None],
    "permute_short": lambda x: x.transpose(0, 3, 1, 2),
    "argmax": lambda x: x.argmax(1).reshape(-1, 1, 1),
    "argmax_top": arg_max_top,
    "argmax_picture": lambda x: np.argsort(-x.reshape(len(x), -1), axis=1)[:, None, :2, None],
    "argmax_axis": lambda x: x.argmax(1)[:, None],
    "argmax_axis_values": arg_max_axis_values,
    "reduction": lambda x: x.sum((1, 2, 3)),
    "reduction_mean": lambda x: 3 * x.mean((2, 3)),
    "reduction_asum": lambda x: np.abs(x).sum((1, 2, 3)),
    "reduction_sumsq": lambda x: 0.5 * (x**2).sum((1, 2, 3)),
    "tile": tile,
    "pool_floor": pool_stepping_down,
    "pool_ceil_mode": pool_stepping_down,
}
