"""A small trained network and data it has not seen, built of real parts."""

from __future__ import annotations

import numpy as np

from regraft.data import Splits
from regraft.data.arrays import labelled
from regraft.data.splits import split
from regraft.network import Graph, GraphNetwork, InputSpec, New, Node, Plan
from regraft.network.surgery import graft

WIDTH = 6


def source(dtype: str = "float32") -> GraphNetwork:
    """Dense 16, batch norm, relu-like, dropout, dense 8, dense 4: with statistics and weights of some training."""
    spec = InputSpec(name="x:0", shape=(None, WIDTH), dtype=dtype, layout="flat")
    bare = GraphNetwork(
        Graph(nodes=(Node(name="x:0", function="input"),), inputs=(spec,), outputs=("x:0",)), {}, format="small"
    )
    layers = (
        New(kind="dense", name="one", width=16),
        New(kind="batch_norm", name="norm"),
        New(kind="dropout", name="drop", rate=0.2),
        New(kind="dense", name="two", width=8, activation="tanh"),
        New(kind="dense", name="top"),
    )
    network = graft(bare, Plan(at="x:0", new=layers), classes=4, seed=1).network
    random = np.random.default_rng(0)
    stirred = {
        name: p.value + random.uniform(0.1, 0.5, p.shape).astype(p.dtype) for name, p in network.parameters.items()
    }
    return network.assign(stirred)


def points(n: int = 240, *, classes: int = 3, dtype: str = "float32") -> Splits:
    """Points whose class depends on their place."""
    random = np.random.default_rng(1)
    x = random.normal(size=(n, WIDTH)).astype(dtype)
    y = (x @ random.normal(size=(WIDTH, classes))).argmax(axis=1)
    return split(labelled(x, y, "points"), seed=0)
