"""From what the catalog keeps of a model back to its network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from regraft.errors import UnreadableFile
from regraft.formats.saved import graph_from_json
from regraft.network import GraphNetwork
from regraft.zoo.tensors import Row, array_of


def network_of(folder: Path, name: str, document: str, rows: Sequence[Row]) -> GraphNetwork:
    """The network of a model.

    Args:
        document: its graph, and the names of its parameters in the order of the rows.

    Raises:
        MissingFile: a file is gone.
        UnreadableFile: something is damaged.
    """
    where = f"{folder}, the model {name}"
    said = read_graph(document, where)
    names = said["parameters"]
    if len(names) != len(rows):
        raise UnreadableFile(
            "the graph and the weights do not belong together",
            where=where,
            expected=f"{len(names)} weights",
            got=str(len(rows)),
        )
    values = {own: array_of(folder, row, name) for own, row in zip(names, rows, strict=True)}
    return GraphNetwork(graph_from_json(said["graph"], values, where), values, format="saved")


def read_graph(document: str, where: str) -> dict[str, Any]:
    """What is kept of a graph: {parameters: names, graph}.

    Raises:
        UnreadableFile: it is not that.
    """
    try:
        said = json.loads(document)
        names, _ = said["parameters"], said["graph"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"the parameters are {names!r:.60}")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise UnreadableFile("a graph of the zoo is damaged", where=where, got=str(error)) from error
    return said
