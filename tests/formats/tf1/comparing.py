"""Compares a network with the values TensorFlow computed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from regraft.network.network import GraphNetwork

Arrays = dict[str, np.ndarray]


def stored(folder: Path, name: str) -> Arrays:
    """The arrays of a case: "feeds", "values", "training", "gradients", "moved"."""
    with np.load(folder / f"{name}.npz") as arrays:
        return dict(arrays)


def difference(got: np.ndarray, expected: np.ndarray) -> float:
    """The largest difference, relative to the largest value."""
    assert got.shape == expected.shape, f"{got.shape} instead of {expected.shape}"
    if not expected.size:
        return 0.0
    one, other = got.astype(np.float64), expected.astype(np.float64)
    return float(np.abs(one - other).max() / max(np.abs(other).max(), 1e-30))


def compare(
    network: GraphNetwork,
    folder: Path,
    *,
    name: str = "values",
    leaving: tuple[str, ...] = (),
    tolerance: float = 1e-5,
) -> set[str]:
    """Check every tensor both sides know; returns their names.

    Args:
        name: of the stored values; "training" are those of the training mode.
        leaving: starts of the names of tensors that may differ (random ones).
        tolerance: of a tensor's greatest value.
    """
    feeds = {tensor: value for tensor, value in stored(folder, "feeds").items() if tensor in network.nodes}
    values = stored(folder, name)
    switches = {switch.name for switch in network.graph.switches}
    known = [t for t in values if t in network.nodes and t not in switches and not t.startswith(leaving or ("\0",))]
    got = network.run(feeds, to=known, training=name == "training")
    far = {
        t: d for t, a in zip(known, got, strict=True) if not (d := difference(np.asarray(a), values[t])) <= tolerance
    }
    assert not far, f"{len(far)} of {len(known)} tensors differ, first {list(far.items())[:5]}"
    return set(known)


def gradients(network: GraphNetwork, feeds: Arrays, loss: str) -> Arrays:
    """The gradients of the loss in evaluation, by parameter."""
    names = [name for name in feeds if name in network.nodes]
    arrays = [torch.from_numpy(np.asarray(feeds[name], network.inputs[name].dtype)) for name in names]
    (value,) = network.module([loss], names)(*arrays)
    value.backward()
    return {name: weight.grad.numpy() for name, weight in network.weights.items() if weight.grad is not None}
