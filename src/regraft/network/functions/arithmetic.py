"""Sums, products, powers and other element-wise arithmetic, and products of matrices.

Gradients follow TensorFlow where torch has another convention: at ties of `maximum` and `minimum` all of
it goes to the first operand, at the bounds of a clip to the value; a power of a negative number has none in its
exponent.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from regraft.network.functions.operands import binary, together, unary


def div(x: Tensor, y: Tensor) -> Tensor:
    """The quotient; whole numbers are divided towards zero."""
    x, y = together(x, y)
    return x / y if x.is_floating_point() else torch.div(x, y, rounding_mode="trunc")


def truncate_div(x: Tensor, y: Tensor) -> Tensor:
    """The quotient without its fraction."""
    x, y = together(x, y)
    return torch.div(x, y, rounding_mode="trunc")


def div_no_nan(x: Tensor, y: Tensor) -> Tensor:
    """The quotient, and 0 where y is 0."""
    x, y = together(x, y)
    zero = y == 0
    return (x / y.masked_fill(zero, 1)).masked_fill(zero, 0)


def maximum(x: Tensor, y: Tensor) -> Tensor:
    """The greater one; nan where one is nan."""
    x, y = together(x, y)
    if not (x.requires_grad or y.requires_grad):
        return torch.maximum(x, y)
    return torch.where((x >= y) | x.isnan(), x, y)


def minimum(x: Tensor, y: Tensor) -> Tensor:
    """The smaller one; nan where one is nan."""
    x, y = together(x, y)
    if not (x.requires_grad or y.requires_grad):
        return torch.minimum(x, y)
    return torch.where((x <= y) | x.isnan(), x, y)


def pow(x: Tensor, y: Tensor) -> Tensor:
    """The power of x with exponent y."""
    x, y = together(x, y)
    if not y.requires_grad:
        return torch.pow(x, y)
    positive = x > 0
    without_gradient_of_exponent = torch.pow(x.masked_fill(positive, 1), y.detach())
    return torch.where(positive, torch.pow(x.masked_fill(~positive, 1), y), without_gradient_of_exponent)


def xlogy(x: Tensor, y: Tensor) -> Tensor:
    """The product of x and the logarithm of y; 0, also in its gradients, where x is 0."""
    x, y = together(x, y)
    return x * torch.log(torch.where(x == 0, torch.ones_like(y), y))


def xdivy(x: Tensor, y: Tensor) -> Tensor:
    """The quotient; 0, also in its gradients, where x is 0."""
    x, y = together(x, y)
    return x / torch.where(x == 0, torch.full_like(y, math.inf), y)


def squared_difference(x: Tensor, y: Tensor) -> Tensor:
    """(x - y) squared."""
    x, y = together(x, y)
    return (x - y).square()


def add_n(*inputs: Tensor) -> Tensor:
    """The sum of tensors of one shape."""
    total, *rest = together(*inputs)
    for one in rest:
        total = total + one
    return total


def weighted_sum(*inputs: Tensor, weights: tuple[float, ...]) -> Tensor:
    """The sum of tensors of one shape, each times a number."""
    return add_n(*(one * weight for one, weight in zip(inputs, weights, strict=True)))


def mul_along(x: Tensor, y: Tensor, *, axis: int) -> Tensor:
    """The product, the dimensions of y standing for those of x from `axis` on."""
    x, y = together(x, y)
    return x * _standing(x, y, axis)


def add_along(x: Tensor, y: Tensor, *, axis: int) -> Tensor:
    """The sum, the dimensions of y standing for those of x from `axis` on."""
    x, y = together(x, y)
    return x + _standing(x, y, axis)


def _standing(x: Tensor, y: Tensor, axis: int) -> Tensor:
    return y.reshape(*y.shape, *[1] * (x.ndim - axis - y.ndim))


def affine_pow(x: Tensor, *, power: float, scale: float, shift: float) -> Tensor:
    """(shift + scale * x) to a power."""
    inner = x * scale + shift
    return inner if power == 1 else torch.pow(inner, power)


def affine_exp(x: Tensor, *, base: float, scale: float, shift: float) -> Tensor:
    """The base to the power shift + scale * x; -1 stands for the base e."""
    return torch.exp((x * scale + shift) * (1.0 if base == -1 else math.log(base)))


def affine_log(x: Tensor, *, base: float, scale: float, shift: float) -> Tensor:
    """The logarithm of shift + scale * x; -1 stands for the base e."""
    return torch.log(x * scale + shift) / (1.0 if base == -1 else math.log(base))


def clip_by_value(t: Tensor, clip_value_min: Tensor, clip_value_max: Tensor) -> Tensor:
    """The values, those outside the bounds replaced by the bounds."""
    t, low, high = together(t, clip_value_min, clip_value_max)
    return torch.where(t < low, low, torch.where(t > high, high, t))


def mat_mul(a: Tensor, b: Tensor, *, transpose_a: bool = False, transpose_b: bool = False) -> Tensor:
    """The product of two matrices."""
    return batch_mat_mul(a, b, adj_x=transpose_a, adj_y=transpose_b)


def batch_mat_mul(x: Tensor, y: Tensor, *, adj_x: bool = False, adj_y: bool = False) -> Tensor:
    """Products of the matrices in the last two dimensions; the others broadcast."""
    x, y = together(x, y)
    return torch.matmul(x.mH if adj_x else x, y.mH if adj_y else y)


def inner_product(x: Tensor, weight: Tensor, *, axis: int = 1, transpose: bool = False) -> Tensor:
    """The product with a matrix (out in), all dimensions from `axis` on taken as one.

    Args:
        transpose: whether the matrix is (in out).
    """
    x, weight = together(x, weight)
    return torch.matmul(x.flatten(axis), weight if transpose else weight.mT)


def einsum(*inputs: Tensor, equation: str) -> Tensor:
    """A sum of products, written as in "bij,bjk->bik"."""
    return torch.einsum(equation, *together(*inputs))


FUNCTIONS = {
    "add": binary(torch.add),
    "add_v2": binary(torch.add),
    "sub": binary(torch.sub),
    "mul": binary(torch.mul),
    "real_div": binary(torch.div),
    "div": div,
    "truncate_div": truncate_div,
    "floor_div": binary(torch.floor_divide),
    "div_no_nan": div_no_nan,
    "floor_mod": binary(torch.remainder),
    "mod": binary(torch.fmod),
    "maximum": maximum,
    "minimum": minimum,
    "pow": pow,
    "squared_difference": squared_difference,
    "add_n": add_n,
    "weighted_sum": weighted_sum,
    "mul_along": mul_along,
    "add_along": add_along,
    "affine_pow": affine_pow,
    "affine_exp": affine_exp,
    "affine_log": affine_log,
    "clip_by_value": clip_by_value,
    "neg": unary(torch.neg),
    "abs": unary(torch.abs),
    "sign": unary(torch.sign),
    "reciprocal": unary(torch.reciprocal),
    "square": unary(torch.square),
    "sqrt": unary(torch.sqrt),
    "rsqrt": unary(torch.rsqrt),
    "exp": unary(torch.exp),
    "expm1": unary(torch.expm1),
    "log": unary(torch.log),
    "log1p": unary(torch.log1p),
    "floor": unary(torch.floor),
    "ceil": unary(torch.ceil),
    "round": unary(torch.round),  # halves to the even neighbour, as TensorFlow does
    "erf": unary(torch.erf),
    "erfc": unary(torch.erfc),
    "sin": unary(torch.sin),
    "cos": unary(torch.cos),
    "tan": unary(torch.tan),
    "asin": unary(torch.asin),
    "acos": unary(torch.acos),
    "atan": unary(torch.atan),
    "atan2": binary(torch.atan2),
    "sinh": unary(torch.sinh),
    "cosh": unary(torch.cosh),
    "asinh": unary(torch.asinh),
    "acosh": unary(torch.acosh),
    "atanh": unary(torch.atanh),
    "lgamma": unary(torch.lgamma),
    "xlogy": xlogy,
    "xdivy": xdivy,
    "mat_mul": mat_mul,
    "batch_mat_mul": batch_mat_mul,
    "inner_product": inner_product,
    "einsum": einsum,
}
