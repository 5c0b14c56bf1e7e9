"""One table of several languages: each is divided by itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from regraft.data import Columns, open_languages
from regraft.errors import RegraftError

ROWS = [f"{lang} {label} {k},{label},{lang}\n" for k in range(20) for lang in ("en", "fr") for label in ("a", "b")]


def written(path: Path, rows: list[str], head: str = "text,label,lang\n") -> Path:
    path.write_text(head + "".join(rows), encoding="utf-8")
    return path


def test_each_language_is_divided_by_itself(tmp_path: Path) -> None:
    found = open_languages(written(tmp_path / "t.csv", ROWS), "lang")
    assert list(found) == ["en", "fr"]
    for name, splits in found.items():
        texts = splits.train.examples.texts
        assert len(texts) == 40
        assert all(text.startswith(name) for text in texts)
        assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [28, 6, 6]


def test_parts_of_their_own(tmp_path: Path) -> None:
    data, test = written(tmp_path / "t.csv", ROWS), written(tmp_path / "test.csv", ["one,a,fr\n", "two,b,fr\n"])
    found = open_languages(data, "lang", test=test)
    assert list(found["fr"].test.examples.texts) == ["one", "two"]
    assert len(found["en"].test) == 6


def test_pairs_by_named_columns(tmp_path: Path) -> None:
    rows = [f"{k},{k} {lang},{k % 2},{lang}\n" for k in range(40) for lang in ("en", "fr")]
    path = written(tmp_path / "t.csv", rows, "one,other,same,in\n")
    found = open_languages(path, "in", columns=Columns(text="one,other", label="same"))
    assert {splits.train.examples.kind for splits in found.values()} == {"pair"}


@pytest.mark.parametrize(
    ("rows", "language", "message"),
    [
        (
            ROWS,
            "language",
            "the table has no column 'language'\n  where: {path}\n  got: text, label, lang\n  nearest: lang",
        ),
        (
            [*ROWS, "one,a,\n"],
            "lang",
            "a line of the table lacks its language\n  where: {path}, line 82\n  got: one, a, ",
        ),
        (
            [*ROWS, "uno,a,it\n"],
            "lang",
            "there is one class only\n  where: {path}, it\n  expected: two classes or more to tell apart\n  got: a",
        ),
    ],
)
def test_what_is_refused(rows: list[str], language: str, message: str, tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", rows)
    with pytest.raises(RegraftError) as caught:
        open_languages(path, language)
    assert str(caught.value) == message.format(path=path)


def test_a_language_that_is_not_trained_on(tmp_path: Path) -> None:
    data, test = written(tmp_path / "t.csv", ROWS), written(tmp_path / "test.csv", ["uno,a,it\n"])
    with pytest.raises(RegraftError) as caught:
        open_languages(data, "lang", test=test)
    assert str(caught.value) == ("the test set has a language that the data lack\n  expected: en, fr\n  got: it")


def test_no_table(tmp_path: Path) -> None:
    path = written(tmp_path / "t.conll", ["the O\n"])
    with pytest.raises(RegraftError) as caught:
        open_languages(path, "lang")
    assert str(caught.value) == (
        f"only tables have a column of languages\n  where: {path}\n  expected: .csv, .tsv, .jsonl, .ndjson, .parquet"
    )
