"""What may be wrong with texts and sentences that somebody brings, and the whole of what is said of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from regraft.data import Columns, open_data, open_splits
from regraft.errors import RegraftError

TABLE = "text,label\n" + "".join(f"wet day {k},a\ndry day {k},b\n" for k in range(30))
PAIRS = "premise,hypothesis,label\n" + "".join(f"day {k},wet,a\nday {k},dry,b\n" for k in range(30))
TAGGED = "".join(f"Anna\tB-per\n{k}\tO\n\n" for k in range(40))
MIXED = (
    "this is no UTF-8\n  where: {path}, line 3\n"
    "  expected: one encoding throughout: UTF-8, or latin-1 (Windows-1252)\n  got: line 2 is UTF-8\n"
    "  to do: write it anew in one encoding: iconv -f ITS-ENCODING -t utf-8 FILE"
)
FILL = "\n  to do: fill it in, or leave such lines out: --skip-bad"
LACKING = "a line of the table lacks its text or its label\n  where: {path}, line "


def written(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        (
            "t.csv",
            TABLE,
            Columns(label="labels"),
            "the table has no column 'labels'\n  where: {path}\n  got: text, label\n  nearest: label",
        ),
        (
            "t.jsonl",
            '{"words": "one", "kind": "a"}\n',
            Columns(text="word", label="kind"),
            "the table has no column 'word'\n  where: {path}\n  got: words, kind\n  nearest: words",
        ),
        (
            "t.conll",
            TAGGED,
            Columns(label="3"),
            "the file has no column of tags '3'\n  where: {path}, line 1\n  expected: 2, or ner: the last\n"
            "  got: Anna\tB-per",
        ),
        ("mixed.csv", "text,label\nfünf,a\n".encode() + b"caf\xe9,b\n", Columns(), MIXED),
        (
            "mixed.conll",
            "fünf\tO\n".encode() + b"caf\xe9\tO\n",
            Columns(),
            MIXED.replace("3", "2").replace("line 2 is", "line 1 is"),
        ),
        (
            "mixed.jsonl",
            '{"text": "fünf", "label": 1}\n\n'.encode() + b'{"text": "caf\xe9", "label": 2}\n',
            Columns(),
            "this is no UTF-8\n  where: {path}, line 3\n  expected: UTF-8 throughout, as JSON lines are written\n"
            "  got: b'\\xe9'\n  to do: write it anew: iconv -f ITS-ENCODING -t utf-8 FILE",
        ),
        ("t.csv", "text,label\nwet,a\n\n  ,b\n", Columns(), LACKING + "4\n  got:   , b" + FILL),
        ("t.csv", "text,label\nwet,a\ndry\n", Columns(), LACKING + "3\n  got: dry" + FILL),
        ("t.csv", "\n \n\n", Columns(), "there is no text here\n  where: {path}\n  expected: a text a line"),
        ("t.jsonl", '{"text": "wet", "label": null}\n', Columns(), LACKING + "1\n  got: wet, " + FILL),
        ("t.conll", "\n\n \n", Columns(), "there is no text here\n  where: {path}\n  expected: a text a line"),
        (
            "t.conll",
            "Anna\tB-per\n\t\nsees\t\n",
            Columns(),
            "a tag is missing\n  where: {path}, line 3, column 2\n  got: sees ",
        ),
    ],
)
def test_files(name: str, content: str | bytes, columns: Columns, message: str, tmp_path: Path) -> None:
    path = written(tmp_path / name, content)
    with pytest.raises(RegraftError) as caught:
        open_data(path, columns=columns)
    assert str(caught.value) == message.format(path=path)


@pytest.mark.parametrize(
    ("name", "content", "other", "message"),
    [
        (
            "t.csv",
            TABLE,
            "text,label\nwet,a\ndry,c\nodd,d\n",
            "c, d are no classes of the training data\n  where: {path}\n  expected: a, b\n"
            "  got: 2 of 3 examples, the first: dry",
        ),
        (
            "t.csv",
            PAIRS,
            "premise,hypothesis,label\nday,wet,a\nday,odd,B\n",
            "B is no class of the training data\n  where: {path}\n  expected: a, b\n"
            "  got: 1 of 2 examples, the first: day | odd",
        ),
        (
            "t.conll",
            TAGGED,
            "Otto\tB-per\n\nin\tO\nRome\tB-loc\nor\tO\nParis\tB-loc\n",
            "B-loc is no class of the training data\n  where: {path}\n  expected: B-per, O\n"
            "  got: 2 of 5 words, the first: in Rome or Paris",
        ),
    ],
)
def test_a_label_that_training_has_not(name: str, content: str, other: str, message: str, tmp_path: Path) -> None:
    data, test = written(tmp_path / name, content), written(tmp_path / f"other-{name}", other)
    with pytest.raises(RegraftError) as caught:
        open_splits(data, test=test)
    told = "\n  to do: correct them or leave them out, or train on data that have such too"
    assert str(caught.value) == message.format(path=test) + told
