"""ONNX's operations on shapes: dimensions changed, tensors joined, cut, grown and filled."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import ShapeMismatch, UnsupportedOp
from regraft.network.functions.operands import LARGEST, dtype_named, number, numbers, sizes, together

Numbers = Tensor | Sequence[Any]
_MOST = 1 << 31  # numbers that a tensor may have whose size the file says


def listed(values: Numbers) -> list[int]:
    """The values of a shape: one tensor of them, or numbers and tensors of one number each."""
    if isinstance(values, Tensor):
        return numbers(values)
    return [number(value) for value in values]


def made(shape: Sequence[int]) -> list[int]:
    """A shape that is to be made.

    Raises:
        UnsupportedOp: it is so large that only a damaged file asks for it.
    """
    wanted = sizes(shape)
    if math.prod(max(size, 0) for size in wanted) > _MOST:
        raise UnsupportedOp("a tensor that large cannot be made", expected=f"at most {_MOST} numbers", got=str(wanted))
    return wanted


def reshape(data: Tensor, shape: Numbers, *, allowzero: int = 0) -> Tensor:
    """The same values in another shape: -1 stands for what is left, 0 for the dimension that stands there.

    Args:
        allowzero: whether 0 means an empty dimension instead.
    """
    wanted = listed(shape)
    if not allowzero:
        if any(size == 0 and place >= data.ndim for place, size in enumerate(wanted)):
            raise ShapeMismatch("a dimension is to be kept that is not there", got=f"{wanted} of {tuple(data.shape)}")
        wanted = [data.shape[place] if size == 0 else size for place, size in enumerate(wanted)]
    return data.reshape(wanted)


def flatten(input: Tensor, *, axis: int = 1) -> Tensor:
    """A matrix: the dimensions before `axis` as rows, the others as columns."""
    axis = axis + input.ndim if axis < 0 else axis
    return input.reshape(math.prod(input.shape[:axis]), math.prod(input.shape[axis:]))


def squeeze(data: Tensor, axes: Numbers | None = None) -> Tensor:
    """Without the dimensions of size 1: all of them, or those named."""
    if axes is None:
        return data.squeeze()
    gone = {axis % data.ndim for axis in listed(axes)}
    if any(data.shape[axis] != 1 for axis in gone):
        raise ShapeMismatch("only dimensions of size 1 can be dropped", got=f"{sorted(gone)} of {tuple(data.shape)}")
    return data.reshape([size for axis, size in enumerate(data.shape) if axis not in gone])


def unsqueeze(data: Tensor, axes: Numbers) -> Tensor:
    """With dimensions of size 1 more, at places counted in the result."""
    wanted = listed(axes)
    rank = data.ndim + len(wanted)
    new = {axis % rank for axis in wanted}
    if len(new) < len(wanted):
        raise ShapeMismatch("a dimension is added twice", got=str(wanted))
    rest = iter(data.shape)
    return data.reshape([1 if axis in new else next(rest) for axis in range(rank)])


def transpose(data: Tensor, *, perm: Sequence[int] | None = None) -> Tensor:
    """The dimensions in another order; backwards where none is said."""
    return data.permute(*range(data.ndim - 1, -1, -1)) if perm is None else data.permute(*perm)


def shape_part(data: Tensor, *, start: int = 0, end: int | None = None) -> Tensor:
    """The sizes of the dimensions from start to end."""
    return torch.tensor(tuple(data.shape[start:end]), dtype=torch.int64, device="cpu")


def concat(*inputs: Tensor, axis: int) -> Tensor:
    """Tensors one after the other along a dimension."""
    return torch.cat(together(*inputs), axis)


def concat_rows(*inputs: Tensor, axis: int) -> Tensor:
    """The same, tensors of one row being repeated for each example."""
    rows = max(one.shape[0] for one in inputs)
    return concat(*(one.expand(rows, *one.shape[1:]) if one.ndim > 1 else one for one in inputs), axis=axis)


def split(input: Tensor, lengths: Numbers | None = None, *, axis: int = 0, count: int) -> tuple[Tensor, ...]:
    """Parts along a dimension: of given lengths, or equal ones of which the last may be smaller."""
    length = input.shape[axis]
    if lengths is None:
        each = -(-length // count)
        parts = [max(0, min(each, length - each * place)) for place in range(count)]
    else:
        parts = listed(lengths)
    if sum(parts) != length or len(parts) != count:
        raise ShapeMismatch(
            "a dimension cannot be split so", expected=f"{count} parts of {length} together", got=str(parts)
        )
    return torch.split(input, parts, axis)


def slice_(
    data: Tensor, starts: Numbers, ends: Numbers, axes: Numbers | None = None, steps: Numbers | None = None
) -> Tensor:
    """What Python writes as `x[start:end:step]`, along some dimensions."""
    begins, stops = listed(starts), listed(ends)
    along = list(range(len(begins))) if axes is None else listed(axes)
    strides = [1] * len(begins) if steps is None else listed(steps)
    for axis, start, stop, step in zip(along, begins, stops, strides, strict=True):
        length = data.shape[axis]
        if step > 0:
            first, last = (min(max(place + length if place < 0 else place, 0), length) for place in (start, stop))
            index: list[Any] = [slice(None)] * data.ndim
            index[axis] = slice(first, max(first, last), step)
            data = data[tuple(index)]
        elif step < 0:
            first = min(max(start + length if start < 0 else start, -1), length - 1)
            last = min(max(stop + length if stop < 0 else stop, -1), length - 1)
            places = torch.arange(first, last, step, device=data.device) if first > last else []
            data = data.index_select(axis, torch.as_tensor(places, dtype=torch.int64, device=data.device))
        else:
            raise ShapeMismatch("a slice needs a step", got=str(strides))
    return data


def expand(input: Tensor, shape: Numbers) -> Tensor:
    """The values repeated along dimensions of size 1, of one shape or the other."""
    wanted = torch.broadcast_shapes(tuple(input.shape), tuple(listed(shape)))
    return input.expand(made(wanted))


def tile(input: Tensor, repeats: Numbers) -> Tensor:
    """The tensor repeated along each dimension."""
    times = listed(repeats)
    if len(times) == input.ndim:
        made([size * count for size, count in zip(input.shape, times, strict=True)])
    return input.repeat(times)


def pad(
    data: Tensor,
    pads: Numbers,
    constant: Tensor | float | None = None,
    axes: Numbers | None = None,
    *,
    mode: str = "constant",
) -> Tensor:
    """Values put around along each dimension: a constant, or ("reflect", "edge", "wrap") the tensor's own.

    Negative numbers take values away.
    """
    amounts = listed(pads)
    along = list(range(data.ndim)) if axes is None else [axis % data.ndim for axis in listed(axes)]
    half = len(amounts) // 2
    if len(along) != half:
        raise ShapeMismatch("there is not one amount for each end of a dimension", got=str(amounts))
    around = {axis: (amounts[k], amounts[k + half]) for k, axis in enumerate(along)}
    made([size + sum(around.get(axis, (0, 0))) for axis, size in enumerate(data.shape)])
    if mode == "constant":
        backwards = [count for axis in reversed(range(data.ndim)) for count in around.get(axis, (0, 0))]
        if isinstance(constant, Tensor):
            constant = None if constant.is_meta or not constant.numel() else constant.reshape(-1)[0].item()
        value = constant or 0
        if data.dtype in (torch.uint16, torch.uint32, torch.uint64, torch.bool):
            return functional.pad(data.long(), backwards, value=int(value)).to(data.dtype)
        return functional.pad(data, backwards, value=value)
    for axis, (before, after) in around.items():
        data = data.index_select(axis, _outside(data.shape[axis], before, after, mode).to(data.device))
    return data


def _outside(length: int, before: int, after: int, mode: str) -> Tensor:
    """The places the values of a padded dimension come from."""
    places = torch.arange(-before, length + after)
    if mode == "edge":
        return places.clamp(0, length - 1)
    if mode == "wrap":
        return places % length
    if mode != "reflect":
        raise UnsupportedOp(f"padding by {mode!r} is not known", expected="constant, reflect, edge, wrap")
    period = max(1, 2 * (length - 1))
    places = places % period
    return torch.where(places >= length, period - places, places)


def filled(shape: Numbers, *, value: float | int | bool, dtype: str) -> Tensor:
    """One value everywhere."""
    return torch.full(made(listed(shape)), value, dtype=dtype_named(dtype))


def range_(start: Numbers | int, limit: Numbers | int, delta: Numbers | int) -> Tensor:
    """Numbers from start on, `delta` apart, before the limit; whole ones where no tensor says of which type."""
    (first,), (last,), (step,) = map(numbers, (start, limit, delta))
    if not isinstance(start, Tensor):
        return torch.arange(first, last, step)
    if not step:
        raise ShapeMismatch("a range needs a step", got=f"{first}, {last}, {step}")
    if (last - first) / step > LARGEST:
        raise UnsupportedOp("a tensor that large cannot be made", expected=f"at most {LARGEST}", got=f"{first}, {last}")
    count = max(0, math.ceil((last - first) / step))
    steps = torch.arange(count, dtype=start.dtype if start.is_floating_point() else torch.int64, device=start.device)
    return (steps * step + first).to(start.dtype)


def eye_like(input: Tensor, *, dtype: str | None, k: int = 0) -> Tensor:
    """Ones on a diagonal of a matrix of that shape, zeros elsewhere."""
    rows, columns = input.shape
    kind = input.dtype if dtype is None else dtype_named(dtype)
    down = torch.arange(rows, device=input.device).unsqueeze(1)
    return (torch.arange(columns, device=input.device) - down == k).to(kind)


def trilu(input: Tensor, k: Tensor | None = None, *, upper: int = 1) -> Tensor:
    """The upper or the lower triangle of matrices, zeros elsewhere."""
    diagonal = 0 if k is None else number(k)
    return torch.triu(input, diagonal) if upper else torch.tril(input, diagonal)


def depth_to_space(input: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Channels become blocks of places: (b r*r*c h w) to (b c h*r w*r), or in mode CRD from (b c*r*r h w)."""
    batch, channels, height, width = input.shape
    if mode == "CRD":
        parted = input.reshape(batch, -1, blocksize, blocksize, height, width).permute(0, 1, 4, 2, 5, 3)
    else:
        parted = input.reshape(batch, blocksize, blocksize, -1, height, width).permute(0, 3, 4, 1, 5, 2)
    return parted.reshape(batch, channels // blocksize**2, height * blocksize, width * blocksize)


def space_to_depth(input: Tensor, *, blocksize: int, mode: str = "DCR") -> Tensor:
    """Blocks of places become channels: (b c h*r w*r) to (b r*r*c h w), or in mode CRD to (b c*r*r h w)."""
    batch, channels, height, width = input.shape
    parted = input.reshape(batch, channels, height // blocksize, blocksize, width // blocksize, blocksize)
    order = (0, 1, 3, 5, 2, 4) if mode == "CRD" else (0, 3, 5, 1, 2, 4)
    moved = parted.permute(*order)
    return moved.reshape(batch, channels * blocksize**2, height // blocksize, width // blocksize)


def center_crop_pad(input: Tensor, shape: Tensor, *, axes: Sequence[int] | None = None) -> Tensor:
    """Dimensions cut or filled with zeros to given sizes, the middle staying in the middle."""
    along = range(input.ndim) if axes is None else axes
    for axis, size in zip(along, made(listed(shape)), strict=True):
        length = input.shape[axis]
        if size < length:
            input = input.narrow(axis, (length - size) // 2, size)
        else:
            before = (size - length) // 2
            pads = [0] * (2 * input.ndim)
            pads[axis % input.ndim], pads[axis % input.ndim + input.ndim] = before, size - length - before
            input = pad(input, pads)
    return input


FUNCTIONS = {
    "onnx_reshape": reshape,
    "onnx_flatten": flatten,
    "onnx_squeeze": squeeze,
    "onnx_unsqueeze": unsqueeze,
    "onnx_transpose": transpose,
    "onnx_shape": shape_part,
    "onnx_concat": concat,
    "concat_rows": concat_rows,
    "onnx_split": split,
    "onnx_slice": slice_,
    "onnx_expand": expand,
    "onnx_tile": tile,
    "onnx_pad": pad,
    "onnx_filled": filled,
    "onnx_range": range_,
    "eye_like": eye_like,
    "trilu": trilu,
    "onnx_depth_to_space": depth_to_space,
    "onnx_space_to_depth": space_to_depth,
    "center_crop_pad": center_crop_pad,
}
