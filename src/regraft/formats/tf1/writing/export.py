"""Writing a network as a TensorFlow 1 checkpoint with its graph, as tf.train.Saver does."""

from __future__ import annotations

import os
from errno import EISDIR
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from regraft.errors import BadArgument
from regraft.formats.tf1.checkpoint import file_of, write_checkpoint
from regraft.formats.tf1.checkpoint.state import STATE_FILE
from regraft.formats.tf1.reading import read_network
from regraft.formats.tf1.writing.metagraph import meta_graph
from regraft.formats.tf1.writing.wholes import stored_values
from regraft.network import GraphNetwork
from regraft.network.proof import Written, prove_values
from regraft.run.atomic import disk_errors, writing

_ENDINGS = (".data-00000-of-00001", ".index", ".meta")


def write(network: GraphNetwork, prefix: Path) -> Written:
    """Write the checkpoint `prefix` and the graph `prefix`.meta; `tf.train.import_meta_graph` opens them.

    The files are written into a folder beside their place, opened and compared with the network, and then moved; a
    checkpoint that stands there is replaced, as a Saver does. On an error what was there stays as it was (a kill while
    the files take their places leaves none). Values the graph does not use (an optimizer's slots) are written too; the
    parts of a partitioned variable stand together under its whole name, as in its source.

    Returns:
        The files: data, index, graph, and the folder's `checkpoint`, which now names this one.

    Raises:
        BadArgument: there is no graph, or no parameter to write; or nothing may be written there.
        UnsupportedOp: TensorFlow has no operation for some nodes; all are named.
        OutOfSpace: the disk is full.
    """
    network.require_graph()
    if not network.parameters:
        raise BadArgument("the network has no parameters: there is nothing a checkpoint could hold")
    graph = meta_graph(network).SerializeToString(deterministic=True)
    with disk_errors(prefix):
        prefix.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=prefix.parent, prefix=f".{prefix.name}.") as folder:
            trial = Path(folder) / prefix.name
            _write_files(network, graph, trial)
            difference = _proved(network, trial, str(prefix))
            _move(trial, prefix)
    return Written(format="tf1", files=_files(prefix), difference=difference)


def _move(trial: Path, prefix: Path) -> None:
    """Put all files in their places; where one is taken by a folder, none is moved."""
    for place in _files(prefix):
        with disk_errors(place):
            if place.is_dir():
                raise IsADirectoryError(EISDIR, os.strerror(EISDIR))
    file_of(prefix, ".index").unlink(missing_ok=True)  # an old index never stands beside new data
    for made, place in zip(_files(trial), _files(prefix), strict=True):
        os.replace(made, place)


def _files(prefix: Path) -> tuple[Path, ...]:
    """All files of an export, in the order in which they take their places: the index after the data."""
    return (*(file_of(prefix, ending) for ending in _ENDINGS), prefix.with_name(STATE_FILE))


def _write_files(network: GraphNetwork, graph: bytes, prefix: Path) -> None:
    with writing(file_of(prefix, _ENDINGS[-1])) as file:
        file.write(graph)
        file.flush()
        os.fsync(file.fileno())  # a full disk is noticed before the checkpoint takes its place
        write_checkpoint(prefix, stored_values(network))


def _proved(network: GraphNetwork, prefix: Path, where: str) -> float:
    """How far what was written is from the network; raises UnsupportedOp where it is another one."""
    again = read_network(prefix, None)
    names = dict(zip(network.inputs, again.inputs, strict=False))  # those TensorFlow does not allow are renamed

    def run(x: dict[str, np.ndarray]) -> list[np.ndarray]:
        return again.run({names[name]: array for name, array in x.items()}, list(again.outputs))

    return prove_values(network, run, where)
