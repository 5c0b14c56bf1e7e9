"""Shapes without values."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch

from regraft.network import Node, Ref
from regraft.network.fx import call
from regraft.network.shapes import TOLD

CHANNELS = torch.empty(5, device="meta")
PICTURES = torch.empty(2, 5, 8, 8, device="meta")
ARGS = {
    "aten.batch_norm.default": (PICTURES, *[CHANNELS] * 4, False, 0.1, 1e-5, True),
    "aten.hardtanh.default": (PICTURES, 0.0, 6.0),
    "batch_norm_in_training": (PICTURES, *[CHANNELS] * 4, 0.1, 1e-5),
}


@pytest.mark.parametrize("function", TOLD)
def test_what_is_told_is_what_torch_works_out(function: str) -> None:
    tensors = {f"{k}": value for k, value in enumerate(ARGS[function]) if isinstance(value, torch.Tensor)}
    args = tuple(Ref(f"{k}") if f"{k}" in tensors else value for k, value in enumerate(ARGS[function]))
    node = Node(name="y", function=function, args=args)
    assert forms(TOLD[function](*ARGS[function])) == forms(call(node, tensors.__getitem__))


def forms(values: object) -> list[tuple[torch.Size, torch.dtype, torch.device]]:
    """Shape, type and device of one tensor, or of several."""
    several = values if isinstance(values, Sequence) else [values]
    return [(value.shape, value.dtype, value.device) for value in several]
