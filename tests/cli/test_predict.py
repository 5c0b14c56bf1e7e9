"""Predictions on the command line: written while they are computed, and one object nevertheless."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from regraft.cli import output
from regraft.cli.app import run

AT_ONCE = 32  # pictures that are computed together


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder of forty pictures, black to grey."""
    for k in range(40):
        Image.fromarray(np.full((2, 2), k, np.uint8)).save(tmp_path / f"{k:02}.png")
    return tmp_path


def test_one_object_on_one_line(model: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["predict", str(model), str(pictures), "--json", "--top", "2"]) == 0
    text = capsys.readouterr().out
    assert text.count("\n") == 1
    found = json.loads(text)["predictions"]
    assert [Path(one["input"]).stem for one in found] == [f"{k:02}" for k in range(40)]
    assert all([guess["class"] for guess in one["top"]] == ["0", "1"] for one in found)


def test_a_failure_on_the_way_ends_the_object(model: Path, pictures: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = pictures / "39.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(damaged)
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:1000] + bytes(1000) + whole[2000:])
    assert run(["predict", str(model), str(pictures), "--json"]) == 2
    done = capsys.readouterr()
    found = json.loads(done.out)
    assert (len(found["predictions"]), done.out.count("\n")) == (AT_ONCE, 1)
    assert found["error"]["kind"] == "BadData"
    assert found["error"]["what"] in done.err
    assert run(["predict", str(model), str(damaged), "--json"]) == 2
    assert list(json.loads(capsys.readouterr().out)) == ["error"]


def test_a_table_of_many_rows_has_one_head(
    model: Path, pictures: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run(["predict", str(model), str(pictures)]) == 0
    at_once = capsys.readouterr().out
    assert at_once.count("\n") == 45
    monkeypatch.setattr(output, "_ROWS", 16)
    assert run(["predict", str(model), str(pictures)]) == 0
    assert capsys.readouterr().out == at_once
