"""Tensors made from nothing, and tensors grown or rearranged in space."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import ShapeMismatch, UnsupportedOp
from regraft.network.functions.operands import LARGEST, number, numbers, pairs, sizes


def fill(dims: Tensor, value: Tensor) -> Tensor:
    """One value everywhere."""
    return value.expand(numbers(dims))


def range_(start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    """Numbers from start on, `delta` apart, before the limit."""
    first, last, step = number(start), number(limit), number(delta)
    if step:
        sizes([int(min((last - first) / step, LARGEST + 1))])
    return torch.arange(first, last, step, dtype=start.dtype, device=start.device)


def lin_space(start: Tensor, stop: Tensor, num: Tensor) -> Tensor:
    """`num` numbers, equally far apart, from start to stop."""
    (count,) = sizes(num)
    return torch.linspace(number(start), number(stop), count, dtype=start.dtype, device=start.device)


def zeros_like(x: Tensor) -> Tensor:
    """Zeros in the shape of x."""
    return torch.zeros_like(x)


def ones_like(x: Tensor) -> Tensor:
    """Ones in the shape of x."""
    return torch.ones_like(x)


def invert_permutation(x: Tensor) -> Tensor:
    """The permutation that undoes x."""
    return torch.argsort(x).to(x.dtype)


def pad(input: Tensor, paddings: Tensor, constant_values: Tensor | None = None) -> Tensor:
    """Zeros, or one other value, put before and after along each dimension."""
    value = 0 if constant_values is None else number(constant_values)
    return functional.pad(input, _backwards(pairs(paddings), input.ndim), value=value)


def mirror_pad(input: Tensor, paddings: Tensor, *, mode: str) -> Tensor:
    """The values mirrored at the borders: with the border itself ("SYMMETRIC") or without it ("REFLECT").

    Raises:
        ShapeMismatch: more is to be put around than there is to mirror.
    """
    edge = 1 if mode == "SYMMETRIC" else 0
    for axis, (before, after) in enumerate(pairs(paddings)):
        if before or after:
            length = input.shape[axis]
            if max(before, after) > length - 1 + edge:
                raise ShapeMismatch(
                    "there is too little to mirror",
                    expected=f"at most {length - 1 + edge} around dimension {axis}",
                    got=f"{before} and {after}",
                )
            places = torch.arange(-before, length + after, device=input.device)
            places = torch.where(places < 0, -places - edge, places)
            places = torch.where(places >= length, 2 * (length - 1) + edge - places, places)
            input = input.index_select(axis, places)
    return input


def space_to_batch_nd(input: Tensor, block_shape: Tensor | Sequence[int], paddings: Tensor) -> Tensor:
    """Pad, and make each place within a block of (b h w ...) a picture of its own: dilated convolutions do."""
    blocks = numbers(block_shape)
    grown = functional.pad(input, _backwards([[0, 0], *pairs(paddings)], input.ndim))
    batch, *sizes = grown.shape
    rest = sizes[len(blocks) :]
    parted = [part for size, block in zip(sizes, blocks, strict=False) for part in (size // block, block)]
    inner = [2 * k + 2 for k in range(len(blocks))]
    outer = [2 * k + 1 for k in range(len(blocks))]
    behind = range(2 * len(blocks) + 1, grown.ndim + len(blocks))
    moved = grown.reshape(batch, *parted, *rest).permute(*inner, 0, *outer, *behind)
    return moved.reshape(-1, *parted[::2], *rest)


def batch_to_space_nd(input: Tensor, block_shape: Tensor | Sequence[int], crops: Tensor) -> Tensor:
    """Undo `space_to_batch_nd`, and crop."""
    blocks = numbers(block_shape)
    count = len(blocks)
    batch, *sizes = input.shape
    pictures = batch // torch.Size(blocks).numel()
    parted = input.reshape(*blocks, pictures, *sizes)
    woven = [axis for k in range(count) for axis in (count + 1 + k, k)]
    whole = [size * block for size, block in zip(sizes, blocks, strict=False)]
    moved = parted.permute(count, *woven, *range(2 * count + 1, parted.ndim)).reshape(pictures, *whole, *sizes[count:])
    for axis, (before, after) in enumerate(pairs(crops), start=1):
        moved = moved.narrow(axis, before, moved.shape[axis] - before - after)
    return moved


def space_to_batch(input: Tensor, paddings: Tensor, *, block_size: int) -> Tensor:
    """`space_to_batch_nd` of pictures with square blocks; the old operation."""
    return space_to_batch_nd(input, [block_size] * 2, paddings)


def batch_to_space(input: Tensor, crops: Tensor, *, block_size: int) -> Tensor:
    """`batch_to_space_nd` of pictures with square blocks; the old operation."""
    return batch_to_space_nd(input, [block_size] * 2, crops)


def space_to_depth(input: Tensor, *, block_size: int, data_format: str = "NHWC") -> Tensor:
    """Blocks of places become channels: (b h*r w*r c) to (b h w r*r*c)."""
    if data_format == "NHWC":
        batch, height, width, channels = input.shape
        parted = input.reshape(batch, height // block_size, block_size, width // block_size, block_size, channels)
        return parted.permute(0, 1, 3, 2, 4, 5).flatten(3)
    batch, channels, height, width = _nchw(input, data_format)
    parted = input.reshape(batch, channels, height // block_size, block_size, width // block_size, block_size)
    return parted.permute(0, 3, 5, 1, 2, 4).flatten(1, 3)


def depth_to_space(input: Tensor, *, block_size: int, data_format: str = "NHWC") -> Tensor:
    """Channels become blocks of places: (b h w r*r*c) to (b h*r w*r c)."""
    if data_format == "NHWC":
        return input.unflatten(3, (block_size, block_size, -1)).permute(0, 1, 3, 2, 4, 5).flatten(1, 2).flatten(2, 3)
    _nchw(input, data_format)
    return input.unflatten(1, (block_size, block_size, -1)).permute(0, 3, 4, 1, 5, 2).flatten(2, 3).flatten(3, 4)


def _nchw(input: Tensor, data_format: str) -> torch.Size:
    if data_format != "NCHW":
        raise UnsupportedOp(f"pictures in the layout {data_format} cannot be read", expected="NHWC, NCHW")
    return input.shape


def _backwards(paddings: list[list[int]], ndim: int) -> list[int]:
    """Paddings of the first dimensions as torch wants them: all dimensions, the last one first."""
    paddings = paddings + [[0, 0]] * (ndim - len(paddings))
    return sizes([count for pair in reversed(paddings) for count in pair])


FUNCTIONS = {
    "fill": fill,
    "range": range_,
    "lin_space": lin_space,
    "zeros_like": zeros_like,
    "ones_like": ones_like,
    "invert_permutation": invert_permutation,
    "pad": pad,
    "mirror_pad": mirror_pad,
    "space_to_batch_nd": space_to_batch_nd,
    "batch_to_space_nd": batch_to_space_nd,
    "space_to_batch": space_to_batch,
    "batch_to_space": batch_to_space,
    "space_to_depth": space_to_depth,
    "depth_to_space": depth_to_space,
}
