"""Weights without a graph: numpy, pickles of arrays, joblib, PyTorch state dicts, MATLAB, flax, safetensors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork


def holds_arrays(path: Path) -> bool:
    """Whether the path is a file of one of these formats; its content says so, not its ending."""
    from regraft.formats.arrays.reading import kind_of

    return kind_of(path) is not None


def read(path: Path) -> GraphNetwork:
    """The weights of a file, as a network without a graph. Nothing in the file is ever run.

    Raises:
        UnsafeFile: it holds more than arrays, or claims more than it holds.
        UnreadableFile: it is damaged, or holds no arrays.
        UnsupportedFormat: a form of the format that regraft does not read.
        MissingExtra: a package is needed.
    """
    from regraft.formats.arrays.reading import read_network

    return read_network(path)
