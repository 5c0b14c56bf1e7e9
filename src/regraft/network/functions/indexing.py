"""Values looked up by index, indices found by value, and choices between two tensors."""

from __future__ import annotations

import torch
from torch import Tensor

from regraft.network.functions.operands import dtype_named, number, sizes, together


def gather(params: Tensor, indices: Tensor, axis: Tensor | None = None, *, batch_dims: int = 0) -> Tensor:
    """The slices of `params` along a dimension that `indices` name, in the shape of `indices`.

    The first `batch_dims` dimensions of both belong together; the dimension is the one after them, or `axis`.
    """
    params, indices = together(params, indices)
    if batch_dims < 0:
        batch_dims += indices.ndim
    along = batch_dims if axis is None else number(axis) % params.ndim
    if not batch_dims:
        found = params.index_select(along, indices.reshape(-1))
        return found.reshape([*params.shape[:along], *indices.shape, *params.shape[along + 1 :]])
    batch, inner = params.shape[:batch_dims], indices.shape[batch_dims:]
    rows = params.movedim(along, batch_dims).flatten(0, batch_dims - 1)
    places = indices.reshape(rows.shape[0], -1).long()
    found = rows[torch.arange(rows.shape[0], device=rows.device).unsqueeze(1), places]
    found = found.reshape(*batch, *inner, *rows.shape[2:])
    first = batch_dims + len(inner)
    return found.movedim(list(range(first, first + along - batch_dims)), list(range(batch_dims, along)))


def gather_nd(params: Tensor, indices: Tensor) -> Tensor:
    """The slices of `params` that the vectors in the last dimension of `indices` name."""
    params, indices = together(params, indices)
    if not indices.shape[-1]:
        return params.expand(*indices.shape[:-1], *params.shape)
    return params[tuple(indices.long().unbind(-1))]


def scatter_nd(indices: Tensor, updates: Tensor, shape: Tensor) -> Tensor:
    """Zeros of the given shape, with the updates added where the vectors in `indices` say."""
    indices, updates = together(indices, updates)
    return updates.new_zeros(sizes(shape)).index_put(tuple(indices.long().unbind(-1)), updates, accumulate=True)


def one_hot(indices: Tensor, depth: Tensor, on_value: Tensor, off_value: Tensor, *, axis: int = -1) -> Tensor:
    """`on_value` at each index along a new dimension of size `depth`, `off_value` elsewhere."""
    indices, on_value, off_value = together(indices, on_value, off_value)
    axis %= indices.ndim + 1
    (length,) = sizes(depth)
    steps = torch.arange(length, device=indices.device)
    hot = indices.unsqueeze(axis) == steps.view(-1, *[1] * (indices.ndim - axis))
    return torch.where(hot, on_value, off_value)


def where(input: Tensor) -> Tensor:
    """The coordinates of all that is true or not zero: (n rank)."""
    return torch.nonzero(input)


def select_v1(condition: Tensor, t: Tensor, e: Tensor) -> Tensor:
    """`t` where the condition is true, else `e`; a vector as the condition chooses whole rows."""
    condition, t, e = together(condition, t, e)
    if condition.ndim == 1:
        condition = condition.view(-1, *[1] * (t.ndim - 1))
    return torch.where(condition, t, e)


def select_v2(condition: Tensor, t: Tensor, e: Tensor) -> Tensor:
    """`t` where the condition is true, else `e`; all three broadcast."""
    return torch.where(*together(condition, t, e))


def top_k(input: Tensor, k: Tensor | int, *, sorted: bool = True, index_type: str = "int32") -> tuple[Tensor, Tensor]:
    """The k greatest values along the last dimension, greatest first, and their indices; of equal ones the first."""
    values, indices = torch.sort(input, dim=-1, descending=True, stable=True)
    return values[..., : number(k)], indices[..., : number(k)].to(dtype_named(index_type))


def in_top_k(predictions: Tensor, targets: Tensor, k: Tensor | int) -> Tensor:
    """Whether fewer than k classes are predicted stronger than the target; never where a prediction is not finite.

    Args:
        predictions: (b classes).
        targets: (b) classes.
    """
    predictions, targets = together(predictions, targets)
    possible = (targets >= 0) & (targets < predictions.shape[1]) & predictions.isfinite().all(1)
    chosen = targets.clamp(0, predictions.shape[1] - 1).long().unsqueeze(1)
    stronger = (predictions > predictions.gather(1, chosen)).sum(1)
    return possible & (stronger < number(k))


def arg_max(input: Tensor, dimension: Tensor, *, output_type: str = "int64") -> Tensor:
    """Where along a dimension the greatest value stands; of equal ones the first."""
    return torch.argmax(input, number(dimension)).to(dtype_named(output_type))


def arg_min(input: Tensor, dimension: Tensor, *, output_type: str = "int64") -> Tensor:
    """Where along a dimension the smallest value stands; of equal ones the first."""
    return torch.argmin(input, number(dimension)).to(dtype_named(output_type))


def arg_max_k(input: Tensor, *, top_k: int, axis: int | None = None, out_max_val: bool = False) -> Tensor:
    """The places of the k greatest values, greatest first, of equal ones the last, as numbers of the input's type.

    Args:
        axis: along which; `out_max_val` then gives the values in their stead. None: over all of each example,
            (b 1 k), or (b 2 k) with the values behind the places; with as many dimensions as the input at least.
    """
    along = input.flatten(1) if axis is None else input.movedim(axis, -1)
    values, places = torch.sort(along.flip(-1), dim=-1, descending=True, stable=True)
    values, places = values[..., :top_k], (along.shape[-1] - 1 - places[..., :top_k]).to(input.dtype)
    if axis is None:
        found = torch.stack([places, values], 1) if out_max_val else places.unsqueeze(1)
        return found.reshape(*found.shape, *[1] * (input.ndim - found.ndim))
    return (values if out_max_val else places).movedim(-1, axis)


FUNCTIONS = {
    "gather": gather,
    "gather_nd": gather_nd,
    "scatter_nd": scatter_nd,
    "one_hot": one_hot,
    "where": where,
    "select_v1": select_v1,
    "select_v2": select_v2,
    "top_k": top_k,
    "in_top_k": in_top_k,
    "arg_max": arg_max,
    "arg_max_k": arg_max_k,
    "arg_min": arg_min,
}
