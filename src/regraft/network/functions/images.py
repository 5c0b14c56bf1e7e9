"""Pictures (b h w c) resized. Where the samples of the source lie has changed over TensorFlow's life: three rules."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from regraft.network.functions.operands import sizes


def resize_bilinear(
    images: Tensor, size: Tensor, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Tensor:
    """Mix the four neighbours; whole numbers become float32. Made smaller, pictures are sampled, not averaged."""
    if not images.is_floating_point():
        images = images.float()
    for axis, length in enumerate(sizes(size), start=1):
        places = _places(images.shape[axis], length, align_corners, half_pixel_centers)
        below = np.floor(places)
        low = torch.from_numpy(np.maximum(below, 0).astype(np.int64)).to(images.device)
        high = torch.from_numpy(np.minimum(np.ceil(places), images.shape[axis] - 1).astype(np.int64)).to(images.device)
        share = torch.from_numpy(places - below).to(images).view(-1, *[1] * (3 - axis))
        images = torch.lerp(images.index_select(axis, low), images.index_select(axis, high), share)
    return images


def resize_nearest_neighbor(
    images: Tensor, size: Tensor, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Tensor:
    """Take the nearest source pixel; without any flag the one above and to the left."""
    for axis, length in enumerate(sizes(size), start=1):
        places = _places(images.shape[axis], length, align_corners, half_pixel_centers, nearest=True)
        rounded = np.floor(places + np.float32(0.5)) if align_corners else np.floor(places)
        chosen = np.clip(rounded, 0, images.shape[axis] - 1).astype(np.int64)
        images = images.index_select(axis, torch.from_numpy(chosen).to(images.device))
    return images


def _places(
    source: int, target: int, align_corners: bool, half_pixel_centers: bool, *, nearest: bool = False
) -> NDArray[np.float32]:
    """Where each target pixel lies in the source, in float32 as TensorFlow computes it."""
    steps = np.arange(target, dtype=np.float32)
    if align_corners and target > 1:
        return steps * (np.float32(source - 1) / np.float32(target - 1))
    scale = np.float32(source) / np.float32(target)
    if half_pixel_centers:
        return (steps + np.float32(0.5)) * scale - np.float32(0 if nearest else 0.5)
    return steps * scale


FUNCTIONS = {"resize_bilinear": resize_bilinear, "resize_nearest_neighbor": resize_nearest_neighbor}
