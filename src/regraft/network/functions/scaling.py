"""Normalisation within each example, and attention."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from regraft.network.functions.operands import together


def layer_norm(x: Tensor, *, axes: tuple[int, ...], epsilon: float, centre: bool = True) -> Tensor:
    """Mean 0 and variance 1 over dimensions of each example; without `centre` only divided by the root mean square."""
    if centre:
        x = x - x.mean(axes, keepdim=True)
    return x * torch.rsqrt(x.square().mean(axes, keepdim=True) + epsilon)


def spread_norm(x: Tensor, *, axes: tuple[int, ...], epsilon: float) -> Tensor:
    """Variance 1 over dimensions of each example; the mean is scaled with it, not taken away."""
    return x * torch.rsqrt(x.var(axes, correction=0, keepdim=True) + epsilon)


def group_norm(x: Tensor, *, groups: int, axis: int, epsilon: float) -> Tensor:
    """Mean 0 and variance 1 in each group of the channels (dimension `axis`) of each example."""
    return functional.group_norm(x.movedim(axis, 1), groups, eps=epsilon).movedim(1, axis)


def unit_norm(x: Tensor, *, axes: tuple[int, ...]) -> Tensor:
    """Scaled to length 1 over dimensions."""
    return x * torch.rsqrt(x.square().sum(axes, keepdim=True).clamp(min=1e-12))


def masked_softmax(logits: Tensor, mask: Tensor, *, axis: int = -1, zeros: bool = False) -> Tensor:
    """`softmax` over what the mask, which broadcasts, does not leave out.

    Where it leaves out everything the result is even, or with `zeros` 0.
    """
    logits, mask = together(logits, mask)
    kept = mask.bool()
    made = torch.softmax(logits.masked_fill(~kept, -1e9), axis)
    return made.masked_fill(~kept, 0) if zeros else made


def attention_scores(query: Tensor, key: Tensor, *, scale: float) -> Tensor:
    """How well the keys (b k h d) fit each query (b q h d): (b h q k)."""
    query, key = together(query, key)
    return torch.einsum("bqhd,bkhd->bhqk", query * scale, key)


def attention_mix(shares: Tensor, value: Tensor) -> Tensor:
    """Values (b k h v) mixed by shares (b h q k): (b q h v)."""
    shares, value = together(shares, value)
    return torch.einsum("bhqk,bkhv->bqhv", shares, value)


def heads(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """The last dimension turned by a kernel (d h u) into heads of units each: (... h u)."""
    x, kernel = together(x, kernel)
    made = torch.einsum("...d,dhu->...hu", x, kernel)
    return made if bias is None else made + bias


def joined_heads(x: Tensor, kernel: Tensor, bias: Tensor | None = None) -> Tensor:
    """Heads (... h u) turned by a kernel (h u d) into one dimension."""
    x, kernel = together(x, kernel)
    made = torch.einsum("...hu,hud->...d", x, kernel)
    return made if bias is None else made + bias


def causal_mask(query: Tensor, key: Tensor) -> Tensor:
    """True where a step of the query (b q ...) may look at one of the key (b k ...): at itself and before."""
    ones = torch.ones(query.shape[1], key.shape[1], dtype=torch.bool, device=query.device)
    return ones.tril().unsqueeze(0)


FUNCTIONS = {
    "layer_norm": layer_norm,
    "spread_norm": spread_norm,
    "group_norm": group_norm,
    "unit_norm": unit_norm,
    "masked_softmax": masked_softmax,
    "attention_scores": attention_scores,
    "attention_mix": attention_mix,
    "heads": heads,
    "joined_heads": joined_heads,
    "causal_mask": causal_mask,
}
