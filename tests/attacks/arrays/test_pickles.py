"""Pickles that would run code, wherever they may lie, and pickles that would fill the memory."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch

import regraft
from regraft.errors import RegraftError, UnreadableFile, UnsafeFile

COPY = "\n  to do: copy the file again from where it came; no part of it has been used"


class Payload:
    """Makes a file when it is unpickled."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.system, (f"touch {self.trace}",)


def with_payload(kind: str, value: Any) -> bytes:
    out = io.BytesIO()
    if kind == "npy":
        np.save(out, np.array(value, dtype=object), allow_pickle=True)
    elif kind == "npz":
        np.savez(out, a=np.ones(3), b=np.array(value, dtype=object))
    elif kind.startswith("joblib"):
        joblib.dump(value, out, compress=3 if kind.endswith("packed") else 0)
    elif kind.startswith("torch"):
        torch.save(value, out, _use_new_zipfile_serialization=kind == "torch")
    else:
        out.write(pickle.dumps(value, int(kind[-1])))
    return out.getvalue()


KINDS = ["npy", "npz", "joblib", "joblib packed", "torch", "torch old", *(f"pickle {number}" for number in range(6))]


@pytest.mark.parametrize("kind", KINDS)
def test_a_payload_is_refused_and_not_run(tmp_path: Path, kind: str) -> None:
    trace = tmp_path / "it ran".replace(" ", "_")
    (tmp_path / "x").write_bytes(with_payload(kind, {"w": np.ones(3), "x": Payload(trace)}))
    place = {"npz": ", b.npy", "torch": ", archive/data.pkl"}.get(kind, "")
    assert message(tmp_path, UnsafeFile) == (
        "the file holds more than arrays: to open it, Python would have to run code that it names\n"
        f"  where: x{place}\n"
        "  expected: arrays, numbers, words, lists and dictionaries\n"
        "  got: posix.system\n"
        "  to do: where it was made: save only the arrays, with numpy.savez"
    )
    assert not trace.exists()


def test_the_payload_would_have_run(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Payload(tmp_path / "ran")))
    assert (tmp_path / "ran").exists()


def message(folder: Path, kind: type[RegraftError], data: bytes | None = None) -> str:
    if data is not None:
        (folder / "x").write_bytes(data)
    with pytest.raises(kind) as error:
        regraft.open(folder / "x")
    return str(error.value).replace(f"{folder}/", "")


@pytest.mark.parametrize(
    ("value", "name", "advice"),
    [
        (torch.nn.Linear(2, 3), "torch.nn.modules.linear.Linear",
         "where it was made: torch.save(model.state_dict(), FILE)"),
        (b"\x80\x02ctheano.compile.sharedvalue\nSharedVariable\n.", "theano.compile.sharedvalue.SharedVariable",
         "where it was made: save [p.get_value() for p in parameters]"),
        (b"\x80\x02csklearn.linear_model\nRidge\n.", "sklearn.linear_model.Ridge",
         "where it was made: save the estimator's arrays with numpy.savez"),
        (b"\x80\x02cbuiltins\neval\n.", "builtins.eval", "where it was made: save only the arrays, with numpy.savez"),
        (b"(lp0\ncos\nsystem\np1\n(S'ls'\ntR.", "os.system",
         "where it was made: save only the arrays, with numpy.savez"),
    ],
)  # fmt: skip
def test_what_else_is_no_array_is_named_with_a_way_out(tmp_path: Path, value: Any, name: str, advice: str) -> None:
    text = message(tmp_path, UnsafeFile, value if isinstance(value, bytes) else with_payload("torch", value))
    assert f"\n  got: {name}\n  to do: {advice}" in text


@pytest.mark.parametrize(
    ("name", "attribute"),
    [("collections", "OrderedDict"), ("_codecs", "encode"), ("numpy", "dtype"), ("numpy.core.multiarray", "scalar"),
     ("torch._utils", "_rebuild_tensor_v2"), ("joblib.numpy_pickle", "NumpyArrayWrapper"), ("torch", "FloatStorage")],
)  # fmt: skip
@pytest.mark.parametrize("arguments", [b")", b"N\x85", b"]\x85", b"K\1K\2\x86", b"(NNNNNNt", b"U\3f44\x85", b"}"])
def test_allowed_names_called_with_nonsense(tmp_path: Path, name: str, attribute: str, arguments: bytes) -> None:
    for end in (b"R.", b"R}b.", b"\x81}b.", b"RNb.", b"R(NNNNtb."):
        data = b"\x80\x02c" + f"{name}\n{attribute}\n".encode() + arguments + end
        (tmp_path / "x").write_bytes(data)
        with pytest.raises((UnreadableFile, UnsafeFile)):
            regraft.open(tmp_path / "x")


def test_numbers_of_bytes_that_lie(tmp_path: Path) -> None:
    for code in (b"\x80\x04\x8e", b"\x80\x05\x96", b"\x80\x04\x8d"):
        assert message(tmp_path, UnreadableFile, code + b"\xff" * 7 + b"\x7f.") == (
            f"the file is damaged\n  where: x\n  expected: 9223372036854775807 bytes from byte 11\n  got: 1 bytes{COPY}"
        )
    array = pickle.dumps(np.ones((2, 3)), 2)
    lying = array.replace(b"K\x02K\x03\x86", b"K\x02K\xff\x86")
    assert message(tmp_path, UnreadableFile, lying) == (
        "the file is damaged\n  where: x\n  expected: a pickle of arrays\n"
        f"  got: ValueError: an array (2, 255) of float64 from 48 bytes at byte {len(array) - 1}{COPY}"
    )


def test_places_outside_of_the_pickle(tmp_path: Path) -> None:
    assert message(tmp_path, UnsafeFile, b"\x80\x02K\x01Q.") == (
        "the pickle refers to something outside of itself\n  where: x\n  got: a int"
    )


def test_lists_in_a_circle_and_without_end(tmp_path: Path) -> None:
    what = "the file's lists contain themselves, or hold more than weights ever do\n  where: x\n  got: "
    assert message(tmp_path, UnsafeFile, b"\x80\x02]q\0h\0a.") == f"{what}0, 1 deep, 2 things seen"
    laughs = b"\x80\x02]" + b"2\x86" * 60 + b"."
    assert message(tmp_path, UnsafeFile, laughs).startswith(f"{what}0/0/0/")
    deep = b"\x80\x02" + b"]" * 1000 + b"a" * 999 + b"."
    assert message(tmp_path, UnsafeFile, deep).endswith(", 101 deep, 102 things seen")
    laughing_key = b"\x80\x02}K\x01" + b"2\x86" * 60 + b"K\x01s."
    assert "TypeError: a key of type tuple" in message(tmp_path, UnreadableFile, laughing_key)


def test_small_objects_without_number(tmp_path: Path) -> None:
    data = b"\x80\x02" + b"]" * 3_000_000 + b"."
    tracemalloc.start()
    text = message(tmp_path, UnsafeFile, data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert text == (
        "the pickle builds more small objects than weights need, and would fill the memory\n  where: x\n"
        "  to do: where it was made: save the weights as arrays, with numpy.savez"
    )
    assert peak < 2 * len(data) + (4 << 20)


def test_names_without_end(tmp_path: Path) -> None:
    value = {"n" * 900: [np.float32(1)] * 3000}
    assert message(tmp_path, UnsafeFile, pickle.dumps(value, 2)) == (
        "the file's lists contain themselves, or hold more than weights ever do\n"
        f"  where: x\n  got: {'n' * 40}, 2 deep, 2218 things seen"
    )


def torch_file(old: bytes, new: bytes) -> bytes:
    """A torch file in which the pickle says something else."""
    out = io.BytesIO()
    torch.save({"a": torch.ones(3)}, out)
    changed = io.BytesIO()
    with zipfile.ZipFile(out) as before, zipfile.ZipFile(changed, "w") as after:
        for name in before.namelist():
            data = before.read(name)
            after.writestr(name, data.replace(old, new) if name.endswith("data.pkl") else data)
    return changed.getvalue()


def test_tensors_that_lie(tmp_path: Path) -> None:
    assert message(tmp_path, UnsafeFile, torch_file(b"K\x03\x85", b"K\xff\x85")) == (
        "a tensor claims more numbers than the file holds\n"
        "  where: x, storage 0\n  expected: at most 3\n  got: shape (255,)"
    )
    assert message(tmp_path, UnreadableFile, torch_file(b"K\x01\x85", b"K\x09\x85")) == (
        f"the file is damaged\n  where: x, storage 0\n  expected: 3 numbers\n  got: number 18{COPY}"
    )
    assert message(tmp_path, UnreadableFile, torch_file(b"K\x03t", b"K\xfft")) == (
        f"the file is damaged\n  where: x, storage 0\n  expected: 1020 bytes\n  got: 12 bytes{COPY}"
    )


def test_the_command_line_says_it_and_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "x.pkl").write_bytes(with_payload("pickle 2", Payload(tmp_path / "ran")))
    done = subprocess.run(
        [sys.executable, "-m", "regraft", "show", str(tmp_path / "x.pkl")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("the file holds more than arrays")
    assert not (tmp_path / "ran").exists()


PAIRS = b"".join(b"M" + key.to_bytes(2, "little") + b"N\x86" for key in range(3000))
WORDS = {
    "torch.Size": b"B\0\0\x10\0" + bytes(1 << 20),
    "_codecs.encode": b"X\0\0\x10\0" + b"a" * (1 << 20),
    "collections.OrderedDict": b"](" + PAIRS + b"e",
}


@pytest.mark.parametrize("name", WORDS)
def test_a_call_that_copies_is_not_made_for_ever(tmp_path: Path, name: str) -> None:
    module, _, attribute = name.rpartition(".")
    calls = b"h\1h\0\x85R" * 2000
    (tmp_path / "x").write_bytes(
        b"\x80\3" + WORDS[name] + b"q\0" + f"0c{module}\n{attribute}\n".encode() + b"q\x010](" + calls + b"e."
    )
    tracemalloc.start()
    with pytest.raises(RegraftError):
        regraft.open(tmp_path / "x")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 50 << 20
