"""A catalog that is not there, not ours, newer, damaged, read only, or on a full disk."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Generator
from contextlib import closing
from pathlib import Path

import pytest
from zoo.nets import WIDE, net

from regraft.errors import BadArgument, MissingFile, OutOfSpace, UnreadableFile, UnsupportedFormat
from regraft.zoo import Facts, Zoo
from regraft.zoo.database import Database


def execute(zoo: Zoo, statement: str) -> None:
    with closing(sqlite3.connect(zoo.path / "catalog.sqlite")) as connection, connection:
        connection.execute(statement)


def test_a_zoo_that_is_not_there(zoo: Zoo) -> None:
    assert "any" not in zoo
    for look in (zoo.list, zoo.verify, zoo.gc):
        with pytest.raises(MissingFile) as refused:
            look()
        assert str(refused.value) == (
            f"there is no zoo yet\n  where: {zoo.path}\n  to do: `regraft zoo add SOURCE` makes one"
        )
    assert not zoo.path.exists()


def test_what_a_kill_leaves_while_the_zoo_is_made_is_no_zoo_yet(zoo: Zoo) -> None:
    zoo.path.mkdir()
    (zoo.path / "catalog.sqlite").touch()
    with pytest.raises(MissingFile, match="there is no zoo yet"):
        zoo.list()
    execute(zoo, "PRAGMA journal_mode = WAL")
    with pytest.raises(MissingFile, match="there is no zoo yet"):
        zoo.list()
    zoo.add(net(), "one")
    assert [card.name for card in zoo.list()] == ["one"]


def test_a_catalog_of_a_newer_version(zoo: Zoo) -> None:
    zoo.add(net(), "one")
    execute(zoo, "PRAGMA user_version = 7")
    for look in (zoo.list, lambda: zoo.open("one"), lambda: zoo.add(net(), "two"), zoo.gc):
        with pytest.raises(UnsupportedFormat) as refused:
            look()
        assert str(refused.value) == (
            "a newer regraft wrote this zoo\n"
            f"  where: {zoo.path / 'catalog.sqlite'}\n"
            "  expected: version 1 at most\n"
            "  got: version 7\n"
            "  to do: update regraft"
        )


def test_a_database_of_somebody_else(zoo: Zoo) -> None:
    zoo.path.mkdir()
    execute(zoo, "CREATE TABLE recipes (name TEXT)")
    for look in (zoo.list, lambda: zoo.add(net(), "one")):
        with pytest.raises(UnreadableFile) as refused:
            look()
        assert str(refused.value) == (
            "catalog.sqlite is not the catalog of a zoo\n"
            f"  where: {zoo.path / 'catalog.sqlite'}\n"
            "  to do: name another folder: --zoo PATH, or REGRAFT_ZOO"
        )


def test_a_broken_database(zoo: Zoo) -> None:
    zoo.path.mkdir()
    (zoo.path / "catalog.sqlite").write_text("no database at all, " * 100)
    for look in (zoo.list, lambda: zoo.add(net(), "one")):
        with pytest.raises(UnreadableFile) as refused:
            look()
        assert str(refused.value) == (
            "the catalog of the zoo is damaged\n"
            f"  where: {zoo.path / 'catalog.sqlite'}\n"
            "  got: file is not a database\n"
            "  to do: take the folder from a backup; the weights beside it are untouched"
        )


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("UPDATE cards SET record = '{'", "a card of the zoo is damaged"),
        ("UPDATE cards SET record = '[1]'", "a card of the zoo is damaged"),
        ("UPDATE graphs SET document = '{\"parameters\": 3}'", "a graph of the zoo is damaged"),
        ("UPDATE tensors SET dtype = 'object'", "the zoo has a weight of an unknown type"),
        ("UPDATE tensors SET shape = '[-1, 4]'", "the zoo has a weight of no shape"),
        ("UPDATE tensors SET shape = '[1e9]'", "the zoo has a weight of no shape"),
        ("UPDATE tensors SET shape = '[999999999999]', size = 3999999999996", "a weight of one is damaged"),
        ("DELETE FROM uses WHERE place = 0", "the graph and the weights do not belong together"),
    ],
)
def test_a_hostile_catalog_is_refused(zoo: Zoo, statement: str, what: str) -> None:
    zoo.add(net(), "one")
    execute(zoo, statement)
    with pytest.raises(UnreadableFile) as refused:
        _ = zoo["one"], zoo.open("one")
    assert refused.value.what == what
    assert zoo.verify().problems


@pytest.fixture
def read_only(small_disk: Path) -> Generator[Zoo]:
    """A zoo with one model on a file system that is then made read only."""
    zoo = Zoo(small_disk / "zoo")
    zoo.add(net(), "one")
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    yield zoo
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)


def test_a_read_only_zoo_is_read_and_not_written(read_only: Zoo) -> None:
    zoo = read_only
    assert [card.name for card in zoo.list()] == ["one"]
    assert zoo.open("one").graph == net().graph
    assert zoo.verify().problems == ()
    for change in (lambda: zoo.remove("one"), zoo.gc):
        with pytest.raises(BadArgument) as refused:
            change()
        assert str(refused.value) == (
            "the zoo cannot be written to\n"
            f"  where: {zoo.path}\n"
            "  got: a place that is read only\n"
            "  to do: name another folder: --zoo PATH, or REGRAFT_ZOO"
        )
    with pytest.raises(BadArgument) as refused:
        zoo.add(net(trunk=1), "two")
    assert refused.value.got == "Read-only file system"
    with pytest.raises(BadArgument) as refused:
        Zoo(zoo.path.parent / "new").add(net(), "one")
    assert str(refused.value) == (
        "new cannot be written\n"
        f"  where: {zoo.path.parent / 'new'}\n"
        "  got: Read-only file system\n"
        "  to do: name another folder"
    )


def test_a_read_only_zoo_that_others_change_is_no_damaged_one(small_disk: Path, tmp_path: Path) -> None:
    zoo, seen = Zoo(small_disk / "zoo"), tmp_path / "seen"
    zoo.add(net(), "one")
    seen.mkdir()
    subprocess.run(["mount", "--bind", small_disk, seen], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", seen], check=True)

    def looked_through() -> None:
        with Database(seen / "zoo").reading() as connection:
            zoo.add(net(head=1), "two")
            connection.execute("SELECT * FROM cards").fetchall()

    try:
        with pytest.raises(BadArgument) as refused:
            looked_through()
        assert refused.value.what == "another process changed the zoo while it was read"
        assert [card.name for card in Zoo(seen / "zoo").list()] == ["one", "two"]
    finally:
        subprocess.run(["umount", "-l", seen], check=True)


def test_a_full_disk_costs_only_what_did_not_fit(small_disk: Path) -> None:
    zoo = Zoo(small_disk / "zoo")
    added: list[str] = []

    def fill() -> None:
        for number in range(20):
            zoo.add(net(trunk=number), f"model{number}")
            added.append(f"model{number}")

    with pytest.raises(OutOfSpace) as refused:
        fill()
    assert refused.value.what.startswith("the disk is full: ")
    assert refused.value.fix == "free some space and run the same command again; nothing was left half written"
    assert 1 <= len(added) < 20
    assert sorted(card.name for card in zoo.list()) == sorted(added)
    assert zoo.verify().problems == ()
    zoo.remove(added[0])
    assert zoo.gc().bytes == 4 * WIDE * WIDE
    zoo.add(net(trunk=99), "last")


def test_a_full_disk_while_the_database_grows(small_disk: Path) -> None:
    zoo = Zoo(small_disk / "zoo")
    zoo.add(net(), "one")
    classes = [f"{number:0100}" for number in range(10_000)]
    with pytest.raises(OutOfSpace) as refused:
        zoo.add(net(head=1), "two", Facts(about={"classes": classes}))
    assert str(refused.value) == (
        "the disk is full: the zoo could not be changed\n"
        f"  where: {zoo.path / 'catalog.sqlite'}\n"
        "  got: database or disk is full\n"
        "  to do: free some space and run the same command again; nothing was left half written"
    )
    assert [card.name for card in zoo.list()] == ["one"]
    assert zoo.verify().problems == ()
