"""What tables and JSON make of values."""

from __future__ import annotations

import io
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from regraft.cli import output
from regraft.errors import UnknownName


@dataclass(frozen=True)
class Point:
    x: float
    names: tuple[str, ...]


def test_json_has_no_nan_and_knows_records_and_paths(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit({"a": Point(math.nan, ("é", "b")), 3: Path("p") / "q", "c": [math.inf, True, None, 2]})
    text = capsys.readouterr().out
    assert text == '{"a": {"x": null, "names": ["é", "b"]}, "3": "p/q", "c": [null, true, null, 2]}\n'
    assert json.loads(text)


def test_an_error_keeps_all_it_says() -> None:
    error = UnknownName("there is no x", where="f", expected="e", got="g", nearest=["y"], fix="do")
    assert output.error_record(error) == {
        "kind": "UnknownName",
        "what": "there is no x",
        "where": "f",
        "expected": "e",
        "got": "g",
        "nearest": ("y",),
        "fix": "do",
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (True, "yes"), (7850, "7,850"), (0.91254, "0.9125"), ((None, 28, 1), "?×28×1"), ((), "scalar")],
)
def test_cells(value: object, shown: str) -> None:
    assert output.cell(value) == shown


def test_a_piped_table_cuts_no_name_short_and_reads_no_markup(monkeypatch: pytest.MonkeyPatch) -> None:
    name = "a/very/long/name" * 20 + "[bold]"
    monkeypatch.setattr(sys, "stdout", pipe := io.StringIO())
    output.table("Things", ("name", "size"), [(name, 12345)])
    assert name in pipe.getvalue()
    assert "12,345" in pipe.getvalue()


def test_a_table_grows_wider_where_a_longer_cell_turns_up(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(output, "_ROWS", 2)
    output.table("Things", ("name", "size"), ((name, 1) for name in ("a", "bbbbbb", "c", "dddddddd", "e")))
    lines = [line.rstrip() for line in capsys.readouterr().out.split("\n")]
    rows = ["  a           1", "  bbbbbb      1", "  c             1", "  dddddddd      1", "  e             1"]
    assert lines == ["Things", "", "  name     size", " " + "─" * 15, *rows, "", ""]
