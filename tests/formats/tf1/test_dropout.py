"""Dropout as versions of TensorFlow wrote it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.tf1.making import Made, dense

from regraft.formats import tf1
from regraft.network.graph import Switch

RANDOM = Switch(name="regraft/training:0", evaluation=False, training=True)


def noise(made: Made) -> Made:
    """Uniform random numbers in the shape of "out", as random_uniform writes them."""
    made.node("drop/Shape", "Shape", "out", out_type="int32").constant("drop/min", np.float32(0))
    made.node("drop/random", "RandomUniform", "drop/Shape", dtype="float32", T="int32")
    made.constant("drop/range", np.float32(1)).node("drop/scaled", "Mul", "drop/random", "drop/range")
    return made.node("drop/uniform", "Add", "drop/scaled", "drop/min")


def floored(made: Made, share: str) -> Made:
    """Until TensorFlow 1.12: x / keep_prob * floor(keep_prob + random)."""
    made.node("drop/add", "Add", share, "drop/uniform").node("drop/Floor", "Floor", "drop/add")
    return made.node("drop/div", "RealDiv", "out", share).node("drop/mul", "Mul", "drop/div", "drop/Floor")


def compared(made: Made, rate: str) -> Made:
    """From 1.13 on: x * (1 / (1 - rate)) * cast(random >= rate)."""
    made.constant("drop/one", np.float32(1)).node("drop/sub", "Sub", "drop/one", rate)
    made.node("drop/truediv", "RealDiv", "drop/one", "drop/sub").node("drop/scale", "Mul", "out", "drop/truediv")
    made.node("drop/GreaterEqual", "GreaterEqual", "drop/uniform", rate)
    made.node("drop/Cast", "Cast", "drop/GreaterEqual", SrcT="bool", DstT="float32")
    return made.node("drop/mul", "Mul", "drop/scale", "drop/Cast")


def finished(made: Made, path: Path) -> Path:
    made.constant("v", np.ones((2, 3), np.float32)).node("v/read", "Identity", "v")
    return made.node("end", "MatMul", "drop/mul", "v/read").write(path / "model.pb")


@pytest.mark.parametrize("form", [floored, compared])
def test_it_is_done_in_training_only(tmp_path: Path, form: object) -> None:
    made = noise(dense()).constant("share", np.float32(0.5))
    network = tf1.read(finished(floored(made, "share") if form is floored else compared(made, "share"), tmp_path))
    x = np.ones((200, 4), np.float32)

    plain, trained = network.run(x, to="drop/mul"), network.run(x, to="drop/mul", training=True)

    np.testing.assert_array_equal(plain, network.run(x, to="out"))
    assert 0.4 < (trained == 0).mean() < 0.6
    assert set(np.unique(trained[:, 0])) == {0.0, 2 * plain[0, 0]}
    assert network.graph.switches == (RANDOM,)


def test_a_fed_share_that_is_kept(tmp_path: Path) -> None:
    made = floored(noise(dense().node("keep", "Placeholder", dtype="float32", shape=())), "keep")

    network = tf1.read(finished(made, tmp_path))

    assert network.graph.switches == (Switch(name="keep:0", evaluation=1.0, training=1.0), RANDOM)
    assert list(network.inputs) == ["x:0"]


def test_a_fed_share_that_is_dropped(tmp_path: Path) -> None:
    made = dense().constant("usual", np.float32(0.25))
    made.node("rate", "PlaceholderWithDefault", "usual", dtype="float32", shape=())

    network = tf1.read(finished(compared(noise(made), "rate"), tmp_path))

    assert network.graph.switches == (Switch(name="rate:0", evaluation=0.0, training=0.25), RANDOM)
    trained = network.run(np.ones((400, 4), np.float32), to="drop/mul", training=True)
    assert 0.15 < (trained == 0).mean() < 0.35


def test_one_behind_a_switch_is_left_to_it(tmp_path: Path) -> None:
    made = noise(dense().node("flag", "Placeholder", dtype="bool", shape=())).constant("share", np.float32(0.5))
    made.node("side", "Switch", "out", "flag").node("drop/in", "Identity", "side:1")
    made.node("drop/add", "Add", "share", "drop/uniform").node("drop/Floor", "Floor", "drop/add")
    made.node("drop/div", "RealDiv", "drop/in", "share").node("drop/raw", "Mul", "drop/div", "drop/Floor")
    network = tf1.read(finished(made.node("drop/mul", "Merge", "side", "drop/raw"), tmp_path))

    assert [switch.name for switch in network.graph.switches] == ["flag:0"]
    x = np.ones((50, 4), np.float32)
    np.testing.assert_array_equal(network.run(x, to="drop/mul"), network.run(x, to="out"))
    assert (network.run(x, to="drop/mul", training=True) == 0).any()
