"""From a file of any known format to a network. The rooms in here do not know each other; this file knows them all."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from regraft.errors import MissingFile

if TYPE_CHECKING:
    import numpy as np

    from regraft.network import GraphNetwork


def read(path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork:
    """Open a network.

    Args:
        path: a model folder or a run of regraft; a file of arrays, whatever its ending, which has weights and no
            graph; a Caffe network (.prototxt, .caffemodel); or a TensorFlow 1 checkpoint (its prefix, one of its
            files, or the folder of its `checkpoint` file), a graph (.meta, .pb, .pbtxt) or a SavedModel folder.
        to: the tensors wanted; None: the outputs. Operations that are not needed for them need not be known.

    Raises:
        MissingFile: there is nothing at that path.
        UnsupportedFormat: it is of no known format.
        UnreadableFile: it is damaged.
        UnsupportedOp: the wanted tensors need operations regraft cannot run.
    """
    from regraft.formats import arrays, caffe, saved, tf1

    folder = _model_folder(path)
    if folder is not None:
        network = saved.read(folder)
    elif arrays.holds_arrays(path):
        network = arrays.read(path)
    else:
        return caffe.read(path, to=to) if caffe.is_caffe(path) else tf1.read(path, to=to)
    return network if to is None else network.towards(*to)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The named weights of a file, and how they lie.

    `layout` is that of all but the names in `as_torch`, which lie as torch's layers hold them; None: the file does
    not say.
    """

    values: Mapping[str, np.ndarray]
    layout: Literal["tensorflow", "torch"] | None
    as_torch: Collection[str] = ()


def read_weights(path: Path) -> Weights:
    """The named weights of a file, whether or not its graph can be run.

    Raises:
        MissingFile: there is nothing at that path.
        UnreadableFile: it is damaged.
    """
    from regraft.formats import arrays, caffe, saved, tf1
    from regraft.network.layers import as_torch

    folder = _model_folder(path)
    if folder is not None:
        network = saved.read(folder)
        return Weights(values=network.values, layout="tensorflow", as_torch=as_torch(network.graph.nodes))
    if arrays.holds_arrays(path):
        network = arrays.read(path)
        return Weights(values=network.values, layout="torch" if network.format == "torch" else None)
    if caffe.is_caffe(path):
        return Weights(values=caffe.read_weights(path), layout="torch")
    return Weights(values=tf1.read_weights(path), layout="tensorflow")


def class_names(path: Path) -> list[str] | None:
    """The names of the classes saved with a model; None where none were."""
    from regraft.formats import saved

    folder = _model_folder(path)
    return saved.about(folder).get("classes") or None if folder else None


def _model_folder(path: Path) -> Path | None:
    """The model folder at the path or, where the path is a run, inside it."""
    from regraft.formats import saved
    from regraft.run import RunFolder, is_run

    found = next((folder for folder in (path, path / "model") if saved.is_saved(folder)), None)
    if found is None and is_run(path):
        raise MissingFile(
            "this run has no model yet",
            where=str(path),
            got=f"a run that is {RunFolder(path).status}",
            fix="go on with it: the same command with --resume",
        )
    return found
