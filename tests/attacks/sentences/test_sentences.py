"""Files of tagged sentences that are broken, are something else, or want to take more than their size."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from regraft.data.sentences import Tagged, read_sentences, read_tagged
from regraft.errors import BadData, RegraftError, UnreadableFile, UnsupportedFormat

MODEST = 1 << 20  # bytes that reading may take besides sixty times the file: an object a word
NO_SENTENCE = (
    "there is no sentence here\n  where: {path}\n  expected: a word a line, and a blank line after each sentence"
)
NO_TEXT = "there is no text here\n  where: {path}\n  expected: a text a line"
NINE = "the number of a word and nine more columns, with tabs between them"
OTHER_COLUMNS = (
    "the lines have different numbers of columns\n  where: {{path}}, line {line}\n"
    "  expected: {expected}, as in line 1\n  got: {got}\n"
    "  to do: give each word a line, all with the same columns; only .conllu may have comments"
)


def read(path: Path) -> tuple[Tagged, Tagged]:
    """What is read with and without tags, with modest memory."""
    tracemalloc.start()
    try:
        found = read_tagged(path, None), read_sentences(path)
        assert tracemalloc.get_traced_memory()[1] < 60 * path.stat().st_size + MODEST
    finally:
        tracemalloc.stop()
    return found


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def conllu(number: str, *fields: str) -> bytes:
    return "\t".join([number, *fields, *"_" * (9 - len(fields))]).encode()


@pytest.mark.parametrize(
    ("name", "content", "error", "text"),
    [
        ("a.conll", b"", BadData, NO_TEXT),
        ("a.conll", b"\xef\xbb\xbf\n \t\r\n", BadData, NO_TEXT),
        ("a.conll", b"-DOCSTART- -X- O\n\n-DOCSTART-", BadData, NO_SENTENCE),
        ("a.conllu", b"# text = none\n\n# newdoc\n", BadData, NO_SENTENCE),
        ("a.conllu", conllu("1-2", "du") + b"\n" + conllu("1.1", "de"), BadData, NO_SENTENCE),
        (
            "a.conll",
            b"fine\tO\nno\0t\tO\n",
            UnsupportedFormat,
            "this is no text\n  where: {path}, line 2\n  expected: UTF-8\n  got: a byte of 0",
        ),
        (
            "a.conll",
            "zwei O\n".encode("utf-16"),
            UnsupportedFormat,
            "this text is UTF-16\n  where: {path}\n  expected: UTF-8, or latin-1 (Windows-1252)\n"
            "  to do: write it anew: iconv -f utf-16 -t utf-8 FILE",
        ),
        (
            "a.conllu",
            conllu("1", "fünf") + b"\n" + conllu("2", "cafe").replace(b"e", b"\xe9"),
            UnreadableFile,
            "this is no UTF-8\n  where: {path}, line 2\n"
            "  expected: one encoding throughout: UTF-8, or latin-1 (Windows-1252)\n  got: line 1 is UTF-8\n"
            "  to do: write it anew in one encoding: iconv -f ITS-ENCODING -t utf-8 FILE",
        ),
        (
            "a.conll",
            b"a\tO\n" + b"b" * 2_000_000 + b"\tO\n",
            BadData,
            "a line is longer than a megabyte\n  where: {path}, line 2",
        ),
        (
            "a.conll",
            b"EU\tB-ORG\nsays\n",
            BadData,
            OTHER_COLUMNS.format(line=2, expected=2, got="1: says"),
        ),
        (
            "a.conll",
            b"EU NNP B-ORG\n\nsays\tO\n",
            BadData,
            OTHER_COLUMNS.format(line=3, expected=3, got="1: says\tO"),
        ),
        (
            "a.conll",
            b"# id 1\nEU _ _ B-ORG\n",
            BadData,
            OTHER_COLUMNS.format(line=2, expected=3, got="4: EU _ _ B-ORG"),
        ),
        (
            "a.conll",
            b"a\tO\n" + b"b\t" * 400_000 + b"\n",
            BadData,
            OTHER_COLUMNS.format(line=2, expected=2, got="400001: " + "b\t" * 40),
        ),
        (
            "a.conll",
            b"EU\tB-ORG\n\tO\n",
            BadData,
            "a word is missing\n  where: {path}, line 2, column 1\n  got:  O",
        ),
        (
            "a.conll",
            b"EU\tNNP\tB-ORG\nsays\tVBZ\t \n",
            BadData,
            "a tag is missing\n  where: {path}, line 2, column 3\n  got: says VBZ ",
        ),
        (
            "a.conllu",
            conllu("1", ""),
            BadData,
            "a word is missing\n  where: {path}, line 1, column 2\n  got: 1  _ _ _ _ _ _ _ _",
        ),
        (
            "a.conllu",
            conllu("1", "EU").rpartition(b"\t")[0],
            BadData,
            f"this is no line of CoNLL-U\n  where: {{path}}, line 1\n  expected: {NINE}\n"
            "  got: 1\tEU\t_\t_\t_\t_\t_\t_\t_",
        ),
        (
            "a.conllu",
            b"# fine\n" + conllu("1", "EU", "EU", "PROPN") + b"\n" + conllu("one", "EU"),
            BadData,
            f"this is no line of CoNLL-U\n  where: {{path}}, line 3\n  expected: {NINE}\n"
            "  got: one\tEU\t_\t_\t_\t_\t_\t_\t_\t_",
        ),
        (
            "a.conllu",
            b"1 EU EU PROPN _ _ _ _ _ _\n",
            BadData,
            f"this is no line of CoNLL-U\n  where: {{path}}, line 1\n  expected: {NINE}\n"
            "  got: 1 EU EU PROPN _ _ _ _ _ _",
        ),
    ],
)
def test_broken_files(tmp_path: Path, name: str, content: bytes, error: type[RegraftError], text: str) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(error) as caught:
        read(path)
    assert str(caught.value) == text.format(path=path)


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a.conll").mkdir()
    with pytest.raises(UnreadableFile) as caught:
        read(tmp_path / "a.conll")
    assert str(caught.value) == f"a.conll cannot be opened\n  where: {tmp_path}/a.conll\n  expected: a file"


def test_long_lines_and_numbers(tmp_path: Path) -> None:
    long = "w" * 1_000_000
    tagged, words = read(written(tmp_path / "a.conll", f"{long}\tO\n{' ' * 1_000_000}\nx\tO\n".encode()))
    assert tagged.sentences == words.sentences == ((long,), ("x",))
    comment, number = b"# " + b"#" * 1_000_000 + b"\n", "9" * 5000
    tagged, words = read(written(tmp_path / "a.conllu", comment + conllu(number, "x", "x", "X")))
    assert tagged.sentences == words.sentences == (("x",),)


def test_many_columns(tmp_path: Path) -> None:
    path = written(tmp_path / "a.conll", b"\n".join([b"x" + b" O" * 100_000] * 5))
    assert read_tagged(path, "100001").tags == read_tagged(path, None).tags == (("O",) * 5,)


@pytest.mark.slow
def test_many_sentences_and_types(tmp_path: Path) -> None:
    content = "".join(f"w{k}\tB-T{k}\n\n" for k in range(20_000)) + "w\tO\n"
    tagged, _ = read(written(tmp_path / "a.conll", content.encode()))
    assert (len(tagged.sentences), tagged.scheme) == (20_001, "IOB2")
