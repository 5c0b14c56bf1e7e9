"""The picture an input wants, and pixels brought to its size, channels, layout and range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isqrt, prod
from typing import Any

import numpy as np

from regraft.data.resize import covering, middle, resize
from regraft.errors import BadArgument, ShapeMismatch
from regraft.network.graph import InputSpec

# How much red, green and blue weigh in the brightness (ITU-R 601, as Pillow has it).
_BRIGHTNESS = np.array([[0.299], [0.587], [0.114]], np.float32)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """The picture an input wants: `channels` is 1 or 3."""

    height: int
    width: int
    channels: int
    spec: InputSpec


def frame(spec: InputSpec, source: str, got: str) -> Frame:
    """The picture an input wants; where it is flat, a square one.

    Raises:
        BadArgument: the input takes pictures of any size.
        ShapeMismatch: it takes no pictures; the message says that `source` has `got`.
    """
    if spec.layout in ("NHWC", "NCHW") and len(spec.shape) == 4:
        row = spec.shape[1:] if spec.layout == "NHWC" else (*spec.shape[2:], spec.shape[1])
        height, width, channels = row
        if height is None or width is None:
            raise BadArgument(
                f"the input {spec.name} takes pictures of any size",
                expected="the size to bring yours to",
                got=f"{spec.layout} {spec.shape}",
                fix="say it: --input size=224, or size=HEIGHTxWIDTH",
            )
        if channels in (1, 3):
            return Frame(height=height, width=width, channels=channels, spec=spec)
    if spec.layout == "flat" and len(spec.shape) == 2:
        for channels in (1, 3) if spec.channels is None else (1 if spec.channels == "grey" else 3,):
            side = isqrt((spec.shape[1] or 0) // channels)
            if side and side * side * channels == spec.shape[1]:
                return Frame(height=side, width=side, channels=channels, spec=spec)
    raise unreachable(spec, source, got)


def unreachable(spec: InputSpec, source: str, got: str) -> ShapeMismatch:
    """The error for examples that no known step brings to the input."""
    return ShapeMismatch(
        f"the examples cannot be brought to the input {spec.name}",
        where=source,
        expected=f"{spec.layout} {spec.shape}" if spec.layout != "other" else str(spec.shape),
        got=got,
    )


def fitted(picture: np.ndarray, into: Frame) -> np.ndarray:
    """A picture (h w c), c 1 or 3, cropped, at the frame's size and with its number of channels."""
    rule = into.spec.resize
    if rule == "antialias" or rule == "tf1":
        picture = middle(picture, into.spec.crop)
    if picture.shape[2] < into.channels:
        picture = np.repeat(picture, 3, axis=2)
    elif picture.shape[2] > into.channels:
        grey = picture @ _BRIGHTNESS
        picture = np.round(grey).astype(np.uint8) if picture.dtype == np.uint8 else grey
    if rule == "antialias" or rule == "tf1":
        return resize(picture, into.height, into.width, rule)
    return covering(picture, (into.height, into.width), into.spec.crop, rule)


def stacked(pictures: Sequence[np.ndarray], into: Frame) -> np.ndarray:
    """Fitted pictures (h w c) as one batch (b ...) in the layout of the input."""
    if not pictures:
        return np.empty((0, *(size or 0 for size in into.spec.shape[1:])), np.float32)
    batch = np.stack(pictures)
    if into.spec.layout == "NCHW":
        return batch.transpose(0, 3, 1, 2)
    return batch.reshape(len(batch), -1) if into.spec.layout == "flat" else batch


def scaled(pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """Pixels (b ...) 0..255 in the range and type of the input; an input of integers gets them as they are.

    Raises:
        BadArgument: nobody has said what the range is.
    """
    dtype = np.dtype(spec.dtype)
    if dtype.kind != "f":
        return np.round(pixels).astype(dtype)
    if spec.range is None:
        raise BadArgument(f"nobody knows the range of the input {spec.name}", fix="say it: --input range=0..1")
    low, high = spec.range
    mean, std = np.array(spec.mean or (0.0,)), np.array(spec.std or (1.0,))
    batch = np.multiply(pixels, _per_number((high - low) / 255 / std, pixels, spec), dtype=_work(dtype))
    batch += _per_number((low - mean) / std, pixels, spec)
    return batch.astype(dtype, copy=False)


def _work(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.promote_types(dtype, np.float32)


def _per_number(channels: np.ndarray, pixels: np.ndarray, spec: InputSpec) -> np.ndarray:
    """A number, or one a channel (c), spread over a row of the batch: inner loops over 3 are slow."""
    channels = channels.astype(_work(np.dtype(spec.dtype)))
    row = pixels.shape[1:]
    if (channels == channels[0]).all():
        return channels[0]
    if spec.layout == "NCHW":
        return np.repeat(channels, prod(row[1:])).reshape(row)
    return np.tile(channels, prod(row) // len(channels)).reshape(row)
