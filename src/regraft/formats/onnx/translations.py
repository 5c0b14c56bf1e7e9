"""What the exporter has no word for, or a wrong one, in ONNX's operations."""

# The exporter reads the annotations of these functions: a parameter without one is a tensor, one with is an attribute.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportArgumentType=false

from __future__ import annotations

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

    def conv3d(
        input, weight, bias=None, stride: Sequence[int] = (1, 1, 1), padding: Sequence[int] = (0, 0, 0),
        dilation: Sequence[int] = (1, 1, 1), groups: int = 1,
    ):  # fmt: skip
        """Onnxscript 0.7 makes up a bias of the wrong shape where there is none."""
        given = [input, weight] if bias is None else [input, weight, bias]
        return op.Conv(*given, strides=stride, pads=[*padding, *padding], dilations=dilation, group=groups)

    return {torch.ops.aten.sort.stable: sort_stable, torch.ops.aten.conv3d.default: conv3d}
