"""`regraft zeroshot`: its table, its JSON, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from regraft.cli.app import run

CENTRES = {"ash": (3, 0, 0, 0), "beech": (0, 3, 0, 0), "cedar": (3, 3, 0, 0), "date": (0, 3, 3, 0), "elm": (3, 0, 3, 0)}


@pytest.fixture
def rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Rows of five classes about centres, which are also what is known of them."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    random = np.random.default_rng(0)
    y = np.repeat(list(CENTRES), 20)
    x = np.array([CENTRES[name] for name in y]) + random.normal(size=(len(y), 4))
    np.savez(tmp_path / "rows.npz", x=x.astype("float32"), y=y)
    lines = [",".join(map(str, (name, *centre))) for name, centre in CENTRES.items()]
    (tmp_path / "classes.csv").write_text("\n".join(lines))
    return tmp_path / "rows.npz"


def test_the_table_and_the_contract(model: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["zeroshot", str(model), str(rows), "--classes", "classes.csv"]
    assert run(words) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in (*CENTRES, "harmonic mean", "by chance"))
    assert run([*words, "--unseen", "elm", "--unseen", "ash", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)["told"]
    assert told["unseen"] == ["elm", "ash"]
    assert set(told) == {"unseen", "seen_accuracy", "unseen_accuracy", "harmonic", "among_unseen", "chance"}


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--unseen", "oak"], "there is no class oak\n"),
        (["--unseen", "ash", "--unseen", "elm", "--unseen", "date"], "too few classes are left to learn from\n"),
        (["--encoder", "timm:resnet18"], "a text encoder is a folder with its tokenizer\n  expected: hf:FOLDER\n"),
        (["--classes", "none.csv"], "there is no such file of classes\n  where: none.csv\n"),
    ],
)
def test_what_is_refused(
    words: list[str], text: str, model: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["zeroshot", str(model), str(rows), "--classes", "classes.csv", *words]) == 2
    assert text in capsys.readouterr().err
