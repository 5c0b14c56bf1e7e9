"""Random numbers, from torch's generator and on torch's default device: TensorFlow's streams cannot be drawn here."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional, init

from regraft.network.functions.operands import dtype_named, number, sizes


def random_uniform(shape: Tensor, *, dtype: str) -> Tensor:
    """Equally likely numbers, 0 included, 1 not."""
    return torch.rand(sizes(shape), dtype=dtype_named(dtype))


def random_standard_normal(shape: Tensor, *, dtype: str) -> Tensor:
    """Normal numbers of mean 0 and deviation 1."""
    return torch.randn(sizes(shape), dtype=dtype_named(dtype))


def truncated_normal(shape: Tensor, *, dtype: str) -> Tensor:
    """Normal numbers of mean 0 and deviation 1, those beyond 2 drawn again."""
    return init.trunc_normal_(torch.empty(sizes(shape), dtype=dtype_named(dtype)))


def random_uniform_int(shape: Tensor, minval: Tensor, maxval: Tensor) -> Tensor:
    """Equally likely whole numbers, minval included, maxval not."""
    return torch.randint(number(minval), number(maxval), sizes(shape), dtype=minval.dtype)


def multinomial(logits: Tensor, num_samples: Tensor, *, output_dtype: str = "int64") -> Tensor:
    """Classes drawn with the probabilities that logits (b classes) give: (b samples)."""
    drawn = torch.multinomial(torch.softmax(logits, -1), number(num_samples), replacement=True)
    return drawn.to(dtype_named(output_dtype))


def dropout(x: Tensor, *, rate: float) -> Tensor:
    """Each value set to 0 with probability `rate`, the others made larger so that the mean stays."""
    return functional.dropout(x, rate, training=True)


def dropout_by(x: Tensor, ratio: Tensor) -> Tensor:
    """The same, the probability being computed."""
    return dropout(x, rate=float(ratio.item()))


FUNCTIONS = {
    "random_uniform": random_uniform,
    "random_standard_normal": random_standard_normal,
    "truncated_normal": truncated_normal,
    "random_uniform_int": random_uniform_int,
    "multinomial": multinomial,
    "dropout": dropout,
    "dropout_by": dropout_by,
}
