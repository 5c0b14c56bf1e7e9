"""Checkpoints of real TensorFlow are read bit by bit, and it restores those written here."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import oracle
import pytest
from disk import small_disk as small_disk
from formats.tf1 import checkpoint_cases as cases

from regraft.errors import BadArgument, OutOfSpace, UnknownName, UnsupportedFormat
from regraft.formats.tf1.checkpoint import Checkpoint, open_checkpoint, write_checkpoint
from regraft.formats.tf1.checkpoint.mapped import extend, masked
from regraft.formats.tf1.checkpoint.snappy import unpack
from regraft.formats.tf1.checkpoint.table import write_table
from regraft.protobuf.wire import bytes_field, fixed32_field, number_field

GOLDEN = Path(__file__).parent / "golden"


def assert_same(found: np.ndarray[Any, Any], wanted: np.ndarray[Any, Any], name: str) -> None:
    assert (found.shape, found.dtype) == (wanted.shape, wanted.dtype), name
    same = found.tolist() == wanted.tolist() if wanted.dtype == object else found.tobytes() == wanted.tobytes()
    assert same, name


def assert_holds(checkpoint: Checkpoint, wanted: dict[str, np.ndarray[Any, Any]]) -> None:
    assert set(checkpoint) == set(wanted)
    for name, array in wanted.items():
        entry = checkpoint.entries[name]
        assert entry.shape == array.shape
        assert not checkpoint[name].flags.writeable
        assert_same(checkpoint[name], array, name)


def trained(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """The values TensorFlow had in its session; its strings are stored as text of fixed width."""
    with np.load(path) as file:
        return {name: array.astype(object) if array.dtype.kind == "S" else array for name, array in file.items()}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_golden_numbers(version: str) -> None:
    checkpoint = open_checkpoint(GOLDEN / version)
    numbers = {name: array for name, array in cases.numbers().items() if name.endswith("matrix")}
    few = {name: array for name, array in numbers.items() if name.split("/")[0] not in cases.NOT_IN_V1}
    assert checkpoint.version == version
    assert_holds(checkpoint, few | {"words": np.array([b"", b"one", b"\0\xff"], object)})
    assert {name: entry.dtype for name, entry in checkpoint.entries.items()} == {
        name: name.split("/")[0] if "/" in name else "string" for name in checkpoint
    }


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_golden_shards_and_partitions(version: str) -> None:
    checkpoint = open_checkpoint(GOLDEN / f"{version}_sharded")
    assert checkpoint.prefix == GOLDEN / f"{version}_sharded/model.ckpt-5"
    values = trained(GOLDEN / f"{version}_sharded_model.ckpt.npz")
    found = {name: array for name, array in checkpoint.items() if name in values}
    assert set(values) == {"rows/w", "columns/w", "dense/kernel", "dense/kernel/Momentum", "global_step", "words"}
    for name, array in values.items():
        assert_same(found[name], array, name)
    assert {"rows/w/Momentum", "columns/w/Momentum"} <= set(checkpoint)
    assert checkpoint["columns/w/Momentum"].shape == (4, 6)


def test_numbers_are_not_copied(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "x", {"w": np.arange(6.0).reshape(2, 3), "flag": np.array(True)})
    checkpoint = open_checkpoint(tmp_path / "x")
    assert np.shares_memory(checkpoint["w"], checkpoint["w"])
    assert checkpoint["w"].flags.aligned


def test_numbers_at_an_odd_place_are_copied_to_where_numpy_wants_them() -> None:
    checkpoint = open_checkpoint(GOLDEN / "v1")  # there the numbers lie where the messages around them leave them
    assert all(values.flags.aligned for values in checkpoint.values())
    assert not np.shares_memory(checkpoint["float64/matrix"], checkpoint["float64/matrix"])


def test_a_checkpoint_is_a_mapping(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "x", {"dense/kernel": np.ones(2), "dense/bias": np.zeros(1)})
    checkpoint = open_checkpoint(tmp_path / "x")
    assert list(checkpoint) == ["dense/bias", "dense/kernel"]
    assert len(checkpoint) == 2
    assert "dense/bias" in checkpoint
    assert "bias" not in checkpoint
    assert checkpoint.get("bias") is None
    with pytest.raises(UnknownName) as caught:
        checkpoint["dense/kernels"]
    assert str(caught.value) == (
        "There is no tensor 'dense/kernels' in the checkpoint.\n"
        f"  where: {tmp_path / 'x'}\n"
        "  nearest: dense/kernel, dense/bias"
    )


def test_what_was_written_comes_back(tmp_path: Path) -> None:
    arrays = cases.numbers() | cases.strings() | {"straße/ü": np.ones(1)}
    write_checkpoint(tmp_path / "new/model.ckpt", arrays)
    assert_holds(open_checkpoint(tmp_path / "new"), arrays)
    assert sorted(os.listdir(tmp_path / "new")) == [
        "checkpoint",
        "model.ckpt.data-00000-of-00001",
        "model.ckpt.index",
    ]


def test_any_layout_and_byte_order_and_text_can_be_written(tmp_path: Path) -> None:
    array = np.arange(12.0).reshape(3, 4)
    arrays = {"t": array.T, "step": array[:, ::2], "big": array.astype(">f8"), "words": np.array([["ü", "b"]])}
    write_checkpoint(tmp_path / "x", arrays)
    wanted = {"t": array.T, "step": array[:, ::2], "big": array, "words": np.array([["ü".encode(), b"b"]], object)}
    assert_holds(open_checkpoint(tmp_path / "x"), wanted)


def test_a_checkpoint_may_be_written_over_the_one_it_is_made_from(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "x", {"w": np.arange(1000.0), "b": np.ones(3)})
    old = open_checkpoint(tmp_path / "x")
    write_checkpoint(tmp_path / "x", dict(old) | {"b": np.zeros(3)})
    assert_holds(open_checkpoint(tmp_path / "x"), {"w": np.arange(1000.0), "b": np.zeros(3)})
    assert_same(old["b"], np.ones(3), "the old file, still open")


def test_a_prefix_without_a_name_is_written_as_tensorflow_does(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / ".index", {"w": np.ones(1)})
    assert sorted(os.listdir(tmp_path)) == [".data-00000-of-00001", ".index", "checkpoint"]
    assert open_checkpoint(tmp_path).prefix == tmp_path / ".index"


def test_what_tensorflow_has_no_type_for(tmp_path: Path) -> None:
    with pytest.raises(BadArgument) as caught:
        write_checkpoint(tmp_path / "x", {"day": np.array(["2020-01-01"], "datetime64[D]")})
    assert str(caught.value) == (
        "TensorFlow has no type for this array.\n"
        "  where: 'day'\n"
        "  expected: numbers, truth values or strings\n"
        "  got: datetime64[D]"
    )
    with pytest.raises(BadArgument) as caught:
        write_checkpoint(tmp_path / "x", {"mixed": np.array([b"a", 1], object)})
    assert str(caught.value) == (
        "An array of objects is written as strings.\n  where: 'mixed'\n  expected: bytes or text\n  got: int"
    )
    with pytest.raises(BadArgument) as caught:
        write_checkpoint(tmp_path / "x", {"": np.ones(1)})
    assert str(caught.value) == "A tensor needs a name.\n  expected: a name that is not empty\n  got: ''"
    assert os.listdir(tmp_path) == []


def test_a_full_disk_leaves_the_old_checkpoint(small_disk: Path) -> None:
    write_checkpoint(small_disk / "x", {"w": np.ones(5)})
    with pytest.raises(OutOfSpace) as caught:
        write_checkpoint(small_disk / "x", {"w": np.ones(1 << 20)})
    assert str(caught.value) == (
        "the disk is full: x.data-00000-of-00001 could not be written\n"
        f"  where: {small_disk / 'x.data-00000-of-00001'}\n"
        "  got: No space left on device\n"
        "  to do: free some space and run the same command again; nothing was left half written"
    )
    assert_holds(open_checkpoint(small_disk), {"w": np.ones(5)})
    assert sorted(os.listdir(small_disk)) == ["checkpoint", "x.data-00000-of-00001", "x.index"]


def test_numbers_in_the_other_byte_order(tmp_path: Path) -> None:
    raw = np.arange(6, dtype=">f4").tobytes()
    shape = bytes_field(2, bytes_field(2, number_field(1, 2)) + bytes_field(2, number_field(1, 3)))
    entry = number_field(1, 1) + shape + number_field(5, 24)
    entry += fixed32_field(6, masked(extend(0, np.frombuffer(raw, np.uint8))))
    header = number_field(1, 1) + number_field(2, 1) + bytes_field(3, number_field(1, 1))
    (tmp_path / "x.index").write_bytes(write_table([(b"", header), (b"w", entry)]))
    (tmp_path / "x.data-00000-of-00001").write_bytes(raw)
    assert_holds(open_checkpoint(tmp_path / "x"), {"w": np.arange(6, dtype="float32").reshape(2, 3)})


def test_reading_needs_numpy_only() -> None:
    script = (
        "import sys, regraft.formats.tf1.checkpoint\n"
        "paths = [getattr(m, '__file__', None) or '' for m in list(sys.modules.values())]\n"
        "print(*sorted({p.split('site-packages/')[1].split('/')[0] for p in paths if 'site-packages/' in p}))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) - {"_distutils_hack", "__editable___regraft_finder.py"} == {
        "google_crc32c",
        "numpy",
    }


def test_real_training_checkpoints(shared: Path) -> None:
    folder = shared / "models/mtcnn_tf1"
    network_p = open_checkpoint(folder / "PNet_landmark/PNet-18")
    network_r = open_checkpoint(folder / "RNet_landmark/RNet-14.meta")
    assert (len(network_p), len(network_r)) == (31, 35)
    assert network_p["conv1/weights"].shape == (3, 3, 3, 10)
    assert network_p["conv1/weights/Momentum"].dtype == np.float32
    assert sum(entry.size * 4 for entry in network_r.entries.values()) == 810724


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of checkpoints TensorFlow wrote, after it has restored those regraft wrote there."""
    folder = tmp_path_factory.mktemp("written")
    write_checkpoint(folder / "ours/model.ckpt-7", cases.numbers() | cases.strings())
    write_checkpoint(folder / "ours_many/many", cases.many())
    oracle.run(Path(__file__).parent / "checkpoint_oracle.py", folder)
    return folder


@pytest.mark.slow
def test_tensorflow_restores_ours(written: Path) -> None:
    assert (written / "ours").is_dir()  # the oracle's script fails where one bit differs


@pytest.mark.slow
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_all_types(written: Path, version: str) -> None:
    wanted = cases.numbers() | cases.quantised() | cases.bfloat16() | cases.strings()
    if version == "v1":
        wanted = {name: array for name, array in wanted.items() if name.split("/")[0] not in cases.NOT_IN_V1}
    checkpoint = open_checkpoint(written / f"types_{version}")
    assert_holds(checkpoint, wanted)
    assert {name: entry.dtype for name, entry in checkpoint.entries.items()} == {
        name: name.split("/")[0] for name in wanted
    }


@pytest.mark.slow
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_several_blocks(written: Path, version: str) -> None:
    assert_holds(open_checkpoint(written / f"many_{version}"), cases.many())
    assert_holds(open_checkpoint(written / f"large_{version}"), cases.large())


@pytest.mark.slow
@pytest.mark.parametrize("name", ["slots_v1", "slots_v2", "sharded_v1", "sharded_v2", "nameless"])
def test_saver(written: Path, name: str) -> None:
    checkpoint = open_checkpoint(written / name)
    step = {"slots": "model.ckpt-18", "sharded": "model.ckpt-5", "nameless": ".index"}[name.split("_")[0]]
    assert checkpoint.prefix == written / name / step
    values = trained(written / (name + ("" if name == "nameless" else "_model.ckpt") + ".npz"))
    for key, array in values.items():
        assert_same(checkpoint[key], array, key)
    assert set(checkpoint) == set(values) | {"rows/w/Momentum", "columns/w/Momentum"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "tensor", "dtype"), [("variants", "list", "variant"), ("float8", "eighth", "float8_e5m2")]
)
def test_what_numpy_has_no_type_for(written: Path, name: str, tensor: str, dtype: str) -> None:
    checkpoint = open_checkpoint(written / name)
    assert checkpoint["w"] == [1.0]
    with pytest.raises(UnsupportedFormat) as caught:
        checkpoint[tensor]
    assert str(caught.value) == (
        f"A tensor of type {dtype} cannot be read.\n"
        f"  where: {written / name}.index, entry '{tensor}'\n"
        "  expected: numbers of a type numpy has, bfloat16, quantised numbers or strings\n"
        "  to do: Read the other tensors: this one stands in the way only of itself."
    )


@pytest.mark.slow
def test_snappy_as_tensorflow_writes_it(written: Path) -> None:
    packed = (written / "snappy").read_bytes()[4:]  # behind the length of the piece
    assert unpack(memoryview(packed), "snappy") == (written / "snappy.plain").read_bytes()
