"""Matrices in the last two dimensions: bands and diagonals."""

from __future__ import annotations

import torch
from torch import Tensor

from regraft.network.functions.operands import number


def matrix_band_part(input: Tensor, num_lower: Tensor, num_upper: Tensor) -> Tensor:
    """The values so many diagonals below and above the main one, zeros elsewhere; a negative number takes all."""
    rows = torch.arange(input.shape[-2], device=input.device).unsqueeze(1)
    columns = torch.arange(input.shape[-1], device=input.device)
    below, above = number(num_lower), number(num_upper)
    kept = torch.ones(input.shape[-2:], dtype=torch.bool, device=input.device)
    if below >= 0:
        kept &= rows - columns <= below
    if above >= 0:
        kept &= columns - rows <= above
    return torch.where(kept, input, torch.zeros_like(input))


def diag(diagonal: Tensor) -> Tensor:
    """A tensor (a b ... a b ...) with these values (a b ...) on its diagonal."""
    return torch.diag_embed(diagonal.reshape(-1)).reshape(*diagonal.shape, *diagonal.shape)


def diag_part(input: Tensor) -> Tensor:
    """The diagonal of a tensor (a b ... a b ...)."""
    shape = input.shape[: input.ndim // 2]
    count = shape.numel()
    return input.reshape(count, count).diagonal().reshape(shape)


def matrix_diag(diagonal: Tensor) -> Tensor:
    """Matrices with these values on their diagonals."""
    return torch.diag_embed(diagonal)


def matrix_diag_part(input: Tensor) -> Tensor:
    """The diagonals of matrices."""
    return input.diagonal(dim1=-2, dim2=-1)


def det(x: Tensor) -> Tensor:
    """The determinants of matrices."""
    return torch.linalg.det(x)


FUNCTIONS = {
    "det": det,
    "matrix_band_part": matrix_band_part,
    "diag": diag,
    "diag_part": diag_part,
    "matrix_diag": matrix_diag,
    "matrix_diag_part": matrix_diag_part,
}
