"""Each format against the program that writes it: numpy, pickle, joblib, torch, scipy, h5py, safetensors, flax."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import pickle
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import joblib
import numpy as np
import pytest
import safetensors.numpy
import safetensors.torch
import scipy.io
import torch

import regraft
from regraft.errors import MissingExtra, UnreadableFile, UnsupportedFormat

GOLDEN = Path(__file__).parent / "golden"
RANDOM = np.random.default_rng(0)
ARRAYS: dict[str, np.ndarray] = {
    "conv1/W": RANDOM.normal(size=(2, 3, 1, 4)).astype("float32"),
    "b": RANDOM.normal(size=5),
    "turned": np.arange(6).reshape(2, 3).T,
    "scalar": np.float32(3),
    "none": np.zeros((0, 3)),
    "half": RANDOM.normal(size=3).astype("float16"),
    "other order": RANDOM.normal(size=3).astype(">f4"),
    "complex": np.array([1 + 2j]),
    "flags": np.array([True, False]),
    "large": RANDOM.normal(size=3000).astype("float32"),
}
NESTED = {"conv1": {"weights": ARRAYS["conv1/W"], "biases": ARRAYS["b"]}, "list": [ARRAYS["half"], (ARRAYS["flags"],)]}


def flat(value: Any, name: str = "") -> Iterator[tuple[str, np.ndarray]]:
    if isinstance(value, Mapping | Sequence):
        for key, item in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from flat(item, f"{name}/{key}" if name else str(key))
    else:
        yield name, value.detach().numpy() if isinstance(value, torch.Tensor) else np.asarray(value)


def check(path: Path, expected: Any, format: str) -> None:
    network = regraft.open(path)
    wanted = dict(flat(expected))
    assert (network.format, network.outputs) == (format, ())
    assert list(network.parameters) == list(wanted)
    for name, value in wanted.items():
        found = network.parameters[name].value
        assert (found.shape, found.dtype) == (value.shape, value.dtype.newbyteorder("=")), name
        np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [ARRAYS, NESTED, [ARRAYS["b"], ARRAYS["conv1/W"]]], ids=["flat", "nested", "list"])
def test_pickles(tmp_path: Path, value: Any, protocol: int) -> None:
    (tmp_path / "x").write_bytes(pickle.dumps(value, protocol))
    check(tmp_path / "x", value, "pickle")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_packed_pickles(tmp_path: Path, pack: Callable[[bytes], bytes], protocol: int) -> None:
    (tmp_path / "x.pkl").write_bytes(pack(pickle.dumps(ARRAYS, protocol)))
    check(tmp_path / "x.pkl", ARRAYS, "pickle")


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_one_after_the_other(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "x").write_bytes(pickle.dumps(ARRAYS["b"], protocol) + pickle.dumps(ARRAYS["half"], protocol))
    check(tmp_path / "x", [ARRAYS["b"], ARRAYS["half"]], "pickle")


def test_xz_streams_one_after_the_other(tmp_path: Path) -> None:
    streams = [lzma.compress(pickle.dumps(ARRAYS[name])) for name in ("b", "half")]
    (tmp_path / "x").write_bytes(bytes(4).join(streams))
    check(tmp_path / "x", [ARRAYS["b"], ARRAYS["half"]], "pickle")


def test_a_single_array_is_called_as_its_file(tmp_path: Path) -> None:
    (tmp_path / "first.pkl.gz").write_bytes(gzip.compress(pickle.dumps(ARRAYS["b"])))
    np.save(tmp_path / "second.npy", ARRAYS["turned"])
    check(tmp_path / "first.pkl.gz", {"first": ARRAYS["b"]}, "pickle")
    check(tmp_path / "second.npy", {"second": ARRAYS["turned"]}, "npy")


def test_words_of_python_2_are_names(tmp_path: Path) -> None:
    # {'conv1': array([1., 2.], float32)} as cPickle of Python 2 wrote it, protocols 0 and 2
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(I0\ntS'b'\ntR(I1\n(I2\ntcnumpy\ndtype\n"
        b"(S'f4'\nI0\nI1\ntR(I3\nS'<'\nNNNI-1\nI-1\nI0\ntbI00\nS'\\x00\\x00\\x80?\\x00\\x00\\x00@'\ntb"
    )
    (tmp_path / "text").write_bytes(b"(dp1\nS'conv1'\n" + array + b"s.")
    (tmp_path / "bytes").write_bytes(
        b"\x80\x02}U\x05conv1cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\1b\x87R(K\1K\2\x85"
        b"cnumpy\ndtype\nU\2f4K\0K\1\x87R(K\3U\1<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89"
        b"U\x08\0\0\x80?\0\0\0@tbs."
    )
    for name in ("text", "bytes"):
        check(tmp_path / name, {"conv1": np.array([1, 2], "float32")}, "pickle")


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, save: Callable[..., None]) -> None:
    save(tmp_path / "x.npz", **ARRAYS, object=np.array(NESTED, dtype=object))
    check(tmp_path / "x.npz", {**ARRAYS, "object": NESTED}, "npz")


def test_a_dictionary_in_an_npy_file(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array(NESTED, dtype=object), allow_pickle=True)
    check(tmp_path / "x.npy", NESTED, "npy")


@pytest.mark.parametrize("pack", [0, 3, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("xz", 3), ("lzma", 3), ("lz4", 3)])
def test_joblib(tmp_path: Path, pack: Any) -> None:
    if pack == ("lz4", 3):
        pytest.importorskip("lz4")
    joblib.dump(NESTED | ARRAYS, tmp_path / "x", compress=pack)
    check(tmp_path / "x", NESTED | ARRAYS, "pickle")


def test_joblib_with_arrays_of_arrays(tmp_path: Path) -> None:
    together = np.empty(2, object)
    together[:] = [ARRAYS["b"], ARRAYS["half"]]
    joblib.dump({"all": together, "then": ARRAYS["b"]}, tmp_path / "x")
    check(tmp_path / "x", {"all": list(together), "then": ARRAYS["b"]}, "pickle")


def test_lz4_is_an_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.lz4").write_bytes(b"\x04\x22\x4d\x18" + bytes(20))
    monkeypatch.setitem(sys.modules, "lz4.frame", None)
    with pytest.raises(MissingExtra) as error:
        regraft.open(tmp_path / "x.lz4")
    assert str(error.value) == (
        "the file is compressed with lz4, which needs a package\n"
        f"  where: {tmp_path}/x.lz4\n"
        "  to do: pip install 'regraft[lz4]'"
    )


STATE = {
    "conv.weight": torch.randn(3, 4),
    "double": torch.randn(4).double(),
    "part": torch.randn(4, 6)[:, 1:3].t(),
    "num_batches_tracked": torch.tensor(3),
    "parameter": torch.nn.Parameter(torch.randn(2)),
    "none": torch.zeros(0, 2),
    "small": torch.arange(3).to(torch.uint16),
}


@pytest.mark.parametrize("zipped", [True, False])
def test_state_dicts(tmp_path: Path, zipped: bool) -> None:
    torch.save(STATE, tmp_path / "x", _use_new_zipfile_serialization=zipped)
    check(tmp_path / "x", STATE, "torch")
    assert not regraft.open(tmp_path / "x").parameters["num_batches_tracked"].trainable


@pytest.mark.parametrize("zipped", [True, False])
def test_a_trainings_file_and_the_names_of_data_parallel(tmp_path: Path, zipped: bool) -> None:
    net = torch.nn.Sequential(torch.nn.Linear(2, 3))
    training = {"epoch": 3, "optimizer": torch.optim.Adam(net.parameters()).state_dict()}
    parallel = {f"module.{name}": value for name, value in net.state_dict().items()}
    torch.save({**training, "state_dict": parallel}, tmp_path / "x", _use_new_zipfile_serialization=zipped)
    with pytest.warns(UserWarning, match="are taken") as said:
        network = regraft.open(tmp_path / "x")
    assert list(network.parameters) == ["0.weight", "0.bias"]
    assert [str(warning.message) for warning in said] == [
        f"{tmp_path}/x: the weights under 'state_dict' are taken; left out: epoch, optimizer",
        f"{tmp_path}/x: all names begin with 'module.' (DataParallel); they are taken without",
    ]


@pytest.mark.parametrize("zipped", [True, False])
def test_bfloat16_comes_as_float32(tmp_path: Path, zipped: bool) -> None:
    value = torch.randn(5).to(torch.bfloat16)
    torch.save({"x": value}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    safetensors.torch.save_file({"x": value}, tmp_path / "x.safetensors")
    check(tmp_path / "x.pt", {"x": value.float()}, "torch")
    check(tmp_path / "x.safetensors", {"x": value.float()}, "safetensors")


def test_a_torchscript_program_is_no_state_dict(tmp_path: Path) -> None:
    with pytest.warns(FutureWarning):
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 3)), tmp_path / "x.pt")
    with pytest.raises(UnsupportedFormat) as error:
        regraft.open(tmp_path / "x.pt")
    assert str(error.value) == (
        "this is a TorchScript program, not a state dict\n"
        f"  where: {tmp_path}/x.pt\n"
        "  to do: torch.save(torch.jit.load(FILE).state_dict(), NEW)"
    )


def test_safetensors(tmp_path: Path) -> None:
    given = {n: np.ascontiguousarray(v) for n, v in ARRAYS.items() if n not in ("other order", "complex")}
    safetensors.numpy.save_file(given, tmp_path / "x", metadata={"format": "np"})
    network = regraft.open(tmp_path / "x")
    assert network.format == "safetensors"
    assert set(network.values) == set(given)
    for name, value in given.items():
        np.testing.assert_array_equal(network.values[name], value)


def test_flax() -> None:
    def counted(*shape: int) -> np.ndarray:
        return (np.arange(np.prod(shape)).reshape(shape) / 8).astype("float32")

    with pytest.warns(UserWarning, match=r"left out, for it is no array of numbers: step \(int\)"):
        network = regraft.open(GOLDEN / "flax.msgpack")
    expected = {
        "params/Conv_0/kernel": counted(3, 2, 1, 2),
        "params/Conv_0/bias": counted(2),
        "params/Dense_0/kernel": counted(4, 3),
        "params/Dense_0/bias": counted(3).astype("float16"),
        "batch_stats/BatchNorm_0/mean": counted(2),
        "batch_stats/BatchNorm_0/var": np.ones(2, "float32"),
        "scale": np.float32(0.5),
    }
    assert {name: (p.value.tolist(), p.dtype) for name, p in network.parameters.items()} == {
        name: (value.tolist(), str(value.dtype)) for name, value in expected.items()
    }
    assert network.parameters["params/Conv_0/kernel"].trainable
    assert not network.parameters["batch_stats/BatchNorm_0/var"].trainable


@pytest.mark.parametrize("pack", [False, True])
def test_matlab(tmp_path: Path, pack: bool) -> None:
    cells = np.empty(2, object)
    cells[:] = [ARRAYS["b"].reshape(1, 5), {"w": np.eye(2)}]
    given = {
        "a": ARRAYS["conv1/W"], "z": np.array([[1 + 2j]]), "i": np.array([[5]]), "u": np.zeros((2, 3, 4), "u1"),
        "net": {"w": np.eye(3), "inner": {"b": ARRAYS["half"].astype("f4").reshape(1, 3)}},
    }  # fmt: skip
    scipy.io.savemat(tmp_path / "x", {**given, "cells": cells, "word": "said"}, do_compression=pack, appendmat=False)
    with pytest.warns(UserWarning, match=r"word \(str\)"):
        check(tmp_path / "x", {**given, "cells": [cells[0], cells[1]]}, "mat")


def test_matlab_4(tmp_path: Path) -> None:
    given = {"a": ARRAYS["turned"].astype("f8"), "z": np.array([[1 + 2j, 3]]), "i": np.array([[5, -6]], "i4")}
    scipy.io.savemat(tmp_path / "x", {**given, "word": "said", "u": np.eye(2, dtype="u1")}, format="4", appendmat=False)
    with pytest.warns(UserWarning, match=r"word \(str\)"):
        check(tmp_path / "x", {**given, "u": np.eye(2, dtype="u1")}, "mat")
    (tmp_path / "other_order").write_bytes(struct.pack(">5i2s2d", 1000, 2, 1, 0, 2, b"b\0", 1.5, -2))
    check(tmp_path / "other_order", {"b": np.array([[1.5], [-2]])}, "mat")


def test_weights_in_several_files(tmp_path: Path) -> None:
    parts = {"model-1.safetensors": {"a.weight": ARRAYS["large"]}, "model-2.safetensors": {"b.weight": ARRAYS["half"]}}
    for name, part in parts.items():
        safetensors.numpy.save_file({**part, "left": np.zeros(1)}, tmp_path / name)
    places = {name: file for file, part in parts.items() for name in part}
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}, indent=2))
    check(index, {"a.weight": ARRAYS["large"], "b.weight": ARRAYS["half"]}, "safetensors")
    torch.save({"b.weight": torch.ones(2)}, tmp_path / "model-2.safetensors")  # the content says what a file is
    check(index, {"a.weight": ARRAYS["large"], "b.weight": np.ones(2, "f4")}, "torch")


def test_matlab_7_3(tmp_path: Path) -> None:
    large = RANDOM.normal(size=(300, 40))
    with h5py.File(tmp_path / "x", "w", userblock_size=512) as file:
        file.create_dataset("a", data=np.arange(6.0).reshape(2, 3))
        file.create_dataset("large", data=large, compression="gzip")
        file.create_group("net").create_dataset("w", data=np.ones(3))
        file.create_group("#refs#").create_dataset("q", data=np.ones((2, 2)))
        file.create_dataset("cells", data=np.array([[file["#refs#/q"].ref]], dtype=h5py.ref_dtype))
    with (tmp_path / "x").open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")
    expected = {"a": np.arange(6.0).reshape(2, 3).T, "cells": [np.ones((2, 2))], "large": large.T}
    check(tmp_path / "x", {**expected, "net": {"w": np.ones(3)}}, "mat")


def test_a_file_without_arrays(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(pickle.dumps({"a": 1, "b": ["word"]}))
    with pytest.raises(UnreadableFile) as error:
        regraft.open(tmp_path / "x")
    assert str(error.value) == (
        f"the file holds no arrays of numbers\n  where: {tmp_path}/x\n  got: a (int), b/0 (str)"
    )


def test_the_real_files(shared: Path) -> None:
    six = shared / "models/mtcnn_six_formats"
    for path in six.glob("*/*.npy"):
        check(path, np.load(path, allow_pickle=True, encoding="latin1").item(), "npy")
    for path in (*six.glob("*/*.pt"), *(shared / "models/mobilenet_v2_imagenet_torch").glob("*.pth")):
        check(path, torch.load(path, weights_only=True), "torch")
    for path in (shared / "models/theano_tagger_mat").glob("*.mat"):
        check(path, {name: v for name, v in scipy.io.loadmat(path).items() if not name.startswith("__")}, "mat")


def test_the_real_files_packed_with_lz4(shared: Path) -> None:
    pytest.importorskip("lz4")
    for path in (shared / "models/mtcnn_six_formats/joblib_lz4").glob("*.lz4"):
        check(path, joblib.load(path), "pickle")


def test_looking_needs_no_torch(tmp_path: Path) -> None:
    torch.save(STATE, tmp_path / "x.pt")
    code = f"import regraft, sys; regraft.open({str(tmp_path / 'x.pt')!r}).parameters; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
