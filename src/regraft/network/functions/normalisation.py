"""Batch norm and local response normalisation."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from regraft.network.functions.operands import together


def fused_batch_norm(  # noqa: PLR0913 - as many as TensorFlow has
    x: Tensor,
    scale: Tensor,
    offset: Tensor,
    mean: Tensor,
    variance: Tensor,
    *,
    epsilon: float = 1e-4,
    exponential_avg_factor: float = 1.0,
    data_format: str = "NHWC",
    is_training: bool = True,
) -> tuple[Tensor, ...]:
    """Normalise each channel, with the statistics of the batch in training, else with the ones given.

    Returns:
        y, batch mean, batch variance (unbiased; both are moved towards from `mean` and `variance` by
        `exponential_avg_factor`), then what TensorFlow keeps for the gradient: mean and variance (biased) once
        more, and nothing. Gradients flow through y only, as in TensorFlow.
    """
    x, scale, offset, mean, variance = together(x, scale, offset, mean.detach(), variance.detach())
    pictures = x.movedim(-1, 1) if data_format.endswith("C") else x
    if not is_training:
        y = functional.batch_norm(pictures, mean, variance, scale, offset, False, 0.0, epsilon)
        statistics = mean, variance, mean, variance
    else:
        y, batch_mean, batch_variance, biased = _by_batch(pictures, scale, offset, epsilon)
        if exponential_avg_factor == 1:
            mean, variance = batch_mean, batch_variance
        else:
            mean = torch.lerp(mean, batch_mean, exponential_avg_factor)
            variance = torch.lerp(variance, batch_variance, exponential_avg_factor)
        statistics = mean, variance, batch_mean, biased
    y = y.movedim(1, -1) if data_format.endswith("C") else y
    return y, *statistics, scale.new_zeros(0)


def _by_batch(pictures: Tensor, scale: Tensor, offset: Tensor, epsilon: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Pictures (b c h w) normalised by their own statistics; these: mean, unbiased and biased variance."""
    count = pictures.numel() // max(1, pictures.shape[1])
    mean, variance = torch.zeros_like(scale).detach(), torch.zeros_like(scale).detach()
    if count == 1:  # a single value a channel has no unbiased variance; TensorFlow says 0
        y = torch.addcmul(offset.view(pictures.shape), pictures - pictures, scale.view(pictures.shape))
        return y, pictures.detach().view(scale.shape), variance, variance
    # Moving statistics that are replaced whole hold those of the batch afterwards.
    y = functional.batch_norm(pictures, mean, variance, scale, offset, True, 1.0, epsilon)
    return y, mean, variance, variance * ((count - 1) / max(1, count))


def batch_norm_with_global_normalization(
    t: Tensor,
    m: Tensor,
    v: Tensor,
    beta: Tensor,
    gamma: Tensor,
    *,
    variance_epsilon: float,
    scale_after_normalization: bool,
) -> Tensor:
    """Normalise each channel of (b h w c) with a given mean `m` and variance `v`."""
    t, m, v, beta, gamma = together(t, m, v, beta, gamma)
    factor = torch.rsqrt(v + variance_epsilon)
    if scale_after_normalization:
        factor = factor * gamma
    return torch.addcmul(beta - m * factor, t, factor)


def lrn(
    input: Tensor,
    *,
    depth_radius: int = 5,
    bias: float = 1.0,
    alpha: float = 1.0,
    beta: float = 0.5,
    data_format: str = "NHWC",
) -> Tensor:
    """Divide each value of (b h w c) by a power of the squares of its neighbours in the channels."""
    first = data_format == "NCHW"
    channels = input.shape[1 if first else -1]
    # A product with a band of ones sums the neighbours three times faster than pooling along the channels does.
    neighbours = input.new_ones(channels, channels).triu(-depth_radius).tril(depth_radius)
    squares = input.square()
    sums = (neighbours @ squares.flatten(2)).view(input.shape) if first else squares @ neighbours
    return input / torch.pow(bias + alpha * sums, beta)


def lrn_within(input: Tensor, *, size: int, alpha: float, beta: float) -> Tensor:
    """Divide each value of (b c h w) by a power of 1 + alpha times the mean square around it in its channel.

    The mean is over `size` x `size` places, those outside the picture counted as 0.
    """
    means = functional.avg_pool2d(input.square(), size, 1, size // 2)
    return input * torch.pow(1 + alpha * means, -beta)


def mean_variance_norm(input: Tensor, *, first_axis: int, variance: bool = True, epsilon: float = 1e-9) -> Tensor:
    """Take off the mean over the dimensions from `first_axis` on and, with `variance`, divide by the deviation."""
    axes = tuple(range(first_axis, input.ndim))
    centred = input - input.mean(axes, keepdim=True)
    return centred / (centred.square().mean(axes, keepdim=True).sqrt() + epsilon) if variance else centred


FUNCTIONS = {
    "fused_batch_norm": fused_batch_norm,
    "batch_norm_with_global_normalization": batch_norm_with_global_normalization,
    "lrn": lrn,
    "lrn_within": lrn_within,
    "mean_variance_norm": mean_variance_norm,
}
