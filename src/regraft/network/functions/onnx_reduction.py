"""ONNX's reductions. No dimensions named means all, or none where the operation says so."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from regraft.network.functions.onnx_elementwise import widened
from regraft.network.functions.onnx_shaping import Numbers, listed
from regraft.network.functions.operands import number

_Reduction = Callable[[Tensor, list[int], bool], Tensor]


def _over(compute: _Reduction) -> Callable[..., Tensor]:
    """A reduction by what it does to a tensor, over dimensions, keeping them or not; its type stays."""

    def function(
        data: Tensor, axes: Numbers | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
    ) -> Tensor:
        named = [] if axes is None else [axis % max(1, data.ndim) for axis in listed(axes)]
        if not named and noop_with_empty_axes:
            return compute(widened(data)[0].unsqueeze(0), [0], False).to(data.dtype)
        over = sorted(named) or list(range(data.ndim))
        if not over:
            return compute(widened(data)[0].unsqueeze(0), [0], False).to(data.dtype)
        return compute(widened(data)[0], over, bool(keepdims)).to(data.dtype)

    function.__doc__ = compute.__doc__
    return function


def _sum(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The sum."""
    return torch.sum(data, axes, keep, dtype=data.dtype)


def _mean(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The mean; that of whole numbers without its fraction."""
    return torch.mean(data if data.is_floating_point() else data.double(), axes, keep)


def _prod(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The product."""
    for axis in reversed(axes):
        data = torch.prod(data, axis, keep, dtype=data.dtype)
    return data


def _empty(data: Tensor, axes: list[int], keep: bool, value: float) -> Tensor | None:
    """What the extreme of nothing is; None where there is something."""
    if all(data.shape[axis] for axis in axes):
        return None
    shape = [1 if axis in axes else size for axis, size in enumerate(data.shape) if keep or axis not in axes]
    if data.is_floating_point():
        return data.new_full(shape, value)
    if data.dtype == torch.bool:
        return data.new_full(shape, value > 0)
    bounds = torch.iinfo(data.dtype)
    return data.new_full(shape, bounds.max if value > 0 else bounds.min)


def _max(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The greatest value."""
    nothing = _empty(data, axes, keep, -torch.inf)
    return torch.amax(data, axes, keep) if nothing is None else nothing


def _min(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The smallest value."""
    nothing = _empty(data, axes, keep, torch.inf)
    return torch.amin(data, axes, keep) if nothing is None else nothing


def _l1(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The sum of the values without their signs."""
    return _sum(data.abs(), axes, keep)


def _l2(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The root of the sum of squares."""
    squares = torch.sum(data.square() if data.is_floating_point() else data.double().square(), axes, keep)
    return squares.sqrt()


def _sum_square(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The sum of squares."""
    return _sum(data.square(), axes, keep)


def _log_sum(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The logarithm of the sum."""
    return torch.log(torch.sum(data if data.is_floating_point() else data.double(), axes, keep))


def _log_sum_exp(data: Tensor, axes: list[int], keep: bool) -> Tensor:
    """The logarithm of the sum of e^x."""
    return torch.logsumexp(data if data.is_floating_point() else data.double(), axes, keep)


def arg_max(data: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    """Where the greatest value along a dimension stands, the first of equal ones or the last."""
    (data,) = widened(data)
    if not select_last_index:
        return torch.argmax(data, axis, bool(keepdims))
    return data.shape[axis] - 1 - torch.argmax(data.flip(axis), axis, bool(keepdims))


def arg_min(data: Tensor, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0) -> Tensor:
    """Where the smallest value along a dimension stands, the first of equal ones or the last."""
    (data,) = widened(data)
    if not select_last_index:
        return torch.argmin(data, axis, bool(keepdims))
    return data.shape[axis] - 1 - torch.argmin(data.flip(axis), axis, bool(keepdims))


def top_k(
    input: Tensor, k: Tensor | int, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> tuple[Tensor, Tensor]:
    """The k greatest or smallest values along a dimension, in order, and their places; of equal ones the first."""
    (wide,) = widened(input)
    values, places = torch.sort(wide, dim=axis, descending=bool(largest), stable=True)
    count = number(k)
    return values.narrow(axis, 0, count).to(input.dtype), places.narrow(axis, 0, count)


def global_average_pool(input: Tensor) -> Tensor:
    """The mean of each channel of (b c ...)."""
    return input.mean(tuple(range(2, input.ndim)), keepdim=True)


def global_max_pool(input: Tensor) -> Tensor:
    """The greatest value of each channel of (b c ...)."""
    return input.amax(tuple(range(2, input.ndim)), keepdim=True)


def global_lp_pool(input: Tensor, *, p: int = 2) -> Tensor:
    """The p-norm of each channel of (b c ...)."""
    return input.abs().pow(p).sum(tuple(range(2, input.ndim)), keepdim=True).pow(1 / p)


FUNCTIONS = {
    "reduce_sum": _over(_sum),
    "reduce_mean": _over(_mean),
    "reduce_prod": _over(_prod),
    "reduce_max": _over(_max),
    "reduce_min": _over(_min),
    "reduce_l1": _over(_l1),
    "reduce_l2": _over(_l2),
    "reduce_sum_square": _over(_sum_square),
    "reduce_log_sum": _over(_log_sum),
    "reduce_log_sum_exp": _over(_log_sum_exp),
    "onnx_arg_max": arg_max,
    "onnx_arg_min": arg_min,
    "onnx_top_k": top_k,
    "global_average_pool": global_average_pool,
    "global_max_pool": global_max_pool,
    "global_lp_pool": global_lp_pool,
}
