"""ONNX's look-ups: values found by index and put by index; negative indices count from the end."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regraft.errors import ShapeMismatch, UnsupportedOp
from regraft.network.functions.onnx_elementwise import widened
from regraft.network.functions.onnx_shaping import made
from regraft.network.functions.operands import number, together

_REDUCTIONS = {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}


def _counted(indices: Tensor, length: int) -> Tensor:
    """Indices from the front."""
    indices = indices.long()
    return torch.where(indices < 0, indices + length, indices)


def gather(data: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """The slices along a dimension that the indices name, in the shape of the indices."""
    data, indices = together(data, indices)
    axis %= max(1, data.ndim)
    found = data.index_select(axis, _counted(indices, data.shape[axis]).reshape(-1))
    return found.reshape([*data.shape[:axis], *indices.shape, *data.shape[axis + 1 :]])


def gather_elements(data: Tensor, indices: Tensor, *, axis: int = 0) -> Tensor:
    """The values along a dimension that the indices name, each for its own row."""
    data, indices = together(data, indices)
    return torch.gather(data, axis, _counted(indices, data.shape[axis]))


def gather_nd(data: Tensor, indices: Tensor, *, batch_dims: int = 0) -> Tensor:
    """The slices that the vectors in the last dimension of the indices name."""
    data, indices = together(data, indices)
    count = indices.shape[-1]
    if not batch_dims:
        places = [_counted(one, data.shape[k]) for k, one in enumerate(indices.unbind(-1))]
        return data[tuple(places)] if count else data.expand(*indices.shape[:-1], *data.shape)
    batch = data.shape[:batch_dims]
    rows, wanted = data.flatten(0, batch_dims - 1), indices.flatten(0, batch_dims - 1)
    first = torch.arange(rows.shape[0], device=data.device).view(-1, *[1] * (wanted.ndim - 2))
    places = [_counted(one, rows.shape[k + 1]) for k, one in enumerate(wanted.unbind(-1))]
    found = rows[(first.expand(wanted.shape[:-1]), *places)]
    return found.reshape(*batch, *found.shape[1:])


def scatter_elements(
    data: Tensor, indices: Tensor, updates: Tensor, *, axis: int = 0, reduction: str = "none"
) -> Tensor:
    """The data with other values where the indices name them along a dimension."""
    data, indices, updates = together(data, indices, updates)
    places = _counted(indices, data.shape[axis])
    if reduction == "none":
        return data.scatter(axis, places, updates)
    return data.scatter_reduce(axis, places, updates, _REDUCTIONS[reduction])


def scatter_nd(data: Tensor, indices: Tensor, updates: Tensor, *, reduction: str = "none") -> Tensor:
    """The data with other slices where the vectors in the last dimension of the indices name them."""
    data, indices, updates = together(data, indices, updates)
    count = indices.shape[-1]
    rest = math.prod(data.shape[count:])
    place = torch.zeros(indices.shape[:-1], dtype=torch.int64, device=data.device)
    for k in range(count):
        place = place * data.shape[k] + _counted(indices[..., k], data.shape[k])
    flat = data.reshape(math.prod(data.shape[:count]), rest)
    rows = place.reshape(-1, 1).expand(-1, rest)
    given = updates.reshape(-1, rest) if rest else updates.new_zeros(rows.shape)
    if reduction == "none":
        return flat.scatter(0, rows, given).reshape(data.shape)
    return flat.scatter_reduce(0, rows, given, _REDUCTIONS[reduction]).reshape(data.shape)


def tensor_scatter(
    past_cache: Tensor, update: Tensor, write_indices: Tensor | None = None, *, axis: int = -2, mode: str = "linear"
) -> Tensor:
    """A cache with new steps written from given places on; in mode "circular" they go on at its start."""
    past_cache, update = together(past_cache, update)
    axis %= past_cache.ndim
    length, count = past_cache.shape[axis], update.shape[axis]
    starts = update.new_zeros(update.shape[0], dtype=torch.int64) if write_indices is None else write_indices.long()
    places = starts.to(update.device).unsqueeze(1) + torch.arange(count, device=update.device)
    if mode == "circular":
        places = places % length
    shape = [1] * update.ndim
    shape[0], shape[axis] = update.shape[0], count
    return past_cache.scatter(axis, places.view(shape).expand(update.shape), update)


def non_zero(x: Tensor) -> Tensor:
    """The coordinates of all that is not zero: (rank n)."""
    return torch.nonzero(x if x.ndim else x.reshape(1)).T.contiguous()


def one_hot(indices: Tensor, depth: Tensor, values: Tensor, *, axis: int = -1) -> Tensor:
    """The second of two values at each index along a new dimension, the first elsewhere."""
    indices, values = together(indices, values)
    (length,) = made([int(number(depth.long()))])
    axis %= indices.ndim + 1
    places = indices.unsqueeze(axis)
    steps = torch.arange(length, device=indices.device).view(-1, *[1] * (indices.ndim - axis))
    hot = torch.where(places < 0, places + length, places) == steps
    return torch.where(hot, values[1], values[0])


def compress(input: Tensor, condition: Tensor, *, axis: int | None = None) -> Tensor:
    """The slices along a dimension for which the condition is true; of the flat tensor where none is said."""
    input, condition = together(input, condition)
    places = torch.nonzero(condition).reshape(-1)
    return input.reshape(-1).index_select(0, places) if axis is None else input.index_select(axis, places)


def where(condition: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """`x` where the condition is true, else `y`; all three broadcast."""
    condition, x, y = together(condition, x, y)
    wide = widened(x, y)
    return torch.where(condition, *wide).to(x.dtype)


def unique(x: Tensor, *, axis: int | None = None, sorted: int = 1) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Each value (or slice along a dimension) once: these, where each first stood, which each was, and how many."""
    values, inverse, counts = torch.unique(x, sorted=True, return_inverse=True, return_counts=True, dim=axis)
    inverse = inverse.reshape(-1)
    first = torch.full_like(counts, inverse.numel()).scatter_reduce(
        0, inverse, torch.arange(inverse.numel(), device=x.device), "amin"
    )
    if not sorted:
        order = torch.argsort(first)
        values = values.index_select(0 if axis is None else axis, order)
        first, counts, inverse = first[order], counts[order], torch.argsort(order)[inverse]
    return values, first, inverse, counts


def reverse_sequence(input: Tensor, lengths: Tensor, *, time_axis: int = 0, batch_axis: int = 1) -> Tensor:
    """Each example's first steps back to front, as many as its length says; the rest as it was."""
    input, lengths = together(input, lengths.long())
    if {time_axis, batch_axis} != {0, 1}:
        raise ShapeMismatch("time and batch are the first two dimensions", got=f"{time_axis}, {batch_axis}")
    whole = input.transpose(0, 1) if time_axis == 0 else input
    steps = torch.arange(whole.shape[1], device=input.device)
    turned = lengths.unsqueeze(1) - 1 - steps
    places = torch.where(turned >= 0, turned, steps)
    found = whole.gather(1, places.view(*places.shape, *[1] * (whole.ndim - 2)).expand(whole.shape))
    return found.transpose(0, 1) if time_axis == 0 else found


def non_max_suppression(
    boxes: Tensor, scores: Tensor, most: Tensor | None = None, overlap: Tensor | None = None,
    least: Tensor | None = None, *, center_point_box: int = 0,
) -> Tensor:  # fmt: skip
    """The best boxes (b n 4) of each class by scores (b classes n), none that covers a better one too much.

    Returns:
        (n 3): example, class, box.
    """
    count = 0 if most is None else int(most.item())
    bound = 0.0 if overlap is None else float(overlap.item())
    lowest = -math.inf if least is None else float(least.item())
    if boxes.is_meta:
        raise UnsupportedOp("how many boxes stay depends on their values")
    chosen: list[list[int]] = []
    for example in range(scores.shape[0]):
        corners = _corners(boxes[example], bool(center_point_box))
        for kind in range(scores.shape[1]):
            points = scores[example, kind]
            order = [k for k in torch.argsort(points, descending=True, stable=True).tolist() if points[k] > lowest]
            kept: list[int] = []
            for box in order:
                if len(kept) >= count:
                    break
                if not kept or not bool((_overlap(corners[kept], corners[box]) > bound).any()):
                    kept.append(box)
            chosen += [[example, kind, box] for box in kept]
    return torch.tensor(chosen, dtype=torch.int64).reshape(-1, 3)


def _corners(boxes: Tensor, centred: bool) -> Tensor:
    """Boxes as their least and their greatest corner."""
    if centred:
        return torch.cat([boxes[:, :2] - boxes[:, 2:] / 2, boxes[:, :2] + boxes[:, 2:] / 2], 1)
    return torch.cat([torch.minimum(boxes[:, :2], boxes[:, 2:]), torch.maximum(boxes[:, :2], boxes[:, 2:])], 1)


def _overlap(boxes: Tensor, one: Tensor) -> Tensor:
    """What two boxes share, of what they cover together."""
    sides = (torch.minimum(boxes[:, 2:], one[2:]) - torch.maximum(boxes[:, :2], one[:2])).clamp(min=0)
    shared = sides.prod(1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1) + (one[2:] - one[:2]).prod()
    return torch.where(shared > 0, shared / (areas - shared), 0)


FUNCTIONS = {
    "onnx_gather": gather,
    "gather_elements": gather_elements,
    "onnx_gather_nd": gather_nd,
    "scatter_elements": scatter_elements,
    "onnx_scatter_nd": scatter_nd,
    "tensor_scatter": tensor_scatter,
    "non_zero": non_zero,
    "onnx_one_hot": one_hot,
    "compress": compress,
    "onnx_where": where,
    "onnx_unique": unique,
    "onnx_reverse_sequence": reverse_sequence,
    "non_max_suppression": non_max_suppression,
}
