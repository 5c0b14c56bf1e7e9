"""ONNX's transforms of signals, and its losses."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import UnsupportedOp
from regraft.network.functions.onnx_shaping import made
from regraft.network.functions.operands import number


def fourier(
    input: Tensor, dft_length: Tensor | None = None, axis: Tensor | int = -2, *, inverse: int = 0, onesided: int = 0
) -> Tensor:
    """The discrete Fourier transform along a dimension; the last one holds the real and the imaginary part.

    Args:
        inverse: whether to undo it.
        onesided: only the first half of the frequencies is given; undone, it is all that is read, and the result real.
    """
    along = number(axis)
    along = along % input.ndim if along >= 0 else (along + input.ndim)
    values = torch.view_as_complex(input.contiguous()) if input.shape[-1] == 2 else input.squeeze(-1)
    length = None if dft_length is None else made([number(dft_length)])[0]
    if inverse and onesided:
        length = 2 * (values.shape[along] - 1) if length is None else length
        return torch.fft.irfft(values, length, along).unsqueeze(-1).to(input.dtype)
    if inverse:
        return torch.view_as_real(torch.fft.ifft(values, length, along)).to(input.dtype)
    found = torch.fft.fft(values, length, along)
    half = found.narrow(along, 0, found.shape[along] // 2 + 1) if onesided else found
    return torch.view_as_real(half).to(input.dtype)


def short_time_fourier(
    signal: Tensor, frame_step: Tensor, window: Tensor | None = None, frame_length: Tensor | None = None, *,
    onesided: int = 1,
) -> Tensor:  # fmt: skip
    """The Fourier transform of each frame of signals (b n 1 or 2), as (b frames frequencies 2)."""
    size = (
        number(frame_length) if frame_length is not None else window.shape[0] if window is not None else signal.shape[1]
    )
    step = number(frame_step)
    if size < 1 or step < 1:
        raise UnsupportedOp("frames need a length and a step", got=f"{size}, {step}")
    frames = signal.unfold(1, size, step).movedim(-1, 2)
    if window is not None:
        frames = frames * window.view(-1, 1)
    return fourier(frames, None, 2, onesided=onesided)


def negative_log_likelihood(
    input: Tensor, target: Tensor, weight: Tensor | None = None, *, reduction: str = "mean",
    ignore_index: int | None = None,
) -> Tensor:  # fmt: skip
    """What the logarithms (b c ...) of the probabilities of the right classes (b ...) lack."""
    ignored = -100 if ignore_index is None else ignore_index
    wanted = target.long()
    if input.ndim == 3 or input.ndim > 4:  # torch knows (b c) and (b c h w)
        flat = functional.nll_loss(
            input.flatten(2).unsqueeze(-1), wanted.flatten(1).unsqueeze(-1), weight, ignore_index=ignored,
            reduction=reduction,
        )  # fmt: skip
        return flat.reshape(target.shape) if reduction == "none" else flat
    return functional.nll_loss(input, wanted, weight, ignore_index=ignored, reduction=reduction)


def softmax_cross_entropy(
    scores: Tensor, labels: Tensor, weights: Tensor | None = None, *, reduction: str = "mean",
    ignore_index: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """`negative_log_likelihood` of the softmax of scores (b c ...), and the logarithm of that."""
    logarithms = torch.log_softmax(scores, 1)
    return negative_log_likelihood(
        logarithms, labels, weights, reduction=reduction, ignore_index=ignore_index
    ), logarithms


FUNCTIONS = {
    "fourier": fourier,
    "short_time_fourier": short_time_fourier,
    "negative_log_likelihood": negative_log_likelihood,
    "softmax_cross_entropy": softmax_cross_entropy,
}
