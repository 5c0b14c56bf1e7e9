from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from regraft.errors import BadArgument, MissingFile, UnreadableFile, UnsupportedFormat
from regraft.formats.tf1.checkpoint import write_checkpoint
from regraft.formats.tf1.checkpoint.locate import checkpoints_in, file_of, is_checkpoint, locate

GOLDEN = Path(__file__).parent / "golden"
KINDS = (
    "a V2 checkpoint (.index and .data files), a V1 checkpoint (a table in one file or several) or a folder of one; "
    "a graph (.meta, .pb, .pbtxt); a SavedModel folder"
)
FIX = (
    "  to do: Give the prefix of a checkpoint, one of its files, or its folder; or a graph (.meta, .pb, .pbtxt) or a "
    "SavedModel folder."
)


def write(prefix: Path) -> Path:
    write_checkpoint(prefix, {"w": np.ones(2)})
    return prefix


def name_latest(folder: Path, path: str) -> None:
    (folder / "checkpoint").write_text(f'model_checkpoint_path: "{path}"\nall_model_checkpoint_paths: "other"\n')


def message(path: Path, kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        locate(path)
    return str(caught.value)


@pytest.mark.parametrize(
    "given", ["", "m.ckpt-18", "m.ckpt-18.index", "m.ckpt-18.data-00000-of-00001", "m.ckpt-18.meta", "checkpoint"]
)
def test_a_prefix_and_everything_that_means_it(tmp_path: Path, given: str) -> None:
    prefix = write(tmp_path / "m.ckpt-18")
    assert locate(tmp_path / given) == prefix
    assert is_checkpoint(prefix)


@pytest.mark.parametrize("given", ["", ".index", ".data-00000-of-00001", ".meta", "checkpoint"])
@pytest.mark.parametrize("named", ["", ".", "/home/author/run/"])
def test_a_prefix_without_a_name(tmp_path: Path, given: str, named: str) -> None:
    write(tmp_path / ".index")
    name_latest(tmp_path, named)
    assert locate(tmp_path / given) == tmp_path / ".index"
    assert file_of(tmp_path / ".index", ".meta") == tmp_path / ".meta"
    assert file_of(tmp_path / "m", ".meta") == tmp_path / "m.meta"


@pytest.mark.parametrize(
    "named",
    ["m-2", "./m-2", "/home/author/run/m-2", r"C:\\Users\\author\\m-2", "gs://bucket/m-2", "../m-2", "m-2.index"],
)
def test_the_latest_lies_beside_the_file_that_names_it(tmp_path: Path, named: str) -> None:
    write(tmp_path / "m-1")
    prefix = write(tmp_path / "m-2")
    name_latest(tmp_path, named)
    assert locate(tmp_path) == prefix


def test_a_folder_of_one(tmp_path: Path) -> None:
    prefix = write(tmp_path / "variables")
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "notes.txt").write_text("x")
    assert locate(tmp_path) == prefix


def test_a_prefix_that_is_a_folder_too(tmp_path: Path) -> None:
    prefix = write(tmp_path / "model")
    write(tmp_path / "model/inside")
    assert locate(tmp_path / "model") == prefix


def test_v1(tmp_path: Path) -> None:
    shutil.copy(GOLDEN / "v1", tmp_path / "m.ckpt")
    (tmp_path / "m.ckpt.meta").touch()
    assert locate(tmp_path) == locate(tmp_path / "m.ckpt.meta") == locate(tmp_path / "m.ckpt") == tmp_path / "m.ckpt"
    shutil.move(tmp_path / "m.ckpt", tmp_path / "checkpoint")
    assert locate(tmp_path / "checkpoint") == tmp_path / "checkpoint"


@pytest.mark.parametrize("given", ["", "m", "m-00001-of-00002", "m-?????-of-00002", "m.meta", "checkpoint"])
def test_v1_in_shards(tmp_path: Path, given: str) -> None:
    for number in range(2):
        shutil.copy(GOLDEN / f"v1_sharded/model.ckpt-5-0000{number}-of-00002", tmp_path / f"m-0000{number}-of-00002")
    name_latest(tmp_path, "/home/author/m-?????-of-00002")
    assert locate(tmp_path / given) == tmp_path / "m"


def test_nothing_there(tmp_path: Path) -> None:
    write(tmp_path / "model.ckpt-18")
    assert message(tmp_path / "model.ckpt", MissingFile) == (
        "There is no checkpoint model.ckpt.\n"
        f"  where: {tmp_path / 'model.ckpt'}\n"
        "  expected: model.ckpt.index or a V1 checkpoint\n"
        "  nearest: model.ckpt-18\n" + FIX
    )
    assert message(tmp_path / "no/where", MissingFile) == (
        "There is no checkpoint where.\n"
        f"  where: {tmp_path / 'no/where'}\n"
        "  expected: where.index or a V1 checkpoint\n" + FIX
    )


def test_only_a_meta_graph(tmp_path: Path) -> None:
    (tmp_path / "m.meta").write_bytes(b"graph")
    assert message(tmp_path / "m.meta", MissingFile) == (
        "There is no checkpoint m.\n"
        f"  where: {tmp_path / 'm.meta'}\n"
        "  expected: m.index or a V1 checkpoint\n"
        "  got: only m.meta\n" + FIX
    )


def test_another_kind_of_file(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_bytes(b"Dear diary")
    (tmp_path / "empty").touch()
    assert message(tmp_path / "notes.txt", UnsupportedFormat) == (
        "notes.txt is not a TensorFlow checkpoint.\n"
        f"  where: {tmp_path / 'notes.txt'}\n"
        f"  expected: {KINDS}\n"
        "  got: a file that starts with b'Dear dia'"
    )
    assert message(tmp_path / "empty", UnsupportedFormat).endswith("  got: an empty file")


def test_a_v1_checkpoint_cut_short(tmp_path: Path) -> None:
    (tmp_path / "m").write_bytes((GOLDEN / "v1").read_bytes()[:-1])
    assert message(tmp_path / "m", UnreadableFile) == (
        "m is damaged.\n"
        f"  where: {tmp_path / 'm'}\n"
        "  expected: a V1 checkpoint, which ends in an index and a footer\n"
        "  got: the start of one\n"
        "  to do: Copy the file again from where it came from; no part of it has been used."
    )


def test_a_folder_of_none(tmp_path: Path) -> None:
    assert message(tmp_path, MissingFile) == (
        f"There is no checkpoint in the folder.\n  where: {tmp_path}\n  expected: {KINDS}"
    )


def test_a_folder_of_graphs_only(tmp_path: Path) -> None:
    (tmp_path / "old.pbtxt").touch()
    (tmp_path / "frozen.pb").touch()
    assert message(tmp_path, MissingFile) == (
        "There is no checkpoint in the folder.\n"
        f"  where: {tmp_path}\n"
        f"  expected: {KINDS}\n"
        "  got: frozen.pb, old.pbtxt\n"
        f"  to do: Name the graph: {tmp_path / 'frozen.pb'}"
    )


def test_a_graph_of_nearly_that_name(tmp_path: Path) -> None:
    (tmp_path / "frozen.pb").touch()
    assert message(tmp_path / "frozen", MissingFile) == (
        "There is no checkpoint frozen.\n"
        f"  where: {tmp_path / 'frozen'}\n"
        "  expected: frozen.index or a V1 checkpoint\n"
        "  nearest: frozen.pb\n" + FIX
    )


def test_a_folder_of_many(tmp_path: Path) -> None:
    for number in range(12):
        write(tmp_path / f"m-{number:02d}")
    (tmp_path / "checkpoint").unlink()
    assert message(tmp_path, BadArgument) == (
        "The folder holds 12 checkpoints and no file that says which is the latest.\n"
        f"  where: {tmp_path}\n"
        "  expected: one checkpoint, or a file named checkpoint\n"
        "  got: m-00, m-01, m-02, m-03, m-04, m-05, m-06, m-07, m-08, m-09 and 2 more\n"
        f"  to do: Name one of them, such as {tmp_path / 'm-11'}"
    )


def test_the_latest_is_not_there(tmp_path: Path) -> None:
    write(tmp_path / "PNet-18")
    write(tmp_path / "PNet-16")
    name_latest(tmp_path, "/home/author/PNet-30")
    assert message(tmp_path, MissingFile) == (
        "The latest checkpoint of the folder is not there.\n"
        f"  where: {tmp_path / 'checkpoint'}\n"
        "  expected: '/home/author/PNet-30' beside it\n"
        "  got: PNet-16, PNet-18\n"
        "  nearest: PNet-18, PNet-16\n"
        f"  to do: Copy its files into the folder, or name one that is there: {tmp_path / 'PNet-18'}"
    )


def test_the_latest_is_not_there_but_only_one_other_is(tmp_path: Path) -> None:
    write(tmp_path / "PNet-18")
    name_latest(tmp_path, "PNet-30")
    said = f"{tmp_path / 'checkpoint'} names 'PNet-30', which is not there; PNet-18, the only one, is opened"
    with pytest.warns(UserWarning, match=f"^{re.escape(said)}$"):
        assert locate(tmp_path) == tmp_path / "PNet-18"


@pytest.mark.parametrize("named", ["../../etc/passwd", "/etc/passwd", "a\\000b", "x" * 5000, "..", "\\303"])
def test_the_latest_is_looked_for_nowhere_else(tmp_path: Path, named: str) -> None:
    name_latest(tmp_path, named)
    assert message(tmp_path, MissingFile).startswith("The latest checkpoint of the folder is not there.\n")


def test_checkpoints_in(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN, tmp_path / "x")
    assert checkpoints_in(tmp_path / "x") == ["v2"]
    os.unlink(tmp_path / "x/v2.index")
    assert checkpoints_in(tmp_path / "x") == ["v1"]
    assert checkpoints_in(tmp_path / "x/v1_sharded") == ["model.ckpt-5"]
