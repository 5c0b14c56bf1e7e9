"""Every byte of a zoo looked at: is it what was put there?"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from regraft.errors import UnreadableFile
from regraft.zoo.adding import checksum, content_of, graph_hash
from regraft.zoo.card import read_card
from regraft.zoo.scores import damaged_scores
from regraft.zoo.stored import read_graph
from regraft.zoo.tensors import Row, fault, place_of

# What a look meets where rows are not whole any more, or hold values of other types.
_GONE_WRONG = (sqlite3.DatabaseError, UnicodeDecodeError, TypeError, AttributeError)


@dataclass(frozen=True, kw_only=True)
class Verified:
    """How many models and distinct tensors were looked at, the bytes of these, and what is wrong; (): nothing is."""

    models: int
    tensors: int
    bytes: int
    problems: tuple[str, ...]


def verified(connection: sqlite3.Connection, folder: Path) -> Verified:
    """What a look at all of a zoo finds."""
    problems: list[str] = []
    for look in (_catalog, _graphs, _cards, partial(_tensors, folder=folder), damaged_scores):
        try:
            problems.extend(look(connection))
        except _GONE_WRONG as error:
            problems.append(f"the catalog: {error}")
    count = "SELECT count(*), (SELECT count(*) FROM cards), coalesce(sum(size), 0) FROM tensors"
    kept, models, size = connection.execute(f"{count} WHERE id IN (SELECT tensor FROM uses)").fetchone()
    return Verified(models=models, tensors=kept, bytes=size, problems=tuple(problems))


def _catalog(connection: sqlite3.Connection) -> Iterator[str]:
    for (line,) in connection.execute("PRAGMA integrity_check"):
        if line != "ok":
            yield f"the catalog: {line}"


def _graphs(connection: sqlite3.Connection) -> Iterator[str]:
    for number, key, document in connection.execute("SELECT id, hash, document FROM graphs"):
        if graph_hash(document) != key:
            names = connection.execute("SELECT name FROM cards WHERE graph = ? ORDER BY name", (number,))
            yield f"the graph of {', '.join(name for (name,) in names)} is not what it was"


def _cards(connection: sqlite3.Connection) -> Iterator[str]:
    cards = connection.execute(
        "SELECT cards.id, name, record, checksum, hash, details.document, words FROM cards"
        " LEFT JOIN graphs ON graphs.id = graph LEFT JOIN details ON card = cards.id"
    )
    for card, name, record, checked, graph, document, words in cards:
        if checksum(name, record, document, words) != checked:
            yield f"the card of {name} is not what it was"
            continue
        keys = connection.execute(
            "SELECT hash FROM uses JOIN tensors ON id = tensor WHERE card = ? ORDER BY place", (card,)
        )
        if graph is None or content_of(graph, (key for (key,) in keys)) != read_card(record, name).content:
            yield f"the list of the weights of {name} is not what it was"


def _tensors(connection: sqlite3.Connection, folder: Path) -> Iterator[str]:
    used = connection.execute(
        "SELECT hash, dtype, shape, size, data, id FROM tensors WHERE id IN (SELECT tensor FROM uses)"
    )
    for key, dtype, shape, size, data, number in used:
        row = Row(key=key, dtype=dtype, shape=shape, size=size, data=data)
        if found := fault(folder, row):
            yield f"{_called(connection, number)} {found}: {place_of(folder, row)}"


def _called(connection: sqlite3.Connection, tensor: int) -> str:
    """The name a weight has in the models that use it."""
    uses = connection.execute(
        "SELECT name, place, document FROM uses JOIN cards ON cards.id = card JOIN graphs ON graphs.id = graph"
        " WHERE tensor = ? ORDER BY name, place",
        (tensor,),
    ).fetchall()
    weight = "a weight"
    with suppress(UnreadableFile, IndexError):
        weight = read_graph(uses[0][2], "")["parameters"][uses[0][1]]
    return f"{weight} of {', '.join(dict.fromkeys(name for name, *_ in uses))}"
