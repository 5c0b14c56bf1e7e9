"""What TensorFlow 2 writes: object-based checkpoints and SavedModels of its Keras."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracle
import pytest

import regraft
from regraft.errors import UnreadableFile
from regraft.formats.tf1.checkpoint import open_checkpoint
from regraft.formats.tf1.checkpoint.objects import names_of
from regraft.protobuf.wire import bytes_field

WRITE = """
import sys
import numpy as np
import tensorflow as tf
import tf_keras

folder = sys.argv[1]
tf_keras.utils.set_random_seed(0)
layers = tf_keras.layers
x = layers.Input((8, 8, 3))
y = layers.BatchNormalization(name="bn")(layers.Conv2D(4, 3, name="conv", activation="relu")(x))
y = layers.Add()([layers.Dense(5, name=name)(layers.Flatten()(y)) for name in ("left", "right")])
model = tf_keras.Model(x, layers.Dense(2, name="top", activation="softmax")(y))
model.compile("adam", "mse")
random = np.random.default_rng(0)
model.fit(random.normal(size=(8, 8, 8, 3)), random.normal(size=(8, 2)), verbose=0)
given = random.normal(size=(3, 8, 8, 3)).astype("float32")
weights = {weight.name.split(":")[0]: weight.numpy() for weight in model.weights}
np.savez(f"{folder}/known.npz", given=given, answer=model(given), **weights)
model.save_weights(f"{folder}/weights/model")
model.save(f"{folder}/whole", save_format="tf")
tf.train.Checkpoint(first=tf.Variable(1.0, name="w"), second=tf.Variable(2.0, name="w")).write(f"{folder}/twice")
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("objects")
    oracle.run(WRITE, folder)
    return folder


def test_weights_stand_under_their_own_names(folder: Path) -> None:
    network = regraft.open(folder / "weights/model")
    known = np.load(folder / "known.npz")
    layers = {name for name in network.parameters if name.split("/")[0] in ("conv", "bn", "left", "right", "top")}
    assert layers == set(known) - {"given", "answer"}
    for name in layers:
        np.testing.assert_array_equal(network.parameters[name].value, known[name])
    assert "Adam/m/conv/kernel" in network.parameters


def test_a_saved_model_of_keras_gives_what_keras_gives(folder: Path) -> None:
    network, known = regraft.open(folder / "whole"), np.load(folder / "known.npz")
    np.testing.assert_allclose(network.run(known["given"]), known["answer"], rtol=1e-5)
    assert network.parameters["conv/kernel"].trainable
    assert not network.parameters["bn/moving_mean"].trainable


def test_a_name_that_two_variables_have_is_no_name(folder: Path) -> None:
    keys = ("first/.ATTRIBUTES/VARIABLE_VALUE", "second/.ATTRIBUTES/VARIABLE_VALUE")
    assert set(open_checkpoint(folder / "twice")) >= set(keys)


def test_names_are_taken_only_for_keys_that_are_there() -> None:
    def attribute(name: str, key: str) -> bytes:
        return bytes_field(2, bytes_field(2, name.encode()) + bytes_field(3, key.encode()))

    graph = bytes_field(1, attribute("a", "1") + attribute("b", "2")) + bytes_field(1, attribute("3", "4"))
    assert names_of(graph, ("1", "3", "4"), "x") == {"1": "a"}
    with pytest.raises(UnreadableFile, match="the file breaks its own format\n  where: x"):
        names_of(graph[:-1], ("1",), "x")
