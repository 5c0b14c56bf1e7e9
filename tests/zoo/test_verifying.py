"""Damage is found, and said where it is."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from zoo.damage import flip, large
from zoo.nets import net

from regraft.errors import RegraftError
from regraft.zoo import Facts, Score, Zoo


@pytest.fixture
def filled(zoo: Zoo) -> Zoo:
    """Two siblings and another model."""
    about = {"classes": ["a", "b"], "metrics": {"test": {"accuracy": 0.5}}}
    for name, trunk in (("one", 0), ("two", 0), ("three", 1)):
        zoo.add(net(trunk=trunk, head=len(name) + trunk), name, Facts(tags=("x",), origin="/there", about=about))
    return zoo


def test_a_whole_zoo_has_no_problems(filled: Zoo) -> None:
    found = filled.verify()
    assert (found.models, found.tensors, found.problems) == (3, 4, ())
    assert found.bytes == 2 * 160 * 160 * 4 + 2 * 160 * 3 * 4


def test_a_flipped_bit_in_a_file_is_found_and_named(filled: Zoo) -> None:
    for path in large(filled):
        flip(path, random.randrange(path.stat().st_size * 8))
    first, second = sorted(filled.verify().problems)
    assert first.startswith("trunk/kernel of one, two is not what it was: ")
    assert second.startswith("trunk/kernel of three is not what it was: ")
    assert {Path(problem.partition(": ")[2]) for problem in (first, second)} == set(large(filled))


def test_a_file_that_is_gone_or_short_is_named(filled: Zoo) -> None:
    gone, short = large(filled)
    gone.unlink()
    short.write_bytes(short.read_bytes()[:-1])
    problems = filled.verify().problems
    assert [problem.partition(" of ")[0] for problem in problems] == ["trunk/kernel"] * 2
    assert any(problem.endswith(f" is gone: {gone}") for problem in problems)
    assert any(problem.endswith(f" is not what it was: {short}") for problem in problems)


def test_a_score_that_is_not_what_it_was_is_found_and_left_out(filled: Zoo) -> None:
    score = Score(accuracy=0.91, low=0.8, high=0.95, knn=0.5, cut="x", layers=1, learned=9, judged=9, seconds=1.0)
    filled.remember("flowers", {filled["one"].content: score})
    assert filled.scores("flowers", Score) == {filled["one"].content: score}
    with closing(sqlite3.connect(filled.path / "catalog.sqlite")) as connection, connection:
        connection.execute("UPDATE scores SET record = replace(record, '0.91', '0.81')")
    (problem,) = filled.verify().problems
    assert problem == f"a remembered score of the model of content {filled['one'].content} is not what it was"
    with pytest.warns(
        UserWarning, match="a remembered score of the zoo is damaged and left out: it is not what it was"
    ):
        assert filled.scores("flowers", Score) == {}


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("UPDATE cards SET record = replace(record, '/there', '/where') WHERE name = 'one'", "the card of one"),
        ("UPDATE cards SET name = 'four' WHERE name = 'one'", "the card of four"),
        ("UPDATE details SET words = 'x' WHERE card = 1", "the card of one"),
        ("DELETE FROM details WHERE card = 1", "the card of one"),
        ("UPDATE graphs SET document = replace(document, 'relu', 'tanh')", "the graph of one, three, two"),
        ("UPDATE uses SET tensor = 3 WHERE card = 1 AND place = 1", "the list of the weights of one"),
        ("UPDATE tensors SET data = zeroblob(length(data)) WHERE id = 2", "head/kernel of one, two"),
    ],
)
def test_a_change_of_the_catalog_is_found_and_named(filled: Zoo, statement: str, problem: str) -> None:
    with closing(sqlite3.connect(filled.path / "catalog.sqlite")) as connection, connection:
        assert connection.execute(statement).rowcount == 1
    (found,) = filled.verify().problems
    assert found.startswith(f"{problem} is not what it was")


def test_any_flipped_bit_of_the_catalog_is_found_or_changes_nothing(filled: Zoo) -> None:
    path, before = filled.path / "catalog.sqlite", known(filled)
    whole = path.read_bytes()
    found = 0
    for _ in range(150):
        flip(path, random.randrange(len(whole) * 8))
        try:
            found += bool(filled.verify().problems) or assert_same(filled, before)
        except RegraftError:
            found += 1
        path.write_bytes(whole)
    assert found > 20


def known(zoo: Zoo) -> dict[str, Any]:
    """All that a zoo says."""
    return {
        card.name: (card, zoo.details(card.name), {k: v.tobytes() for k, v in zoo.open(card.name).values.items()})
        for card in zoo.list()
    }


def assert_same(zoo: Zoo, before: dict[str, Any]) -> bool:
    assert known(zoo) == before
    return False
