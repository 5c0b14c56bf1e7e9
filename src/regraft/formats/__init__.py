"""From a file of any known format to a network. The rooms in here do not know each other; this file knows them all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from regraft.network import GraphNetwork


def read(path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork:
    """Open a network.

    Args:
        path: a model folder or a run of regraft; or a TensorFlow 1 checkpoint (its prefix, one of its files, or the
            folder of its `checkpoint` file), a graph (.meta, .pb, .pbtxt) or a SavedModel folder; or a Caffe network
            (.prototxt, .caffemodel).
        to: the tensors wanted; None: the outputs. Operations that are not needed for them need not be known.

    Raises:
        MissingFile: there is nothing at that path.
        UnsupportedFormat: it is of no known format.
        UnreadableFile: it is damaged.
        UnsupportedOp: the wanted tensors need operations regraft cannot run.
    """
    from regraft.formats import caffe, saved, tf1

    folder = _model_folder(path)
    if folder is None:
        return caffe.read(path, to=to) if caffe.is_caffe(path) else tf1.read(path, to=to)
    network = saved.read(folder)
    return network if to is None else network.towards(*to)


def read_weights(path: Path) -> Mapping[str, np.ndarray]:
    """The named weights of a file, whether or not its graph can be run.

    Raises:
        MissingFile: there is nothing at that path.
        UnreadableFile: it is damaged.
    """
    from regraft.formats import caffe, saved, tf1

    folder = _model_folder(path)
    if folder is not None:
        return saved.read(folder).values
    return caffe.read_weights(path) if caffe.is_caffe(path) else tf1.read_weights(path)


def as_torch(path: Path) -> Collection[str]:
    """The names of `read_weights` whose values lie as torch's own layers hold them."""
    from regraft.formats import caffe, saved
    from regraft.network.layers import as_torch

    folder = _model_folder(path)
    if folder is not None:
        return as_torch(saved.read(folder).graph.nodes)
    return set(caffe.read_weights(path)) if caffe.is_caffe(path) else ()


def class_names(path: Path) -> list[str] | None:
    """The names of the classes saved with a model; None where none were."""
    from regraft.formats import saved

    folder = _model_folder(path)
    return saved.about(folder).get("classes") or None if folder else None


def _model_folder(path: Path) -> Path | None:
    """The model folder at the path or, where the path is a run, inside it."""
    from regraft.formats import saved

    return next((folder for folder in (path, path / "model") if saved.is_saved(folder)), None)
