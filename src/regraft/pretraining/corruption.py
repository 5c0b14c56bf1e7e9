"""What is done to examples so that telling it, or undoing it, needs no label. All draw from torch's own dice.

A batch (b h w c) holds pictures, a batch (b d) rows of a table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import BadArgument
from regraft.network import InputSpec

Change = Callable[[Tensor], Tensor]

_SHARE = 0.3  # of the numbers that masking and shuffling of cells touch
_PATCHES = 3  # along each side of a picture
_NOISE = 0.5  # standard deviations of the batch
# How far a picture is moved at most: radians, shares of its size, of a shear, and of half a side.
_ANGLE, _SIZE, _SHEAR, _SHIFT = 0.2, 0.15, 0.15, 0.1


def changes(spec: InputSpec) -> Mapping[str, Change]:
    """The ways in which examples of an input can be corrupted, by name."""
    if spec.layout == "flat":
        return {"cells shuffled": with_cells_shuffled}
    return {"patches shuffled": with_patches_shuffled, "turned": turned, "noise": with_noise}


def masked(batch: Tensor) -> Tensor:
    """Some of the numbers made 0 (Vincent et al. 2010)."""
    return batch * (torch.rand_like(batch) >= _SHARE)


def with_cells_shuffled(rows: Tensor) -> Tensor:
    """Some of the cells take the value that the column has in another row."""
    others = torch.randint(len(rows), rows.shape)
    return torch.where(torch.rand_like(rows) < _SHARE, rows.gather(0, others), rows)


def with_noise(batch: Tensor) -> Tensor:
    """Gaussian noise added to each number."""
    return batch + torch.randn_like(batch) * batch.std() * _NOISE


def with_patches_shuffled(pictures: Tensor) -> Tensor:
    """Each picture cut into patches that change places; what no whole patch covers stays."""
    count, height, width, channels = pictures.shape
    high, wide = height // _PATCHES, width // _PATCHES
    part = pictures[:, : high * _PATCHES, : wide * _PATCHES]
    patches = part.reshape(count, _PATCHES, high, _PATCHES, wide, channels).transpose(2, 3).flatten(1, 2)
    order = torch.rand(count, _PATCHES**2).argsort(1)
    mixed = patches[torch.arange(count)[:, None], order].unflatten(1, (_PATCHES, _PATCHES)).transpose(2, 3)
    found = pictures.clone()
    found[:, : high * _PATCHES, : wide * _PATCHES] = mixed.reshape(part.shape)
    return found


def turned(pictures: Tensor) -> Tensor:
    """Each picture turned by one, two or three quarters; by two where it is no square."""
    square = pictures.shape[1] == pictures.shape[2]
    return turned_by(pictures, torch.randint(1, 4, (len(pictures),)) if square else torch.full((len(pictures),), 2))


def turned_by(pictures: Tensor, quarters: Tensor) -> Tensor:
    """Each picture turned by a number of quarters (b)."""
    found = pictures.clone()
    for quarter in range(1, 4):
        chosen = quarters == quarter
        if chosen.any():
            found[chosen] = torch.rot90(pictures[chosen], quarter, (1, 2))
    return found


def moved(pictures: Tensor) -> Tensor:
    """Each picture a little turned, sheared, scaled and shifted; what comes in at a side is like its border."""
    count = len(pictures)
    angle, size, shear = _about_0(count) * _ANGLE, 1 + _about_0(count) * _SIZE, _about_0(count) * _SHEAR
    rows = [size * angle.cos(), shear - size * angle.sin(), size * angle.sin(), size * angle.cos()]
    turns = torch.stack(rows, 1).unflatten(1, (2, 2))
    shifts = torch.stack([_about_0(count), _about_0(count)], 1)[:, :, None] * _SHIFT
    planes = pictures.permute(0, 3, 1, 2)
    places = functional.affine_grid(torch.cat([turns, shifts], 2), list(planes.shape), align_corners=False)
    found = functional.grid_sample(planes, places, padding_mode="border", align_corners=False)
    return found.permute(0, 2, 3, 1)


def _about_0(count: int) -> Tensor:
    """Numbers between -1 and 1, all as likely."""
    return 2 * torch.rand(count) - 1


def require_square(spec: InputSpec) -> None:
    """Raise BadArgument unless an input takes pictures that fit turned as well."""
    if spec.layout != "NHWC" or spec.shape[1] != spec.shape[2]:
        raise BadArgument(
            "only square pictures can be turned into further classes",
            expected="(b h h c)",
            got=f"{spec.layout} {spec.shape}",
            fix="say a square size: --input size=32, or leave out --turns",
        )
