"""Tables whose labels are several names, marks of 1 and 0, or numbers."""

from __future__ import annotations

import numpy as np
import pytest

from regraft.data import Columns, open_data, open_splits
from regraft.errors import BadArgument, BadData


def table(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_names_of_labels_in_one_cell(tmp_path):
    path = table(tmp_path / "t.csv", "text,label\na,red;big\nb,\nc,small|red\n")
    found = open_data(path, columns=Columns(task="multilabel"))
    assert found.task == "multilabel"
    assert found.classes == ("big", "red", "small")
    np.testing.assert_array_equal(found.labels, [[1, 1, 0], [0, 0, 0], [0, 1, 1]])


def test_a_column_for_each_label(tmp_path):
    path = table(tmp_path / "t.csv", "text,rude,spam\na,1,0\nb,0,0\nc,1.0,1\n")
    found = open_data(path, columns=Columns(label="rude,spam", task="multilabel"))
    assert found.classes == ("rude", "spam")
    np.testing.assert_array_equal(found.labels, [[1, 0], [0, 0], [1, 1]])


def test_numbers(tmp_path):
    path = table(tmp_path / "t.csv", "text,stars,price\na,1.5,1e3\nb,-2,7\n")
    one = open_data(path, columns=Columns(label="stars", task="regress"))
    both = open_data(path, columns=Columns(label="stars,price", task="regress"))
    assert (one.task, one.classes, one.labels.tolist()) == ("regress", ("stars",), [[1.5], [-2.0]])
    assert both.labels.tolist() == [[1.5, 1000.0], [-2.0, 7.0]]
    turned = both.with_classes(("price", "stars"))
    assert turned.labels.tolist() == [[1000.0, 1.5], [7.0, -2.0]]


def test_a_part_may_lack_a_label_but_no_number(tmp_path):
    train = table(
        tmp_path / "train.csv", "text,label\n" + "".join(f"t{k},{'a;b' if k % 2 else 'c'}\n" for k in range(20))
    )
    test = table(tmp_path / "test.csv", "text,label\nx,a\n")
    splits = open_splits(train, test=test, columns=Columns(task="multilabel"))
    assert splits.test.labels.tolist() == [[True, False, False]]
    assert sum(map(len, (splits.train, splits.validation))) == 20
    numbers = open_data(table(tmp_path / "n.csv", "text,one\na,1\n"), columns=Columns(label="one", task="regress"))
    with pytest.raises(BadData, match=r"a number is missing\n  where: .*\n  expected: one, other\n  got: one"):
        numbers.with_classes(("one", "other"))


BAD = {
    "no number": ("a,x", "regress", "a label is no number\n  where: {path}, line 2\n  got: x"),
    "no finite number": ("a,inf", "regress", "a label is no number\n  where: {path}, line 2\n  got: inf"),
    "no mark": ("a,2", "multilabel", "a label is neither 1 nor 0\n  where: {path}, line 2\n  got: 2, 2"),
    "no label": (
        "a,",
        "regress",
        "a line of the table lacks its text or its label\n  where: {path}, line 2\n  got: a, \n"
        "  to do: fill it in, or leave such lines out: --skip-bad",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_labels_that_are_none_are_refused(tmp_path, case):
    line, task, message = BAD[case]
    label = "label,more" if task == "multilabel" else "label"
    row = f"{line},2" if task == "multilabel" else line
    path = table(tmp_path / "t.csv", f"text,{label}\n{row}\n")
    with pytest.raises(BadData) as refused:
        open_data(path, columns=Columns(label=label, task=task))
    assert str(refused.value) == message.format(path=path)


def test_lines_without_a_label_are_left_out_and_said(tmp_path):
    path = table(tmp_path / "t.csv", "text,topic,mood\na,x,\nb,,good\nc,y,bad\n")
    found = open_data(path, columns=Columns(label="mood"), skip_bad=True)
    assert list(found.texts) == ["b", "c"]
    assert found.skipped == (f"{path}, line 2: it lacks its text or its label",)


def test_a_column_that_is_not_there_is_named(tmp_path):
    path = table(tmp_path / "t.csv", "text,stars\na,1\n")
    with pytest.raises(BadArgument, match=r"the table has no column 'star'(?s:.*)stars"):
        open_data(path, columns=Columns(label="stars,star", task="regress"))


def test_arrays_of_another_form_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros((3, 4)), y=np.array([[1, 2], [0, 1], [1, 1]]))
    with pytest.raises(BadData) as refused:
        open_data(tmp_path / "a.npz", columns=Columns(task="multilabel"))
    assert str(refused.value) == (
        f"the labels do not fit the examples\n  where: {tmp_path / 'a.npz'}\n"
        "  expected: ones and zeros, a row for each of the 3 examples\n  got: int64 (3, 2)"
    )
