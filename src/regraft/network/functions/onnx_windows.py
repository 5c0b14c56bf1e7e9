"""ONNX's convolutions and pooling, of any number of spatial dimensions: (b c d1 d2 ...), filters (out in d1 d2 ...)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import ShapeMismatch, UnsupportedOp
from regraft.network.functions.convolution import require_groups
from regraft.network.functions.onnx_shaping import made
from regraft.network.functions.operands import together
from regraft.network.functions.windows import same

_CONVOLVE = {1: functional.conv1d, 2: functional.conv2d, 3: functional.conv3d}
_CONVOLVE_BACK = {1: functional.conv_transpose1d, 2: functional.conv_transpose2d, 3: functional.conv_transpose3d}
_MAX = {1: functional.max_pool1d, 2: functional.max_pool2d, 3: functional.max_pool3d}
_AVERAGE = {1: functional.avg_pool1d, 2: functional.avg_pool2d, 3: functional.avg_pool3d}

Sizes = Sequence[int] | None


@dataclass(frozen=True, kw_only=True)
class Window:
    """A window that slides over each spatial dimension: its size, steps, gaps, what is put before and after."""

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    def reach(self, axis: int) -> int:
        """How many places it covers from its first to its last."""
        return (self.size[axis] - 1) * self.dilations[axis] + 1

    def backwards(self) -> list[int]:
        """What is put around, as torch's `pad` wants it: the last dimension first."""
        return [one for pair in zip(reversed(self.before), reversed(self.after), strict=True) for one in pair]


def window(
    lengths: Sequence[int],
    size: Sequence[int],
    strides: Sizes,
    dilations: Sizes,
    pads: Sizes,
    auto_pad: str,
    *,
    ceil_mode: int = 0,
) -> Window:
    """The window over dimensions of these lengths.

    Args:
        auto_pad: NOTSET (`pads` count: all befores, then all afters), VALID (nothing is put around), SAME_UPPER and
            SAME_LOWER (as many windows as strides fit; the odd one more stands behind, or before).
        ceil_mode: whether what is left at the end gets a window of its own, if that begins inside.
    """
    rank = len(lengths)
    steps, gaps = tuple(strides or [1] * rank), tuple(dilations or [1] * rank)
    if len(size) != rank or len(steps) != rank or len(gaps) != rank or rank not in _CONVOLVE:
        raise UnsupportedOp(
            f"a window of {len(size)} dimensions cannot slide over {rank}", expected="1, 2 or 3 spatial dimensions"
        )
    before, after = [0] * rank, [0] * rank
    if auto_pad in ("SAME_UPPER", "SAME_LOWER"):
        for axis, length in enumerate(lengths):
            small, large = same(length, size[axis], steps[axis], gaps[axis])
            before[axis], after[axis] = (small, large) if auto_pad == "SAME_UPPER" else (large, small)
    elif auto_pad in ("", "NOTSET"):
        given = list(pads or [0] * (2 * rank))
        if len(given) != 2 * rank:
            raise ShapeMismatch("there is not one pad for each end of a dimension", got=str(given))
        before, after = given[:rank], given[rank:]
    elif auto_pad != "VALID":
        raise UnsupportedOp(f"padding by {auto_pad!r} is not known")
    if ceil_mode:
        for axis, length in enumerate(lengths):
            padded, step = length + before[axis] + after[axis], steps[axis]
            left = padded - (size[axis] - 1) * gaps[axis] - 1
            count = -(-left // step)
            if count * step < length + before[axis]:
                after[axis] += max(0, count * step - left)
    made([length + one + other for length, one, other in zip(lengths, before, after, strict=True)])
    return Window(size=tuple(size), strides=steps, dilations=gaps, before=tuple(before), after=tuple(after))


def conv(  # noqa: PLR0913 - as many as ONNX has
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    kernel_shape: Sizes = None,
    strides: Sizes = None,
    dilations: Sizes = None,
    pads: Sizes = None,
    auto_pad: str = "NOTSET",
    group: int = 1,
) -> Tensor:
    """Convolve (b c d1 d2 ...) with filters (out in d1 d2 ...)."""
    x, w = together(x, w)
    require_groups(x, w, group)
    sliding = window(x.shape[2:], w.shape[2:], strides, dilations, pads, auto_pad)
    symmetric = sliding.before == sliding.after and min(sliding.before) >= 0
    grown = x if symmetric else functional.pad(x, sliding.backwards())
    return _CONVOLVE[x.ndim - 2](
        grown, w, b, sliding.strides, sliding.before if symmetric else 0, sliding.dilations, group
    )


def conv_transpose(  # noqa: PLR0913 - as many as ONNX has
    x: Tensor,
    w: Tensor,
    b: Tensor | None = None,
    *,
    kernel_shape: Sizes = None,
    strides: Sizes = None,
    dilations: Sizes = None,
    pads: Sizes = None,
    auto_pad: str = "NOTSET",
    group: int = 1,
    output_padding: Sizes = None,
    output_shape: Sizes = None,
) -> Tensor:
    """Convolve (b c d1 d2 ...) transposed with filters (in out d1 d2 ...); `pads` are cut off."""
    x, w = together(x, w)
    rank = x.ndim - 2
    steps, gaps = tuple(strides or [1] * rank), tuple(dilations or [1] * rank)
    more = list(output_padding or [0] * rank)
    if rank not in _CONVOLVE_BACK or len(steps) != rank or len(gaps) != rank:
        raise UnsupportedOp(f"a convolution over {rank} dimensions is not known", expected="1, 2 or 3")
    whole = [
        (length - 1) * step + (size - 1) * gap + 1
        for length, step, size, gap in zip(x.shape[2:], steps, w.shape[2:], gaps, strict=True)
    ]
    before, after = [0] * rank, [0] * rank
    same = auto_pad in ("SAME_UPPER", "SAME_LOWER")
    if output_shape is not None or same:
        wanted = list(output_shape or [length * step for length, step in zip(x.shape[2:], steps, strict=True)])[-rank:]
        for axis, size in enumerate(wanted):
            total = whole[axis] + more[axis] - size
            half = total // 2
            # ONNX puts the odd one more behind unless told SAME_LOWER or (without auto_pad) not told SAME_UPPER
            before[axis], after[axis] = (half, total - half) if auto_pad == "SAME_UPPER" else (total - half, half)
    elif pads is not None and auto_pad == "NOTSET":
        before, after = list(pads[:rank]), list(pads[rank:])
    made([size + extra for size, extra in zip(whole, more, strict=True)])
    full = _CONVOLVE_BACK[rank](x, w, None, steps, 0, 0, group, gaps)
    cut = [one for k in reversed(range(rank)) for one in (-before[k], more[k] - after[k])]
    result = functional.pad(full, cut)
    return result if b is None else result + together(result, b)[1].view(-1, *[1] * rank)


def max_pool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    strides: Sizes = None,
    dilations: Sizes = None,
    pads: Sizes = None,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    storage_order: int = 0,
) -> Tensor:
    """The greatest value in each window of each channel."""
    sliding = window(x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode=ceil_mode)
    pool = _MAX[x.ndim - 2]
    halves = all(2 * one <= size for one, size in zip(sliding.before, sliding.size, strict=True))
    if sliding.before == sliding.after and halves and x.is_floating_point():
        return pool(x, sliding.size, sliding.strides, sliding.before, sliding.dilations)
    return _least_padded(x, sliding, pool)


def _least_padded(x: Tensor, sliding: Window, pool: object) -> Tensor:
    """Pooling of what torch cannot pad itself: with the smallest number there is."""
    if x.is_floating_point():
        grown = functional.pad(x, sliding.backwards(), value=-math.inf)
        return pool(grown, sliding.size, sliding.strides, 0, sliding.dilations)  # type: ignore[operator]
    wide = functional.pad(x.double(), sliding.backwards(), value=-math.inf)
    return pool(wide, sliding.size, sliding.strides, 0, sliding.dilations).to(x.dtype)  # type: ignore[operator]


def max_pool_places(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    strides: Sizes = None,
    dilations: Sizes = None,
    pads: Sizes = None,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    storage_order: int = 0,
) -> tuple[Tensor, Tensor]:
    """`max_pool`, and where in the flattened tensor each value stood.

    Args:
        storage_order: 1 counts the places of a picture column by column.
    """
    sliding = window(x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode=ceil_mode)
    grown = functional.pad(x.double() if not x.is_floating_point() else x, sliding.backwards(), value=-math.inf)
    values, places = _MAX[x.ndim - 2](
        grown, sliding.size, sliding.strides, 0, sliding.dilations, ceil_mode=False, return_indices=True
    )
    lengths, count = list(x.shape[2:]), math.prod(x.shape[2:])
    found = torch.zeros_like(places)
    factor, factors = 1, [0] * len(lengths)
    for axis in range(len(lengths)) if storage_order else reversed(range(len(lengths))):
        factors[axis] = factor
        factor *= lengths[axis]
    for axis in reversed(range(len(lengths))):
        size = grown.shape[2 + axis]
        found = found + (places % size - sliding.before[axis]) * factors[axis]
        places = places // size
    channel = torch.arange(x.shape[0] * x.shape[1], device=x.device).view(*x.shape[:2], *[1] * len(lengths))
    return values.to(x.dtype), found + channel * count


def average_pool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    strides: Sizes = None,
    dilations: Sizes = None,
    pads: Sizes = None,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
) -> Tensor:
    """The mean of each window of each channel.

    Args:
        count_include_pad: whether what is put around counts; what a last window reaches behind that never does.
    """
    plain = window(x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad)
    sliding = window(x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode=ceil_mode)
    halves = all(2 * one <= size for one, size in zip(sliding.before, sliding.size, strict=True))
    if sliding.before == sliding.after and halves and max(sliding.dilations) == 1 and plain == sliding:
        pool = _AVERAGE[x.ndim - 2]
        return pool(x, sliding.size, sliding.strides, sliding.before, count_include_pad=bool(count_include_pad))
    counted = torch.ones_like(x[:1, :1])
    if count_include_pad:
        counted = functional.pad(counted, plain.backwards(), value=1.0)
        rest = [a - b for a, b in zip(sliding.backwards(), plain.backwards(), strict=True)]
        counted = functional.pad(counted, rest)
    else:
        counted = functional.pad(counted, sliding.backwards())
    return _sums(functional.pad(x, sliding.backwards()), sliding) / _sums(counted, sliding)


def lp_pool(
    x: Tensor,
    *,
    kernel_shape: Sequence[int],
    strides: Sizes = None,
    dilations: Sizes = None,
    pads: Sizes = None,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    p: int = 2,
) -> Tensor:
    """The p-norm of each window of each channel."""
    sliding = window(x.shape[2:], kernel_shape, strides, dilations, pads, auto_pad, ceil_mode=ceil_mode)
    return _sums(functional.pad(x.abs().pow(p), sliding.backwards()), sliding).pow(1 / p)


def max_unpool(
    x: Tensor, places: Tensor, output_shape: Tensor | None = None, *, kernel_shape: Sequence[int],
    strides: Sizes = None, pads: Sizes = None,
) -> Tensor:  # fmt: skip
    """Undo `max_pool_places`: each value at its place, zeros elsewhere."""
    rank = x.ndim - 2
    steps, around = list(strides or [1] * rank), list(pads or [0] * (2 * rank))
    lengths = [
        (x.shape[2 + k] - 1) * steps[k] + kernel_shape[k] - around[k] - around[k + rank] for k in range(rank)
    ]  # fmt: skip
    small = [*x.shape[:2], *lengths]
    shape = small if output_shape is None else output_shape.tolist()
    flat = x.new_zeros(math.prod(made(small))).scatter(0, places.reshape(-1), x.reshape(-1)).reshape(small)
    return functional.pad(flat, [one for k in reversed(range(rank)) for one in (0, shape[2 + k] - small[2 + k])])


def col2im(
    input: Tensor, image_shape: Tensor, block_shape: Tensor, *, strides: Sizes = None, dilations: Sizes = None,
    pads: Sizes = None,
) -> Tensor:  # fmt: skip
    """Pictures put together from their blocks (b c*block places); where blocks overlap they are added."""
    lengths, size = made(image_shape.tolist()), block_shape.tolist()
    sliding = window(lengths, size, strides, dilations, pads, "NOTSET")
    grown = [n + a + b for n, a, b in zip(lengths, sliding.before, sliding.after, strict=True)]
    counts = [(n - sliding.reach(k)) // sliding.strides[k] + 1 for k, n in enumerate(grown)]
    index = torch.zeros([1] * (2 * len(size)), dtype=torch.int64)
    for k, (block, count) in enumerate(zip(size, counts, strict=True)):
        places = torch.arange(block).view(-1, 1) * sliding.dilations[k] + torch.arange(count) * sliding.strides[k]
        shape = [1] * (2 * len(size))
        shape[k], shape[len(size) + k] = block, count
        index = index * grown[k] + places.view(shape)
    index = index.expand(*size, *counts).reshape(-1).to(input.device)
    batch, channels = input.shape[0], input.shape[1] // math.prod(size)
    parts = input.reshape(batch * channels, -1)
    whole = parts.new_zeros(batch * channels, math.prod(made(grown))).index_add(1, index, parts)
    cut = [-one for pair in zip(reversed(sliding.before), reversed(sliding.after), strict=True) for one in pair]
    return functional.pad(whole.reshape(batch, channels, *grown), cut)


def causal_conv_with_state(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, past_state: Tensor | None = None, *,
    activation: str = "none",
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """A convolution over time in which each channel has its filter, and no step sees a later one.

    Returns:
        The values, and the last steps, which the next call takes as `past_state`.
    """
    input, weight = together(input, weight)
    before = weight.shape[-1] - 1
    past = input.new_zeros(*input.shape[:-1], before) if past_state is None else past_state
    whole = torch.cat([past, input], -1)
    result = functional.conv1d(whole, weight, bias, groups=input.shape[1])
    if activation in ("silu", "swish"):
        result = functional.silu(result)
    elif activation not in ("none", ""):
        raise UnsupportedOp(f"the activation {activation!r} is not known", expected="none, silu, swish")
    return result, whole[..., whole.shape[-1] - before :]


def _sums(x: Tensor, sliding: Window) -> Tensor:
    """The sum of each window of each channel, nothing put around."""
    rank = x.ndim - 2
    if max(sliding.dilations) == 1:
        return _AVERAGE[rank](x, sliding.size, sliding.strides) * math.prod(sliding.size)
    parts = x.flatten(0, 1).unsqueeze(1)
    summed = _CONVOLVE[rank](parts, parts.new_ones(1, 1, *sliding.size), None, sliding.strides, 0, sliding.dilations)
    return summed.reshape(*x.shape[:2], *summed.shape[2:])


FUNCTIONS = {
    "onnx_conv": conv,
    "onnx_conv_transpose": conv_transpose,
    "onnx_max_pool": max_pool,
    "onnx_max_pool_places": max_pool_places,
    "onnx_average_pool": average_pool,
    "lp_pool": lp_pool,
    "max_unpool": max_unpool,
    "col2im": col2im,
    "causal_conv_with_state": causal_conv_with_state,
}
