"""Dividing examples: in proportion, reproducibly, and never with a copy on either side."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regraft.data import Examples, Part, open_data, open_splits
from regraft.data.arrays import labelled
from regraft.data.splits import split
from regraft.errors import BadArgument, BadData


def examples(contents: list[int], labels: list[int]) -> Examples:
    return labelled(np.array(contents)[:, None], np.array(labels), "here")


def contents(part: Part) -> set[bytes]:
    return {part.examples.hashes[index] for index in part.indices}


def test_proportions(flowers: Path) -> None:
    splits = open_splits(flowers, seed=3)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [28, 6, 6]
    for part in (splits.train, splits.validation, splits.test):
        assert np.bincount(part.labels).tolist() == [len(part) // 2] * 2
    together = np.concatenate([splits.train.indices, splits.validation.indices, splits.test.indices])
    assert sorted(together) == list(range(40))


def test_the_seed_decides(flowers: Path) -> None:
    data = open_data(flowers)
    one, same, other = (split(data, seed=seed).test.indices.tolist() for seed in (1, 1, 2))
    assert one == same
    assert one != other


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), min_size=2, max_size=120),
    st.integers(0, 5),
    st.booleans(),
)
def test_laws(pairs: list[tuple[int, int]], seed: int, agreeing: bool) -> None:
    """Everything once, each class in training, no copy on both sides, whatever the duplicates and their labels."""
    data = examples([x for x, _ in pairs], [x % 4 if agreeing else y for x, y in pairs])
    try:
        splits = split(data, seed=seed)
    except BadData:
        return
    parts = (splits.train, splits.validation, splits.test)
    assert sorted(np.concatenate([part.indices for part in parts])) == list(range(len(data)))
    assert set(splits.train.labels) == set(range(len(data.classes)))
    assert not contents(splits.train) & contents(splits.validation)
    assert not contents(splits.train) & contents(splits.test)
    assert not contents(splits.validation) & contents(splits.test)
    assert min(map(len, parts)) > 0
    assert splits.duplicates == len(data) - len({x for x, _ in pairs})


def test_few_examples_of_each_class_still_give_all_parts() -> None:
    splits = split(examples(list(range(15)), [k % 5 for k in range(15)]), seed=0)
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [11, 2, 2]


def test_duplicate_pictures_stay_together(flowers: Path) -> None:
    for number in range(1, 20, 2):
        copy = (flowers / f"rose/{number:02}.png").read_bytes()
        (flowers / f"rose/copy{number}.png").write_bytes(copy)
    splits = open_splits(flowers, seed=0)
    assert splits.duplicates == 10
    assert not contents(splits.train) & (contents(splits.validation) | contents(splits.test))


def test_one_class_only(tmp_path: Path, flowers: Path) -> None:
    (tmp_path / "one").mkdir()
    (flowers / "rose").rename(tmp_path / "one/rose")
    with pytest.raises(BadData) as caught:
        open_splits(tmp_path / "one")
    assert str(caught.value) == (
        f"there is one class only\n  where: {tmp_path}/one\n  expected: two classes or more to tell apart\n  got: rose"
    )


def test_too_few_examples() -> None:
    with pytest.raises(BadData) as caught:
        split(examples([1, 2, 1], [0, 1, 0]), seed=0)
    assert str(caught.value) == (
        "too few different examples to divide off a test set\n  where: here\n"
        "  got: 2 different examples of 2 classes\n"
        "  to do: add examples, or give the sets: --validation PATH --test PATH"
    )


def test_given_sets(flowers: Path, tmp_path: Path) -> None:
    for name, members in (("validation", ("rose/01", "daisy/00")), ("test", ("rose/03",))):
        for member in members:
            target = tmp_path / name / f"{member}.png"
            target.parent.mkdir(parents=True)
            (flowers / f"{member}.png").rename(target)
    splits = open_splits(flowers, validation=tmp_path / "validation", test=tmp_path / "test")
    assert [len(part) for part in (splits.train, splits.validation, splits.test)] == [37, 2, 1]
    assert splits.test.labels.tolist() == [1]
    assert splits.leaked == 0
    half = open_splits(flowers, test=tmp_path / "test")
    assert [len(part) for part in (half.train, half.validation, half.test)] == [31, 6, 1]


def test_a_given_set_that_repeats_the_training_data_is_counted(flowers: Path) -> None:
    splits = open_splits(flowers, validation=flowers, test=flowers)
    assert len(splits.train) == 40
    assert splits.leaked == 80
    assert splits.seen == 40


def test_a_test_set_that_repeats_the_validation_set_is_counted(flowers: Path, tmp_path: Path) -> None:
    for name in ("validation", "test"):
        (tmp_path / f"{name}/rose").mkdir(parents=True)
        shutil.copy(flowers / "rose/01.png", tmp_path / f"{name}/rose/{name}.png")
    (flowers / "rose/01.png").unlink()
    splits = open_splits(flowers, validation=tmp_path / "validation", test=tmp_path / "test")
    assert (splits.leaked, splits.seen) == (0, 1)
    assert open_splits(flowers).seen == 0


def test_a_given_set_with_another_class(flowers: Path, tmp_path: Path) -> None:
    (tmp_path / "test/roses").mkdir(parents=True)
    (flowers / "rose/01.png").rename(tmp_path / "test/roses/01.png")
    with pytest.raises(BadData) as caught:
        open_splits(flowers, test=tmp_path / "test")
    assert str(caught.value) == (
        f"roses is no class of the training data\n  where: {tmp_path}/test\n  expected: daisy, rose\n"
        "  got: 1 of 1 examples, the first: roses/01.png\n  nearest: rose\n"
        "  to do: correct them or leave them out, or train on data that have such too"
    )


def test_a_set_given_twice(flowers: Path, tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    flowers.rename(tmp_path / "parts/train")
    (tmp_path / "parts/test").symlink_to(tmp_path / "parts/train")
    assert open_splits(tmp_path / "parts").leaked > 20
    with pytest.raises(BadArgument) as caught:
        open_splits(tmp_path / "parts", test=tmp_path / "other")
    assert str(caught.value) == (
        f"the test set is given twice\n  got: {tmp_path}/parts holds one, and --test {tmp_path}/other\n"
        "  to do: leave out --test"
    )


def test_parts_without_one_to_train_on(flowers: Path, tmp_path: Path) -> None:
    for part in ("test", "val"):
        (tmp_path / "parts" / part / "rose").mkdir(parents=True)
        (tmp_path / "parts" / part / "rose/1.png").write_bytes((flowers / "rose/01.png").read_bytes())
    with pytest.raises(BadData) as caught:
        open_splits(tmp_path / "parts")
    assert str(caught.value) == (
        f"the data come in parts, but none to train on\n  where: {tmp_path}/parts\n  got: test, validation"
    )
