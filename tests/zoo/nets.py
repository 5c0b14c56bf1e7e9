"""Small networks to keep in a zoo."""

from __future__ import annotations

from functools import cache

import numpy as np

from regraft.data import Splits
from regraft.data.arrays import labelled
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref

WIDE = 160  # a trunk of 160 x 160 numbers is a file, a head a row of the database


def net(trunk: int = 0, head: int = 0, classes: int = 3) -> GraphNetwork:
    """Two dense layers, WIDE-WIDE-classes; the numbers say which weights each has."""
    return GraphNetwork(
        Graph(
            nodes=(
                Node(name="x:0", function="input"),
                *_dense("trunk", "x:0"),
                Node(name="trunk/Relu:0", function="relu", args=(Ref("trunk/MatMul:0"),)),
                *_dense("head", "trunk/Relu:0"),
            ),
            inputs=(InputSpec(name="x:0", shape=(None, WIDE), layout="flat", range=(0.0, 1.0), origin="user"),),
            outputs=("head/MatMul:0",),
        ),
        {"trunk/kernel": _weights(trunk, WIDE, WIDE), "head/kernel": _weights(head, WIDE, classes)},
        format="test",
    )


@cache
def rows() -> Splits:
    """Something to rank them for, nothing of it for testing."""
    random = np.random.default_rng(0)
    examples = labelled(random.random((60, WIDE), np.float32), np.arange(60) % 3, "rows")
    parts = [examples.some(np.arange(start, end)) for start, end in ((0, 36), (36, 60), (60, 60))]
    return Splits(train=parts[0], validation=parts[1], test=parts[2], classes=examples.classes)


def _weights(seed: int, rows: int, columns: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, columns)).astype(np.float32)


def _dense(name: str, below: str) -> list[Node]:
    return [
        Node(name=f"{name}/kernel:0", function="parameter", args=(f"{name}/kernel",), kwargs={"trainable": True}),
        Node(name=f"{name}/MatMul:0", function="mat_mul", args=(Ref(below), Ref(f"{name}/kernel:0"))),
    ]
