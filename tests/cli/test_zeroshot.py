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


def test_queries_are_told(model: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held = np.load(rows)
    is_cedar = held["y"] == "cedar"
    np.savez("seen.npz", x=held["x"][~is_cedar], y=held["y"][~is_cedar])
    np.save("asked.npy", held["x"][is_cedar])
    words = ["zeroshot", str(model), "seen.npz", "--classes", "classes.csv", "--predict", "asked.npy", "--json"]
    assert run(words) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["method"] == "ESZSL"
    assert [one["input"] for one in told["predictions"]] == [f"row {k}" for k in range(20)]
    assert "cedar" in {one["class"] for one in told["predictions"]}  # of which there was no example
    assert run(words[:-1]) == 0
    assert "ESZSL" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--unseen", "oak"], "there is no class oak\n"),
        (["--unseen", "ash", "--unseen", "elm", "--unseen", "date"], "too few classes are left to learn from\n"),
        (["--encoder", "classes.csv"], "classes.csv is not a TensorFlow checkpoint"),
        (["--classes", "none.csv"], "there is no such file of classes\n  where: none.csv\n"),
    ],
)
def test_what_is_refused(
    words: list[str], text: str, model: Path, rows: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["zeroshot", str(model), str(rows), "--classes", "classes.csv", *words]) == 2
    assert text in capsys.readouterr().err


def test_what_has_nothing_to_go_by(model: Path, rows: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, text in (
        ([], "there are no labelled examples to learn from or to tell\n  to do: give DATA\n"),
        (
            ["--predict", str(rows), "--classes", "classes.csv"],
            "there are no labelled examples to learn from or to tell\n",
        ),
        ([str(rows)], f"descriptions need a text encoder\n  where: {rows}\n  got: ash\n"),
    ):
        assert run(["zeroshot", str(model), *words]) == 2
        assert text in capsys.readouterr().err
