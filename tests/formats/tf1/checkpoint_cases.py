"""Tensors to write and to find again; numpy only, because TensorFlow's process imports it too."""

from __future__ import annotations

from typing import Any

import numpy as np

SHAPES = {"matrix": (4, 6), "scalar": (), "empty": (0, 3)}
WHOLE = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
REAL = ("float16", "float32", "float64")
IMAGINARY = ("complex64", "complex128")
QUANTISED = {"qint8": "int8", "quint8": "uint8", "qint16": "int16", "quint16": "uint16", "qint32": "int32"}
NOT_IN_V1 = ("uint32", "uint64", "bfloat16", "qint16", "quint16")


def numbers() -> dict[str, np.ndarray[Any, Any]]:
    """Every type of number numpy and TensorFlow share, with its extremes, in every shape: "int8/scalar"."""
    random = np.random.default_rng(7)
    found: dict[str, np.ndarray[Any, Any]] = {}
    for kind, shape in SHAPES.items():
        for name in WHOLE:
            limits = np.iinfo(name)
            found[f"{name}/{kind}"] = random.integers(limits.min, limits.max, shape, name, endpoint=True)
        for name in REAL:
            found[f"{name}/{kind}"] = np.asarray(random.standard_normal(shape) * 1e3, name)
        for name in IMAGINARY:
            found[f"{name}/{kind}"] = np.asarray(
                random.standard_normal(shape) + 1j * random.standard_normal(shape), name
            )
        found[f"bool/{kind}"] = np.asarray(random.integers(0, 2, shape), bool)
    for name in WHOLE:
        limits = np.iinfo(name)
        found[f"{name}/matrix"][0, :3] = limits.min, limits.max, 1
    for name in REAL:
        found[f"{name}/matrix"][0] = (
            np.inf,
            -np.inf,
            np.nan,
            -0.0,
            np.finfo(name).tiny,
            np.finfo(name).smallest_subnormal,
        )
    return found


def quantised() -> dict[str, np.ndarray[Any, Any]]:
    """Quantised numbers as the whole numbers they are: "qint8/matrix"."""
    return {f"{name}/{kind}": numbers()[f"{whole}/{kind}"] for name, whole in QUANTISED.items() for kind in SHAPES}


def bfloat16() -> dict[str, np.ndarray[Any, Any]]:
    """float32 numbers that bfloat16 holds exactly."""
    bits = np.random.default_rng(8).integers(0, 1 << 16, (50, 4), "uint32") << 16
    return {"bfloat16/matrix": bits.view("float32"), "bfloat16/scalar": np.float32(-1.5).reshape(())}


def strings() -> dict[str, np.ndarray[Any, Any]]:
    """Strings, some of them empty, long, or with zero bytes in them."""
    items = [b"", b"a", b"\0\xff\0", b"z" * 300, "straße".encode(), b"x" * 40000]
    return {
        "string/matrix": np.array([items, items[::-1]], object),
        "string/scalar": np.array(b"one", object),
        "string/empty": np.empty((0, 2), object),
    }


def many() -> dict[str, np.ndarray[Any, Any]]:
    """Enough tensors for two blocks of an index: their names are long and share nothing."""
    random = np.random.default_rng(10)
    return {random.bytes(90).hex(): np.float32([n]) for n in range(1600)}


def large() -> dict[str, np.ndarray[Any, Any]]:
    """Tensors larger than a block; whole numbers of every length as varints."""
    random = np.random.default_rng(9)
    return {
        "weights": random.standard_normal((300, 700)).astype("float32"),
        "counts": random.integers(0, 1 << 62, 90000) >> random.integers(0, 62, 90000),
        "tail": np.float32([1, 2, 3]),
    }
