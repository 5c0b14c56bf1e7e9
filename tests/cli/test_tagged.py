"""Tagged words on the command line: a model tags files and raw text, and languages are compared."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest
from encoders import columns

from regraft.cli.app import run
from regraft.formats import saved
from regraft.network import InputSpec, New
from regraft.network.from_layers import from_layers

COLOURS = [("en", "red", "warm"), ("de", "rot", "warm"), ("en", "blue", "cold"), ("de", "blau", "cold")]
PAIRS = {"red": "O", "rot": "O", "sees": "O", "sieht": "O", "Anna": "B-person", "Otto": "B-person"}


def tagged(path: Path, words: list[str]) -> Path:
    """All sentences of three words, each word with its tag."""
    return columns(path, ([(word, PAIRS[word]) for word in row] for row in product(words, repeat=3)))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    tagged(folder / "en.conll", ["red", "sees", "Anna", "Otto"])
    tagged(folder / "de.conll", ["rot", "sieht", "Anna", "Otto"])
    return folder


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A network that reads bytes, with fresh weights."""
    spec = InputSpec(name="texts", shape=(None, None), dtype="int64", layout="bytes")
    conv = New(kind="conv", width=16, kernel=5, activation="relu")
    path = tmp_path_factory.mktemp("source") / "model"
    saved.write(from_layers(spec, [New(kind="embedding", width=8), conv]), path, {})
    return path


@pytest.fixture(scope="module")
def model(source: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    words = [str(source), str(data / "en.conll"), "--freeze", "none", "--epochs", "30", "--lr", "0.01"]
    assert run(["fit", *words, "--out", str(out)]) == 0
    return out


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def test_the_table_of_a_training_names_its_measure(
    source: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["fit", str(source), str(data / "en.conll"), "--epochs", "2", "--out", str(tmp_path / "run")]) == 0
    text = capsys.readouterr().out
    assert "F1" in text
    assert "most frequent tag of each word (test)" in text


def test_text_columns_and_json(model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "new.txt"
    text.write_text("Otto sees Anna\nred\n", encoding="utf-8")
    assert run(["predict", str(model), str(text)]) == 0
    assert capsys.readouterr().out == "Otto/B-person sees/O Anna/B-person\nred/O\n"
    assert run(["predict", str(model), str(text), "--conll"]) == 0
    columns = capsys.readouterr().out
    assert columns == "Otto\tB-person\nsees\tO\nAnna\tB-person\n\nred\tO\n\n"
    assert run(["predict", str(model), str(text), "--json"]) == 0
    first = json.loads(capsys.readouterr().out)["predictions"][0]
    assert first["words"] == ["Otto", "sees", "Anna"]
    assert [one["text"] for one in first["entities"]] == ["Otto", "Anna"]
    again = tmp_path / "again.conll"  # what was printed is read
    again.write_text(columns, encoding="utf-8")
    assert run(["evaluate", str(model), str(again), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["entities"][0]["f1"] == 1.0


def test_entities_have_a_table(model: Path, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(model), str(data / "de.conll")]) == 0
    text = capsys.readouterr().out
    assert "Entities" in text
    assert "all together" in text


def test_sentences_that_break_the_scheme_are_left_out(
    model: Path, source: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.conll"
    broken = [[("red", "I-person"), ("sees", "O"), ("Anna", "B-person")]] * 7
    columns(bad, [[("Anna", "B-person"), ("sees", "O")], *broken])
    assert run(["evaluate", str(model), str(bad)]) == 2
    assert "leave such sentences out: --skip-bad" in capsys.readouterr().err
    assert run(["evaluate", str(model), str(bad), "--skip-bad", "--json"]) == 0
    said = capsys.readouterr()
    assert json.loads(said.out)["n"] == 2
    lines = [f"skipped {bad}, line {4 * k}: I-person after the start\n" for k in range(1, 6)]
    assert "".join([*lines, "skipped 2 more, 7 in all\n"]) in said.err
    words = ["languages", str(source), f"en={data}/en.conll", f"de={data}/de.conll", "--test", f"de={bad}"]
    assert run([*words, "--skip-bad", "--epochs", "1", "--out", str(tmp_path / "run")]) == 0
    assert "skipped 2 more, 7 in all\n" in capsys.readouterr().err


def test_languages(source: Path, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    named = [f"{name}={data / name}.conll" for name in ("en", "de")]
    words = ["languages", str(source), *named, "--few", "10", "--epochs", "2", "--out", str(tmp_path / "run")]
    assert run(words) == 0
    text = capsys.readouterr().out
    assert all(word in text for word in ("F1", "trained on", "all", "From few sentences", "alone"))
    assert (tmp_path / "run/matrix.svg").read_text().startswith("<?xml")
    assert run([*words, "--resume", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert list(record["matrix"]) == ["en", "de", "all"]


def test_languages_of_one_table(source: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table, test = tmp_path / "t.csv", tmp_path / "test.csv"
    rows = [f"{word} {k},{tag},{lang}\n" for k in range(12) for lang, word, tag in COLOURS]
    table.write_text("words,tone,lang\n" + "".join(rows), encoding="utf-8")
    test.write_text("words,tone,lang\n" + "".join(rows[:4]).replace(" 0", " 99"), encoding="utf-8")
    words = ["languages", str(source), str(table), "--language", "lang", "--test", str(test), "--epochs", "1"]
    named = ["--text", "words", "--label", "tone", "--out", str(tmp_path / "run"), "--json"]
    assert run([*words, *named]) == 0
    assert list(json.loads(capsys.readouterr().out)["matrix"]) == ["en", "de", "all"]


UNNAMED = (
    "each language has a name, once\n  expected: a name, = and what belongs to it\n  got: {}\n"
    "  to do: of one table with all of them, name the column that tells which: --language COLUMN\n"
)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["en"], UNNAMED.format("en")),
        (["a=x", "a=y"], UNNAMED.format("a=y")),
        (
            ["x.csv", "y.csv", "--language", "lang"],
            "with --language all languages stand in one table\n  expected: one path\n  got: x.csv y.csv\n",
        ),
        (["a=x", "b=y", "--test", "c=z"], "there are no training data of the language c\n  expected: a, b\n"),
        (["a=x", "b=y", "--few", "ten"], "there is no such file or folder\n  where: x\n"),
    ],
)
def test_what_is_refused(source: Path, words: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["languages", str(source), *words]) == 2
    assert capsys.readouterr().err.endswith(text)
