"""Writing and opening a model folder. Opening never runs code: functions are looked up in a fixed table."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from regraft.errors import MissingFile, UnreadableFile, UnsupportedFormat
from regraft.formats.saved.document import graph_from_json, graph_to_json
from regraft.network import GraphNetwork
from regraft.run.atomic import read_json, write_bytes, write_json

_VERSION = 1
_MODEL = "model.json"
_WEIGHTS = "weights.safetensors"


def is_saved(path: Path) -> bool:
    """Whether the path is a model folder."""
    return (path / _MODEL).is_file()


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


def read(folder: Path) -> GraphNetwork:
    """Open a model folder.

    Raises:
        MissingFile: a file is missing.
        UnreadableFile: a file is damaged, or the two do not belong together.
        UnsupportedFormat: a newer regraft wrote it.
    """
    document = _document(folder)
    path = folder / _WEIGHTS
    if not path.is_file():
        raise MissingFile("the model folder has no weights", where=str(path))
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != document.get("weights_sha256"):
        raise UnreadableFile(
            "the weights are not the ones model.json was written with",
            where=str(path),
            expected=f"sha256 {document.get('weights_sha256')}",
            got=f"sha256 {hashlib.sha256(data).hexdigest()}",
            fix="copy the whole folder again",
        )
    try:
        values = safetensors.numpy.load(data)
    except (safetensors.SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UnreadableFile("the weights are damaged", where=str(path), got=str(error)) from error
    graph = graph_from_json(document.get("graph"), set(values), where=str(folder / _MODEL))
    return GraphNetwork(graph, values, format="saved")


def about(folder: Path) -> dict[str, Any]:
    """What was saved beside the graph: task, classes, provenance, metrics."""
    found = _document(folder).get("about")
    if not isinstance(found, dict):
        raise UnreadableFile("model.json is damaged", where=str(folder / _MODEL), expected="an object 'about'")
    return found


def _document(folder: Path) -> dict[str, Any]:
    path = folder / _MODEL
    if not path.is_file():
        raise MissingFile("this is no model folder", where=str(folder), expected=f"a file {_MODEL}")
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
