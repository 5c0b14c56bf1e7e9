"""Two texts an example: which columns they stand in, and what a network reads of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from regraft.data import Columns, Examples, open_data, open_splits, open_unlabelled, prepare
from regraft.data.pairs import Pair
from regraft.data.preparation import change_of_shape
from regraft.data.tokens import usual_length
from regraft.data.windows import in_words
from regraft.errors import RegraftError, ShapeMismatch
from regraft.network import InputSpec
from regraft.run import Progress

BYTES = InputSpec(name="x", shape=(None, 8), dtype="int32", layout="bytes")
CONTENT = "id,premise,hypothesis,label\n1,It rains.,It is wet.,yes\n2,It rains., It is dry. ,no\n"
PAIRS = [Pair("It rains.", "It is wet."), Pair("It rains.", "It is dry.")]


def written(path: Path, content: str = CONTENT) -> Path:
    path.write_text(content, encoding="utf-8")
    return path


def of(*pairs: tuple[str, str]) -> Examples:
    items = [Pair(*pair) for pair in pairs]
    return Examples(source="here", items=items, labels=np.full(len(items), -1), classes=(), hashes=())


@pytest.mark.parametrize(
    "columns", [Columns(), Columns(text="premise,hypothesis"), Columns(text="premise, hypothesis")]
)
def test_pairs_of_a_table(columns: Columns, tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv")
    found = open_data(path, columns=columns)
    assert (found.kind, found.classes, found.labels.tolist()) == ("pair", ("no", "yes"), [1, 0])
    assert list(found.items) == PAIRS
    assert found.name(1) == "It rains. | It is dry."
    unlabelled = open_unlabelled([path], columns=columns)
    assert (unlabelled.kind, list(unlabelled.items)) == ("pair", PAIRS)
    assert list(unlabelled.hashes) == list(found.hashes)
    assert unlabelled.fingerprint == found.fingerprint != open_data(path, columns=Columns(text="premise")).fingerprint


@pytest.mark.parametrize("names", ["Sentence1,sentence2", "hypothesis,premise", "question2,question1"])
def test_usual_names_in_any_order(names: str, tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", f"{names},label\none,two,a\n")
    expected = Pair("one", "two") if names.startswith("S") else Pair("two", "one")
    assert list(open_data(path).items) == [expected]


def test_a_column_of_texts_goes_before_a_pair(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", "text,premise,hypothesis,label\nall,one,two,a\n")
    assert list(open_data(path).items) == ["all"]
    assert list(open_data(path, columns=Columns(text="hypothesis,premise")).items) == [Pair("two", "one")]


def test_a_column_whose_name_has_a_comma(tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", '"a,b",label\none,x\n')
    assert list(open_data(path, columns=Columns(text="a,b")).items) == ["one"]


NEITHER = (
    "the table has no columns of paths or texts, and of labels\n  where: {path}, line 1\n"
    "  expected: a column path, file, filename, ... or text, sentence, question, ..., "
    "and a column label, class, class_name, ...\n  got: {names}\n  to do: name them: --text COLUMN --label COLUMN"
)


@pytest.mark.parametrize(
    ("content", "text", "message"),
    [
        (
            CONTENT,
            "premise,hypothesi",
            "the table has no column 'hypothesi'\n  where: {path}\n  got: id, premise, hypothesis, label\n"
            "  nearest: hypothesis",
        ),
        (
            CONTENT,
            "id,premise,hypothesis",
            "a text stands in one column, and a pair of texts in two\n  where: {path}\n  got: id, premise, hypothesis",
        ),
        (
            CONTENT,
            "premise,premise",
            "a text stands in one column, and a pair of texts in two\n  where: {path}\n  got: premise, premise",
        ),
        (CONTENT, "premise,label", "a column cannot hold both texts and labels\n  where: {path}\n  got: label"),
        (
            "premise,hypothesis,label\none,,a\n",
            None,
            "a line of the table lacks its text or its label\n  where: {path}, line 2\n  got: one, , a\n"
            "  to do: fill it in, or leave such lines out: --skip-bad",
        ),
        (
            "question1,question2,premise,hypothesis,label\na,b,c,d,e\n",
            None,
            NEITHER.replace("{names}", "question1, question2, premise, hypothesis, label"),
        ),
        ("premise,conclusion,label\na,b,c\n", None, NEITHER.replace("{names}", "premise, conclusion, label")),
    ],
)
def test_columns_that_make_no_pair(content: str, text: str | None, message: str, tmp_path: Path) -> None:
    path = written(tmp_path / "t.csv", content)
    with pytest.raises(RegraftError) as caught:
        open_data(path, columns=Columns(text=text))
    assert str(caught.value) == message.format(path=path)


def test_rows_without_both_texts_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = written(tmp_path / "t.csv", "premise,hypothesis\none,\none,two\n")
    assert list(open_unlabelled([path], progress=Progress()).items) == [Pair("one", "two")]
    assert f"note: 1 rows of {path} have no text and are left out\n" in capsys.readouterr().err


def test_equal_pairs_share_a_part_and_turned_ones_are_others(tmp_path: Path) -> None:
    rows = [f"{first},{second},{k % 2}\n" for k in range(20) for first, second in [(f"a{k}", "b"), ("b", f"a{k}")]]
    found = open_splits(written(tmp_path / "t.csv", "premise,hypothesis,label\n" + "".join(rows + rows[:4])))
    assert found.duplicates == 4
    assert len(set(found.train.examples.hashes)) == 40


def test_bytes_of_pairs() -> None:
    """The byte between is in no text; the longer text is shortened first, as tokenizers do."""
    found = prepare(
        of(("ab", "é"), ("longer", "than eight"), ("a", "rather long"), ("rather long", "a")), range(4), BYTES
    )
    assert found.tolist() == [
        [*b"ab\xff", *"é".encode(), 0, 0, 0],
        list(b"lon\xffthan"),
        list(b"a\xffrather"),
        list(b"rather\xffa"),
    ]
    assert usual_length(of(("x" * 40, "y" * 40)).texts_or_pairs, BYTES) == 88
    assert change_of_shape(of(("ab", "é"), ("longer", "than eight")), BYTES) == (
        "texts are cut off after 8 bytes: 1 of 2 are longer"
    )


def test_a_network_that_takes_pictures() -> None:
    with pytest.raises(ShapeMismatch) as caught:
        prepare(of(("a", "b")), [0], InputSpec(name="x", shape=(None, 8, 8, 3), layout="NHWC"))
    assert str(caught.value) == (
        "the examples cannot be brought to the input x\n  where: here\n  expected: NHWC (None, 8, 8, 3)\n"
        "  got: pairs of texts"
    )


def test_a_network_that_answers_for_words() -> None:
    with pytest.raises(RegraftError) as caught:
        in_words(of(("a", "b")))
    assert str(caught.value) == (
        "the words of pairs cannot be told\n  where: here\n  expected: sentences\n"
        "  to do: name one column of texts: --text COLUMN"
    )
