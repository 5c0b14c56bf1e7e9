"""Files of Keras 2 and 3."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

from formats.keras import golden_files
from fuzz.fuzzing import Kind
from fuzz.zips import inside_zip

from regraft.formats import keras


def keras_model(major: int) -> Callable[[Path], Path]:
    """A maker that puts a model that Keras wrote into a folder."""
    return lambda folder: golden_files.written(folder, major, "dense")


def read_keras(path: Path) -> None:
    """The network, and the value of every parameter."""
    with warnings.catch_warnings(action="ignore"):
        if keras.opens(path):
            for parameter in keras.read(path).parameters.values():
                parameter.value.sum()


KINDS = (
    Kind(name="keras-h5", make=keras_model(2), read=read_keras),
    Kind(name="keras-zip", make=keras_model(3), read=read_keras),
    Kind(
        name="keras-zip, checksums right",
        make=keras_model(3),
        read=read_keras,
        damage=inside_zip("config.json", "model.weights.h5"),
    ),
)
