"""Rows sent to groups and brought back: partitions, segments, and what sparse look-ups are made of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from regraft.network.functions.operands import dtype_named, number, sizes, together


def dynamic_partition(data: Tensor, partitions: Tensor, *, num_partitions: int) -> tuple[Tensor, ...]:
    """The rows of `data` in groups, `partitions` saying for each to which it goes."""
    rows = data.reshape(-1, *data.shape[partitions.ndim :])
    groups = partitions.reshape(-1)
    return tuple(_taken(rows, torch.nonzero(groups == k).reshape(-1)) for k in range(num_partitions))


def dynamic_stitch(*indices_and_data: Tensor) -> Tensor:
    """One tensor of the rows of several, each put where its indices say; of two for one place the later stays."""
    count = len(indices_and_data) // 2
    places = torch.cat([one.reshape(-1) for one in indices_and_data[:count]]).long()
    rows = [
        data.reshape(-1, *data.shape[index.ndim :])
        for index, data in zip(indices_and_data[:count], indices_and_data[count:], strict=True)
    ]
    joined = torch.cat(together(*rows))
    (length,) = sizes([int(places.max()) + 1 if places.numel() else 0])
    last = torch.full((length,), -1, dtype=torch.long, device=places.device)
    last = last.scatter_reduce(0, places, torch.arange(len(places), device=places.device), "amax")
    joined, last = together(joined, last)
    filled = joined.index_select(0, last.clamp(min=0))
    return torch.where((last >= 0).view(-1, *[1] * (joined.ndim - 1)), filled, torch.zeros_like(filled))


def segment_sum(data: Tensor, segment_ids: Tensor) -> Tensor:
    """The sum of the rows of each segment; `segment_ids` rise from 0."""
    return unsorted_segment_sum(data, segment_ids, _count(segment_ids))


def segment_mean(data: Tensor, segment_ids: Tensor) -> Tensor:
    """The mean of the rows of each segment; 0 where a segment has none."""
    return _shared_out(data, segment_ids, lambda rows: rows.clamp(min=1))


def segment_max(data: Tensor, segment_ids: Tensor) -> Tensor:
    """The greatest of the rows of each segment; 0 where a segment has none."""
    rows, ids = together(data, segment_ids.long())
    wide = ids.view(-1, *[1] * (rows.ndim - 1)).expand_as(rows)
    start = rows.new_zeros((*sizes([_count(segment_ids)]), *rows.shape[1:]))
    return start.scatter_reduce(0, wide, rows, "amax", include_self=False)


def unsorted_segment_sum(data: Tensor, segment_ids: Tensor, num_segments: Tensor | int) -> Tensor:
    """The sum of the rows of each segment, in any order; a negative segment is left out."""
    rows, ids = together(data.reshape(-1, *data.shape[segment_ids.ndim :]), segment_ids.reshape(-1).long())
    (length,) = sizes([number(num_segments)])
    # One segment more than wanted takes what is left out.
    summed = rows.new_zeros((length + 1, *rows.shape[1:])).index_add(0, torch.where(ids < 0, length, ids), rows)
    return summed[:length]


def sparse_segment_sum(data: Tensor, indices: Tensor, segment_ids: Tensor) -> Tensor:
    """`segment_sum` of the rows that `indices` name."""
    return segment_sum(_taken(data, indices), segment_ids)


def sparse_segment_mean(data: Tensor, indices: Tensor, segment_ids: Tensor) -> Tensor:
    """`segment_mean` of the rows that `indices` name."""
    return segment_mean(_taken(data, indices), segment_ids)


def sparse_segment_sqrt_n(data: Tensor, indices: Tensor, segment_ids: Tensor) -> Tensor:
    """`segment_sum` of the rows that `indices` name, over the root of how many they are."""
    rows = _taken(data, indices)
    return _shared_out(rows, segment_ids, lambda counted: counted.clamp(min=1).sqrt())


def unique(x: Tensor, *, out_idx: str = "int32") -> tuple[Tensor, Tensor]:
    """The different values in the order they first come, and for each value which of them it is."""
    values, which = torch.unique(x, return_inverse=True)
    places = torch.arange(len(x), device=x.device)
    first = torch.full((len(values),), len(x), device=x.device).scatter_reduce(0, which, places, "amin")
    order = torch.argsort(first)
    return values[order], torch.argsort(order)[which].to(dtype_named(out_idx))


def sparse_to_dense(
    sparse_indices: Tensor, output_shape: Tensor, sparse_values: Tensor, default_value: Tensor
) -> Tensor:
    """A tensor of one value, others put where the vectors in `sparse_indices` say."""
    sparse_values, default_value = together(sparse_values, default_value)
    shape = sizes(output_shape)
    places = sparse_indices.reshape(-1, len(shape)).long().unbind(1)
    dense = default_value.expand(shape).clone()
    return dense.index_put(tuple(place.to(dense.device) for place in places), sparse_values)


def sparse_tensor_dense_mat_mul(
    a_indices: Tensor,
    a_values: Tensor,
    a_shape: Tensor,
    b: Tensor,
    *,
    adjoint_a: bool = False,
    adjoint_b: bool = False,
) -> Tensor:
    """The product of a sparse matrix, given by its entries, and a dense one."""
    rows, columns = a_indices.long().unbind(1)
    height, width = sizes(a_shape)
    if adjoint_a:
        rows, columns, height = columns, rows, width
    a_values, b, rows, columns = together(a_values, b, rows, columns)
    entries = (b.mT if adjoint_b else b).index_select(0, columns) * a_values.unsqueeze(1)
    return entries.new_zeros((height, entries.shape[1])).index_add(0, rows, entries)


def _shared_out(data: Tensor, segment_ids: Tensor, share: Callable[[Tensor], Tensor]) -> Tensor:
    summed = segment_sum(data, segment_ids)
    counted = torch.bincount(segment_ids.long(), minlength=len(summed))
    summed, shares = together(summed, share(counted.to(summed.dtype)))
    return summed / shares.view(-1, *[1] * (summed.ndim - 1))


def _count(segment_ids: Tensor) -> int:
    return int(segment_ids[-1]) + 1 if len(segment_ids) else 0


def _taken(rows: Tensor, places: Tensor) -> Tensor:
    rows, places = together(rows, places)
    return rows.index_select(0, places)


FUNCTIONS = {
    "dynamic_partition": dynamic_partition,
    "dynamic_stitch": dynamic_stitch,
    "segment_sum": segment_sum,
    "segment_mean": segment_mean,
    "segment_max": segment_max,
    "unsorted_segment_sum": unsorted_segment_sum,
    "sparse_segment_sum": sparse_segment_sum,
    "sparse_segment_mean": sparse_segment_mean,
    "sparse_segment_sqrt_n": sparse_segment_sqrt_n,
    "unique": unique,
    "sparse_to_dense": sparse_to_dense,
    "sparse_tensor_dense_mat_mul": sparse_tensor_dense_mat_mul,
}
