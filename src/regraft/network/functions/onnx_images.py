"""ONNX's sampling of pictures: resizing, grids, regions, and convolutions with moved windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from regraft.errors import ShapeMismatch, UnsupportedOp
from regraft.network.functions.onnx_shaping import Numbers, listed, made
from regraft.network.functions.operands import together

_Places = NDArray[np.float64]
_GRID_MODES = {"linear": "bilinear", "cubic": "bicubic"}


@dataclass(frozen=True, kw_only=True)
class _Sampling:
    """How the places of a resized dimension are found and mixed."""

    mode: str
    coordinates: str
    nearest: str
    cubic: float
    outside: bool  # whether neighbours outside count
    antialias: bool

    def places(self, source: int, target: int, scale: float, region: tuple[float, float]) -> _Places:
        """Where each target place lies in the source."""
        steps = np.arange(target, dtype=np.float64)
        length = scale * source
        if self.coordinates == "align_corners":
            return steps * 0 if length == 1 else steps * (source - 1) / (length - 1)
        if self.coordinates == "asymmetric":
            return steps / scale
        if self.coordinates == "tf_crop_and_resize":
            first, last = region
            span = (last - first) * (source - 1)
            return first * (source - 1) + (steps * 0 + span / 2 if length == 1 else steps * span / (length - 1))
        half = (steps + 0.5) / scale - 0.5
        if self.coordinates == "pytorch_half_pixel":
            return steps * 0 - 0.5 if length == 1 else half
        if self.coordinates == "half_pixel_symmetric":
            return half + source / 2 * (1 - target / length)
        if self.coordinates == "half_pixel":
            return half
        raise UnsupportedOp(f"coordinates by {self.coordinates!r} are not known")

    def taps(self, places: _Places, scale: float) -> tuple[NDArray[np.int64], _Places]:
        """The source places mixed for each target place, and their shares: (taps target)."""
        if self.mode == "nearest":
            return self._rounded(places)[None], np.ones((1, len(places)))
        if self.mode not in ("linear", "cubic"):
            raise UnsupportedOp(f"resizing by {self.mode!r} is not known", expected="nearest, linear, cubic")
        reach = 1 if self.mode == "linear" else 2
        squeeze = min(scale, 1.0) if self.antialias else 1.0
        first = math.floor(-reach / squeeze) + 1
        below = np.ceil(places) - 1  # of a whole number the place itself is the upper neighbour
        offsets = np.arange(first, 1 - first + 1, dtype=np.float64)[:, None]
        distance = np.abs((offsets - (places - below)[None]) * squeeze)
        shares = np.clip(1 - distance, 0, 1) if self.mode == "linear" else self._cubic(distance)
        if self.antialias:
            shares = shares / shares.sum(0)
        return (below[None] + offsets).astype(np.int64), shares

    def _rounded(self, places: _Places) -> NDArray[np.int64]:
        if self.nearest == "round_prefer_floor":
            found = np.ceil(places - 0.5)
        elif self.nearest == "round_prefer_ceil":
            found = np.floor(places + 0.5)
        else:
            found = np.floor(places) if self.nearest == "floor" else np.ceil(places)
        return found.astype(np.int64)

    def _cubic(self, x: _Places) -> _Places:
        a = self.cubic
        near = ((a + 2) * x - (a + 3)) * x * x + 1
        far = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
        return np.where(x <= 1, near, np.where(x < 2, far, 0))


def resize(  # noqa: PLR0913 - as many as ONNX has
    x: Tensor, roi: Tensor | None = None, scales: Numbers | None = None, sizes: Numbers | None = None, *,
    mode: str = "nearest", coordinate_transformation_mode: str = "half_pixel", nearest_mode: str = "round_prefer_floor",
    cubic_coeff_a: float = -0.75, exclude_outside: int = 0, antialias: int = 0, extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch", axes: Sequence[int] | None = None,
) -> Tensor:  # fmt: skip
    """The tensor with other sizes along some dimensions, its values mixed of their neighbours.

    Args:
        roi: the first and then the last place of each dimension, as shares, for tf_crop_and_resize.
        scales, sizes: by how much, or to what; one of them.
    """
    along = list(range(x.ndim)) if axes is None else [axis % x.ndim for axis in axes]
    targets, factors = _targets(x, along, scales, sizes, keep_aspect_ratio_policy)
    made([targets[along.index(axis)] if axis in along else size for axis, size in enumerate(x.shape)])
    sampling = _Sampling(mode=mode, coordinates=coordinate_transformation_mode, nearest=nearest_mode,
                         cubic=cubic_coeff_a, outside=not exclude_outside, antialias=bool(antialias))  # fmt: skip
    crops = sampling.coordinates == "tf_crop_and_resize"
    region = roi.tolist() if crops and roi is not None else [0.0] * len(along) + [1.0] * len(along)
    kind, beyond = x.dtype, torch.zeros((), dtype=torch.bool, device=x.device)
    mixed = x if x.is_floating_point() else x.double()
    for k, (axis, target, factor) in enumerate(zip(along, targets, factors, strict=True)):
        source = x.shape[axis]
        if not crops and target == source and factor == 1:
            continue
        places = sampling.places(source, target, factor, (region[k], region[k + len(along)]))
        mixed = _mixed(mixed, axis, sampling, places, factor)
        if crops:
            out = torch.from_numpy((places < 0) | (places > source - 1)).to(x.device)
            beyond = beyond | out.view(-1, *[1] * (x.ndim - axis - 1))
    if crops:
        mixed = torch.where(beyond, torch.full_like(mixed, extrapolation_value), mixed)
    return mixed.to(kind) if kind.is_floating_point else torch.round(mixed).to(kind)


def _mixed(x: Tensor, axis: int, sampling: _Sampling, places: _Places, factor: float) -> Tensor:
    """One dimension resized."""
    source = x.shape[axis]
    taps, shares = sampling.taps(places, factor)
    if not sampling.outside and sampling.mode == "cubic":
        shares = np.where((taps >= 0) & (taps < source), shares, 0)
        shares = shares / shares.sum(0)
    inside = torch.from_numpy(np.clip(taps, 0, source - 1)).to(x.device)
    if len(taps) == 1:
        return x.index_select(axis, inside[0])
    weights = torch.from_numpy(shares).to(x).view(*shares.shape, *[1] * (x.ndim - axis - 1))
    near = x.index_select(axis, inside.reshape(-1)).unflatten(axis, tuple(shares.shape))
    return (near * weights).sum(axis)


def _targets(
    x: Tensor, along: Sequence[int], scales: Numbers | None, sizes: Numbers | None, policy: str
) -> tuple[list[int], list[float]]:
    """The wanted length of each dimension, and by how much it grows."""
    lengths = [x.shape[axis] for axis in along]
    if scales is not None and (factors := [float(scale) for scale in listed(scales)]):
        if len(factors) != len(lengths) or any(not math.isfinite(one) or one <= 0 for one in factors):
            raise ShapeMismatch("the scales do not fit", expected=f"{len(lengths)} numbers above 0", got=str(factors))
        return [math.floor(length * one) for length, one in zip(lengths, factors, strict=True)], factors
    wanted = [] if sizes is None else listed(sizes)
    if len(wanted) != len(lengths):
        raise ShapeMismatch("the sizes do not fit", expected=f"{len(lengths)} of them", got=str(sizes))
    factors = [size / max(1, length) for size, length in zip(wanted, lengths, strict=True)]
    if policy == "stretch":
        return wanted, factors
    if policy not in ("not_larger", "not_smaller"):
        raise UnsupportedOp(f"keeping the shape by {policy!r} is not known")
    one = min(factors) if policy == "not_larger" else max(factors)
    return [math.floor(one * length + 0.5) for length in lengths], [one] * len(lengths)


def upsample(x: Tensor, scales: Numbers, *, mode: str = "nearest") -> Tensor:
    """Pictures made larger; what `resize` was before opset 10."""
    return resize(x, None, scales, mode=mode, coordinate_transformation_mode="asymmetric", nearest_mode="floor")


def grid_sample(
    x: Tensor, grid: Tensor, *, mode: str = "linear", padding_mode: str = "zeros", align_corners: int = 0
) -> Tensor:
    """Pictures or volumes (b c ...) read at the places of a grid (b ... n), -1 and 1 being the borders."""
    x, grid = together(x, grid)
    return functional.grid_sample(
        x, grid.to(x.dtype), _GRID_MODES.get(mode, mode), padding_mode, align_corners=bool(align_corners)
    )


def affine_grid(theta: Tensor, size: Tensor, *, align_corners: int = 0) -> Tensor:
    """The grid that an affine map (b n n+1) makes of a picture's or volume's places."""
    return functional.affine_grid(theta, made(size.tolist()), align_corners=bool(align_corners))


def roi_align(  # noqa: PLR0913 - as many as ONNX has
    x: Tensor, rois: Tensor, batch_indices: Tensor, *, mode: str = "avg", output_height: int = 1, output_width: int = 1,
    sampling_ratio: int = 0, spatial_scale: float = 1.0, coordinate_transformation_mode: str = "half_pixel",
) -> Tensor:  # fmt: skip
    """Regions (n 4) of pictures (b c h w) brought to one size: the mean, or the maximum, of points in each part.

    Args:
        rois: left, top, right, bottom.
        sampling_ratio: points of a part along each side; 0: as many as it has pixels.
    """
    shift = 0.5 if coordinate_transformation_mode == "half_pixel" else 0.0
    made([rois.shape[0], x.shape[1], output_height, output_width])
    if x.is_meta or rois.is_meta:
        return x.new_empty(rois.shape[0], x.shape[1], output_height, output_width)
    found: list[Tensor] = []
    for box, example in zip((rois * spatial_scale - shift).tolist(), batch_indices.tolist(), strict=True):
        left, top, right, bottom = box
        width, height = right - left, bottom - top
        if not shift:
            width, height = max(width, 1.0), max(height, 1.0)
        rows = _points(top, height, output_height, sampling_ratio)
        columns = _points(left, width, output_width, sampling_ratio)
        corners = _corners(x[int(example)], rows, columns)
        shape = (output_height, len(rows) // output_height, output_width, len(columns) // output_width)
        if mode == "avg":
            found.append(sum(corners).unflatten(2, shape[2:]).unflatten(1, shape[:2]).mean((2, 4)))  # type: ignore[union-attr]
        else:
            highest = torch.stack(corners).amax(0)
            found.append(highest.unflatten(2, shape[2:]).unflatten(1, shape[:2]).amax((2, 4)))
    return torch.stack(found) if found else x.new_zeros(0, x.shape[1], output_height, output_width)


def _points(start: float, length: float, parts: int, ratio: int) -> list[float]:
    count = ratio or max(1, math.ceil(length / parts))
    made([parts * count])
    return [start + (place + 0.5) * length / parts / count for place in range(parts * count)]


def _corners(picture: Tensor, rows: list[float], columns: list[float]) -> list[Tensor]:
    """The four neighbours of each point (c rows columns), each times its share; 0 outside of the picture."""
    sides: list[tuple[Tensor, Tensor, Tensor]] = []
    for points, length in ((rows, picture.shape[1]), (columns, picture.shape[2])):
        place = torch.tensor(points, dtype=picture.dtype, device=picture.device)
        inside = ((place >= -1) & (place <= length)).to(picture.dtype)
        place = place.clamp(0, length - 1)
        low = place.floor().long()
        share = place - low
        sides.append((low, (low + 1).clamp(max=length - 1), torch.stack([(1 - share) * inside, share * inside])))
    (top, bottom, down), (left, right, across) = sides
    return [
        picture[:, one][:, :, other] * down[k].view(-1, 1) * across[m]
        for k, one in enumerate((top, bottom))
        for m, other in enumerate((left, right))
    ]


def deform_conv(  # noqa: PLR0913 - as many as ONNX has
    x: Tensor, w: Tensor, offset: Tensor, b: Tensor | None = None, mask: Tensor | None = None, *,
    strides: Sequence[int] | None = None, dilations: Sequence[int] | None = None, pads: Sequence[int] | None = None,
    group: int = 1, offset_group: int = 1,
) -> Tensor:  # fmt: skip
    """A convolution of (b c h w) each place of whose window is moved by an offset (b groups*places*2 h w).

    Args:
        mask: (b groups*places h w) by how much each place counts.
    """
    x, w, offset = together(x, w, offset)
    (sy, sx), (dy, dx) = strides or (1, 1), dilations or (1, 1)
    top, left = (pads or (0, 0, 0, 0))[:2]
    batch, channels, height, width = x.shape
    kh, kw = w.shape[2:]
    rows, columns = offset.shape[2:]
    moved = offset.reshape(batch, offset_group, kh, kw, 2, rows, columns)
    weight = None if mask is None else mask.reshape(batch, offset_group, kh, kw, rows, columns)
    parts = x.reshape(batch * offset_group, channels // offset_group, height, width)
    base_y = torch.arange(rows, device=x.device, dtype=x.dtype).view(-1, 1) * sy - top
    base_x = torch.arange(columns, device=x.device, dtype=x.dtype) * sx - left
    taken: list[Tensor] = []
    for i in range(kh):
        for j in range(kw):
            ys = (base_y + i * dy + moved[:, :, i, j, 0]).flatten(0, 1)
            xs = (base_x + j * dx + moved[:, :, i, j, 1]).flatten(0, 1)
            found = _read_between(parts, ys, xs)
            if weight is not None:
                found = found * weight[:, :, i, j].flatten(0, 1).unsqueeze(1)
            taken.append(found.reshape(batch, channels, rows, columns))
    blocks = torch.stack(taken, 2).reshape(batch, group, channels // group * kh * kw, rows * columns)
    result = (w.reshape(group, w.shape[0] // group, -1) @ blocks).reshape(batch, -1, rows, columns)
    return result if b is None else result + together(result, b)[1].view(-1, 1, 1)


def _read_between(pictures: Tensor, ys: Tensor, xs: Tensor) -> Tensor:
    """Pictures (n c h w) read at places (n rows columns) between their pixels; 0 outside."""
    height, width = pictures.shape[2:]
    flat = pictures.flatten(2)
    total = pictures.new_zeros(*pictures.shape[:2], ys[0].numel())
    for y, down in ((ys.floor(), 1 - (ys - ys.floor())), (ys.floor() + 1, ys - ys.floor())):
        for x, across in ((xs.floor(), 1 - (xs - xs.floor())), (xs.floor() + 1, xs - xs.floor())):
            inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
            place = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1)).long().flatten(1).unsqueeze(1)
            share = (down * across * inside).flatten(1).unsqueeze(1)
            total = total + flat.gather(2, place.expand(-1, flat.shape[1], -1)) * share
    return total.unflatten(2, ys.shape[1:])


FUNCTIONS = {
    "onnx_resize": resize,
    "onnx_upsample": upsample,
    "grid_sample": grid_sample,
    "affine_grid": affine_grid,
    "roi_align": roi_align,
    "deform_conv": deform_conv,
}
