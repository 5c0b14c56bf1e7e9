"""Files that lie: links and data elsewhere, sizes beyond all measure, models that contradict themselves."""

from __future__ import annotations

import contextlib
import io
import json
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from formats.keras.golden_files import names, written
from formats.keras.making import data, dense, dense_weights, edited, functional, h5, layer

import regraft
from regraft.errors import RegraftError, UnreadableFile, UnsafeFile, UnsupportedFormat
from regraft.formats import keras

NET = functional(data(4), dense("a", "data", 3))


@pytest.fixture
def honest(tmp_path: Path) -> Path:
    return h5(tmp_path / "net.h5", NET, dense_weights(4, 3))


def replaced(path: Path, put: Callable[[Any], None]) -> None:
    """The kernel of the file put there in another way."""
    with h5py.File(path, "r+") as file:
        del file["model_weights/a/a/kernel:0"]
        put(file["model_weights/a/a"])


def external(group: Any) -> None:
    group["kernel:0"] = h5py.ExternalLink("/etc/other.h5", "/kernel")


def soft(group: Any) -> None:
    group["kernel:0"] = h5py.SoftLink("/model_weights/a/a/bias:0")


def outside(group: Any) -> None:
    group.create_dataset("kernel:0", (4, 3), "f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)])


def virtual(group: Any) -> None:
    made = h5py.VirtualLayout((4, 3), "f4")
    made[:] = h5py.VirtualSource("/etc/other.h5", "kernel", (4, 3))
    group.create_virtual_dataset("kernel:0", made)


def huge(group: Any) -> None:
    group.create_dataset("kernel:0", (1 << 20, 1 << 20), "f4", chunks=(1024, 1024))


def bomb(group: Any) -> None:
    group.create_dataset("kernel:0", data=np.zeros(1 << 23, "f4"), chunks=(1 << 23,), compression=9)


@pytest.mark.parametrize("put", [external, soft, outside, virtual, huge, bomb])
def test_data_that_are_not_in_the_file(honest: Path, put: Callable[[Any], None]) -> None:
    replaced(honest, put)
    tracemalloc.start()
    with pytest.raises(UnsafeFile):
        keras.read(honest)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_group_that_contains_itself(honest: Path) -> None:
    with h5py.File(honest, "r+") as file:
        file["model_weights/a/a/again"] = file["model_weights"]
    with pytest.raises(UnsafeFile, match="contain themselves"):
        keras.read(honest)


@pytest.mark.parametrize("text", ['{"class_name": ' + "[" * 100_000, "{", "[1]", "", "null", '{"class_name": NaN}'])
def test_a_description_that_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises((UnsafeFile, UnreadableFile)):
        keras.read(h5(tmp_path / "net.h5", text, dense_weights(4, 3)))


def deep(count: int) -> Any:
    config: Any = functional(data(4), dense("a", "data", 3))
    for _ in range(count):
        config = {"class_name": "Sequential", "config": {"name": "s", "layers": [data(4), {**config, "name": "inner"}]}}
    return config


BROKEN: dict[str, tuple[Any, str]] = {
    "circle": (functional(data(4), dense("a", "b", 4), dense("b", "a", 4)), "in a circle"),
    "itself": (functional(data(4), dense("a", "a", 4)), "in a circle"),
    "twice": (functional(data(4), dense("a", "data", 3), dense("a", "data", 3)), "one name"),
    "unknown": (functional(data(4), dense("a", "nobody", 3)), "no layer gives"),
    "call": (functional(data(4), dense("a", ["data", 7, 0, {}], 3)), "no layer gives"),
    "index": (functional(data(4), dense("a", ["data", 0, 9, {}], 3)), "no layer gives"),
    "negative": (functional(data(4), dense("a", ["data", -1, 0, {}], 3)), "cannot be told"),
    "units": (functional(data(4), dense("a", "data", 8)), "does not fit its layer"),
    "input": (functional(data(9), dense("a", "data", 3)), "does not fit its layer"),
    "shape": (functional(data("x"), dense("a", "data", 3)), "what shape its input has"),  # type: ignore[arg-type]
    "no bias": (functional(data(4), layer("Dense", "a", "data", units=3, use_bias=False)), "the weights it needs"),
    "other layer": (functional(data(4), dense("z", "data", 3)), "the weights it needs"),
    "no layers": ({"class_name": "Model", "config": {"name": "a", "layers": 7}}, "cannot be read"),
    "no outputs": ({"class_name": "Model", "config": {"layers": [data(4)]}}, "cannot be read"),
    "empty": ({"class_name": "Sequential", "config": {"layers": []}}, "no layers"),
    "rank": (functional(data(4), layer("Conv2D", "a", "data", filters=3, kernel_size=[3, 3])), "4 dimensions"),
    "names": (functional(data(4), layer("Dense", "a", "data", units=3), layer("ReLU", "a/kernel", "a")), "one name"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_models_that_contradict_themselves(case: str, tmp_path: Path) -> None:
    config, words = BROKEN[case]
    with pytest.raises(UnreadableFile, match=words):
        keras.read(h5(tmp_path / "net.h5", config, dense_weights(4, 3, 4) if case == "circle" else dense_weights(4, 3)))


def test_models_in_models_without_end(tmp_path: Path) -> None:
    assert keras.read(h5(tmp_path / "few.h5", deep(3), {"inner": dense_weights(4, 3)["a"]})).outputs
    with pytest.raises(UnsafeFile, match="too deep"):
        keras.read(h5(tmp_path / "many.h5", deep(30), {"inner": dense_weights(4, 3)["a"]}))


def test_a_missing_weight(honest: Path) -> None:
    with h5py.File(honest, "r+") as file:
        del file["model_weights/a/a/bias:0"]
    with pytest.raises(UnreadableFile, match=r"weight a/bias:0 of the layer a is not in the file"):
        keras.read(honest)


def test_a_missing_weight_of_keras_3(tmp_path: Path) -> None:
    path = written(tmp_path, 3, "dense")
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    inner = io.BytesIO(members["model.weights.h5"])
    with h5py.File(inner, "r+") as file:
        del file["layers/dense/vars/1"]
    members["model.weights.h5"] = inner.getvalue()
    with zipfile.ZipFile(tmp_path / "less.keras", "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(UnreadableFile, match="does not hold the weight dense/bias"):
        keras.read(tmp_path / "less.keras")


@pytest.mark.parametrize("size", [0, 1 << 40, (1 << 64) - 16])
def test_texts_over_which_libhdf5_would_walk_for_ever(honest: Path, size: int) -> None:
    content = bytearray(honest.read_bytes())
    heap = place = content.index(b"GCOL")
    place += 16
    while content[place : place + 2] != b"\0\0":  # the free part, which is last
        place += 16 + -(-int.from_bytes(content[place + 8 : place + 16], "little") // 8) * 8
    assert place > heap + 16
    content[place + 8 : place + 16] = size.to_bytes(8, "little")
    honest.write_bytes(content)
    with pytest.raises(UnreadableFile, match="inside of their heap"):
        keras.read(honest)


def zipped(path: Path, **members: bytes) -> Path:
    """A zip whose members are deflated."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("_", "."), content)
    return path


def test_zip_bombs(tmp_path: Path) -> None:
    path = zipped(tmp_path / "bomb.keras", config_json=b"[" * (40 << 20), model_weights_h5=b"")
    with pytest.raises(UnsafeFile, match="longer than any network needs"):
        keras.read(path)
    path = zipped(tmp_path / "weights.keras", config_json=b"{}", model_weights_h5=bytes(200 << 20))
    with pytest.raises(UnsafeFile, match="grows too much"):
        keras.read(path)


@pytest.mark.parametrize("name", ["../config.json", "/etc/config.json", "a/../../b"])
def test_members_that_leave_the_archive(name: str, tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
        archive.writestr("model.weights.h5", b"")
        archive.writestr(name, "")
    with pytest.raises(UnsafeFile, match="leave its folder"):
        regraft.open(path)


def test_every_cut_of_a_file_is_refused(tmp_path: Path, honest: Path) -> None:
    whole = honest.read_bytes()
    for length in range(8, len(whole) - 1, max(1, len(whole) // 40)):
        path = tmp_path / "cut.h5"
        path.unlink(missing_ok=True)
        path.write_bytes(whole[:length])
        with pytest.raises((UnreadableFile, UnsafeFile, UnsupportedFormat)):
            keras.read(path)


SETTINGS = [None, True, -1, 0, 1 << 40, 1e300, "same", [], [0], [1, 2, 3], {}, {"class_name": 1}, [[[]]]]


@pytest.mark.parametrize("name", names(3)[::6])
def test_any_setting_may_be_anything(name: str, tmp_path: Path) -> None:
    """The errors are regraft's own, whatever stands in the config."""
    path = written(tmp_path, 3, name)
    config = json.loads(zipfile.ZipFile(path).read("config.json"))
    random = np.random.default_rng(len(name))

    def places(value: Any) -> list[tuple[Any, Any]]:
        inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        return [place for key, one in inner for place in [(value, key), *places(one)]]

    for _ in range(12):
        changed = json.loads(json.dumps(config))
        holder, key = places(changed)[random.integers(len(places(changed)))]
        holder[key] = SETTINGS[random.integers(len(SETTINGS))]
        own = edited(path, lambda _: changed, tmp_path / "own.keras")  # noqa: B023
        with contextlib.suppress(RegraftError), warnings.catch_warnings(action="ignore"):
            list(keras.read(own).tensors.values())
        own.unlink()
