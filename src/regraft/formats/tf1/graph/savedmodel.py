"""SavedModel folders: a graph with its signatures, and its variables beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from regraft.errors import UnreadableFile
from regraft.formats.tf1 import protos

_FILES = ("saved_model.pb", "saved_model.pbtxt")
_SERVING = "serving_default"


def file_in(folder: Path) -> Path | None:
    """The SavedModel file in a folder, if there is one."""
    return next((folder / name for name in _FILES if (folder / name).is_file()), None)


def is_saved_model(path: Path) -> bool:
    """Whether a file is the graph of a SavedModel."""
    return path.name in _FILES


def read(path: Path) -> tuple[Any, Any]:
    """The MetaGraphDef that serves predictions, and its signature (None where it has none).

    Raises:
        UnreadableFile: the file is damaged, or holds no graph.
    """
    graphs = list(protos.read_message("SavedModel", path).meta_graphs)
    if not graphs:
        raise UnreadableFile("this SavedModel holds no graph", where=str(path))
    meta = next((graph for graph in graphs if "serve" in graph.meta_info_def.tags), graphs[0])
    return meta, signature_of(meta)


def signature_of(meta: Any) -> Any:
    """The signature that serves predictions; None where a MetaGraphDef has none, as those of most checkpoints."""
    signatures = {key: value for key, value in sorted(meta.signature_def.items()) if value.outputs}
    return signatures.get(_SERVING) or next(iter(signatures.values()), None)


def checkpoint_prefix(path: Path) -> Path:
    """Where the variables of a SavedModel lie."""
    return path.parent / "variables" / "variables"
