"""`regraft fewshot`: its tables, its JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regraft.cli.app import run

CLASSES = ("rose", "tulip")
FEW = ["--shots", "1,2", "--ways", "2", "--queries", "2", "--episodes", "5"]


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """Rows of two classes, which lie apart."""
    random = np.random.default_rng(0)
    y = np.repeat(CLASSES, 6)
    x = random.normal(size=(len(y), 4)) + 3 * (y == CLASSES[1])[:, None]
    np.savez(tmp_path / "rows.npz", x=x.astype("float32"), y=y)
    np.save(tmp_path / "asked.npy", x[:3].astype("float32"))
    return tmp_path / "rows.npz"


def test_the_table_and_the_contract(model: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fewshot", str(model), str(rows), *FEW]) == 0
    text = capsys.readouterr().out
    assert "2 classes, 5 episodes of 2 queries a class" in text
    assert all(word in text for word in ("nearest centroid", "RBF SVM", "chosen by cross-validation", "raw pixels"))
    assert run(["fewshot", str(model), str(rows), *FEW, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    assert {"method", "ways", "shots", "accuracy", "interval"} < results[0].keys()


def test_others_are_recognised(model: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["fewshot", str(model), str(rows), "--predict", str(rows.with_name("asked.npy"))]
    assert run([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["predictions"]
    assert [one["class"] for one in told] == ["rose"] * 3
    assert run(words) == 0
    assert "Recognised by" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--shots", "1;5"], "--shots takes whole numbers with commas between\n  expected: 1,5\n  got: 1;5\n"),
        (["--ways", "1"], "ways cannot be 1\n  expected: at least 2\n  got: 1\n"),
        (["--shots", "500", "--ways", "2"], "too few classes have 500 examples to learn from and 15 to recognise\n"),
    ],
)
def test_bad_numbers(words: list[str], text: str, model: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fewshot", str(model), str(rows), *words]) == 2
    assert capsys.readouterr().err.startswith(text)


def test_nothing_to_recognise(model: Path, rows: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert run(["fewshot", str(model), str(rows), "--predict", str(tmp_path / "empty")]) == 2
    assert "no picture" in capsys.readouterr().err
