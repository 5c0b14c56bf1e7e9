"""Writing a network as a TensorFlow 1 checkpoint with its graph, as tf.train.Saver does."""

from __future__ import annotations

import os
from pathlib import Path

from regraft.errors import BadArgument
from regraft.formats.tf1.checkpoint import file_of, write_checkpoint
from regraft.formats.tf1.checkpoint.state import STATE_FILE
from regraft.formats.tf1.writing.metagraph import meta_graph
from regraft.formats.tf1.writing.wholes import stored_values
from regraft.network import GraphNetwork
from regraft.run.atomic import writing

_ENDINGS = (".data-00000-of-00001", ".index", ".meta")


def write(network: GraphNetwork, prefix: Path) -> list[Path]:
    """Write the checkpoint `prefix` and the graph `prefix`.meta; `tf.train.import_meta_graph` opens them.

    A checkpoint that stands there is replaced, as a Saver does. Everything is written beside its place first; on
    an error what was there stays as it was (a kill while the files take their places leaves none). Values the graph
    does not use (an optimizer's slots) are written too; the parts of a partitioned variable stand together under its
    whole name, as in its source.

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
    paths = [file_of(prefix, ending) for ending in _ENDINGS]
    with writing(paths[-1]) as file:
        file.write(graph)
        file.flush()
        os.fsync(file.fileno())  # a full disk is noticed before the checkpoint takes its place
        write_checkpoint(prefix, stored_values(network))
    return [*paths, prefix.with_name(STATE_FILE)]
