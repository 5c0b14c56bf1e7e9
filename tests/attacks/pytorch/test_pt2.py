"""Exported programs that carry code, lie about their sizes, or ask for more than there is."""

from __future__ import annotations

import json
import pickle
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from formats.pytorch.modules import PICTURE, Small, settled
from formats.pytorch.test_archive import written

from regraft.errors import RegraftError, UnreadableFile, UnsafeFile, UnsupportedFormat, UnsupportedOp
from regraft.formats import read

MODEL, WEIGHTS = "model/models/model.json", "model/data/weights/model_weights_config.json"


class Payload:
    """Makes a file where it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.mark,)


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    path = written(settled(Small()), PICTURE, tmp_path_factory.mktemp("honest") / "model.pt2")
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def changed(members: dict[str, bytes], name: str, change: Callable[[Any], None]) -> dict[str, bytes]:
    document = json.loads(members[name])
    change(document)
    return {**members, name: json.dumps(document).encode()}


def message(path: Path, kind: type[RegraftError]) -> str:
    tracemalloc.start()
    try:
        with pytest.raises(kind) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * path.stat().st_size + (4 << 20)
    finally:
        tracemalloc.stop()
    return caught.value.what


def test_sample_inputs_are_not_unpickled(honest: dict[str, bytes], tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    code = pickle.dumps(Payload(mark))
    members = {**honest, "model/data/sample_inputs/model.pt": code, "model/data/weights/model.pt": code}
    read(packed(tmp_path / "model.pt2", members))
    assert not mark.exists()


def test_a_pickled_weight_is_refused(honest: dict[str, bytes], tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    def pickled(config: Any) -> None:
        config["config"]["fc.weight"]["use_pickle"] = True
        config["config"]["fc.weight"]["path_name"] = "payload"

    members = changed(honest, WEIGHTS, pickled) | {"model/data/weights/payload": pickle.dumps(Payload(mark))}
    path = packed(tmp_path / "model.pt2", members)
    assert message(path, UnsafeFile) == "the archive holds a pickle in place of a tensor, which could run code"
    assert not mark.exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("sizes", [{"as_int": 1 << 40}, {"as_int": 1}]),
        ("storage_offset", {"as_int": 1 << 40}),
        ("strides", [{"as_int": 9}] * 2),
    ],
)
def test_a_weight_that_claims_more_than_there_is(
    honest: dict[str, bytes], tmp_path: Path, key: str, value: Any
) -> None:
    def lie(config: Any) -> None:
        config["config"]["fc.weight"]["tensor_meta"][key] = value

    path = packed(tmp_path / "model.pt2", changed(honest, WEIGHTS, lie))
    assert message(path, UnsafeFile) == "a tensor claims more numbers than the archive holds"


@pytest.mark.parametrize("place", ["../../etc/passwd", "/etc/passwd", "missing"])
def test_weights_outside_of_the_archive(honest: dict[str, bytes], tmp_path: Path, place: str) -> None:
    def outside(config: Any) -> None:
        config["config"]["fc.weight"]["path_name"] = place

    path = packed(tmp_path / "model.pt2", changed(honest, WEIGHTS, outside))
    assert message(path, UnreadableFile) == "the exported program is damaged"


def test_a_bomb(honest: dict[str, bytes], tmp_path: Path) -> None:
    members = {**honest, MODEL: b'{"graph_module": "' + b" " * (64 << 20) + b'"}'}
    path = packed(tmp_path / "model.pt2", members, zipfile.ZIP_DEFLATED)
    assert message(path, UnsupportedFormat).startswith("members of the archive are compressed")


@pytest.mark.parametrize(
    "target", ["torch.ops.aten.from_file.default", "os.system", "torch.ops.aten._pin_memory.default", "builtins.eval"]
)
def test_only_known_operations_are_called(honest: dict[str, bytes], tmp_path: Path, target: str) -> None:
    def strange(document: Any) -> None:
        document["graph_module"]["graph"]["nodes"][0]["target"] = target

    path = packed(tmp_path / "model.pt2", changed(honest, MODEL, strange))
    assert message(path, UnsupportedOp).endswith("steps of the model cannot be run")


@pytest.mark.parametrize(
    "text", ["__import__('os').system('true')", "2**2**2**2**9", "Symbol('s0').args", "(" * 5000, "9" * 5000]
)
def test_sizes_are_not_evaluated(honest: dict[str, bytes], tmp_path: Path, text: str) -> None:
    def strange(document: Any) -> None:
        document["graph_module"]["graph"]["tensor_values"]["x"]["sizes"][0] = {"as_expr": {"expr_str": text}}

    path = packed(tmp_path / "model.pt2", changed(honest, MODEL, strange))
    assert message(path, UnreadableFile) == "a size in the program cannot be read"


def test_a_step_that_reads_what_comes_later(honest: dict[str, bytes], tmp_path: Path) -> None:
    def turned(document: Any) -> None:
        document["graph_module"]["graph"]["nodes"].reverse()

    path = packed(tmp_path / "model.pt2", changed(honest, MODEL, turned))
    assert message(path, UnreadableFile) == "the exported program is damaged"


def test_parts_in_parts_without_end(honest: dict[str, bytes], tmp_path: Path) -> None:
    deep = honest[MODEL].replace(b'"nodes": [', b'"nodes": ' + b"[" * 100_000, 1)
    assert message(packed(tmp_path / "model.pt2", {**honest, MODEL: deep}), UnreadableFile)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_cut_short(honest: dict[str, bytes], tmp_path: Path, share: float) -> None:
    path = packed(tmp_path / "model.pt2", honest)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(RegraftError):
        read(path)
