"""Batch sizes written into a graph, where they cannot be freed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.tf1.making import Made

from regraft.errors import ShapeMismatch
from regraft.formats import tf1

WEIGHTS = np.ones((3, 2), np.float32)


def test_what_holds_the_batch_is_named(tmp_path: Path) -> None:
    made = (
        Made().placeholder("x", 4, 6).constant("shape", np.array([8, -1], np.int32)).node("y", "Reshape", "x", "shape")
    )
    made.constant("w", WEIGHTS).node("out", "MatMul", "y", "w")

    network = tf1.read(made.write(tmp_path / "model.pb"))

    assert network.inputs["x:0"].shape == (4, 6)
    assert network.collections["regraft/held_batch"] == ("y:0",)
    assert network.run(np.ones((4, 6))).shape == (8, 2)
    with pytest.raises(ShapeMismatch):
        network.run(np.ones((5, 6)))


def test_a_shape_that_agrees_by_chance_is_only_freed(tmp_path: Path) -> None:
    made = (
        Made()
        .placeholder("x", 3, 2, 3)
        .constant("shape", np.array([6, 3], np.int32))
        .node("y", "Reshape", "x", "shape")
    )
    made.constant("w", WEIGHTS).node("out", "MatMul", "y", "w")

    network = tf1.read(made.write(tmp_path / "model.pb"))

    assert network.run(np.ones((5, 2, 3))).shape == (10, 2)


def test_shapes_of_weights_are_left_alone(tmp_path: Path) -> None:
    made = Made().placeholder("x", 3, 3).constant("w", np.arange(6, dtype=np.float32)).node("w/read", "Identity", "w")
    made.constant("shape", np.array([3, -1], np.int32)).node("turned", "Reshape", "w/read", "shape")
    network = tf1.read(made.node("out", "MatMul", "x", "turned").write(tmp_path / "model.pb"))

    assert "turned:0" in network.nodes
    assert network.nodes["turned:0"].args[1].name == "shape:0"
    assert network.run(np.eye(3)[:1]).tolist() == [[0, 1]]
