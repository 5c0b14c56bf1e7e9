"""The database of a zoo: its tables, its version, and what SQLite refuses, said in our words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

from regraft.errors import BadArgument, MissingFile, OutOfSpace, RegraftError, UnreadableFile, UnsupportedFormat
from regraft.run.atomic import disk_errors
from regraft.run.locks import take

VERSION = 1
FILE = "catalog.sqlite"
_LOCK = ".lock"
_PATIENCE = 60.0  # seconds to wait for others that write
_MARK = 0x5A6F6F31  # SQLite's application_id: whose database this is
_SCHEMA = """
CREATE TABLE graphs (id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, document TEXT NOT NULL);
CREATE TABLE tensors (
    id INTEGER PRIMARY KEY, hash BLOB NOT NULL UNIQUE, dtype TEXT NOT NULL, shape TEXT NOT NULL,
    size INTEGER NOT NULL, data BLOB  -- NULL: in a file
);
CREATE TABLE cards (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, record TEXT NOT NULL,
    graph INTEGER NOT NULL REFERENCES graphs, checksum BLOB NOT NULL
);
CREATE TABLE details (
    card INTEGER PRIMARY KEY REFERENCES cards ON DELETE CASCADE, document TEXT NOT NULL, words TEXT NOT NULL
);
CREATE TABLE uses (
    card INTEGER NOT NULL REFERENCES cards ON DELETE CASCADE, place INTEGER NOT NULL,
    tensor INTEGER NOT NULL REFERENCES tensors, PRIMARY KEY (card, place)
) WITHOUT ROWID;
CREATE INDEX uses_of ON uses (tensor);
CREATE TABLE scores (
    content TEXT NOT NULL, data TEXT NOT NULL, record TEXT NOT NULL, checksum BLOB NOT NULL,
    PRIMARY KEY (content, data)
) WITHOUT ROWID;
"""


class Database:
    """Connections to the database of a zoo, each for one short piece of work.

    Nothing stays open in between, so that a zoo can be used after a fork, and its folder copied when nobody writes.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    @property
    def exists(self) -> bool:
        """Whether there is a zoo."""
        return self.path.is_file()

    def create(self) -> None:
        """Make the database where there is none.

        Raises:
            BadArgument: the folder cannot be written to.
            OutOfSpace: the disk is full.
        """
        if self.exists and not self._is_empty():
            return
        folder = self.path.parent
        with disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / _LOCK).touch()
        with open(folder / _LOCK, "ab") as lock, self._errors(), closing(self._connected("rwc")) as connection:
            take(lock.fileno(), wait=True)
            if _number(connection, "user_version") == 0:
                connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
                connection.execute("PRAGMA journal_mode = WAL")
                connection.executescript(
                    f"BEGIN; {_SCHEMA} PRAGMA application_id = {_MARK}; PRAGMA user_version = {VERSION}; COMMIT;"
                )

    @contextmanager
    def reading(self) -> Generator[sqlite3.Connection]:
        """A look at the database as it is at one moment.

        Raises:
            MissingFile: there is no zoo.
            UnreadableFile: it is damaged.
            UnsupportedFormat: a newer regraft wrote it.
        """
        if not self.exists:
            raise self._missing()
        before = self._unlocked()
        try:
            with self._errors(), closing(self._connected("rw")) as connection:
                self._require_known(connection)
                connection.execute("BEGIN")
                yield connection
        finally:
            if before and before != self._unlocked():
                raise self._changed()

    @contextmanager
    def writing(self) -> Generator[sqlite3.Connection]:
        """A change of the database, alone, made as a whole when the block ends well.

        Raises:
            BadArgument: it cannot be written to.
            OutOfSpace: the disk is full.
        """
        with self.reading() as connection:
            connection.execute("ROLLBACK")
            self.require_writable()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def give_back(self) -> None:
        """Make the file as small as what is in it."""
        with self._errors(), closing(self._connected("rw")) as connection:
            connection.execute("PRAGMA incremental_vacuum").fetchall()

    def _unlocked(self) -> tuple[int, int] | None:
        """Size and time of a database that SQLite cannot lock: who may only read makes no file that holds a lock."""
        if not self.is_read_only() or self.path.with_name(f"{FILE}-wal").exists():
            return None
        stat = self.path.stat()
        return stat.st_size, stat.st_mtime_ns

    def _connected(self, mode: str) -> sqlite3.Connection:
        address = f"{self.path.absolute().as_uri()}?mode={'ro&immutable=1' if self._unlocked() else mode}"
        connection = sqlite3.connect(address, uri=True, timeout=_PATIENCE, isolation_level=None)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA trusted_schema = OFF")
        return connection

    def _is_empty(self) -> bool:
        """Whether the file is what a process leaves that is killed while it makes the database."""
        with self._errors(), closing(self._connected("rw")) as connection:
            return _is_empty(connection)

    def is_read_only(self) -> bool:
        """Whether there is a zoo that cannot be changed."""
        return self.exists and not (os.access(self.path, os.W_OK) and os.access(self.path.parent, os.W_OK))

    def require_writable(self) -> None:
        """Raise BadArgument where there is a zoo that cannot be changed."""
        if self.is_read_only():
            raise self._read_only()

    def _require_known(self, connection: sqlite3.Connection) -> None:
        if _is_empty(connection):
            raise self._missing()
        version = _number(connection, "user_version")
        if _number(connection, "application_id") != _MARK or version < 1:
            raise UnreadableFile(
                f"{FILE} is not the catalog of a zoo",
                where=str(self.path),
                fix="name another folder: --zoo PATH, or REGRAFT_ZOO",
            )
        if version > VERSION:
            raise UnsupportedFormat(
                "a newer regraft wrote this zoo",
                where=str(self.path),
                expected=f"version {VERSION} at most",
                got=f"version {version}",
                fix="update regraft",
            )

    @contextmanager
    def _errors(self) -> Generator[None]:
        """Explain what SQLite refuses."""
        try:
            yield
        except (sqlite3.Error, UnicodeDecodeError) as error:  # a text that is none any more
            raise self._explained(error) from error

    def _explained(self, error: Exception) -> RegraftError:
        where, got = str(self.path), str(error)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without what SQLite says more exactly
        if code == sqlite3.SQLITE_FULL:
            return OutOfSpace(
                "the disk is full: the zoo could not be changed",
                where=where,
                got=got,
                fix="free some space and run the same command again; nothing was left half written",
            )
        if code == sqlite3.SQLITE_BUSY:
            return BadArgument(
                "another process keeps the zoo from being changed",
                where=where,
                got=f"no turn within {_PATIENCE:g} seconds",
                fix="run the same command again when it is done",
            )
        if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_IOERR):
            return self._read_only(got)
        return UnreadableFile(
            "the catalog of the zoo is damaged",
            where=where,
            got=got,
            fix="take the folder from a backup; the weights beside it are untouched",
        )

    def _missing(self) -> MissingFile:
        return MissingFile("there is no zoo yet", where=str(self.path.parent), fix="`regraft zoo add SOURCE` makes one")

    def _changed(self) -> BadArgument:
        return BadArgument(
            "another process changed the zoo while it was read",
            where=str(self.path),
            got="a place that is read only here, where it cannot be locked",
            fix="run the same command again",
        )

    def _read_only(self, got: str = "a place that is read only") -> BadArgument:
        return BadArgument(
            "the zoo cannot be written to",
            where=str(self.path.parent),
            got=got,
            fix="name another folder: --zoo PATH, or REGRAFT_ZOO",
        )


def _is_empty(connection: sqlite3.Connection) -> bool:
    tables = connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    return _number(connection, "user_version") == 0 and tables is None


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return connection.execute(f"PRAGMA {pragma}").fetchone()[0]
