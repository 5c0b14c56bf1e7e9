"""ONNX: .onnx files of opset 7 and later, read with the `onnx` package and run as torch functions that train."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regraft.formats.onnx.sniffing import opens as opens

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork
    from regraft.network.weights import Weights


def read(path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork:
    """The network an ONNX file holds.

    Args:
        path: the file; its external data lie beside it.
        to: the tensors wanted; None: the outputs. Operations not needed for them need not be known.

    Raises:
        MissingExtra: the `onnx` package is not installed.
        RegraftError: the file cannot be opened; the message says why and what helps.
    """
    from regraft.formats.onnx.reading import read_network

    return read_network(path, to)


def read_weights(path: Path) -> Weights:
    """The weights of an ONNX file by name, whether or not its graph can be run; raises what `read` does."""
    from regraft.formats.onnx.reading import read_weights

    return read_weights(path)
