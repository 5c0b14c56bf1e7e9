"""Bringing a picture to a given size, as it is done today and as TensorFlow 1 did it."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import Image


def resize(picture: np.ndarray, height: int, width: int, rule: Literal["antialias", "tf1"]) -> np.ndarray:
    """A picture (h w c) of another size, stretched where its proportions differ.

    Networks of retrain.py's days were fed so. Values keep their range; uint8 stays uint8 with "antialias",
    "tf1" gives float32.
    """
    if rule == "tf1":
        return _tf1(picture.astype(np.float32), height, width)
    return _pillow(picture, height, width, Image.Resampling.BILINEAR)


def _pillow(picture: np.ndarray, height: int, width: int, method: Image.Resampling) -> np.ndarray:
    if picture.shape[:2] == (height, width):
        return picture
    size = (width, height)
    if picture.dtype == np.uint8 and picture.shape[2] in (1, 3):
        image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
        return np.asarray(image.resize(size, method)).reshape(height, width, -1)
    planes = [Image.fromarray(picture[..., c].astype(np.float32)) for c in range(picture.shape[2])]
    return np.stack([np.asarray(plane.resize(size, method)) for plane in planes], axis=-1)


def covering(
    picture: np.ndarray,
    size: tuple[int, int],
    crop: float,
    rule: Literal["bilinear", "bicubic", "stretched-bicubic"],
) -> np.ndarray:
    """The middle (height, width) of a picture (h w c) whose shorter side, or each if stretched, was made `side / crop`.

    As torchvision's Resize and CenterCrop do on pictures of Pillow; uint8 stays uint8.
    """
    height, width = size
    rows, columns = round(height / crop), round(width / crop)
    if rule != "stretched-bicubic":
        scale = max(rows / picture.shape[0], columns / picture.shape[1])
        rows, columns = (max(int(a * scale + 1e-6), least) for a, least in zip(picture.shape[:2], size, strict=True))
    method = Image.Resampling.BILINEAR if rule == "bilinear" else Image.Resampling.BICUBIC
    picture = _pillow(picture, rows, columns, method)
    top, left = round((rows - height) / 2), round((columns - width) / 2)
    return picture[top : top + height, left : left + width]


def middle(picture: np.ndarray, share: float) -> np.ndarray:
    """The middle of a picture (h w c), by the rounding of tf.image.central_crop (ops/image_ops_impl.py)."""
    top, left = (int((side - side * share) / 2) for side in picture.shape[:2])
    return picture[top : picture.shape[0] - top, left : picture.shape[1] - left]


def _tf1(picture: np.ndarray, height: int, width: int) -> np.ndarray:
    """ResizeBilinear with align_corners and half_pixel_centers false (core/kernels/image/resize_bilinear_op.cc).

    Output pixel i looks at i * in/out, so the picture moves half a pixel and shrinking skips pixels.
    """
    top, bottom, down = _neighbours(picture.shape[0], height)
    left, right, across = _neighbours(picture.shape[1], width)
    across = across[None, :, None]
    upper, lower = picture[top], picture[bottom]
    above = upper[:, left] + (upper[:, right] - upper[:, left]) * across
    below = lower[:, left] + (lower[:, right] - lower[:, left]) * across
    return above + (below - above) * down[:, None, None]


def _neighbours(old: int, new: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each new position the two old ones it lies between, and how far it is from the first."""
    place = np.arange(new, dtype=np.float32) * (np.float32(old) / np.float32(new))
    first = np.floor(place).astype(np.int64)
    return first, np.minimum(first + 1, old - 1), (place - first).astype(np.float32)
