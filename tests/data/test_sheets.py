"""Tables of all kinds: the same rows out of each, and columns by the names that are given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from regraft.data import Columns, Examples, open_data, open_splits, open_unlabelled
from regraft.errors import BadArgument, BadData, RegraftError, UnreadableFile, UnsupportedFormat
from regraft.run import Progress

ROWS = [("one, and\na half", "wet", 3), ("zwölf \u2028", "dry", 4), ("three", "wet", 5)]
NAMED = Columns(text="words", label="kind")


def written(path: Path) -> Path:
    """The rows as the ending says, in columns words, kind and size."""
    records = [dict(zip(("words", "kind", "size"), row, strict=True)) for row in ROWS]
    if path.suffix == ".parquet":
        import pyarrow as pa
        from pyarrow import parquet

        parquet.write_table(pa.Table.from_pylist(records), path)
    elif path.suffix in (".jsonl", ".ndjson"):
        lines = [json.dumps(record, ensure_ascii=False) for record in records]
        path.write_text("\n\n".join(lines), encoding="utf-8")
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [mark.join(f'"{cell}"' for cell in row) for row in [("words", "kind", "size"), *ROWS]]
        path.write_text("\n".join(lines), encoding="utf-8")
    return path


def told(found: Examples) -> list[tuple[str, str]]:
    return [(text, found.classes[label]) for text, label in zip(found.texts, found.labels, strict=True)]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"])
def test_the_same_rows_of_all_kinds(ending: str, tmp_path: Path) -> None:
    path = written(tmp_path / f"t{ending}")
    assert told(open_data(path, columns=NAMED)) == [(text.strip(), label) for text, label, _ in ROWS]
    assert list(open_unlabelled([path], columns=Columns(text="words")).texts) == [text.strip() for text, _, _ in ROWS]
    assert open_data(path, columns=Columns(text="kind", label="size")).classes == ("3", "4", "5")


def test_parts_of_a_training_have_the_same_columns(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n" + "".join(f"text {k},{k % 2}\n" for k in range(40)))
    (tmp_path / "test.csv").write_text("a,b\nother,1\nand one more,0\n")
    found = open_splits(path, test=tmp_path / "test.csv", columns=Columns(text="a", label="b"))
    assert list(found.test.examples.texts) == ["other", "and one more"]


def refused(path: Path, columns: Columns = NAMED) -> str:
    with pytest.raises(RegraftError) as caught:
        open_data(path, columns=columns)
    return str(caught.value)


def test_columns_that_are_not_there(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv")
    assert refused(path, Columns(text="word", label="kind")) == (
        f"the table has no column 'word'\n  where: {path}\n  got: words, kind, size\n  nearest: words"
    )
    assert refused(path, Columns(text="words")) == (
        f"the table has no columns of paths or texts, and of labels\n  where: {path}, line 1\n"
        "  expected: a column path, file, filename, ... or text, sentence, question, ..., "
        "and a column label, class, class_name, ...\n  got: words, kind, size\n"
        "  to do: name them: --text COLUMN --label COLUMN"
    )
    (tmp_path / "pictures").mkdir()
    assert refused(tmp_path / "pictures") == (
        f"only tables have a column of texts\n  where: {tmp_path}/pictures\n"
        "  expected: .csv, .tsv, .jsonl, .ndjson, .parquet"
    )
    with pytest.raises(BadArgument, match="only tables have a column of texts"):
        open_unlabelled([tmp_path / "pictures"], columns=NAMED)


@pytest.mark.parametrize(
    ("name", "content", "error", "text"),
    [
        (
            "t.jsonl",
            b'{"words": "a", "kind": 1}\n{"words"',
            UnreadableFile,
            "this is no JSON\n  where: {path}, line 2\n",
        ),
        ("t.jsonl", b"[" * 100_000, UnreadableFile, "this is no JSON\n  where: {path}, line 1\n"),
        ("t.jsonl", b"[1]", UnreadableFile, "this is no record\n  where: {path}, line 1\n  expected: an object a line"),
        ("t.jsonl", b'{"words": "\xff"}', UnreadableFile, "this is no UTF-8\n  where: {path}, line 1\n"),
        ("t.jsonl", b"", BadArgument, "the table has no column 'kind'\n  where: {path}"),
        ("t.jsonl", b'{"words": "a", "kind": null}', BadData, "a line of the table lacks its text or its label\n"),
        (
            "t.jsonl",
            b'{"words": "\\ud83d", "kind": "a"}',
            UnreadableFile,
            "a text holds half a character\n  where: {path}",
        ),
        ("t.csv", b",\n,,\n", BadArgument, "the table has no column 'kind'\n  where: {path}"),
        ("t.csv", b"\n", BadData, "there is no text here\n  where: {path}\n"),
        ("t.parquet", b"PAR1 and nothing else", UnreadableFile, "this is no Parquet\n  where: {path}\n"),
        ("t.csv", b"words,kind\nfine\0,a\n", UnsupportedFormat, "this is no text\n  where: {path}, line 2\n"),
    ],
)
def test_damaged_tables(name: str, content: bytes, error: type[RegraftError], text: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(error) as caught:
        open_data(path, columns=NAMED)
    assert str(caught.value).startswith(text.format(path=path))


def test_records_with_no_name_in_common(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text("".join(f'{{"{k}": 1}}\n' for k in range(50_000)))
    assert refused(path) == (f"these are no rows of one table\n  where: {path}\n  got: 50000 records with 50000 names")


def test_one_column_for_both(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv")
    assert refused(path, Columns(text="kind", label="kind")) == (
        f"a column cannot hold both texts and labels\n  where: {path}\n  got: kind"
    )


def test_a_first_text_longer_than_a_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("word " * 100 + ",a\nother,b\n")
    assert refused(path, Columns()).startswith("the table has no columns of paths or texts, and of labels\n")


def test_rows_without_a_text_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_text("text,label\none,a\n ,b\ntwo,\n")
    assert list(open_unlabelled([path], progress=Progress()).texts) == ["one", "two"]
    assert f"note: 1 rows of {path} have no text and are left out\n" in capsys.readouterr().err


def test_a_table_in_latin_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("text,label\nCafé,1\nplain,2\n".encode("latin-1"))
    assert told(open_data(path, progress=Progress())) == [("Café", "1"), ("plain", "2")]
    assert f"note: {path} is read as latin-1 (Windows-1252): its line 2 is no UTF-8\n" in capsys.readouterr().err
