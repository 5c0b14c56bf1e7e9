"""How a graph was trained, read from its training operations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.formats import tf1
from regraft.network.graph import Training


def training(path: Path) -> Training:
    found = tf1.read(path).graph.training
    assert found is not None
    return found


def test_clipped_gradient_descent_with_its_loss_and_its_accuracy(graphs: Path) -> None:
    found = training(graphs / "dense")

    assert found == Training(
        loss="loss/loss:0",
        optimizer="sgd",
        learning_rate="train/GradientDescent/learning_rate:0",
        clip=(-1.0, 1.0),
        parameters=tuple(
            f"{layer}/{part}" for layer in ("hidden1", "hidden2", "outputs") for part in ("kernel", "bias")
        ),
        slots={name: {} for name in found.parameters},
        metrics=("eval/accuracy:0",),
    )
    assert tf1.read(graphs / "dense").run({}, to=found.learning_rate) == pytest.approx(0.05)


def test_momentum_with_its_slots_and_the_step(graphs: Path) -> None:
    network = tf1.read(graphs / "conditional_resource")
    found = network.graph.training

    assert found is not None
    assert found.optimizer == "momentum"
    assert found.settings == {"momentum": pytest.approx(0.9)}
    assert found.slots["conv1/kernel"] == {"momentum": "conv1/kernel/Momentum"}
    assert found.counters == {"global_step": "global_step"}
    assert {slot for slots in found.slots.values() for slot in slots.values()} <= set(network.values)


def test_adam_with_its_powers_trains_embeddings_too(graphs: Path) -> None:
    network = tf1.read(graphs / "sentences")
    found = network.graph.training

    assert found is not None
    assert found.optimizer == "adam"
    assert found.settings == pytest.approx({"beta1": 0.9, "beta2": 0.999, "epsilon": 1e-8})
    assert found.counters == {"beta1_power": "beta1_power", "beta2_power": "beta2_power", "global_step": "global_step"}
    assert found.slots["embedding/W"] == {"m": "embedding/W/Adam", "v": "embedding/W/Adam_1"}
    assert set(found.parameters) == {p.name for p in network.parameters.values() if p.trainable}
    assert found.metrics == ("accuracy/accuracy:0",)
    assert {slot for slots in found.slots.values() for slot in slots.values()} <= set(network.values)


def test_rmsprop_with_a_decaying_rate(graphs: Path) -> None:
    network = tf1.read(graphs / "fixed_batch")
    found = network.graph.training

    assert found is not None
    assert found.optimizer == "rmsprop"
    assert found.settings == pytest.approx({"rho": 0.9, "momentum": 0.0, "epsilon": 1e-10})
    assert found.slots["fc/kernel"] == {"rms": "fc/kernel/RMSProp", "momentum": "fc/kernel/RMSProp_1"}
    assert found.learning_rate == "ExponentialDecay:0"
    later = network.assign({"global_step": np.array(20)})
    assert later.run({}, to=found.learning_rate) == pytest.approx(0.1 * 0.9**2)


def test_adagrad(graphs: Path) -> None:
    found = training(graphs / "queued")

    assert (found.optimizer, found.settings) == ("adagrad", {})
    assert found.slots["fc/kernel"] == {"accumulator": "fc/kernel/Adagrad"}


def test_a_graph_without_training_operations_has_none(graphs: Path) -> None:
    assert tf1.read(graphs / "classic_layers").graph.training is None


def test_moving_averages_are_moved_as_tensorflow_does(graphs: Path) -> None:
    for case in ("conditional_mixed", "conditional_reference", "conditional_resource", "always_training"):
        network = tf1.read(graphs / case)
        feeds = dict(np.load(graphs / case / "feeds.npz"))
        moved = dict(np.load(graphs / case / "moved.npz"))
        assert set(network.graph.updates) == set(moved)
        for name, tensor in network.graph.updates.items():
            got = network.run({"x:0": feeds["x:0"]}, to=tensor, training=True)
            np.testing.assert_allclose(got, moved[name], rtol=1e-5, atol=1e-6)
