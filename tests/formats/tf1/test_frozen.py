"""Which constants of a frozen graph are weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from formats.tf1.making import Made

from regraft.formats import tf1

KERNEL = np.ones((1, 1, 3, 2), np.float32)
CONV = {"strides": [1, 1, 1, 1], "padding": "SAME"}


def trained(made: Made, path: Path) -> dict[str, bool]:
    return {p.name: p.trainable for p in tf1.read(made.write(path / "model.pb")).parameters.values()}


def pictures() -> Made:
    return Made().placeholder("x", -1, 4, 4, 3)


def test_what_is_read_as_a_variable_is_a_weight(tmp_path: Path) -> None:
    made = (
        pictures().constant("k", KERNEL).node("k/read", "Identity", "k").node("conv", "Conv2D", "x", "k/read", **CONV)
    )
    made.constant("alpha", np.ones(2, np.float32)).node("alpha/read", "Identity", "alpha")
    made.constant("half", np.float32(0.5)).node("slope", "Mul", "alpha/read", "half").node(
        "out", "Mul", "conv", "slope"
    )

    assert trained(made, tmp_path) == {"k": True, "alpha": True}


def test_without_such_reads_the_place_tells(tmp_path: Path) -> None:
    made = pictures().constant("k", KERNEL).node("conv", "Conv2D", "x", "k", **CONV)
    made.constant("b", np.ones(2, np.float32)).node("biased", "Add", "conv", "b")
    made.constant("scale", np.ones(2, np.float32)).node("out", "Mul", "biased", "scale")

    assert trained(made, tmp_path) == {"k": True, "b": True}


def test_statistics_are_no_weights(tmp_path: Path) -> None:
    made = pictures()
    for name in ("gamma", "beta", "mean", "variance"):
        made.constant(name, np.ones(3, np.float32))
    made.node("out", "FusedBatchNorm", "x", "gamma", "beta", "mean", "variance", is_training=False, epsilon=0.001)
    assert trained(made, tmp_path) == {"gamma": True, "beta": True, "mean": False, "variance": False}

    made = pictures().constant("bn/moving_mean", np.ones(3, np.float32))
    made.node("bn/moving_mean/read", "Identity", "bn/moving_mean").node("out", "Sub", "x", "bn/moving_mean/read")
    assert trained(made, tmp_path) == {"bn/moving_mean": False}


def test_a_scale_that_never_was_a_variable_is_none(tmp_path: Path) -> None:
    made = pictures().constant("ones", np.ones(3, np.float32))
    for name in ("beta", "mean", "variance"):
        made.constant(name, np.ones(3, np.float32)).node(f"{name}/ReadVariableOp", "Identity", name)
    reads = [f"{name}/ReadVariableOp" for name in ("beta", "mean", "variance")]
    made.node("out", "FusedBatchNormV3", "x", "ones", *reads, is_training=False, epsilon=0.001)

    assert trained(made, tmp_path) == {"ones": False, "beta": True, "mean": False, "variance": False}


def test_large_constants_are_kept_beside_the_graph(tmp_path: Path) -> None:
    made = pictures().constant("k", KERNEL).node("conv", "Conv2D", "x", "k", **CONV)
    made.constant("small", np.ones(2, np.float32)).constant("large", np.ones((4, 4, 600), np.float32)[:, :, :2])
    made.constant("larger", np.ones((50, 4, 4, 2), np.float32)).node("one", "Mul", "conv", "small")
    made.node("two", "Mul", "one", "large").node("out", "Mul", "two", "larger")

    assert trained(made, tmp_path) == {"k": True, "larger": False}


def test_a_scale_that_never_was_a_variable_is_none_among_variables_either(graphs: Path) -> None:
    network = tf1.read(graphs / "unscaled")

    assert {p.name: p.trainable for p in network.parameters.values()} == {
        "weights": True,
        "bn/Const": False,
        "bn/beta": True,
        "bn/moving_mean": False,
        "bn/moving_variance": False,
    }
