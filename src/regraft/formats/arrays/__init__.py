"""Weights without a graph: numpy, pickles of arrays, joblib, PyTorch state dicts, MATLAB, flax, safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork
    from regraft.network.weights import Weights


def opens(path: Path) -> bool:
    """Whether the path is a file of one of these formats; its content says so, not its ending."""
    from regraft.formats.arrays.reading import kind_of

    return kind_of(path) is not None


def read(path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork:
    """The weights of a file, as a network without a graph. Nothing in the file is ever run.

    Raises:
        BadArgument: tensors are wanted: there are none in such a file.
        UnsafeFile: it holds more than arrays, or claims more than it holds.
        UnreadableFile: it is damaged, or holds no arrays.
        UnsupportedFormat: a form of the format that regraft does not read.
        MissingExtra: a package is needed.
    """
    from regraft.formats.arrays.reading import read_network

    network = read_network(path)
    return network if to is None else network.towards(*to)


def read_weights(path: Path) -> Weights:
    """The weights of a file by name; raises what `read` does."""
    from regraft.formats.arrays.reading import read_network
    from regraft.network.weights import Weights

    network = read_network(path)
    return Weights(values=network.values, layout="torch" if network.format == "torch" else None)
