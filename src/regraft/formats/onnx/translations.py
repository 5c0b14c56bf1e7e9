"""What the exporter has no word for, or a wrong one, in ONNX's operations."""

# The exporter reads the annotations of these functions: a parameter without one is a tensor, one with is an attribute.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportArgumentType=false

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any


def translations() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Operations of torch -> what writes them as ONNX's."""
    import torch
    from onnxscript import opset20 as op

    def sort_stable(self, stable: bool = True, dim: int = -1, descending: bool = False):
        """Of equal values the first comes first: ONNX's TopK promises that."""
        count = op.Gather(op.Shape(self), op.Constant(value_ints=[dim]))
        return op.TopK(self, count, axis=dim, largest=int(descending), sorted=1)

    def conv(input, weight, bias, stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int], groups: int):
        """Onnxscript makes up a bias of zeros where there is none: opened again, it would be trained."""
        given = [input, weight] if bias is None else [input, weight, bias]
        return op.Conv(*given, strides=stride, pads=[*padding, *padding], dilations=dilation, group=groups)

    def conv1d(
        input, weight, bias=None, stride: Sequence[int] = (1,), padding: Sequence[int] = (0,),
        dilation: Sequence[int] = (1,), groups: int = 1,
    ):  # fmt: skip
        return conv(input, weight, bias, stride, padding, dilation, groups)

    def conv2d(
        input, weight, bias=None, stride: Sequence[int] = (1, 1), padding: Sequence[int] = (0, 0),
        dilation: Sequence[int] = (1, 1), groups: int = 1,
    ):  # fmt: skip
        return conv(input, weight, bias, stride, padding, dilation, groups)

    def conv3d(
        input, weight, bias=None, stride: Sequence[int] = (1, 1, 1), padding: Sequence[int] = (0, 0, 0),
        dilation: Sequence[int] = (1, 1, 1), groups: int = 1,
    ):  # fmt: skip
        return conv(input, weight, bias, stride, padding, dilation, groups)

    def split_with_sizes(self, split_sizes: Sequence[int], dim: int = 0):
        """Tensors, where the exporter makes a sequence, which few programs read."""
        if len(split_sizes) > 1 and len(set(split_sizes)) == 1:
            return op.Split(self, axis=dim, num_outputs=len(split_sizes))
        ends = list(itertools.accumulate(split_sizes))
        bounds = ([op.Constant(value_ints=[place]) for place in pair] for pair in itertools.pairwise([0, *ends]))
        return [op.Slice(self, start, end, op.Constant(value_ints=[dim])) for start, end in bounds]

    def split(self, split_size: int, dim: int = 0):
        """The same, of one size but for the last, along an axis that is not free."""
        length = self.shape[dim]
        if not isinstance(length, int):
            return op.SplitToSequence(self, op.Constant(value_int=split_size), axis=dim)
        return split_with_sizes(self, [min(split_size, length - k) for k in range(0, length, split_size)], dim)

    return {
        torch.ops.aten.sort.stable: sort_stable,
        torch.ops.aten.conv1d.default: conv1d,
        torch.ops.aten.conv2d.default: conv2d,
        torch.ops.aten.conv3d.default: conv3d,
        torch.ops.aten.split.Tensor: split,
        torch.ops.aten.split_with_sizes.default: split_with_sizes,
    }
