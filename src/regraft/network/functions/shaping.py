"""Shapes read and changed, tensors joined and cut.

Shapes are int tensors on the CPU, also where the data are elsewhere: they are read as Python numbers.
"""

from __future__ import annotations

import torch
from torch import Tensor

from regraft.errors import ShapeMismatch
from regraft.network.functions.operands import dtype_named, number, numbers, sizes, together


def reshape(tensor: Tensor, shape: Tensor) -> Tensor:
    """The same values in another shape; -1 stands for what is left."""
    return tensor.reshape(numbers(shape))


def flatten(tensor: Tensor, *, axis: int = 1, end_axis: int = -1) -> Tensor:
    """The dimensions from `axis` to `end_axis`, both included, as one."""
    return tensor.flatten(axis, end_axis)


def reshape_part(tensor: Tensor, *, shape: tuple[int, ...], axis: int = 0, num_axes: int = -1) -> Tensor:
    """Other dimensions in place of `num_axes` from `axis` on: 0 keeps the one that stands there, -1 is what is left."""
    end = tensor.ndim if num_axes == -1 else axis + num_axes
    middle = [tensor.shape[axis + place] if size == 0 else size for place, size in enumerate(shape)]
    return tensor.reshape([*tensor.shape[:axis], *middle, *tensor.shape[end:]])


def crop(tensor: Tensor, reference: Tensor, *, axis: int, offsets: tuple[int, ...]) -> Tensor:
    """From `axis` on, the part of the reference's size that starts at the offsets."""
    for place, offset in enumerate(offsets, start=axis):
        tensor = tensor.narrow(place, offset, reference.shape[place])
    return tensor


def squeeze(input: Tensor, *, squeeze_dims: tuple[int, ...] = ()) -> Tensor:
    """Without the dimensions of size 1: all of them, or those named.

    Raises:
        RuntimeError: one of those named has another size.
    """
    if not squeeze_dims:
        return input.squeeze()
    gone = {axis % input.ndim for axis in squeeze_dims}
    return input.reshape([size for axis, size in enumerate(input.shape) if axis not in gone])


def expand_dims(input: Tensor, dim: Tensor) -> Tensor:
    """With a dimension of size 1 more."""
    return input.unsqueeze(number(dim))


def transpose(x: Tensor, perm: Tensor) -> Tensor:
    """The dimensions in another order."""
    return x.permute(numbers(perm))


def shape(input: Tensor, *, out_type: str = "int32") -> Tensor:
    """The size of each dimension."""
    return torch.tensor(tuple(input.shape), dtype=dtype_named(out_type), device="cpu")


def shape_n(*inputs: Tensor, out_type: str = "int32") -> tuple[Tensor, ...]:
    """The shape of each tensor."""
    return tuple(shape(one, out_type=out_type) for one in inputs)


def size(input: Tensor, *, out_type: str = "int32") -> Tensor:
    """How many values there are."""
    return torch.tensor(input.numel(), dtype=dtype_named(out_type), device="cpu")


def rank(input: Tensor) -> Tensor:
    """How many dimensions there are."""
    return torch.tensor(input.ndim, dtype=torch.int32, device="cpu")


def pack(*values: Tensor, axis: int = 0) -> Tensor:
    """Tensors of one shape side by side along a new dimension."""
    return torch.stack(together(*values), axis)


def unpack(value: Tensor, *, num: int, axis: int = 0) -> tuple[Tensor, ...]:
    """The `num` slices along a dimension, which is dropped."""
    return torch.unbind(value, axis)


def split(split_dim: Tensor, value: Tensor, *, num_split: int) -> tuple[Tensor, ...]:
    """Equal parts along a dimension.

    Raises:
        ShapeMismatch: it cannot be divided so.
    """
    axis = number(split_dim)
    length, rest = divmod(value.shape[axis], num_split)
    if rest:
        raise ShapeMismatch(
            f"a dimension cannot be split into {num_split} equal parts",
            expected=f"a multiple of {num_split}",
            got=f"{value.shape[axis]} (dimension {axis} of {tuple(value.shape)})",
        )
    return torch.split(value, length, axis)


def split_v(value: Tensor, size_splits: Tensor, split_dim: Tensor, *, num_split: int) -> tuple[Tensor, ...]:
    """Parts of given sizes along a dimension; one may be -1, what is left."""
    axis, sizes = number(split_dim), numbers(size_splits)
    left = value.shape[axis] - sum(one for one in sizes if one >= 0)
    return torch.split(value, [left if one < 0 else one for one in sizes], axis)


def concat(concat_dim: Tensor, *values: Tensor) -> Tensor:
    """Tensors one after the other along a dimension; the old operation, where the dimension comes first."""
    return torch.cat(together(*values), number(concat_dim))


def concat_v2(*values_and_axis: Tensor) -> Tensor:
    """Tensors one after the other along a dimension; the last argument says which."""
    *values, axis = values_and_axis
    return concat(axis, *values)


def reverse(tensor: Tensor, dims: Tensor) -> Tensor:
    """Back to front along the dimensions marked true."""
    return tensor.flip([axis for axis, backwards in enumerate(numbers(dims)) if backwards])


def reverse_v2(tensor: Tensor, axis: Tensor) -> Tensor:
    """Back to front along the dimensions named."""
    return tensor.flip(numbers(axis))


def reverse_sequence(input: Tensor, seq_lengths: Tensor, *, seq_dim: int, batch_dim: int = 0) -> Tensor:
    """Each example's first steps back to front, as many as its length says; the rest as it was."""
    input, lengths = together(input, seq_lengths.long())
    steps = torch.arange(input.shape[seq_dim], device=input.device)
    turned = lengths.unsqueeze(1) - 1 - steps
    places = torch.where(turned >= 0, turned, steps)
    shape = [1] * input.ndim
    shape[batch_dim], shape[seq_dim] = places.shape
    if batch_dim > seq_dim:
        places = places.T
    return input.gather(seq_dim, places.reshape(shape).expand(input.shape))


def roll(input: Tensor, shift: Tensor, axis: Tensor) -> Tensor:
    """The values moved along dimensions; what falls off the end comes in at the start."""
    return torch.roll(input, numbers(shift), numbers(axis))


def broadcast_args(s0: Tensor, s1: Tensor) -> Tensor:
    """The shape that two shapes broadcast to."""
    shape = torch.broadcast_shapes(numbers(s0), numbers(s1))
    return torch.tensor(shape, dtype=s0.dtype, device="cpu")


def broadcast_to(input: Tensor, shape: Tensor) -> Tensor:
    """The values repeated along dimensions of size 1."""
    return input.expand(numbers(shape))


def tile(input: Tensor, multiples: Tensor) -> Tensor:
    """The tensor repeated along each dimension."""
    return input.repeat(sizes(multiples))


FUNCTIONS = {
    "reshape": reshape,
    "flatten": flatten,
    "reshape_part": reshape_part,
    "crop": crop,
    "squeeze": squeeze,
    "expand_dims": expand_dims,
    "transpose": transpose,
    "shape": shape,
    "shape_n": shape_n,
    "size": size,
    "rank": rank,
    "pack": pack,
    "unpack": unpack,
    "split": split,
    "split_v": split_v,
    "concat": concat,
    "concat_v2": concat_v2,
    "reverse": reverse,
    "reverse_v2": reverse_v2,
    "reverse_sequence": reverse_sequence,
    "roll": roll,
    "broadcast_args": broadcast_args,
    "broadcast_to": broadcast_to,
    "tile": tile,
}
