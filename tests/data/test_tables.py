"""Tables of paths and labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from regraft.data import open_data
from regraft.errors import BadData, UnreadableFile


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "path,label\nflowers/daisy/00.png,white\nflowers/rose/01.png,red\n"),
        ("t.csv", "flowers/daisy/00.png,white\nflowers/rose/01.png,red\n"),
        ("t.csv", '\ufeff"label";"filename"\r\nwhite;flowers/daisy/00.png\r\nred;flowers/rose/01.png\r\n'),
        ("t.tsv", "id\tImage\tClass\n1\tflowers/daisy/00.png\twhite\n\n2\tflowers/rose/01.png\t red \n"),
    ],
)
def test_a_table(flowers: Path, name: str, text: str) -> None:
    table = flowers.parent / name
    table.write_text(text, encoding="utf-8", newline="")
    examples = open_data(table)
    assert [examples.name(k) for k in range(2)] == ["flowers/daisy/00.png", "flowers/rose/01.png"]
    assert examples.classes == ("red", "white")
    assert examples.labels.tolist() == [1, 0]
    assert examples.items[0].read() == (flowers / "daisy/00.png").read_bytes()


def test_absolute_paths(flowers: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/t.csv").write_text(f"path,label\n{flowers}/daisy/00.png,1\n../flowers/rose/01.png,2\n")
    assert open_data(tmp_path / "deep/t.csv").classes == ("1", "2")


def test_a_picture_that_is_not_there(flowers: Path) -> None:
    table = flowers / "t.csv"
    table.write_text("path,label\nrose/01.png,1\nrose/none.png,1\n")
    with pytest.raises(BadData) as caught:
        open_data(table)
    assert str(caught.value) == (
        f"the table names a picture that is not there\n  where: {table}, line 3\n  got: {flowers}/rose/none.png"
    )


def test_a_line_without_a_label(flowers: Path) -> None:
    table = flowers / "t.csv"
    table.write_text("path,label\nrose/01.png,1\nrose/03.png\n")
    with pytest.raises(BadData) as caught:
        open_data(table)
    assert str(caught.value) == (
        f"a line of the table lacks its path or its label\n  where: {table}, line 3\n  got: rose/03.png\n"
        "  to do: fill it in, or leave such lines out: --skip-bad"
    )


@pytest.mark.parametrize(
    ("text", "got"), [("a,b,c\n1,2,3\n", "a, b, c"), ("", "an empty file"), ("a,b\n1,2\n", "a, b")]
)
def test_a_table_without_the_columns(tmp_path: Path, text: str, got: str) -> None:
    table = tmp_path / "t.csv"
    table.write_text(text)
    with pytest.raises(BadData) as caught:
        open_data(table)
    assert str(caught.value) == (
        f"the table has no columns of paths or texts, and of labels\n  where: {table}, line 1\n"
        "  expected: a column path, file, filename, ... or text, sentence, question, ..., "
        "and a column label, class, class_name, ...\n"
        f"  got: {got}\n  to do: name them: --text COLUMN --label COLUMN"
    )


def test_a_table_of_no_pictures(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("path,label\n")
    with pytest.raises(BadData) as caught:
        open_data(tmp_path / "t.csv")
    assert str(caught.value) == f"the table has no example\n  where: {tmp_path}/t.csv"


@pytest.mark.parametrize("data", [b'path,label\n"a', b"path,label\n" + b"x" * 200_000 + b",1\n"])
def test_no_table_at_all(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.csv").write_bytes(data)
    with pytest.raises(UnreadableFile, match=r"^this is no table\n"):
        open_data(tmp_path / "t.csv")
