"""A model made ready for the catalog before the database is touched, and put there in one short change."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from regraft.errors import BadArgument, UnreadableFile
from regraft.formats.saved import graph_from_json, graph_to_json
from regraft.network import GraphNetwork
from regraft.tasks.record import source_record
from regraft.zoo import tensors
from regraft.zoo.card import Card, Details, read_card, require_name, words_of
from regraft.zoo.describing import cuts_of, described
from regraft.zoo.tensors import Tensor, keyed


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What is known of a model beside its network; `Card` and `Details` say what each means.

    `format` is None where it is the network's own.
    """

    tags: tuple[str, ...] = ()
    format: str | None = None
    origin: str | None = None
    licence: str | None = None
    parents: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prepared:
    """All that the database gets of a model."""

    card: Card
    details: Details
    graph: str
    tensors: tuple[Tensor, ...]


def prepared(network: GraphNetwork, name: str, facts: Facts) -> Prepared:
    """What becomes of a network in the catalog.

    Raises:
        BadArgument: a model cannot be called that.
    """
    require_name(name)
    kept = tuple(keyed(parameter.value) for parameter in network.parameters.values())
    graph = _json({"parameters": list(network.parameters), "graph": graph_to_json(network.graph)})
    card = Card(
        **described(network),
        format=facts.format or network.format,
        name=name,
        tags=facts.tags,
        origin=facts.origin,
        licence=facts.licence,
        size=sum(tensor.value.nbytes for tensor in kept) + len(graph),
        content=content_of(graph_hash(graph), (tensor.key for tensor in kept)),
        known_as=tuple(dict.fromkeys((source_record(network), source_record(_opened_again(graph, network))))),
        data=_fingerprint(facts.about),
        metrics=_metrics(facts.about),
        parents=facts.parents,
        added=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    inputs = tuple(spec.record() for spec in network.graph.inputs)
    details = Details(inputs=inputs, cuts=cuts_of(network), about=facts.about)
    return Prepared(card=card, details=details, graph=graph, tensors=kept)


def inserted(connection: sqlite3.Connection, made: Prepared) -> Card:
    """Put a model into the database; the card that is there then, an older one where the model was there already.

    Raises:
        BadArgument: another model has its name.
    """
    before = same_before(connection, made.card)
    numbers = [tensors.insert(connection, tensor) for tensor in made.tensors]
    if before:
        return before
    texts = _json(vars(made.card)), _json(vars(made.details)), words_of(made.card, made.details)
    connection.execute(
        "INSERT INTO graphs (hash, document) VALUES (?, ?) ON CONFLICT DO NOTHING", (graph_hash(made.graph), made.graph)
    )
    card = connection.execute(
        "INSERT INTO cards (name, record, checksum, graph) SELECT ?, ?, ?, id FROM graphs WHERE hash = ? RETURNING id",
        (made.card.name, texts[0], checksum(made.card.name, *texts), graph_hash(made.graph)),
    ).fetchone()[0]
    connection.execute("INSERT INTO details VALUES (?, ?, ?)", (card, *texts[1:]))
    connection.executemany("INSERT INTO uses VALUES (?, ?, ?)", ((card, *pair) for pair in enumerate(numbers)))
    return made.card


def same_before(connection: sqlite3.Connection, card: Card) -> Card | None:
    """The card of that name that is there already, of the same model; None: the name is free.

    Raises:
        BadArgument: it is of another model.
    """
    found = connection.execute("SELECT record FROM cards WHERE name = ?", (card.name,)).fetchone()
    if found is None:
        return None
    there = read_card(found[0], card.name)
    if there.content != card.content:
        raise BadArgument(
            f"there is another model called {card.name}",
            where=there.origin and f"it came from {there.origin}",
            expected=f"the model with content {there.content[:16]}",
            got=f"one with content {card.content[:16]}",
            fix=f"give this one another name: --name NAME; or remove that one: regraft zoo remove {card.name}",
        )
    return there


def graph_hash(document: str) -> bytes:
    """The hash a graph is kept under."""
    return hashlib.sha256(document.encode()).digest()


def content_of(graph: bytes, keys: Iterable[bytes]) -> str:
    """What makes a model the same as another: the hash of its graph, and those of its weights in their order."""
    digest = hashlib.sha256(graph)
    for key in keys:
        digest.update(key)
    return digest.hexdigest()


def checksum(*texts: str) -> bytes:
    """What tells whether a card and its details are as they were written."""
    return hashlib.sha256(_json(texts).encode()).digest()


def _fingerprint(about: Mapping[str, Any]) -> str | None:
    """The fingerprint of the data a model was trained on, where it says so."""
    found: Any = about
    for word in ("data", "train", "fingerprint"):
        found = found.get(word) if isinstance(found, Mapping) else None
    return found if isinstance(found, str) else None


def _metrics(about: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """The numbers a model was measured by, part by part; what anybody else may have written there is left out."""
    parts = about.get("metrics")
    return {
        part: {word: value for word, value in said.items() if isinstance(value, int | float)}
        for part, said in (parts.items() if isinstance(parts, Mapping) else ())
        if isinstance(said, Mapping)
    }


def _opened_again(graph: str, network: GraphNetwork) -> GraphNetwork:
    """The network as the zoo gives it back: with the values of its parameters only."""
    values = {name: parameter.value for name, parameter in network.parameters.items()}
    return GraphNetwork(graph_from_json(json.loads(graph)["graph"], values, network.format), values, format="saved")


def _json(value: Any) -> str:
    """A text that SQLite takes.

    Raises:
        UnreadableFile: a model.json, which anybody may have written, holds what JSON or UTF-8 cannot.
    """
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
        text.encode()
    except ValueError as error:
        raise UnreadableFile("what is told of the model cannot be kept", got=str(error)) from error
    return text
