"""`regraft pretrain`: its tables, its JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pretraining.digits import digits

from regraft.cli.app import run

LAYERS = ["--layer", "dense:20:relu", "--layer", "dense:10:relu"]


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Drawn digits in a file, in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    examples = digits(400)
    np.savez(tmp_path / "digits.npz", x=examples.items, y=examples.labels)
    return tmp_path / "digits.npz"


def test_the_tables_and_the_contract(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["pretrain", str(rows), *LAYERS, "--epochs", "2", "--labelled", str(rows), "--out", "run"]
    assert run(words) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("layer-1", "all-layers", "from scratch", "Next:  regraft fit run DATA"))
    assert "pretraining is" in text or "pretraining and from scratch cannot be told apart" in text
    assert run([*words, "--resume", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {"run", "model", "code", "examples", "trainings", "worth", "seconds"} == found.keys()
    assert run(["fit", "run", str(rows), "--epochs", "2", "--out", "fit"]) == 0


def test_classes_need_labels(rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pretrain", str(rows), *LAYERS, "--method", "classes", "--epochs", "2", "--out", "run"]) == 0
    assert "by chance 0.100" in capsys.readouterr().out
    np.save("rows.npy", np.load(rows)["x"])
    assert run(["pretrain", "rows.npy", *LAYERS, "--method", "classes"]) == 2


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--layer", "lstm:4"], "--new 'lstm:4' cannot be read\n"),
        (["--beside", "run"], "a source is compared on labelled data\n  to do: name some: --labelled PATH\n"),
        (["--turns"], "turns make further classes: only the method classes has them\n  got: autoencoder\n"),
        (["--input", "size=x"], "--input"),
        (["--epochs", "0"], "epochs must be at least 1"),
    ],
)
def test_what_is_refused(words: list[str], text: str, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pretrain", str(rows), *words]) == 2
    assert text in capsys.readouterr().err
    assert not (rows.parent / "runs").exists()
