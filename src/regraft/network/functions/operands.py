"""Reading operands: one device for all, small tensors as Python numbers, types by name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import torch
from torch import Tensor

from regraft.errors import UnsupportedOp

DTYPES: dict[str, torch.dtype] = {
    name: getattr(torch, name)
    for name in (
        "bool", "uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64",
        "float16", "bfloat16", "float32", "float64", "complex64", "complex128",
    )
}  # fmt: skip

LARGEST = 1 << 28


def together(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The tensors on one device: shape arithmetic and constants live on the CPU and follow the data.

    Where shapes only are propagated the data are on the meta device, and so is then the result.
    """
    devices = {tensor.device for tensor in tensors}
    if len(devices) == 1:
        return tensors
    target = max(devices, key=lambda device: (device.type == "meta", device.type != "cpu"))
    return tuple(tensor.to(target) for tensor in tensors)


def numbers(values: Tensor | Sequence[int] | int) -> list[int]:
    """The values of a shape, a list of axes or the like; a scalar counts as a list of one."""
    if isinstance(values, Tensor):
        return values.reshape(-1).tolist()
    return list(values) if isinstance(values, Sequence) else [values]


def pairs(values: Tensor | Sequence[Sequence[int]]) -> list[list[int]]:
    """The values of paddings or crops: two numbers, before and after, for each dimension."""
    return values.tolist() if isinstance(values, Tensor) else [list(pair) for pair in values]


def number(value: Tensor | int) -> int:
    """The value of a scalar, for example an axis."""
    return numbers(value)[0] if isinstance(value, Tensor) else value


def sizes(values: Tensor | Sequence[int] | int) -> list[int]:
    """Numbers that say how large a result becomes.

    Raises:
        UnsupportedOp: it is so large that only a damaged file asks for it; the memory is better not tried.
    """
    wanted = numbers(values)
    if prod(max(size, 1) for size in wanted) > LARGEST:
        raise UnsupportedOp(
            "a tensor that large cannot be made", expected=f"at most {LARGEST} numbers", got=str(wanted)
        )
    return wanted


def dtype_named(name: str) -> torch.dtype:
    """The torch type of a numpy name."""
    if name not in DTYPES:
        raise UnsupportedOp(f"torch has no tensors of type {name}", expected=", ".join(DTYPES))
    return DTYPES[name]


def unary(compute: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """An operation that is one of torch's as it stands."""

    def function(x: Tensor) -> Tensor:
        return compute(x)

    return _called(function, compute.__name__)


def binary(compute: Callable[[Tensor, Tensor], Tensor]) -> Callable[[Tensor, Tensor], Tensor]:
    """An operation on two tensors that is one of torch's as it stands, with their devices aligned."""

    def function(x: Tensor, y: Tensor) -> Tensor:
        return compute(*together(x, y))

    return _called(function, compute.__name__)


def _called(function: Callable[..., Tensor], name: str) -> Callable[..., Tensor]:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"As torch's `{name}`."
    return function
