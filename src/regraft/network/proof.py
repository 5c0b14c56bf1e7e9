"""The proof of a written file: opened again, it must compute what the network computes, and hold its numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.errors import UnsupportedOp
from regraft.network.flow import ancestors
from regraft.network.graph import InputSpec
from regraft.network.lengths import free_size

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork

TOLERANCE = 1e-4  # of the greatest value of an output: the order of a sum moves deep networks by 1e-6 to 1e-5
# The batch, and what stands in other free dimensions, of each comparison.
_SIZES = ((1, 224), (4, 256))
_SMALLEST = 1e-3  # outputs of smaller values than this are compared as if this were their greatest


@dataclass(frozen=True, kw_only=True)
class Written:
    """An export that was opened again and compared.

    Attributes:
        difference: the greatest found, as a share of the greatest value of its output; 0.0 where the numbers of a
            file of weights are the network's to the last bit.
        left_out: what the network has and the format has no word for; "": nothing.
    """

    format: str
    files: tuple[Path, ...]
    difference: float
    left_out: str = ""


def prove_values(network: GraphNetwork, run: Callable[[dict[str, np.ndarray]], Sequence[Any]], where: str) -> float:
    """Compare what a reopened file computes with what the network does, at two batch sizes.

    Args:
        run: computes the network's outputs, in their order, from {name of an input: array}.
        where: the file, for the error.

    Returns:
        The greatest difference, as a share of the greatest value of its output.

    Raises:
        UnsupportedOp: it is greater than the tolerance.
    """
    greatest = 0.0
    for x in samples(network):
        expected = network.run(x, list(network.outputs))
        try:
            answers = run(x)
        except Exception as error:  # whatever the other program does not like
            raise UnsupportedOp(
                "what was written cannot be computed, and was not kept",
                where=where,
                got=str(error).strip().splitlines()[0],
                fix="this is a fault in regraft: please report it; another format may do (--to)",
            ) from error
        for name, one, other in zip(network.outputs, expected, answers, strict=True):
            found = difference(np.asarray(other), one)
            if not found <= TOLERANCE:
                raise UnsupportedOp(
                    f"what was written does not compute {name} as the network does, and was not kept",
                    where=where,
                    expected=f"a difference of at most {TOLERANCE:g} of its greatest value",
                    got=_said(found, other, one),
                    fix="this is a fault in regraft: please report it; another format may do (--to)",
                )
            greatest = max(greatest, found)
    return greatest


def prove_weights(expected: Mapping[str, np.ndarray], found: Mapping[str, np.ndarray], where: str) -> float:
    """Compare the numbers of a reopened file of weights with those that were written: bit by bit.

    Raises:
        UnsupportedOp: one is another, or missing.
    """
    other = [name for name in expected if name not in found or not _is_bit_equal(expected[name], found[name])]
    if other or len(found) != len(expected):
        raise UnsupportedOp(
            "the numbers that were written are not the network's, and were not kept",
            where=where,
            expected=f"{len(expected)} arrays",
            got=f"{len(found)} arrays; other numbers in {', '.join(other[:5]) or 'none'}",
            fix="this is a fault in regraft: please report it; another format may do (--to)",
        )
    return 0.0


def samples(network: GraphNetwork) -> Iterator[dict[str, np.ndarray]]:
    """Random values for the inputs that the outputs need, the same every time, at two batch sizes where it is free."""
    below = ancestors(network.nodes, network.outputs)
    specs = [spec for spec in network.graph.inputs if spec.name in below]
    for batch, size in _SIZES if any(None in spec.shape for spec in specs) else _SIZES[:1]:
        random = np.random.default_rng(batch)
        yield {spec.name: _sample(spec, batch, free_size(specs, size), random) for spec in specs}


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """The greatest difference of two arrays as a share of the greatest value of the second; inf: of another form."""
    if one.shape != other.shape or one.dtype != other.dtype:
        return np.inf
    if other.dtype.kind not in "fc":
        return 0.0 if np.array_equal(one, other) else np.inf
    strange = ~np.isfinite(other)
    if not np.array_equal(one[strange], other[strange], equal_nan=True):
        return np.inf
    scale = max(float(np.max(np.abs(other[~strange]), initial=0)), _SMALLEST)
    return float(np.max(np.abs(one[~strange] - other[~strange]), initial=0)) / scale


def _sample(spec: InputSpec, batch: int, size: int, random: np.random.Generator) -> np.ndarray:
    shape = [have or (size if axis else batch) for axis, have in enumerate(spec.shape)]
    if "float" in spec.dtype:
        low, high = spec.range or (-1, 1)
        return random.uniform(low, high, shape).astype(spec.dtype)
    return random.integers(0, 2, shape).astype(spec.dtype)  # numbers of words and classes: the first two are there


def _is_bit_equal(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()


def _said(found: float, one: Any, other: np.ndarray) -> str:
    one = np.asarray(one)
    if one.shape != other.shape or one.dtype != other.dtype:
        return f"{one.dtype} of shape {one.shape} in place of {other.dtype} of shape {other.shape}"
    return f"{found:.3g}"
