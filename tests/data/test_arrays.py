"""Examples in numpy files, and labels in all their forms."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from regraft.data import open_data, open_parts, open_splits, open_unlabelled
from regraft.data.labels import from_array
from regraft.errors import BadArgument, BadData, MissingFile, UnreadableFile, UnsafeFile

X = np.random.default_rng(0).integers(0, 256, (12, 4, 3)).astype(np.uint8)
Y = np.arange(12) % 3


@pytest.mark.parametrize(
    ("x", "y"), [("x", "y"), ("X", "y"), ("images", "labels"), ("data", "target"), ("x_train", "y_train")]
)
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_by_their_usual_names(tmp_path: Path, x: str, y: str, save: type(np.savez)) -> None:
    save(tmp_path / "d.npz", **{x: X, y: Y})
    examples = open_data(tmp_path / "d.npz")
    np.testing.assert_array_equal(examples.items, X)
    assert examples.labels.tolist() == Y.tolist()
    assert examples.classes == ("0", "1", "2")
    assert examples.kind == "array"
    assert examples.name(3) == "row 3"
    assert len(set(examples.hashes)) == 12


def test_stored_arrays_are_memory_mapped(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.asfortranarray(X), y=Y)
    items = open_data(tmp_path / "d.npz").items
    assert isinstance(items, np.memmap)
    np.testing.assert_array_equal(items, X)


@pytest.mark.parametrize("names", [("x_{}", "y_{}"), ("{}_images", "{}_labels")])
def test_parts_in_one_file(tmp_path: Path, names: tuple[str, str]) -> None:
    parts = {"train": slice(0, 6), "val": slice(6, 9), "test": slice(9, 12)}
    arrays = {name.format(part): a[rows] for part, rows in parts.items() for name, a in zip(names, (X, Y), strict=True)}
    np.savez(tmp_path / "d.npz", **arrays)
    assert {name: len(part) for name, part in open_parts(tmp_path / "d.npz").items()} == {
        "train": 6,
        "validation": 3,
        "test": 3,
    }
    splits = open_splits(tmp_path / "d.npz")
    assert (len(splits.train), len(splits.validation), len(splits.test)) == (6, 3, 3)
    assert splits.test.labels.tolist() == [0, 1, 2]


def test_npy_with_labels(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    np.save(tmp_path / "y.npy", Y + 5)
    (tmp_path / "y.txt").write_text("\n".join(("daisy", "rose", "lily")[k] for k in Y) + "\n")
    assert open_data(tmp_path / "x.npy", labels=tmp_path / "y.npy").classes == ("5", "6", "7")
    assert open_data(tmp_path / "x.npy", labels=list(Y)).classes == ("0", "1", "2")
    named = open_data(tmp_path / "x.npy", labels=str(tmp_path / "y.txt"))
    assert named.classes == ("daisy", "lily", "rose")
    assert named.labels.tolist() == [(0, 2, 1)[k] for k in Y]


@pytest.mark.parametrize(
    "labels",
    [Y[:, None], Y.astype(float), np.eye(3)[Y], np.eye(3, dtype=bool)[Y], Y.astype(str), Y.astype("S")],
    ids=["column", "floats", "one-hot", "bools", "words", "bytes"],
)
def test_forms_of_labels(labels: np.ndarray) -> None:
    numbers, classes = from_array(labels, 12, "here")
    assert numbers.tolist() == Y.tolist()
    assert classes == ("0", "1", "2")


def test_numbers_are_sorted_as_numbers() -> None:
    assert from_array(np.array([10, 9, 100]), 3, "here")[1] == ("9", "10", "100")


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (
            Y[:5],
            "the labels do not fit the examples\n  where: here\n  expected: one label for each of the 12 examples\n"
            "  got: labels of shape (5,)",
        ),
        (
            np.ones((12, 3)),
            "the labels do not fit the examples\n  where: here\n  expected: one label for each of the 12 examples\n"
            "  got: labels of shape (12, 3)",
        ),
        (
            Y + 0.5,
            "the labels are no classes\n  where: here\n  expected: whole numbers from 0, or words\n"
            "  got: 0.5 of type float64",
        ),
        (
            Y - 1,
            "the labels are no classes\n  where: here\n  expected: whole numbers from 0, or words\n"
            "  got: -1 of type int64",
        ),
        (
            np.full(12, np.nan),
            "the labels are no classes\n  where: here\n  expected: whole numbers from 0, or words\n"
            "  got: nan of type float64",
        ),
    ],
)
def test_labels_that_do_not_fit(labels: np.ndarray, message: str) -> None:
    with pytest.raises(BadData) as caught:
        from_array(labels, 12, "here")
    assert str(caught.value) == message


def test_labels_missing(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    with pytest.raises(BadArgument) as caught:
        open_data(tmp_path / "x.npy")
    assert str(caught.value) == (
        f"an .npy file holds no labels\n  where: {tmp_path}/x.npy\n  to do: give them: --labels FILE (.npy, or text "
        "with one a line), or save both: np.savez(path, x=x, y=y)"
    )
    with pytest.raises(MissingFile, match=r"^there is no such file of labels\n"):
        open_data(tmp_path / "x.npy", labels=tmp_path / "none.npy")
    np.savez(tmp_path / "d.npz", x=X, z=Y)
    with pytest.raises(BadData) as bad:
        open_data(tmp_path / "d.npz")
    assert str(bad.value) == (
        f"the file holds x, but no labels for it\n  where: {tmp_path}/d.npz\n  expected: y or labels\n  got: x, z\n"
        "  to do: save both: np.savez(path, x=x, y=y), or give --labels FILE"
    )
    assert open_data(tmp_path / "d.npz", labels=Y).labels.tolist() == Y.tolist()


def test_labels_given_twice(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=X, y=Y)
    with pytest.raises(BadArgument) as caught:
        open_data(tmp_path / "d.npz", labels=Y)
    assert str(caught.value) == (
        f"the labels are in the file already\n  where: {tmp_path}/d.npz\n  to do: leave out labels="
    )


def test_no_array_of_a_usual_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", weights=X, y=Y)
    with pytest.raises(BadData) as caught:
        open_data(tmp_path / "d.npz")
    assert str(caught.value) == (
        "no array of this file goes by a name that says it holds the examples\n"
        f"  where: {tmp_path}/d.npz\n"
        "  expected: x, images, image, data, features, inputs; also in parts, as x_train and x_test\n"
        "  got: weights, y"
    )


def test_a_value_that_is_not_finite(tmp_path: Path) -> None:
    x = np.zeros((5, 3))
    x[3, 1] = np.nan
    np.savez(tmp_path / "d.npz", x=x, y=np.arange(5))
    with pytest.raises(BadData) as caught:
        open_data(tmp_path / "d.npz")
    assert str(caught.value) == (
        f"a value is not finite\n  where: {tmp_path}/d.npz, row 3\n  to do: remove the row, or mend it"
    )


@pytest.mark.parametrize("x", [np.zeros(5), np.zeros((0, 3)), np.array([["a"]])])
def test_an_array_that_holds_no_examples(tmp_path: Path, x: np.ndarray) -> None:
    np.savez(tmp_path / "d.npz", x=x, y=np.zeros(len(x)))
    with pytest.raises(BadData) as caught:
        open_data(tmp_path / "d.npz")
    assert str(caught.value) == (
        f"this array holds no examples\n  where: {tmp_path}/d.npz\n"
        f"  expected: numbers, one example a row: (n, 784) or (n, 28, 28, 1)\n  got: {x.dtype} {x.shape}"
    )


def test_rows_to_be_judged(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", X)
    assert len(open_unlabelled([tmp_path / "d.npz"])) == 12
    np.savez(tmp_path / "e.npz", x=X, other=Y)
    assert len(open_unlabelled([tmp_path / "e.npz"])) == 12


# --- hostile files ------------------------------------------------------------------------------------


def npy(header: str, data: bytes = b"") -> bytes:
    text = header.encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def test_pickles_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.array([{}, {}], dtype=object), y=Y[:2])
    with pytest.raises(UnsafeFile) as caught:
        open_data(tmp_path / "d.npz")
    assert str(caught.value) == (
        "the array holds Python objects, which only pickle reads, and pickle runs code\n"
        f"  where: {tmp_path}/d.npz, x\n"
        "  to do: save it with a plain type: np.save(path, array.astype('float32'))"
    )


def test_a_header_that_lies_about_gigabytes(tmp_path: Path) -> None:
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4000000000, 1000)}"
    (tmp_path / "x.npy").write_bytes(npy(header, b"x" * 100))
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile(tmp_path / "d.npz", "w", compression) as archive:
            archive.writestr("x.npy", npy(header, b"x" * 100))
            archive.writestr("y.npy", npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1,)}", bytes(8)))
        for call in (
            lambda: open_data(tmp_path / "d.npz"),
            lambda: open_data(tmp_path / "x.npy", labels=[1]),
        ):
            with pytest.raises(UnreadableFile) as caught:
                call()
            assert re.sub("where: .*", "where: x", str(caught.value)) == (
                "the array is not as large as its header says\n  where: x\n"
                "  expected: 16000000000000 bytes for float32 (4000000000, 1000)\n  got: 100 bytes"
            )


def test_a_member_that_lies_about_gigabytes(tmp_path: Path) -> None:
    path = tmp_path / "d.npz"
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (100000000, 1)}"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x.npy", npy(header, bytes(100)))
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\1\2") + 24
    struct.pack_into("<I", data, at, len(npy(header)) + 400000000)
    path.write_bytes(data)
    with pytest.raises(UnsafeFile, match=r"^the array lies about its size\n"):
        open_unlabelled([path])


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-1, 3)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<U0', 'fortran_order': False, 'shape': (100000000000,)}",
        "{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}",
    ],
)
def test_arrays_of_no_plain_numbers(tmp_path: Path, header: str) -> None:
    (tmp_path / "x.npy").write_bytes(npy(header, bytes(12)))
    with pytest.raises(BadData, match=r"^the array holds no plain numbers or words\n"):
        open_unlabelled([tmp_path / "x.npy"])


@pytest.mark.parametrize("data", [b"", b"hello", b"\x93NUMPY\x09\x00\x00\x00", npy("{}"), npy("(" * 5000), npy("[1,")])
def test_no_array_at_all(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(UnreadableFile, match=r"^this is no numpy array\n"):
        open_unlabelled([tmp_path / "x.npy"])


def test_no_npz_at_all(tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_bytes(b"hello")
    with pytest.raises(UnreadableFile) as caught:
        open_data(tmp_path / "d.npz")
    assert str(caught.value) == f"this is no .npz file\n  where: {tmp_path}/d.npz\n  got: File is not a zip file"


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_damaged_files_are_seen_and_never_crash(tmp_path: Path, save: type(np.savez)) -> None:
    import random

    whole = io.BytesIO()
    save(whole, x=X, y=Y)
    refused = 0
    for seed in range(100):
        dice = random.Random(seed)
        data = bytearray(whole.getvalue())
        data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        (tmp_path / "d.npz").write_bytes(data)
        try:
            examples = open_data(tmp_path / "d.npz")
        except (UnreadableFile, UnsafeFile, BadData, BadArgument):
            refused += 1
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
        else:
            np.testing.assert_array_equal(examples.items, X)
            assert examples.labels.tolist() == Y.tolist()
    assert refused > 30
