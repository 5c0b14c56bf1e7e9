"""Writing and opening a model folder. Opening never runs code: functions are looked up in a fixed table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from regraft.errors import MissingFile, UnreadableFile, UnsupportedFormat
from regraft.formats.saved.document import graph_from_json, graph_to_json
from regraft.network import GraphNetwork
from regraft.network.weights import Weights
from regraft.run import RunFolder, is_run
from regraft.run.atomic import read_json, write_bytes, write_json

_VERSION = 1
_MODEL = "model.json"
_WEIGHTS = "weights.safetensors"


def opens(path: Path) -> bool:
    """Whether the path is a model folder, or a run."""
    return _model_folder(path) is not None or is_run(path)


def write(network: GraphNetwork, folder: Path, about: Mapping[str, Any]) -> None:
    """Save a network.

    The weights are written first and named by their hash in model.json, so that a folder is either whole
    or refused.

    Args:
        about: what else is known (task, classes, provenance, metrics): plain JSON data.

    Raises:
        OutOfSpace: the disk is full.
    """
    arrays = {name: np.asarray(p.value, order="C") for name, p in network.parameters.items()}
    weights = safetensors.numpy.save(arrays)
    write_bytes(folder / _WEIGHTS, weights)
    document = {
        "version": _VERSION,
        "weights_sha256": hashlib.sha256(weights).hexdigest(),
        "graph": graph_to_json(network.graph),
        "about": dict(about),
    }
    write_json(folder / _MODEL, document)


def read(path: Path, *, to: Sequence[str] | None = None) -> GraphNetwork:
    """Open a model folder, or the model of a run.

    Args:
        to: the tensors wanted; None: the outputs.

    Raises:
        MissingFile: a file is missing, or the run has no model yet.
        UnreadableFile: a file is damaged, or the two do not belong together.
        UnsupportedFormat: a newer regraft wrote it.
    """
    folder = _folder(path)
    document = _document(folder)
    weights = folder / _WEIGHTS
    if not weights.is_file():
        raise MissingFile("the model folder has no weights", where=str(weights))
    data = weights.read_bytes()
    if hashlib.sha256(data).hexdigest() != document.get("weights_sha256"):
        raise UnreadableFile(
            "the weights are not the ones model.json was written with",
            where=str(weights),
            expected=f"sha256 {document.get('weights_sha256')}",
            got=f"sha256 {hashlib.sha256(data).hexdigest()}",
            fix="copy the whole folder again",
        )
    try:
        values = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UnreadableFile("the weights are damaged", where=str(weights), got=str(error)) from error
    graph = graph_from_json(document.get("graph"), set(values), where=str(folder / _MODEL))
    network = GraphNetwork(graph, values, format="saved")
    return network if to is None else network.towards(*to)


def read_weights(path: Path) -> Weights:
    """The weights of a model folder, or of a run's model; raises what `read` does."""
    return weights_of(read(path))


def weights_of(network: GraphNetwork) -> Weights:
    """The weights of a network that was saved."""
    from regraft.network.layers import as_torch

    return Weights(values=network.values, layout="tensorflow", as_torch=as_torch(network.graph.nodes))


def about(path: Path) -> dict[str, Any]:
    """What was saved beside the graph: task, classes, provenance, metrics."""
    folder = _folder(path)
    found = _document(folder).get("about")
    if not isinstance(found, dict):
        raise UnreadableFile("model.json is damaged", where=str(folder / _MODEL), expected="an object 'about'")
    return found


def _model_folder(path: Path) -> Path | None:
    return next((folder for folder in (path, path / "model") if (folder / _MODEL).is_file()), None)


def _folder(path: Path) -> Path:
    """The model folder at the path or, where the path is a run, inside it."""
    found = _model_folder(path)
    if found is None and is_run(path):
        raise MissingFile(
            "this run has no model yet",
            where=str(path),
            got=f"a run that is {RunFolder(path).status}",
            fix="go on with it: the same command with --resume",
        )
    if found is None:
        raise MissingFile("this is no model folder", where=str(path), expected=f"a file {_MODEL}")
    return found


def _document(folder: Path) -> dict[str, Any]:
    path = folder / _MODEL
    document = read_json(path)
    version = document.get("version") if isinstance(document, dict) else None
    if not isinstance(version, int):
        raise UnreadableFile("model.json is damaged", where=str(path), expected="an object with a version")
    if version > _VERSION:
        raise UnsupportedFormat(
            "a newer regraft wrote this model",
            where=str(path),
            expected=f"version {_VERSION} at most",
            got=f"version {version}",
            fix="update regraft",
        )
    return document
