"""Where a graph's variables are found in a checkpoint, and which of them are trained."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.formats import tf1
from regraft.formats.tf1.checkpoint import open_checkpoint
from regraft.formats.tf1.graph.variables import looks_trained
from regraft.network import Slice


def test_parts_and_new_names_as_the_saver_restores_them(graphs: Path) -> None:
    network = tf1.read(graphs / "partitioned")

    assert {p.name: p.shape for p in network.parameters.values()} == {
        "deep/w/part_0": (5, 6),
        "deep/w/part_1": (5, 6),
        "deep/b/part_0": (3,),
        "deep/b/part_1": (3,),
    }
    whole = np.concatenate([network.parameters[f"deep/w/part_{k}"].value for k in (0, 1)])
    np.testing.assert_array_equal(whole, open_checkpoint(graphs / "partitioned")["old/w"])
    assert set(network.values) == set(network.parameters)  # the checkpoint's own "old/w" would soon be out of date
    assert network.graph.slices["deep/w/part_1"] == Slice(whole="deep/w", shape=(10, 6), offset=(5, 0))


def test_slots_and_averages_are_values_but_no_parameters(graphs: Path) -> None:
    network = tf1.read(graphs / "classic_layers")

    assert "fc/weights/ExponentialMovingAverage" in network.values
    assert "fc/weights/ExponentialMovingAverage" not in network.parameters
    assert all(parameter.trainable for parameter in network.parameters.values())


def test_the_collection_says_what_is_trained(graphs: Path) -> None:
    network = tf1.read(graphs / "conditional_reference")

    listed = {name.removesuffix(":0") for name in network.collections["trainable_variables"]}
    assert {p.name for p in network.parameters.values() if p.trainable} == listed
    assert {p.name for p in network.parameters.values() if not p.trainable} >= {
        "bn1/moving_mean",
        "bn1/moving_variance",
    }


@pytest.mark.parametrize(
    ("name", "trained"),
    [
        ("dnn/hidden1/kernel", True),
        ("conv/batchnorm/beta", True),
        ("bn/moving_mean", False),
        ("bn/moving_variance_1", False),
        ("w/Adam_1", False),
        ("w/Momentum", False),
        ("beta1_power", False),
        ("global_step", False),
        ("w/ExponentialMovingAverage", False),
        ("Adam/w", False),
        ("moving_target/kernel", True),
    ],
)
def test_names_of_what_no_gradient_moves(name: str, trained: bool) -> None:
    assert looks_trained(name) == trained
