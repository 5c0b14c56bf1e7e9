"""ONNX's attention. Shapes: b batch, h heads, q queries, k keys, d sizes of a head."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from regraft.errors import BadArgument, UnsupportedOp
from regraft.network.functions.operands import dtype_named, together

_UPDATE_RULES = ("linear", "gated", "delta", "gated_delta")


@dataclass(frozen=True, kw_only=True)
class _Bounds:
    """Which keys a query may see: `places` are those of the queries among the keys (b or 1, 1, q, 1)."""

    causal: bool
    left: int
    right: int
    places: Tensor

    def bias(self, keys: int, like: Tensor) -> Tensor | None:
        """0 where a key is seen, else -inf; None where all are."""
        if not self.causal and self.left < 0 and self.right < 0:
            return None
        distance = self.places - torch.arange(keys, device=self.places.device)
        seen = torch.ones_like(distance, dtype=torch.bool)
        if self.causal:
            seen = seen & (distance >= 0)
        if self.left >= 0:
            seen = seen & (distance <= self.left)
        if self.right >= 0:
            seen = seen & (-distance <= self.right)
        return _closed(seen, like)


def _closed(seen: Tensor, like: Tensor) -> Tensor:
    """0 where true, -inf where not."""
    return like.new_zeros(seen.shape).masked_fill(~seen, -math.inf)


def _by_head(x: Tensor, heads: int | None) -> Tensor:
    """(b n h*d) as (b h n d)."""
    if x.ndim == 4:
        return x
    if not heads:
        raise BadArgument("the number of heads is not said", expected="q_num_heads and kv_num_heads")
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def attention(  # noqa: PLR0913 - as many as ONNX has
    q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, past_key: Tensor | None = None,
    past_value: Tensor | None = None, nonpad: Tensor | None = None, *,
    is_causal: int = 0, kv_num_heads: int | None = None, q_num_heads: int | None = None, scale: float | None = None,
    softcap: float = 0.0, softmax_precision: str | None = None, qk_matmul_output_mode: int = 0,
    left_window_size: int = -1, right_window_size: int = -1,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Values mixed by how well their keys fit each query; heads of keys are shared by several of queries.

    Args:
        q, k, v: (b h n d), or (b n h*d).
        attn_mask: added to the products, or true where a key is seen.
        past_key, past_value: of the steps before.
        nonpad: (b) how many keys of each example count.
        softcap: a bound the products come near to; 0: none.

    Returns:
        The mixed values, all keys and values, and the products (mode 0), those capped (1), with what was added (2),
        or after softmax (3).
    """
    flat = q.ndim == 3
    q, k, v = _by_head(q, q_num_heads), _by_head(k, kv_num_heads), _by_head(v, kv_num_heads)
    k = k if past_key is None else torch.cat([past_key, k], 2)
    v = v if past_value is None else torch.cat([past_value, v], 2)
    present = k, v
    if k.shape[1] != q.shape[1]:
        k, v = (one.repeat_interleave(q.shape[1] // k.shape[1], 1) for one in (k, v))
    bias = _bias(q, k, attn_mask, nonpad, _places(q, past_key, nonpad), bool(is_causal), left_window_size,
                 right_window_size)  # fmt: skip
    factor = q.new_tensor(math.sqrt(1 / math.sqrt(q.shape[-1]) if scale is None else scale))
    products = (q * factor) @ (k.mT * factor)
    shown = products
    if softcap:
        products = softcap * torch.tanh(products / softcap)
    shown = products if qk_matmul_output_mode == 1 else shown
    summed = products if bias is None else products + bias
    shown = summed if qk_matmul_output_mode == 2 else shown
    wide = summed if softmax_precision is None else summed.to(dtype_named(softmax_precision))
    shares = torch.softmax(wide, -1)
    if bias is not None:  # a query that sees nothing gives nothing
        shares = shares.masked_fill((bias == -math.inf).all(-1, keepdim=True), 0)
    shares = shares.to(q.dtype)
    shown = shares if qk_matmul_output_mode == 3 else shown
    mixed = shares @ v
    return mixed.transpose(1, 2).flatten(2) if flat else mixed, *present, shown


def _places(q: Tensor, past_key: Tensor | None, nonpad: Tensor | None) -> Tensor:
    """Where each query stands among the keys."""
    count = torch.arange(q.shape[2], device=q.device).view(1, 1, -1, 1)
    if past_key is None and nonpad is not None:
        return count + (nonpad.reshape(-1, 1, 1, 1).to(q.device) - q.shape[2])
    return count + (0 if past_key is None else past_key.shape[2])


def _bias(
    q: Tensor, k: Tensor, mask: Tensor | None, nonpad: Tensor | None, places: Tensor, causal: bool, left: int,
    right: int,
) -> Tensor | None:  # fmt: skip
    """What is added to the products, all reasons together."""
    keys = k.shape[2]
    parts: list[Tensor] = []
    bounds = _Bounds(causal=causal, left=left, right=right, places=places).bias(keys, q)
    if bounds is not None:
        parts.append(bounds)
    if mask is not None:
        added = _closed(mask, q) if mask.dtype == torch.bool else mask.to(q.dtype)
        missing = keys - added.shape[-1]
        parts.append(torch.nn.functional.pad(added, (0, missing), value=-math.inf) if missing > 0 else added)
    if nonpad is not None:
        seen = torch.arange(keys, device=q.device) < nonpad.reshape(-1, 1).to(q.device)
        parts.append(_closed(seen.view(-1, 1, 1, keys), q))
    if not parts:
        return None
    total, *rest = together(*parts)
    for one in rest:
        total = total + one
    return total


def rotary_embedding(
    x: Tensor, cos_cache: Tensor, sin_cache: Tensor, position_ids: Tensor | None = None, *,
    interleaved: int = 0, num_heads: int = 0, rotary_embedding_dim: int = 0,
) -> Tensor:  # fmt: skip
    """Pairs of numbers of each head turned by an angle that grows with the place.

    Args:
        x: (b h n d), or (b n h*d).
        cos_cache, sin_cache: (places d/2), or (b n d/2) where no places are given.
        interleaved: whether neighbours are a pair, and not the two halves.
    """
    x, cos_cache, sin_cache = together(x, cos_cache, sin_cache)
    heads = _by_head(x, num_heads or None)
    if position_ids is not None:
        cos_cache, sin_cache = cos_cache[position_ids.long()], sin_cache[position_ids.long()]
    cos, sin = cos_cache.unsqueeze(1), sin_cache.unsqueeze(1)
    size = rotary_embedding_dim or heads.shape[-1]
    turned, rest = heads[..., :size], heads[..., size:]
    first, second = (turned[..., 0::2], turned[..., 1::2]) if interleaved else turned.chunk(2, -1)
    real, imaginary = cos * first - sin * second, sin * first + cos * second
    pair = torch.stack([real, imaginary], -1).flatten(-2) if interleaved else torch.cat([real, imaginary], -1)
    whole = torch.cat([pair, rest], -1)
    return whole.transpose(1, 2).flatten(2) if x.ndim == 3 else whole


def linear_attention(  # noqa: PLR0913 - as many as ONNX has
    query: Tensor, key: Tensor, value: Tensor, past_state: Tensor | None = None, decay: Tensor | None = None,
    beta: Tensor | None = None, *,
    q_num_heads: int, kv_num_heads: int, scale: float = 0.0, update_rule: str = "gated_delta", chunk_size: int = 64,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Attention by a state that each step adds its key and value to: (b n h*d).

    Args:
        decay: the logarithm of how much of the state stays, for each head or each number of its keys.
        beta: how much of what the state gets wrong is put right, for each head.

    Returns:
        The values read, and the last state (b h d d).
    """
    if update_rule not in _UPDATE_RULES:
        raise UnsupportedOp(f"the update rule {update_rule!r} is not known", expected=", ".join(_UPDATE_RULES))
    kind = query.dtype if past_state is None else past_state.dtype
    q, k, v = (
        _by_head(one, heads).float()
        for one, heads in ((query, q_num_heads), (key, kv_num_heads), (value, kv_num_heads))
    )
    size = q.shape[-1]
    state = q.new_zeros(q.shape[0], kv_num_heads, size, v.shape[-1]) if past_state is None else past_state.float()
    kept = None if decay is None else _by_head(decay, kv_num_heads).float().exp()
    share = None if beta is None else beta.float().transpose(1, 2).unsqueeze(-1)
    factor = scale or 1 / math.sqrt(size)
    read: list[Tensor] = []
    for step in range(q.shape[2]):
        if kept is not None:
            state = state * kept[:, :, step].unsqueeze(-1)
        added, at = v[:, :, step], k[:, :, step]
        if share is not None:
            added = share[:, :, step] * (added - (state * at.unsqueeze(-1)).sum(2))
        state = state + at.unsqueeze(-1) * added.unsqueeze(-2)
        seen = state.repeat_interleave(q_num_heads // kv_num_heads, 1)
        read.append(factor * (q[:, :, step].unsqueeze(-1) * seen).sum(2))
    result = torch.stack(read, 1).flatten(2) if read else v.new_zeros(*query.shape[:2], q_num_heads * v.shape[-1])
    return result.to(query.dtype), state.to(kind)


FUNCTIONS = {"attention": attention, "rotary_embedding": rotary_embedding, "linear_attention": linear_attention}
