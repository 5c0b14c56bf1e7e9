"""Caffe: .prototxt and .caffemodel files, of both formats (V1 and V2), opened without Caffe and without protoc."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from regraft.formats.caffe.netfile import opens as opens

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork
    from regraft.network.weights import Weights


def read(path: Path, *, to: Sequence[str] | None = None, weights: Path | None = None) -> GraphNetwork:
    """The network a Caffe file holds, as it runs in evaluation (phase TEST).

    Args:
        path: a .prototxt, or a .caffemodel. What belongs to it is looked for beside it, and said.
        to: the tensors wanted (blobs, or `blob@layer`); None: the outputs.
        weights: the .caffemodel for a .prototxt, where it does not stand beside it.

    Raises:
        RegraftError: a file cannot be opened; the message says why and what helps.
    """
    from regraft.formats.caffe.reading import read_network

    return read_network(path, to, weights)


def read_weights(path: Path) -> Weights:
    """The weights of a Caffe network by name ("conv1/0"), whether or not its layers can be run.

    Raises:
        RegraftError: a file cannot be opened; the message says why and what helps.
    """
    from regraft.formats.caffe.reading import read_weights
    from regraft.network.weights import Weights

    return Weights(values=read_weights(path), layout="torch")
