from collections import Counter

import pytest
from PIL import Image

from benchmarks.rivals.photos import folds, splits_of


@pytest.fixture
def data(tmp_path):
    for name in ("rose", "tulip"):
        (tmp_path / name).mkdir()
        for k in range(20):
            Image.new("RGB", (4, 4), (k, len(name), 0)).save(tmp_path / name / f"{k}.png")
    return tmp_path


def test_each_photo_is_tested_once_and_parts_do_not_overlap(data):
    found = folds(0, 20, data)

    assert sorted(name for fold in found for name, _ in fold.test) == sorted(
        path.relative_to(data).as_posix() for path in data.glob("*/*")
    )
    for fold in found:
        parts = [{name for name, _ in part} for part in (fold.train, fold.validation, fold.test)]
        assert len(set.union(*parts)) == sum(map(len, parts)) == 40
        assert [Counter(label for _, label in part) for part in (fold.train, fold.validation, fold.test)] == [
            {0: 13, 1: 13},
            {0: 3, 1: 3},
            {0: 4, 1: 4},
        ]


def test_labels_are_the_numbers_of_the_folders(data):
    fold = folds(0, 5, data)[0]

    assert fold.classes == ("rose", "tulip")
    assert all(fold.classes[label] == name.split("/")[0] for name, label in (*fold.train, *fold.test))


def test_the_seed_says_which_photos_are_taken(data):
    assert folds(3, 5, data) == folds(3, 5, data)
    assert folds(3, 5, data) != folds(4, 5, data)


def test_more_photos_than_there_are_cannot_be_taken(data):
    with pytest.raises(SystemExit, match="rose holds 20 photos, not 21"):
        folds(0, 21, data)


def test_regraft_gets_the_same_division(data):
    fold = folds(1, 10, data)[2]

    splits = splits_of(fold, data)

    assert len(splits.train.examples) == 20
    for part, photos in ((splits.train, fold.train), (splits.validation, fold.validation), (splits.test, fold.test)):
        assert [(part.examples.name(index), part.examples.labels[index]) for index in part.indices] == list(photos)
