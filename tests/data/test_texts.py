"""Texts, one a line: what is a line, in which encoding, and how little of the file is held."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from regraft.data import Examples, open_data, open_unlabelled, prepare
from regraft.data.preparation import change_of_shape
from regraft.data.texts import Lines
from regraft.errors import BadArgument, BadData, RegraftError, ShapeMismatch, UnreadableFile, UnsupportedFormat
from regraft.network import InputSpec
from regraft.run import Progress

BYTES = InputSpec(name="x", shape=(None, 8), dtype="int32", layout="bytes")


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_only_a_newline_ends_a_line(tmp_path: Path) -> None:
    texts = ["one\x0btwo", "three\x1cfour", "fünf\x85sechs", "sieben\u2028acht", "neun\u2029zehn"]
    path = written(tmp_path / "a.txt", "\n".join(texts).encode())
    assert list(Lines(path)) == texts


def test_blank_lines_are_no_texts(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", b"\xef\xbb\xbf\n  first \r\n\n\t\nsecond\r\n\r\nthird")
    assert list(Lines(path)) == ["first", "second", "third"]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\n\n"])
def test_each_line_is_found(start: bytes, tmp_path: Path) -> None:
    texts = [f"text {k} " + "ü" * (k % 7) for k in range(100)]
    content = start + b"".join(text.encode() + b"\n" * (1 + k % 3) for k, text in enumerate(texts))
    lines = Lines(written(tmp_path / "a.txt", content))
    stripped = [text.strip() for text in texts]
    assert len(lines) == 100
    assert [lines[k] for k in range(100)] == list(lines) == lines[:] == stripped
    assert lines[-1] == stripped[-1]
    for span in (slice(15, 50), slice(16, 17), slice(90, 200), slice(5, 5), slice(120, 130), slice(9, 40, 7)):
        assert lines[span] == stripped[span]
    with pytest.raises(IndexError):
        lines[100]


def test_latin_1_is_told_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "a.txt", "plain\ncaf\xe9\n\u201cquoted\u201d\n".encode("cp1252"))
    found = open_unlabelled([path], progress=Progress())
    assert list(found.items) == ["plain", "café", "\u201cquoted\u201d"]
    assert capsys.readouterr().err == f"note: {path} is read as latin-1 (Windows-1252): its line 2 is no UTF-8\n"


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        (
            "gut\nfünf\n".encode() + b"caf\xe9\n",
            UnreadableFile,
            "this is no UTF-8\n  where: {path}, line 3\n"
            "  expected: one encoding throughout: UTF-8, or latin-1 (Windows-1252)\n  got: line 2 is UTF-8\n"
            "  to do: write it anew in one encoding: iconv -f ITS-ENCODING -t utf-8 FILE",
        ),
        (
            b"caf\xe9\nodd \x81\n",
            UnreadableFile,
            "this is no UTF-8\n  where: {path}, line 1\n"
            "  expected: one encoding throughout: UTF-8, or latin-1 (Windows-1252)\n  got: line 2 is neither\n"
            "  to do: write it anew in one encoding: iconv -f ITS-ENCODING -t utf-8 FILE",
        ),
        (
            "zwei\n".encode("utf-16"),
            UnsupportedFormat,
            "this text is UTF-16\n  where: {path}\n  expected: UTF-8, or latin-1 (Windows-1252)\n"
            "  to do: write it anew: iconv -f utf-16 -t utf-8 FILE",
        ),
        (
            b"fine\nno\0t\n",
            UnsupportedFormat,
            "this is no text\n  where: {path}, line 2\n  expected: UTF-8\n  got: a byte of 0",
        ),
        (b"", BadData, "there is no text here\n  where: {path}\n  expected: a text a line"),
        (b" \n\r\n", BadData, "there is no text here\n  where: {path}\n  expected: a text a line"),
        (b"a\n" + b"b" * 2_000_000, BadData, "a line is longer than a megabyte\n  where: {path}, line 2"),
    ],
)
def test_what_is_no_text(content: bytes, error: type[RegraftError], text: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", content)
    with pytest.raises(error) as caught:
        Lines(path)
    assert str(caught.value) == text.format(path=path)


def test_a_file_that_changes(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", b"one\ntwo\n")
    lines = Lines(path)
    written(path, b"one\n")
    with pytest.raises(UnreadableFile) as caught:
        lines[1]
    assert str(caught.value) == f"the file has become shorter since it was opened\n  where: {path}"
    with pytest.raises(UnreadableFile, match=r"^the file has become shorter"):
        lines[0:2]
    written(path, b"one\n\xff\xfe\n")
    with pytest.raises(UnreadableFile, match=r"^the file has changed since it was opened\n"):
        lines[1]


def test_a_large_file_takes_next_to_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"the {k}th line of many, all of them different\n" for k in range(50_000))
    tracemalloc.start()
    try:
        found = open_unlabelled([path])
        assert len(found.fingerprint) == 32
        assert (len(found), found.name(12_345)) == (50_000, "the 12345th line of many, all of them different")
        assert tracemalloc.get_traced_memory()[1] < 500_000
    finally:
        tracemalloc.stop()
    assert path.stat().st_size > 2_000_000


def test_texts_of_a_table(tmp_path: Path) -> None:
    content = 'id,Text,label\n1,"one, and\na half",a\n\n2,zw\xf6lf\u2028,b\n3,three,a\n'
    table = written(tmp_path / "t.csv", content.encode())
    found = open_data(table)
    assert (found.kind, found.classes, found.labels.tolist()) == ("text", ("a", "b"), [0, 1, 0])
    assert list(found.items) == ["one, and\na half", "zwölf", "three"]
    unlabelled = open_unlabelled([table])
    assert (unlabelled.kind, unlabelled.classes, list(unlabelled.items)) == ("text", (), list(found.items))
    assert unlabelled.fingerprint == found.fingerprint
    assert list(unlabelled.hashes) == list(found.hashes) == [unlabelled.hashes[k] for k in range(3)]


def test_a_table_without_what_is_needed(tmp_path: Path) -> None:
    table = written(tmp_path / "t.csv", b"text,label\none,\n")
    with pytest.raises(BadData) as caught:
        open_data(table)
    assert str(caught.value) == (
        f"a line of the table lacks its text or its label\n  where: {table}, line 2\n  got: one, \n"
        "  to do: fill it in, or leave such lines out: --skip-bad"
    )
    written(table, b"words,label\none,a\n")
    with pytest.raises(BadData) as caught:
        open_unlabelled([table])
    assert str(caught.value) == (
        f"the table has no column of texts\n  where: {table}, line 1\n"
        "  expected: text, sentence, question, message, review, comment, tweet, content, document; or two: "
        "sentence1 and sentence2, premise and hypothesis, question1 and question2\n"
        "  got: words, label\n  to do: name it: --text COLUMN, or two for pairs: --text COLUMN,COLUMN"
    )
    written(table, b"text,label\n")
    for opened in (open_data, lambda path: open_unlabelled([path])):
        with pytest.raises(BadData) as caught:
            opened(table)
        assert str(caught.value) == f"the table has no example\n  where: {table}"


def test_a_text_file_is_given_alone(tmp_path: Path) -> None:
    path = written(tmp_path / "a.txt", b"one\n")
    with pytest.raises(BadArgument) as caught:
        open_unlabelled([path, path])
    assert str(caught.value) == (
        f"a .txt file cannot be joined with other inputs\n  where: {path}\n  to do: give it alone"
    )


def of(*texts: str) -> Examples:
    return Examples(source="here", items=texts, labels=np.full(len(texts), -1), classes=(), hashes=())


def test_bytes_of_texts() -> None:
    found = prepare(of("ab", "é", "longer than eight"), [2, 1, 0], BYTES)
    assert found.dtype == np.int32
    assert found.tolist() == [list(b"longer t"), [*"é".encode(), *[0] * 6], [97, 98, *[0] * 6]]


def test_what_is_cut_off_is_said() -> None:
    assert change_of_shape(of("ab", "longer than eight"), BYTES) == (
        "texts are cut off after 8 bytes: 1 of 2 are longer"
    )
    assert change_of_shape(of("ab"), BYTES) is None


def test_texts_for_a_network_that_takes_none() -> None:
    pictures = InputSpec(name="x", shape=(None, 8, 8, 3), layout="NHWC")
    with pytest.raises(ShapeMismatch) as caught:
        prepare(of("ab"), [0], pictures)
    assert str(caught.value) == (
        "the examples cannot be brought to the input x\n  where: here\n  expected: NHWC (None, 8, 8, 3)\n  got: texts"
    )
