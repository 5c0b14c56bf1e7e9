"""Sums, means, extremes and logic over dimensions. No dimensions named means: nothing is reduced."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regraft.network.functions.operands import number, numbers


def sum_(input: Tensor, reduction_indices: Tensor, *, keep_dims: bool = False) -> Tensor:
    """The sum over dimensions."""
    axes = numbers(reduction_indices)
    return torch.sum(input, axes, keep_dims, dtype=input.dtype) if axes else input


def mean(input: Tensor, reduction_indices: Tensor, *, keep_dims: bool = False) -> Tensor:
    """The mean over dimensions; that of whole numbers is cut off towards zero."""
    axes = numbers(reduction_indices)
    if not axes:
        return input
    if input.is_floating_point():
        return torch.mean(input, axes, keep_dims)
    count = math.prod(input.shape[axis] for axis in axes)
    return torch.div(torch.sum(input, axes, keep_dims, dtype=input.dtype), count, rounding_mode="trunc")


def prod(input: Tensor, reduction_indices: Tensor, *, keep_dims: bool = False) -> Tensor:
    """The product over dimensions."""
    for axis in _from_the_last(input, reduction_indices):
        input = torch.prod(input, axis, keep_dims, dtype=input.dtype)
    return input


def max_(input: Tensor, reduction_indices: Tensor, *, keep_dims: bool = False) -> Tensor:
    """The greatest value over dimensions; equal ones share its gradient."""
    axes = numbers(reduction_indices)
    return torch.amax(input, axes, keep_dims) if axes else input


def min_(input: Tensor, reduction_indices: Tensor, *, keep_dims: bool = False) -> Tensor:
    """The smallest value over dimensions; equal ones share its gradient."""
    axes = numbers(reduction_indices)
    return torch.amin(input, axes, keep_dims) if axes else input


def euclidean_norm(input: Tensor, reduction_indices: Tensor, *, keep_dims: bool = False) -> Tensor:
    """The root of the sum of squares over dimensions."""
    return sum_(input * input, reduction_indices, keep_dims=keep_dims).sqrt()


def all_(input: Tensor, reduction_indices: Tensor, *, keep_dims: bool = False) -> Tensor:
    """Whether all values over dimensions are true."""
    axes = numbers(reduction_indices)
    return torch.all(input, axes, keep_dims) if axes else input


def any_(input: Tensor, reduction_indices: Tensor, *, keep_dims: bool = False) -> Tensor:
    """Whether a value over dimensions is true."""
    axes = numbers(reduction_indices)
    return torch.any(input, axes, keep_dims) if axes else input


def cumsum(x: Tensor, axis: Tensor, *, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """The sums of all values so far along a dimension.

    Args:
        exclusive: without the value itself.
        reverse: counted from the end.
    """
    along = number(axis)
    x = x.flip(along) if reverse else x
    total = torch.cumsum(_shifted(x, along, 0) if exclusive else x, along, dtype=x.dtype)
    return total.flip(along) if reverse else total


def cumprod(x: Tensor, axis: Tensor, *, exclusive: bool = False, reverse: bool = False) -> Tensor:
    """The products of all values so far along a dimension; flags as in `cumsum`."""
    along = number(axis)
    x = x.flip(along) if reverse else x
    total = torch.cumprod(_shifted(x, along, 1) if exclusive else x, along, dtype=x.dtype)
    return total.flip(along) if reverse else total


def _shifted(x: Tensor, axis: int, first: int) -> Tensor:
    if not x.shape[axis]:
        return x
    start = torch.full_like(x.narrow(axis, 0, 1), first)
    return torch.cat([start, x.narrow(axis, 0, x.shape[axis] - 1)], axis)


def _from_the_last(input: Tensor, axes: Tensor) -> list[int]:
    """The axes in an order that leaves those still to come in their place."""
    return sorted((axis % input.ndim for axis in numbers(axes)), reverse=True)


FUNCTIONS = {
    "sum": sum_,
    "mean": mean,
    "prod": prod,
    "max": max_,
    "min": min_,
    "euclidean_norm": euclidean_norm,
    "all": all_,
    "any": any_,
    "cumsum": cumsum,
    "cumprod": cumprod,
}
