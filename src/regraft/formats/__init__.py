"""From a file of any known format to a network. The rooms in here do not know each other; this file knows them all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from regraft.network.network import GraphNetwork
    from regraft.network.weights import Weights


class _Room(Protocol):
    """What every format offers."""

    def read(self, path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork: ...

    def read_weights(self, path: Path) -> Weights: ...


def read(path: Path, *, to: Sequence[str] | None = None, weights: Path | None = None) -> GraphNetwork:
    """Open a network.

    Args:
        path: a model folder or a run of regraft; a file of arrays, whatever its ending, which has weights and no
            graph; a Caffe network (.prototxt, .caffemodel); or a TensorFlow 1 checkpoint (its prefix, one of its
            files, or the folder of its `checkpoint` file), a graph (.meta, .pb, .pbtxt) or a SavedModel folder.
        to: the tensors wanted; None: the outputs. Operations that are not needed for them need not be known.
        weights: the .caffemodel for a .prototxt, where it does not stand beside it.

    Raises:
        MissingFile: there is nothing at that path.
        UnsupportedFormat: it is of no known format.
        UnreadableFile: it is damaged.
        UnsupportedOp: the wanted tensors need operations regraft cannot run.
    """
    if weights is not None:
        from regraft.formats import caffe

        return caffe.read(path, to=to, weights=weights)
    return _room(path).read(path, to=to)


def takes_weights(path: Path) -> bool:
    """Whether the format of the file at a path has its weights in another file, which `read` takes with it."""
    from regraft.formats import caffe

    return _room(path) is caffe and path.suffix != ".caffemodel"


def read_weights(path: Path) -> Weights:
    """The named weights of a file, whether or not its graph can be run.

    Raises:
        MissingFile: there is nothing at that path.
        UnreadableFile: it is damaged.
    """
    return _room(path).read_weights(path)


def class_names(path: Path) -> list[str] | None:
    """The names of the classes saved with a model; None where none were."""
    from regraft.formats import saved

    return saved.about(path).get("classes") or None if saved.opens(path) else None


def _room(path: Path) -> _Room:
    """The format of what is at the path: its content says so, not its ending."""
    from regraft.formats import arrays, caffe, saved, tf1

    if saved.opens(path):
        return saved
    if arrays.opens(path):
        return arrays
    return caffe if caffe.opens(path) else tf1
