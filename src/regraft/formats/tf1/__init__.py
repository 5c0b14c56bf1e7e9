"""TensorFlow 1: checkpoints, meta graphs, frozen graphs and SavedModels, opened without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork
    from regraft.network.weights import Weights


def read(path: str | Path, *, to: str | Sequence[str] | None = None) -> GraphNetwork:
    """The network a TensorFlow 1 file holds.

    Args:
        path: a `.meta`, `.pb` or `.pbtxt` file; a checkpoint's prefix, one of its files, or a folder with one;
            a SavedModel's folder.
        to: the tensors that are wanted (only what they are computed from is opened); None: what the graph was made
            for.

    Raises:
        RegraftError: the file cannot be opened; the message says why and what helps.
    """
    from regraft.formats.tf1.reading import read_network

    return read_network(Path(path), [to] if isinstance(to, str) else to)


def read_weights(path: str | Path) -> Weights:
    """The numbers a TensorFlow 1 file holds, by name; of a checkpoint all of them, whatever its graph is.

    Args:
        path: what `read` takes.

    Raises:
        RegraftError: the file cannot be opened; the message says why and what helps.
    """
    from regraft.formats.tf1.reading import read_weights
    from regraft.network.weights import Weights

    return Weights(values=read_weights(Path(path)), layout="tensorflow")
