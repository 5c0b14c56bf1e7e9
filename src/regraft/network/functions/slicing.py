"""`x[begin:end]` as TensorFlow writes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from regraft.network.functions.operands import numbers


def slice_(input: Tensor, begin: Tensor, size: Tensor) -> Tensor:
    """`size` values from `begin` on along each dimension; -1 stands for all that are left."""
    for axis, (start, length) in enumerate(zip(numbers(begin), numbers(size), strict=True)):
        input = input.narrow(axis, start, input.shape[axis] - start if length < 0 else length)
    return input


@dataclass(frozen=True, kw_only=True)
class _Masks:
    """Bits, one for each entry of begin, end and strides."""

    begin: int
    end: int
    ellipsis: int
    new_axis: int
    shrink_axis: int


def strided_slice(  # noqa: PLR0913 - as many as TensorFlow has
    input: Tensor,
    begin: Tensor,
    end: Tensor,
    strides: Tensor,
    *,
    begin_mask: int = 0,
    end_mask: int = 0,
    ellipsis_mask: int = 0,
    new_axis_mask: int = 0,
    shrink_axis_mask: int = 0,
) -> Tensor:
    """What Python writes as `x[begin:end:stride, ...]`.

    A set bit in a mask means: this begin or end is left out; this entry is an ellipsis, a new axis, or a
    single index (`x[3]`, which drops the dimension).
    """
    masks = _Masks(
        begin=begin_mask, end=end_mask, ellipsis=ellipsis_mask, new_axis=new_axis_mask, shrink_axis=shrink_axis_mask
    )
    entries = list(zip(numbers(begin), numbers(end), numbers(strides), strict=True))
    index: list[Any] = []
    axis = 0
    for position, (first, last, step) in enumerate(entries):
        bit = 1 << position
        if masks.ellipsis & bit:
            index.append(...)
            axis = input.ndim - _consumed(position + 1, len(entries), masks)
        elif masks.new_axis & bit:
            index.append(None)
        elif masks.shrink_axis & bit:
            index.append(first)
            axis += 1
        else:
            bounds = slice(None if masks.begin & bit else first, None if masks.end & bit else last, step)
            if step < 0:  # torch slices forwards only
                input, bounds = _forwards(input, axis, bounds)
            index.append(bounds)
            axis += 1
    return input[tuple(index)]


def _consumed(start: int, stop: int, masks: _Masks) -> int:
    """How many dimensions the entries from `start` on speak of."""
    return sum(not masks.new_axis & 1 << position for position in range(start, stop))


def _forwards(input: Tensor, axis: int, bounds: slice) -> tuple[Tensor, slice]:
    places = range(*bounds.indices(input.shape[axis]))
    return input.index_select(axis, torch.tensor(places, dtype=torch.int64, device=input.device)), slice(None)


FUNCTIONS = {"slice": slice_, "strided_slice": strided_slice}
