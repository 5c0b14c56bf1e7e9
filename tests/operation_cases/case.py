"""One operation with inputs and attributes, computed by TensorFlow and by regraft, to be compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

_NUMBERS = np.random.default_rng(7)

# TensorFlow's CPU computes these in float32 only.
FLOAT32_ONLY = {
    "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "LRN", "InTopK", "InTopKV2",
    "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel", "FakeQuantWithMinMaxArgs",
    "ResizeBilinear", "ResizeBicubic", "ResizeArea", "CropAndResize", "MaxPool3D",
    "AvgPool3D",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Case:
    """`gradient`: compare gradients in all floating point inputs; `values`: compare values, else shapes and types only.

    `outputs` is how many of several outputs are compared.
    """

    name: str
    type: str
    inputs: tuple[np.ndarray, ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)
    gradient: bool = True
    values: bool = True
    outputs: int = 1

    def as_float64(self) -> Case:
        """The same in double precision."""
        wide = tuple(array.astype(np.float64) if array.dtype == np.float32 else array for array in self.inputs)
        return replace(self, name=f"{self.name}-float64", inputs=wide)


class Cases(list[Case]):
    """The cases of one family of operations."""

    def add(self, type: str, *inputs: Any, **options: Any) -> None:
        """Add one, in double precision too where TensorFlow can; options that are no fields of Case are attributes."""
        own = {key: options.pop(key) for key in ("gradient", "values", "outputs") if key in options}
        number = sum(case.type == type for case in self)
        arrays = tuple(np.asarray(one) for one in inputs)
        case = Case(name=f"{type}-{number}", type=type, inputs=arrays, attrs=options, **own)
        self.append(case)
        if type not in FLOAT32_ONLY and any(array.dtype == np.float32 for array in arrays):
            self.append(case.as_float64())


def normal(*shape: int) -> np.ndarray:
    """Normal numbers."""
    return _NUMBERS.normal(size=shape).astype(np.float32)


def positive(*shape: int) -> np.ndarray:
    """Numbers between 0.5 and 2."""
    return _NUMBERS.uniform(0.5, 2, size=shape).astype(np.float32)


def tied(*shape: int) -> np.ndarray:
    """Few different numbers, so that many are equal and many are 0."""
    return _NUMBERS.integers(-2, 3, size=shape).astype(np.float32)


def whole(*shape: int, low: int = -9, high: int = 10) -> np.ndarray:
    """int32."""
    return _NUMBERS.integers(low, high, size=shape).astype(np.int32)


def truths(*shape: int) -> np.ndarray:
    """Booleans."""
    return _NUMBERS.integers(0, 2, size=shape).astype(bool)


def ints(*values: int) -> np.ndarray:
    """A vector of int32: axes, shapes."""
    return np.array(values, np.int32)


def scalar(value: float, dtype: type = np.int32) -> np.ndarray:
    """A tensor without dimensions."""
    return np.array(value, dtype)
