"""ONNX's element-wise operations that TensorFlow has not, or means differently."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import UnsupportedOp
from regraft.network.functions.arithmetic import div
from regraft.network.functions.operands import dtype_named, together

_SHORT = (torch.uint16, torch.uint32, torch.uint64)  # torch computes with few of them
_BITS = {torch.uint16: torch.int16, torch.uint32: torch.int32, torch.uint64: torch.int64}
_BYTES = {torch.uint8: 1, torch.int8: 1, torch.uint16: 2, torch.int16: 2, torch.uint32: 4, torch.int32: 4}


def widened(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Whole numbers of a type torch does not compute with as int64; others as they are.

    Raises:
        UnsupportedOp: an unsigned number is too large for int64.
    """
    if not any(tensor.dtype in _SHORT for tensor in tensors):
        return tensors
    wide = tuple(tensor.long() if tensor.dtype in _SHORT else tensor for tensor in tensors)
    for before, tensor in zip(tensors, wide, strict=True):
        if before.dtype == torch.uint64 and not tensor.is_meta and bool((tensor < 0).any()):
            raise UnsupportedOp("uint64 numbers above 2^63 cannot be computed with", got=str(tensor.min().item()))
    return wide


def _of_two(compute: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """An operation on two tensors, of any type of numbers; the result has the type of the first."""

    def function(x: Tensor, y: Tensor) -> Tensor:
        x, y = together(x, y)
        if x.dtype not in _SHORT:
            return compute(x, y)
        return compute(*widened(x, y)).to(x.dtype)

    function.__doc__ = f"As torch's `{compute.__name__}`."
    return function


def _compared(compute: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """A comparison of two tensors, of any type of numbers."""

    def function(x: Tensor, y: Tensor) -> Tensor:
        return compute(*widened(*together(x, y)))

    function.__doc__ = f"As torch's `{compute.__name__}`."
    return function


def power(x: Tensor, y: Tensor) -> Tensor:
    """X to the power y, in the type of x."""
    x, y = together(x, y)
    base, exponent = widened(x, y)
    return torch.pow(base, exponent).to(x.dtype)


def modulo(x: Tensor, y: Tensor, *, fmod: int = 0) -> Tensor:
    """The remainder with the sign of the divisor; with `fmod` that of the dividend."""
    x, y = together(x, y)
    compute = torch.fmod if fmod else torch.remainder
    return compute(*widened(x, y)).to(x.dtype)


def maximum(*inputs: Tensor) -> Tensor:
    """The greatest of several tensors, each broadcast."""
    return _folded(torch.maximum, inputs)


def minimum(*inputs: Tensor) -> Tensor:
    """The smallest of several tensors, each broadcast."""
    return _folded(torch.minimum, inputs)


def mean_of(*inputs: Tensor) -> Tensor:
    """The mean of several tensors, each broadcast."""
    return _folded(torch.add, inputs) / len(inputs)


def clip(x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    """The values within bounds; the upper one counts where they cross."""
    (wide,) = widened(x)
    if low is not None:
        wide = torch.maximum(*together(wide, low.to(wide.dtype)))
    if high is not None:
        wide = torch.minimum(*together(wide, high.to(wide.dtype)))
    return wide.to(x.dtype)


def absolute(x: Tensor) -> Tensor:
    """The values without their sign."""
    return x if x.dtype in (*_SHORT, torch.uint8, torch.bool) else torch.abs(x)


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1."""
    (wide,) = widened(x)
    return torch.sign(wide).to(x.dtype)


def is_inf(x: Tensor, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensor:
    """Where values are infinite, of one sign or both."""
    found = torch.isinf(x)
    if not detect_negative:
        found = found & (x > 0)
    return found if detect_positive else found & (x < 0)


def prelu(x: Tensor, slope: Tensor) -> Tensor:
    """The values, the negative ones times a slope that is broadcast."""
    x, slope = together(x, slope)
    wide, slopes = widened(x, slope)
    return torch.where(wide < 0, wide * slopes, wide).to(x.dtype)


def hard_sigmoid(x: Tensor, *, alpha: float = 0.2, beta: float = 0.5) -> Tensor:
    """A line, between 0 and 1."""
    return torch.clamp(x * alpha + beta, 0, 1)


def hard_swish(x: Tensor) -> Tensor:
    """X times a line between 0 and 1."""
    return x * torch.clamp(x / 6 + 0.5, 0, 1)


def selu(x: Tensor, *, alpha: float, gamma: float) -> Tensor:
    """Scaled exponential linear units."""
    return gamma * torch.where(x > 0, x, alpha * torch.expm1(x.clamp(max=0)))


def celu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """The values, the negative ones as alpha * (e^(x / alpha) - 1)."""
    return functional.celu(x, alpha)


def swish(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """X times the sigmoid of alpha * x."""
    return functional.silu(x) if alpha == 1 else x * torch.sigmoid(alpha * x)


def thresholded_relu(x: Tensor, *, alpha: float = 1.0) -> Tensor:
    """The values above a bound, 0 for others."""
    return torch.where(x > alpha, x, torch.zeros_like(x))


def shrink(x: Tensor, *, bias: float = 0.0, lambd: float = 0.5) -> Tensor:
    """Values further from 0 than a bound, brought nearer; 0 for others."""
    (wide,) = widened(x)
    nearer = torch.where(wide < -lambd, wide + bias, torch.where(wide > lambd, wide - bias, torch.zeros_like(wide)))
    return nearer.to(x.dtype)


def hardmax(x: Tensor, *, axis: int = -1) -> Tensor:
    """1 at the first of the greatest values along a dimension, 0 elsewhere."""
    places = torch.argmax(x, axis, keepdim=True)
    return torch.zeros_like(x).scatter(axis, places, 1)


def flat_rows(x: Tensor, *, axis: int) -> Tensor:
    """A matrix: the dimensions before `axis` as rows, the others as columns; what softmax was taken over before."""
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), -1)


def shaped_like(x: Tensor, reference: Tensor) -> Tensor:
    """The values in the shape of another tensor."""
    return x.reshape(reference.shape)


def cast(x: Tensor, *, to: str) -> Tensor:
    """The values as another type; fractions are cut off towards zero, what does not fit is wrapped around."""
    wanted = dtype_named(to)
    if x.is_floating_point() and wanted in _BITS:
        return x.to(torch.int64).to(wanted)
    return x.to(wanted)


def cast_like(x: Tensor, reference: Tensor) -> Tensor:
    """The values as the type of another tensor."""
    return cast(x, to=str(reference.dtype).removeprefix("torch."))


def bit_cast(x: Tensor, *, to: str) -> Tensor:
    """The same bits read as another type of the same size."""
    wanted = dtype_named(to)
    if wanted.itemsize != x.dtype.itemsize:
        raise UnsupportedOp("bits can be read only as a type of the same size", got=f"{x.dtype} as {to}")
    return x.view(wanted)


def _bits(compute: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """An operation on the bits of two tensors."""

    def function(x: Tensor, y: Tensor) -> Tensor:
        x, y = together(x, y)
        kind = _BITS.get(x.dtype, x.dtype)
        return compute(x.view(kind), y.view(kind)).view(x.dtype)

    function.__doc__ = f"As torch's `{compute.__name__}`."
    return function


def bitwise_not(x: Tensor) -> Tensor:
    """Every bit turned."""
    return torch.bitwise_not(x.view(_BITS.get(x.dtype, x.dtype))).view(x.dtype)


def bit_shift(x: Tensor, y: Tensor, *, direction: str) -> Tensor:
    """The bits moved; what falls off is lost."""
    x, y = together(x, y)
    if x.dtype == torch.uint64:
        return _shifted_long(x.view(torch.int64), y.view(torch.int64), direction).view(torch.uint64)
    wide, steps = x.long(), y.long()
    if direction == "RIGHT":
        return (wide >> steps.clamp(max=63)).to(x.dtype)  # an int64 holds the sign of what is smaller
    moved = torch.where(steps < 64, wide << steps.clamp(max=63), 0)
    return (moved & ((1 << 8 * x.dtype.itemsize) - 1)).to(x.dtype) if x.dtype.itemsize < 8 else moved


def _shifted_long(x: Tensor, steps: Tensor, direction: str) -> Tensor:
    if direction == "LEFT":
        return torch.where(steps < 64, x << steps.clamp(max=63), 0)
    # the sign bit is a bit like others
    kept = torch.where(steps == 0, x, (x >> 1 & 0x7FFFFFFFFFFFFFFF) >> (steps - 1).clamp(0, 62))
    return torch.where(steps < 64, kept, 0)


def swiglu(a: Tensor, b: Tensor, *, alpha: float = 1.0) -> Tensor:
    """The swish of one tensor times another."""
    a, b = together(a, b)
    return swish(a, alpha=alpha) * b


def _folded(compute: Callable[[Tensor, Tensor], Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
    result, *rest = widened(*together(*inputs))
    for one in rest:
        result = compute(result, one)
    return result.to(inputs[0].dtype)


FUNCTIONS = {
    "onnx_add": _of_two(torch.add),
    "onnx_sub": _of_two(torch.sub),
    "onnx_mul": _of_two(torch.mul),
    "onnx_div": _of_two(div),
    "onnx_equal": _compared(torch.eq),
    "onnx_less": _compared(torch.lt),
    "onnx_less_equal": _compared(torch.le),
    "onnx_greater": _compared(torch.gt),
    "onnx_greater_equal": _compared(torch.ge),
    "onnx_pow": power,
    "onnx_mod": modulo,
    "onnx_max": maximum,
    "onnx_min": minimum,
    "onnx_mean": mean_of,
    "onnx_clip": clip,
    "onnx_abs": absolute,
    "onnx_sign": sign,
    "onnx_is_inf": is_inf,
    "onnx_prelu": prelu,
    "hard_sigmoid": hard_sigmoid,
    "hard_swish": hard_swish,
    "onnx_selu": selu,
    "celu": celu,
    "swish": swish,
    "thresholded_relu": thresholded_relu,
    "shrink": shrink,
    "hardmax": hardmax,
    "flat_rows": flat_rows,
    "shaped_like": shaped_like,
    "onnx_cast": cast,
    "cast_like": cast_like,
    "bit_cast": bit_cast,
    "bitwise_and": _bits(torch.bitwise_and),
    "bitwise_or": _bits(torch.bitwise_or),
    "bitwise_xor": _bits(torch.bitwise_xor),
    "bitwise_not": bitwise_not,
    "bit_shift": bit_shift,
    "swiglu": swiglu,
}
