"""Parts of pictures (b h w c): boxes cut out, patches side by side."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import UnsupportedOp
from regraft.network.functions.operands import sizes, together
from regraft.network.functions.windows import channels_first, padded, spatial, window


def crop_and_resize(
    image: Tensor,
    boxes: Tensor,
    box_ind: Tensor,
    crop_size: Tensor,
    *,
    method: str = "bilinear",
    extrapolation_value: float = 0.0,
) -> Tensor:
    """Boxes (n 4: top, left, bottom, right, from 0 to 1) of the pictures `box_ind` names, brought to one size.

    Raises:
        UnsupportedOp: the method is another than mixing the four neighbours, or taking the nearest.
    """
    if method not in ("bilinear", "nearest"):
        raise UnsupportedOp(f"boxes cannot be resized by {method}", expected="bilinear, nearest")
    image = image if image.is_floating_point() else image.float()
    image, boxes, which = together(image, boxes, box_ind.long())
    height, width = sizes(crop_size)
    rows = _places(boxes[:, 0], boxes[:, 2], image.shape[1], height)
    columns = _places(boxes[:, 1], boxes[:, 3], image.shape[2], width)
    picture = which.view(-1, 1, 1)

    def at(row: Tensor, column: Tensor) -> Tensor:
        return image[picture, _inside(row, image.shape[1]).unsqueeze(2), _inside(column, image.shape[2]).unsqueeze(1)]

    if method == "nearest":
        crops = at(_rounded(rows), _rounded(columns))
    else:
        up, left = rows.floor(), columns.floor()
        across = (columns - left)[:, None, :, None]
        above = torch.lerp(at(up, left), at(up, columns.ceil()), across)
        below = torch.lerp(at(rows.ceil(), left), at(rows.ceil(), columns.ceil()), across)
        crops = torch.lerp(above, below, (rows - up)[:, :, None, None])
    outside = _is_outside(rows, image.shape[1]).unsqueeze(2) | _is_outside(columns, image.shape[2]).unsqueeze(1)
    return crops.masked_fill(outside.unsqueeze(3), extrapolation_value)


def extract_image_patches(
    images: Tensor,
    *,
    ksizes: tuple[int, ...],
    strides: tuple[int, ...],
    rates: tuple[int, ...],
    padding: str,
) -> Tensor:
    """Each window's values side by side in the channels: (b h w size*size*c)."""
    pictures = channels_first(images, "NHWC")
    size = spatial(ksizes, "NHWC")
    sliding = window(pictures.shape[2:], size, strides=strides, dilations=rates, padding=padding, data_format="NHWC")
    grown = padded(pictures, sliding.pads)
    patches = functional.unfold(grown, size, dilation=sliding.dilations, stride=sliding.strides)
    high, wide = (
        (length - (kernel - 1) * gap - 1) // step + 1
        for length, kernel, gap, step in zip(grown.shape[2:], size, sliding.dilations, sliding.strides, strict=True)
    )
    parted = patches.reshape(images.shape[0], images.shape[3], size[0] * size[1], high, wide)
    return parted.permute(0, 3, 4, 2, 1).flatten(3)


def _places(low: Tensor, high: Tensor, length: int, count: int) -> Tensor:
    """Where in the picture each of `count` pixels of each box lies."""
    if count == 1:
        return (0.5 * (low + high) * (length - 1)).unsqueeze(1)
    step = (high - low) * (length - 1) / (count - 1)
    return low.unsqueeze(1) * (length - 1) + torch.arange(count, device=low.device) * step.unsqueeze(1)


def _inside(places: Tensor, length: int) -> Tensor:
    return places.detach().clamp(0, length - 1).long()


def _is_outside(places: Tensor, length: int) -> Tensor:
    return (places < 0) | (places > length - 1)


def _rounded(places: Tensor) -> Tensor:
    """Halves go away from 0, as C rounds."""
    return torch.floor(places + 0.5)


FUNCTIONS = {"crop_and_resize": crop_and_resize, "extract_image_patches": extract_image_patches}
