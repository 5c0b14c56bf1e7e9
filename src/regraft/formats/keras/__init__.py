"""Keras: .h5 and .keras files of Keras 2 and 3, opened without Keras and without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regraft.formats.keras.container import opens as opens

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork
    from regraft.network.weights import Weights


def read(path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork:
    """The network a Keras file holds; one without a graph where the file holds weights only.

    Args:
        path: a complete model (.h5, .hdf5, .keras), or a file of weights (.h5, .weights.h5).
        to: the tensors wanted ("conv1" is the output of the layer conv1); None: the outputs.

    Raises:
        RegraftError: the file cannot be opened; the message says why and what helps.
    """
    from regraft.formats.keras.reading import read_network

    return read_network(path, to)


def read_weights(path: Path) -> Weights:
    """The weights of a Keras file by name ("conv1/kernel"), whether or not its layers can be run.

    Raises:
        RegraftError: the file cannot be opened; the message says why and what helps.
    """
    from regraft.formats.keras.reading import read_weights
    from regraft.network.weights import Weights

    return Weights(values=read_weights(path), layout="tensorflow")
