"""Finds out what a path is, reads graph and checkpoint, and makes a network of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import BadArgument, MissingFile, UnreadableFile, UnsupportedFormat, nearest_names
from regraft.formats.tf1 import protos
from regraft.formats.tf1.checkpoint import Checkpoint, file_of, is_checkpoint, locate, open_checkpoint
from regraft.formats.tf1.graph import savedmodel
from regraft.formats.tf1.graph.graphdef import build
from regraft.formats.tf1.graph.source import VARIABLES, Source, operations_of
from regraft.formats.tf1.graph.variables import looks_trained, readable
from regraft.network.graph import Graph, Node
from regraft.network.network import GraphNetwork

_GRAPHS = (".pb", ".pbtxt")


def read_network(path: Path, to: Sequence[str] | None) -> GraphNetwork:
    """See `regraft.formats.tf1.read`."""
    if path.is_dir() and (file := savedmodel.file_in(path)):
        path = file
    if savedmodel.is_saved_model(path) and path.is_file():
        return _saved_model(path, to)
    if path.suffix in _GRAPHS:
        return _graph(path, to)
    if path.name.endswith(".meta"):
        return _meta(path, _checkpoint_beside(path), to)
    return _checkpoint(path, to)


def read_weights(path: Path) -> dict[str, np.ndarray]:
    """See `regraft.formats.tf1.read_weights`."""
    if path.is_dir() and (file := savedmodel.file_in(path)):
        path = file
    if savedmodel.is_saved_model(path) and path.is_file():
        path = savedmodel.checkpoint_prefix(path)
    elif path.suffix in _GRAPHS:
        return read_network(path, None).values
    return _numbers(open_checkpoint(path))


def _saved_model(path: Path, to: Sequence[str] | None) -> GraphNetwork:
    meta, signature = savedmodel.read(path)
    prefix = savedmodel.checkpoint_prefix(path)
    checkpoint = open_checkpoint(prefix) if is_checkpoint(prefix) else None
    graph, values = build(_source_of_meta(meta, path, signature), checkpoint, to)
    return GraphNetwork(graph, values, format="tf1-savedmodel")


def _graph(path: Path, to: Sequence[str] | None) -> GraphNetwork:
    _require_file(path)
    definition = protos.read_message("GraphDef", path)
    source = _source_of_graph(definition, path)
    has_variables = any(operation.type in VARIABLES for operation in source.operations.values())
    graph, values = build(source, _checkpoint_beside(path) if has_variables else None, to)
    return GraphNetwork(graph, values, format="tf1-pb")


def _meta(path: Path, checkpoint: Checkpoint | None, to: Sequence[str] | None) -> GraphNetwork:
    _require_file(path)
    graph, values = build(meta_source(path), checkpoint, to)
    return GraphNetwork(graph, values, format="tf1-meta")


def meta_source(path: Path) -> Source:
    """The graph of a `.meta` file as it stands there.

    Raises:
        UnreadableFile: it is damaged.
    """
    meta = protos.read_message("MetaGraphDef", path)
    return _source_of_meta(meta, path, savedmodel.signature_of(meta))


def _checkpoint(path: Path, to: Sequence[str] | None) -> GraphNetwork:
    checkpoint = open_checkpoint(path)
    meta = file_of(checkpoint.prefix, ".meta")
    if meta.is_file():
        return _meta(meta, checkpoint, to)
    return _weights_only(checkpoint)


def _weights_only(checkpoint: Checkpoint) -> GraphNetwork:
    """A network without layers: its parameters can be looked at and loaded elsewhere."""
    values = _numbers(checkpoint)
    nodes = tuple(
        Node(
            name=f"{name}:0",
            function="parameter",
            args=(name,),
            kwargs={"trainable": value.dtype.kind == "f" and looks_trained(name)},
        )
        for name, value in values.items()
    )
    return GraphNetwork(Graph(nodes=nodes, inputs=(), outputs=()), values, format="tf1-checkpoint")


def _numbers(checkpoint: Checkpoint) -> dict[str, np.ndarray]:
    """The entries that are no strings."""
    return {name: value for name, value in readable(checkpoint) if value.dtype.kind != "O"}


def _checkpoint_beside(path: Path) -> Checkpoint | None:
    """The checkpoint that has the name of a graph, else the only or latest one in its folder, which is said."""
    stem = path.name[: -len(path.suffix)] if path.suffix else ""  # ".meta" alone has an empty prefix
    prefix = path.with_name(stem or ".index")
    if is_checkpoint(prefix):
        return open_checkpoint(prefix)
    try:
        prefix = locate(path.parent)
    except (MissingFile, BadArgument, UnsupportedFormat):
        return None
    note = f"there is no checkpoint of the name of {path.name}: its values are taken from {prefix.name} beside it"
    warnings.warn(note, stacklevel=2)
    return open_checkpoint(prefix)


def _require_file(path: Path) -> None:
    if not path.is_file():
        known = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise MissingFile(f"there is no file {path.name}", where=str(path), nearest=nearest_names(path.name, known))


def _source_of_meta(meta: Any, path: Path, signature: Any = None) -> Source:
    return replace(
        _source_of_graph(meta.graph_def, path),
        collections=meta.collection_def,
        signature=signature,
        saver=meta.saver_def if meta.HasField("saver_def") else None,
    )


def _source_of_graph(definition: Any, path: Path) -> Source:
    operations = operations_of(definition.node, str(path))
    if not operations:
        raise UnreadableFile(
            "the file holds no TensorFlow graph", where=str(path), expected="a GraphDef or MetaGraphDef with operations"
        )
    functions = {function.signature.name: function for function in definition.library.function}
    return Source(operations=operations, where=str(path), functions=functions, producer=definition.versions.producer)
