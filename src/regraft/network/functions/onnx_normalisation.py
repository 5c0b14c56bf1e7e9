"""ONNX's normalisations of (b c d1 d2 ...)."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from regraft.network.functions.operands import dtype_named, together


def batch_norm_training(
    x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, *, epsilon: float, momentum: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Each channel normalised by the batch's statistics; also the next moving averages."""
    x, scale, bias, mean, variance = together(x, scale, bias, mean, variance)
    axes = [axis for axis in range(x.ndim) if axis != 1]
    spread, centre = torch.var_mean(x, axes, correction=0)
    y = functional.batch_norm(x, None, None, scale.to(x.dtype), bias.to(x.dtype), True, 0.0, epsilon)
    return y, mean * momentum + centre * (1 - momentum), variance * momentum + spread * (1 - momentum)


def instance_norm(input: Tensor, scale: Tensor, b: Tensor, *, epsilon: float = 1e-5) -> Tensor:
    """Each channel of each example normalised by its own statistics."""
    input, scale, b = together(input, scale, b)
    return functional.instance_norm(input, None, None, scale, b, True, 0.0, epsilon)


def group_norm(
    x: Tensor, scale: Tensor, bias: Tensor, *, num_groups: int, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """Groups of channels of each example normalised by their own statistics."""
    x, scale, bias = together(x, scale, bias)
    if scale.numel() == num_groups != x.shape[1]:  # before opset 21: one number for each group
        scale, bias = (one.repeat_interleave(x.shape[1] // num_groups) for one in (scale, bias))
    return functional.group_norm(x, num_groups, scale, bias, epsilon)


def layer_norm(
    x: Tensor, scale: Tensor, bias: Tensor | None = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> Tensor:
    """Normalise over the dimensions from `axis` on."""
    x, scale = together(x, scale)
    shape = x.shape[axis:]
    if scale.shape == shape and (bias is None or bias.shape == shape):
        return functional.layer_norm(x, shape, scale, bias, epsilon)
    normal = functional.layer_norm(x, shape, None, None, epsilon) * scale
    return normal if bias is None else normal + together(normal, bias)[1]


def layer_norm_statistics(
    x: Tensor, scale: Tensor, bias: Tensor | None = None, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1
) -> tuple[Tensor, Tensor, Tensor]:
    """`layer_norm`, with the mean and one over the deviation."""
    axes = list(range(axis % x.ndim, x.ndim))
    spread, centre = torch.var_mean(x.float() if x.dtype == torch.float16 else x, axes, correction=0, keepdim=True)
    y = layer_norm(x, scale, bias, axis=axis, epsilon=epsilon, stash_type=stash_type)
    return y, centre, torch.rsqrt(spread + epsilon)


def rms_norm(x: Tensor, scale: Tensor, *, axis: int = -1, epsilon: float = 1e-5, stash_type: int = 1) -> Tensor:
    """Divide by the root of the mean square over the dimensions from `axis` on."""
    x, scale = together(x, scale)
    wide = x.float() if x.dtype == torch.float16 and stash_type == 1 else x
    axes = list(range(axis % x.ndim, x.ndim))
    return (wide * torch.rsqrt(wide.square().mean(axes, keepdim=True) + epsilon)).to(scale.dtype) * scale


def lp_norm(input: Tensor, *, axis: int = -1, p: int = 2) -> Tensor:
    """Divide by the p-norm along a dimension; 0 stays 0."""
    size = input.abs().sum(axis, keepdim=True) if p == 1 else input.square().sum(axis, keepdim=True).sqrt()
    return torch.where(size == 0, torch.zeros_like(input), input / size)


def neighbour_norm(x: Tensor, *, size: int, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0) -> Tensor:
    """Divide each value by a power of the mean square of its neighbours in the channels."""
    squares = x.square().flatten(2).transpose(1, 2) if x.ndim > 2 else x.square().unsqueeze(1)
    before = (size - 1) // 2
    grown = functional.pad(squares, (before, size - 1 - before))
    means = functional.avg_pool1d(grown, size, 1)
    means = means.transpose(1, 2).reshape(x.shape) if x.ndim > 2 else means.reshape(x.shape)
    return x / torch.pow(bias + alpha * means, beta)


def mel_weights(
    num_mel_bins: Tensor, dft_length: Tensor, sample_rate: Tensor, lower: Tensor, upper: Tensor, *,
    output_datatype: str = "float32",
) -> Tensor:  # fmt: skip
    """The matrix that turns a spectrum (places) into bins of the mel scale."""
    bins, length, rate = int(num_mel_bins.item()), int(dft_length.item()), float(sample_rate.item())
    places = length // 2 + 1
    low, high = (2595 * math.log10(1 + float(bound.item()) / 700) for bound in (lower, upper))
    step = (high - low) / (bins + 2)
    edges = 700 * (torch.pow(10.0, (torch.arange(bins + 2, dtype=torch.float64) * step + low) / 2595) - 1)
    marks = torch.floor((length + 1) * edges / rate)
    place = torch.arange(places, dtype=torch.float64).unsqueeze(1)
    left, middle, right = marks[:-2], marks[1:-1], marks[2:]
    rising = torch.where(middle == left, (place == middle).double(), (place - left) / (middle - left))
    falling = (right - place) / (right - middle)
    inside = torch.where(place <= middle, rising * (place >= left), falling * (place < right))
    return torch.nan_to_num(inside).clamp(min=0).to(dtype_named(output_datatype))


FUNCTIONS = {
    "batch_norm_training": batch_norm_training,
    "instance_norm": instance_norm,
    "onnx_group_norm": group_norm,
    "onnx_layer_norm": layer_norm,
    "layer_norm_statistics": layer_norm_statistics,
    "rms_norm": rms_norm,
    "lp_norm": lp_norm,
    "neighbour_norm": neighbour_norm,
    "mel_weights": mel_weights,
}
