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


def resize_bicubic(
    images: Tensor, size: Tensor, *, align_corners: bool = False, half_pixel_centers: bool = False
) -> Tensor:
    """Mix sixteen neighbours by cubic curves, read from a table of 1024 steps; whole numbers become float32."""
    if not images.is_floating_point():
        images = images.float()
    for axis, length in enumerate(sizes(size), start=1):
        places = _places(images.shape[axis], length, align_corners, half_pixel_centers)
        first = np.floor(places).astype(np.int64)
        taps = np.stack([first - 1, first, first + 1, first + 2])
        shares = _cubic_shares(places - first, -0.5 if half_pixel_centers else -0.75)
        if half_pixel_centers:  # what lies outside does not count
            shares = np.where((taps >= 0) & (taps < images.shape[axis]), shares, np.float32(0))
            shares = (shares / shares.sum(0)).astype(np.float32)
        inside = np.clip(taps, 0, images.shape[axis] - 1)
        near = images.index_select(axis, torch.from_numpy(inside.reshape(-1)).to(images.device))
        weights = torch.from_numpy(shares).to(images).view(4, length, *[1] * (3 - axis))
        images = (near.unflatten(axis, (4, length)) * weights).sum(axis)
    return images


def resize_area(images: Tensor, size: Tensor, *, align_corners: bool = False) -> Tensor:
    """The mean of the area each target pixel covers in the source; whole numbers become float32."""
    if not images.is_floating_point():
        images = images.float()
    for axis, length in enumerate(sizes(size), start=1):
        source = images.shape[axis]
        scale = _scale(source, length, align_corners)
        starts = np.arange(length, dtype=np.float32) * scale
        ends = np.arange(1, length + 1, dtype=np.float32) * scale
        pixels = np.arange(int(np.ceil(ends.max(initial=0))) + 1, dtype=np.float32)
        covered = np.minimum(ends[:, None], pixels + 1) - np.maximum(starts[:, None], pixels)
        shares = np.zeros((length, source), np.float32)
        np.add.at(shares.T, np.clip(pixels.astype(int), 0, source - 1), covered.clip(min=0).T)
        mixed = images.movedim(axis, -1) @ torch.from_numpy(shares.T / scale).to(images)
        images = mixed.movedim(-1, axis)
    return images


def _cubic_shares(rest: NDArray[np.float32], a: float) -> NDArray[np.float32]:
    """The shares of the pixel before, the pixel itself, and the two after it: (4 pixels)."""
    x = np.arange(1025) / 1024
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    x = x + 1
    far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    steps = np.rint(rest * np.float32(1024)).astype(np.int64)
    return np.stack([far[steps], near[steps], near[1024 - steps], far[1024 - steps]]).astype(np.float32)


def _places(
    source: int, target: int, align_corners: bool, half_pixel_centers: bool, *, nearest: bool = False
) -> NDArray[np.float32]:
    """Where each target pixel lies in the source, in float32 as TensorFlow computes it."""
    steps = np.arange(target, dtype=np.float32)
    scale = _scale(source, target, align_corners)
    if half_pixel_centers:
        return (steps + np.float32(0.5)) * scale - np.float32(0 if nearest else 0.5)
    return steps * scale


def _scale(source: int, target: int, align_corners: bool) -> np.float32:
    if align_corners and target > 1:
        return np.float32(source - 1) / np.float32(target - 1)
    return np.float32(source) / np.float32(target)


FUNCTIONS = {
    "resize_area": resize_area,
    "resize_bicubic": resize_bicubic,
    "resize_bilinear": resize_bilinear,
    "resize_nearest_neighbor": resize_nearest_neighbor,
}
