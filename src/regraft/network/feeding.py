"""What is fed to a network: arrays for its tensors, values for its switches, both checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.errors import BadArgument, ShapeMismatch
from regraft.network.flow import ancestors
from regraft.network.graph import Switch

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork

_NUMBERS = "biufc"  # numpy's kinds of numbers and truth values


@dataclass(frozen=True, kw_only=True)
class Fed:
    """Arrays by tensor name, and the values given for switches by theirs."""

    arrays: Mapping[str, np.ndarray]
    switches: Mapping[str, bool | float]


def fed(network: GraphNetwork, x: Any, wanted: Sequence[str]) -> Fed:
    """What a user gives to compute the tensors `wanted`: {tensor name: value}, or one array for the only input.

    Raises:
        UnknownName: there is no such tensor.
        ShapeMismatch: an array does not have the shape of its tensor.
        BadArgument: a value is no array of numbers, or one array is given where not exactly one is needed.
    """
    if not isinstance(x, Mapping):
        x = {_only_input(network, wanted): x}
    named = {network.resolve(str(name)): value for name, value in x.items()}
    switches = {switch.name: switch for switch in network.graph.switches}
    return Fed(
        arrays={name: _checked(network, name, value) for name, value in named.items() if name not in switches},
        switches={name: switched(switches[name], value) for name, value in named.items() if name in switches},
    )


def _only_input(network: GraphNetwork, wanted: Sequence[str]) -> str:
    needed = [name for name in ancestors(network.nodes, wanted) if name in network.inputs]
    if len(needed) != 1:
        raise BadArgument(
            f"one array was given, but {', '.join(wanted[:3])} needs {len(needed)} inputs",
            expected="{name: array} for " + (", ".join(sorted(needed)) or "no input at all"),
        )
    return needed[0]


def _checked(network: GraphNetwork, name: str, value: Any) -> np.ndarray:
    """The value as an array of the tensor's type, if it has its shape."""
    spec = network.inputs.get(name)
    shape = spec.shape if spec else network.tensors[name].shape
    dtype = spec.dtype if spec else network.tensors[name].dtype
    array = _numbers(name, value, f"an array of {dtype}")
    fits = not shape or (
        len(shape) == array.ndim and all(a in (None, b) for a, b in zip(shape, array.shape, strict=True))
    )
    if not fits:
        raise ShapeMismatch(
            f"the array for {name} does not fit",
            expected=str(shape),
            got=str(array.shape),
            fix="None stands for any size",
        )
    return np.asarray(array, dtype=dtype)


def switched(switch: Switch, value: Any) -> bool | float:
    """The value of a switch as its own type: one truth value (0 and 1 will do), or one number.

    Raises:
        BadArgument: it is neither.
    """
    is_truth = isinstance(switch.training, bool)
    expected = "True or False" if is_truth else "a number"
    array = _numbers(switch.name, value, expected)
    fits = array.ndim == 0 and (array in (0, 1) if is_truth else array.dtype.kind in "iuf")
    if not fits:
        raise BadArgument(
            f"the value for the switch {switch.name} cannot be used",
            expected=expected,
            got=repr(value) if array.ndim == 0 else f"an array of shape {array.shape}",
        )
    return bool(array) if is_truth else float(array)


def _numbers(name: str, value: Any, expected: str) -> np.ndarray:
    try:
        array = np.asarray(value)
    except (ValueError, TypeError, RuntimeError) as error:  # rows of different lengths; a tensor on a GPU
        raise BadArgument(f"the value for {name} is no array", expected=expected, got=str(error)) from error
    if array.dtype.kind not in _NUMBERS:
        got = f"{type(value).__name__}, which makes an array of {array.dtype}"
        raise BadArgument(f"the value for {name} holds no numbers", expected=expected, got=got)
    return array
