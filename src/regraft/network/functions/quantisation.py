"""Quantisation played in floating point, as networks trained for 8 bits do; gradients go straight through it."""

from __future__ import annotations

import torch
from torch import Tensor

from regraft.errors import UnsupportedOp
from regraft.network.functions.operands import number, together


def fake_quant_with_min_max_vars(
    inputs: Tensor, min: Tensor, max: Tensor, *, num_bits: int = 8, narrow_range: bool = False
) -> Tensor:
    """Values cut to the range and rounded to one of 2^num_bits steps, one of which is exactly 0.

    Args:
        min: a scalar, or one value for each of the last dimension; so `max`.
        narrow_range: leave the lowest step out.
    """
    inputs, min, max = together(inputs, min, max)
    first, last = float(narrow_range), float(2**num_bits - 1)
    with torch.no_grad():
        step = (max - min) / (last - first)
        zero = torch.clamp(torch.floor(first - min / step + 0.5), first, last)
        low, high = (first - zero) * step, (last - zero) * step
        steps = torch.floor((torch.clamp(inputs, low, high) - low) / step - torch.floor(-low / step + 0.5) + 0.5)
    # Inside the range the gradient goes to the input, outside it to the bound that was passed.
    bounded = torch.where(
        inputs < low, min - min.detach() + low, torch.where(inputs > high, max - max.detach() + high, inputs)
    )
    rounded = bounded + (steps * step - bounded).detach()
    return torch.where((min == 0) & (max == 0), inputs - inputs.detach(), rounded)


def fake_quant_with_min_max_args(
    inputs: Tensor, *, min: float = -6.0, max: float = 6.0, num_bits: int = 8, narrow_range: bool = False
) -> Tensor:
    """`fake_quant_with_min_max_vars` with a constant range."""
    low, high = inputs.new_tensor(min), inputs.new_tensor(max)
    return fake_quant_with_min_max_vars(inputs, low, high, num_bits=num_bits, narrow_range=narrow_range)


def quantize_and_dequantize(  # noqa: PLR0913 - as many as TensorFlow has
    input: Tensor,
    input_min: Tensor,
    input_max: Tensor,
    num_bits: Tensor | int,
    *,
    signed_input: bool = True,
    range_given: bool = False,
    narrow_range: bool = False,
    round_mode: str = "HALF_TO_EVEN",
    axis: int = -1,
) -> Tensor:
    """Values rounded to one of 2^num_bits steps of a range: the one given, or that of the values.

    Raises:
        UnsupportedOp: there is a range for each place along a dimension (`axis`).
    """
    if axis != -1:
        raise UnsupportedOp(
            "QuantizeAndDequantize with a range for each channel cannot be computed", got=f"axis {axis}"
        )
    input, low, high = together(input, input_min.detach(), input_max.detach())
    values = input.detach()
    if not range_given:
        low, high = values.min(), values.max()
    bits = number(num_bits) - (1 if signed_input else 0)
    last = 2**bits - 1
    first = (-last if narrow_range else -(2**bits)) if signed_input else 0
    scale = torch.minimum(_scale(first, low), _scale(last, high))
    if range_given:
        values = torch.clamp(values, first / scale, last / scale)
    scaled = values * scale
    rounded = torch.floor(scaled + 0.5) if round_mode == "HALF_UP" else torch.round(scaled)
    return input + (rounded / scale - values) + (values - input).detach()


def _scale(steps: int, bound: Tensor) -> Tensor:
    """Steps per unit on one side of zero; without end where the range has nothing there."""
    return torch.where(steps * bound > 0, steps / bound, torch.finfo(bound.dtype).max)


FUNCTIONS = {
    "fake_quant_with_min_max_vars": fake_quant_with_min_max_vars,
    "fake_quant_with_min_max_vars_per_channel": fake_quant_with_min_max_vars,
    "fake_quant_with_min_max_args": fake_quant_with_min_max_args,
    "quantize_and_dequantize": quantize_and_dequantize,
}
