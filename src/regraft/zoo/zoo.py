"""The catalog: models are added, listed, opened, looked through and removed, by any number of processes at once."""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import platformdirs

from regraft.errors import BadArgument, UnknownName, nearest_names
from regraft.formats import saved
from regraft.network import GraphNetwork
from regraft.zoo import tensors
from regraft.zoo.adding import Facts, inserted, prepared, same_before
from regraft.zoo.card import Card, Details, read_card, read_details
from regraft.zoo.database import Database
from regraft.zoo.lineage import Lineage, lineage_of
from regraft.zoo.scores import Finding, Score, Tuned, drop_scores, put_scores, scores_for
from regraft.zoo.stored import network_of
from regraft.zoo.verifying import Verified, verified

CARD = "card"  # what an exported model is told beside its graph: how it was called here
_PLACE = "REGRAFT_ZOO"


def default_place() -> Path:
    """Where the user's zoo is: what REGRAFT_ZOO says, else a folder of their own."""
    return Path(os.environ.get(_PLACE) or Path(platformdirs.user_data_dir("regraft")) / "zoo")


@dataclass(frozen=True, kw_only=True)
class Freed:
    """How many distinct tensors were removed, and their bytes in files."""

    tensors: int
    bytes: int


class Zoo:
    """A catalog of models in a folder.

        catalog.sqlite   the cards, the graphs, and small weights
        tensors/         large weights, each distinct one once, under a hash of it

    Attributes:
        path: the folder.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        """A zoo; it is made when the first model is added.

        Args:
            path: its folder; None: that of the user, or what REGRAFT_ZOO names.
        """
        self.path = default_place() if path is None else Path(path)
        self._database = Database(self.path)

    # --- looking ------------------------------------------------------------------------------------

    def __contains__(self, name: str) -> bool:
        """Whether there is a model of that name."""
        if not self._database.exists:
            return False
        with self._database.reading() as connection:
            return connection.execute("SELECT 1 FROM cards WHERE name = ?", (name,)).fetchone() is not None

    def __getitem__(self, name: str) -> Card:
        """The card of a model.

        Raises:
            UnknownName: there is none of that name.
        """
        with self._database.reading() as connection:
            return self._card(self._find(connection, name)[2])

    def list(
        self,
        pattern: str = "*",
        *,
        input: str | None = None,
        tag: str | None = None,
        max_params: float | None = None,
        sort: str = "name",
    ) -> list[Card]:
        """The cards of models.

        Args:
            pattern: of their names, as a shell has it.
            input: only those that take this ("image").
            tag: only those with this tag.
            max_params: only those with so many parameters at most.
            sort: "name", "params", "flops", "size", "accuracy" (best first) or "added".

        Raises:
            BadArgument: there is nothing of that name to sort by.
        """
        order = _order(sort)
        with self._database.reading() as connection:
            found = connection.execute("SELECT name, record FROM cards ORDER BY name").fetchall()
        cards = (self._card(record) for name, record in found if fnmatchcase(name, pattern))
        kept = [
            card
            for card in cards
            if (input is None or card.input == input)
            and (tag is None or tag in card.tags)
            and (max_params is None or card.parameters <= max_params)
        ]
        return sorted(kept, key=order)

    def search(self, text: str) -> list[Card]:
        """The cards of models whose name, tags, origin, licence or classes have a text in them, by name."""
        with self._database.reading() as connection:
            found = connection.execute(
                "SELECT record FROM cards JOIN details ON card = id WHERE instr(words, ?) ORDER BY name",
                (text.casefold(),),
            ).fetchall()
        return [self._card(record) for (record,) in found]

    def known_as(self, source: str) -> str | None:
        """The name of the model that a run means by the hash of its source, the oldest of several; None: there is none.

        See `Card.known_as`.
        """
        if not self._database.exists:
            return None
        return next((card.name for card in self.list(sort="added") if source in card.known_as), None)

    def details(self, name: str) -> Details:
        """What is known of a model beside its card.

        Raises:
            UnknownName: there is none of that name.
        """
        with self._database.reading() as connection:
            document = _text(connection, "SELECT document FROM details WHERE card = ?", self._find(connection, name)[0])
        return read_details(document, str(self.path))

    def lineage(self, name: str) -> Lineage:
        """The models a model comes from, and those that come from it.

        Raises:
            UnknownName: there is none of that name.
        """
        _ = self[name]
        return lineage_of(name, {card.name: card.parents for card in self.list()})

    def own_bytes(self, name: str) -> int:
        """The bytes of weights that no other model has: what removing it frees.

        Raises:
            UnknownName: there is none of that name.
        """
        with self._database.reading() as connection:
            card = self._find(connection, name)[0]
            found = connection.execute(
                "SELECT sum(size) FROM tensors WHERE id IN (SELECT tensor FROM uses WHERE card = ?) AND NOT EXISTS"
                " (SELECT 1 FROM uses WHERE tensor = id AND card != ?)",
                (card, card),
            )
            return found.fetchone()[0] or 0

    def scores(self, data: str, kind: type[Finding]) -> dict[str, Finding]:
        """What is remembered of models as starts for some data, by the models' content.

        Args:
            data: what tells the data from others, as `remember` was given it.
        """
        with self._database.reading() as connection:
            return scores_for(connection, data, kind)

    # --- opening ------------------------------------------------------------------------------------

    def open(self, name: str) -> GraphNetwork:
        """The network of a model; large weights are read where they lie.

        Raises:
            UnknownName: there is none of that name.
            MissingFile: one of its files is gone.
            UnreadableFile: something of it is damaged.
        """
        with self._database.reading() as connection:
            card, graph = self._find(connection, name)[:2]
            document = _text(connection, "SELECT document FROM graphs WHERE id = ?", graph)
            rows = tensors.rows(connection, card)
        return network_of(self.path, name, document, rows)

    def export(self, name: str, folder: str | os.PathLike[str]) -> None:
        """Write a model as a full one, independent of the zoo: a folder that `regraft.open` opens.

        Raises:
            UnknownName: there is none of that name.
            BadArgument: something is in the folder already.
            OutOfSpace: the disk is full.
        """
        folder = Path(folder)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise BadArgument(
                "there is something in this place already",
                where=str(folder),
                fix="name a new folder, or empty this one",
            )
        card, about = self[name], self.details(name).about
        saved.write(self.open(name), folder, {**about, CARD: card.as_json()})

    # --- changing -----------------------------------------------------------------------------------

    @property
    def writable(self) -> bool:
        """Whether it can be changed."""
        return not self._database.is_read_only()

    def require_writable(self) -> None:
        """Make sure that it can be changed, before any work is done for that.

        Raises:
            BadArgument: it cannot.
        """
        self._database.require_writable()

    def add(self, network: GraphNetwork, name: str, facts: Facts | None = None) -> Card:
        """Put a network into the zoo, as a whole or not at all.

        Adding the same again under its name changes nothing, but that damaged weights of it are mended.

        Raises:
            BadArgument: another model has the name, or a model cannot be called that.
            OutOfSpace: the disk is full.
        """
        made = prepared(network, name, facts or Facts())
        self._database.create()
        with self._database.reading() as connection:
            same_before(connection, made.card)
        while True:
            tensors.write_files(self.path, made.tensors)
            with self._database.writing() as connection:
                if tensors.all_there(self.path, made.tensors):  # files are only removed in such a block
                    card = inserted(connection, made)
                    break
        if card is not made.card:
            warnings.warn(f"{name} is in the zoo already, and is the same model", stacklevel=2)
        return card

    def remove(self, name: str) -> None:
        """Take a model out of the zoo; its files stay until `gc`.

        Raises:
            UnknownName: there is none of that name.
        """
        with self._database.writing() as connection:
            connection.execute("DELETE FROM cards WHERE id = ?", self._find(connection, name)[:1])

    def remember(self, data: str, scores: Mapping[str, Score | Tuned]) -> None:
        """Keep the scores of models, by their content, until `gc` finds that they are no longer here.

        Raises:
            BadArgument: the zoo cannot be written to.
            OutOfSpace: the disk is full.
        """
        with self._database.writing() as connection:
            put_scores(connection, data, scores)

    def gc(self) -> Freed:
        """Remove what no card names any more. Others may add models meanwhile."""
        with self._database.writing() as connection:
            connection.execute("DELETE FROM graphs WHERE id NOT IN (SELECT graph FROM cards)")
            drop_scores(connection)
            gone = connection.execute("DELETE FROM tensors WHERE id NOT IN (SELECT tensor FROM uses)").rowcount
            kept = {key for (key,) in connection.execute("SELECT hash FROM tensors WHERE data IS NULL")}
            freed = tensors.remove_files(self.path, kept)
        self._database.give_back()
        return Freed(tensors=gone, bytes=freed)

    def verify(self) -> Verified:
        """Look at every byte of every model: whether it is what was put there."""
        found = self._verified()
        if not found.problems:
            return found
        again = self._verified().problems  # a model may be removed, and its files, while they are looked at
        return replace(found, problems=tuple(problem for problem in found.problems if problem in again))

    def _verified(self) -> Verified:
        with self._database.reading() as connection:
            return verified(connection, self.path)

    def _find(self, connection: sqlite3.Connection, name: str) -> tuple[int, int, str]:
        """The numbers of a card and of its graph, and its record."""
        found = connection.execute("SELECT id, graph, record FROM cards WHERE name = ?", (name,)).fetchone()
        if found is None:
            known = [row[0] for row in connection.execute("SELECT name FROM cards")]
            raise UnknownName(
                f"there is no model {name!r} in the zoo",
                where=str(self.path),
                nearest=nearest_names(name, known),
                fix="`regraft zoo list` shows all",
            )
        return found

    def _card(self, record: str) -> Card:
        return read_card(record, str(self.path))


def _text(connection: sqlite3.Connection, query: str, number: int) -> str:
    """A document by its number; none, which no reader takes, where it is missing."""
    found = connection.execute(query, (number,)).fetchone()
    return found[0] if found else ""


_ORDERS: Mapping[str, Callable[[Card], Any]] = {
    "name": lambda card: card.name,
    "params": lambda card: card.parameters,
    "flops": lambda card: (card.flops is None, card.flops),
    "size": lambda card: card.size,
    "accuracy": lambda card: -(card.accuracy or 0.0),
    "added": lambda card: card.added,
}


def _order(sort: str) -> Callable[[Card], Any]:
    if sort not in _ORDERS:
        raise BadArgument(
            f"models cannot be sorted by {sort!r}", expected=", ".join(_ORDERS), nearest=nearest_names(sort, _ORDERS)
        )
    return _ORDERS[sort]
