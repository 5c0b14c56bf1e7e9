"""Features: equal to what the network gives, computed once, never half."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from regraft.data import Examples, View, prepare
from regraft.data.arrays import unlabelled
from regraft.errors import OutOfSpace, ShapeMismatch, UnknownName, UnreadableFile
from regraft.features import Place, cache_folder, extract
from regraft.features.store import FeatureStore
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref
from regraft.run import Progress

TOPS = ["conv:0", "pool:0"]
ROWS = 600


def network(width: int = 6, name: str = "kernel") -> GraphNetwork:
    """image (b 12 12 1) -> conv (b 12 12 width) -> pool (b width) -> total ()."""
    values = {name: np.random.default_rng(0).normal(size=(3, 3, 1, width)).astype("float32")}
    settings = {"strides": (1, 1, 1, 1), "padding": "SAME", "dilations": (1, 1, 1, 1), "data_format": "NHWC"}
    nodes = (
        Node(name="image:0", function="input"),
        Node(name=f"{name}:0", function="parameter", args=(name,), kwargs={"trainable": True}),
        Node(name="conv:0", function="conv2d", args=(Ref("image:0"), Ref(f"{name}:0")), kwargs=settings),
        Node(name="axes:0", function="constant", args=((1, 2),), kwargs={"dtype": "int32"}),
        Node(name="pool:0", function="mean", args=(Ref("conv:0"), Ref("axes:0")), kwargs={"keep_dims": False}),
        Node(name="all:0", function="constant", args=((0, 1),), kwargs={"dtype": "int32"}),
        Node(name="total:0", function="mean", args=(Ref("pool:0"), Ref("all:0")), kwargs={"keep_dims": False}),
    )
    spec = InputSpec(name="image:0", shape=(None, 12, 12, 1), layout="NHWC", range=(0.0, 1.0))
    return GraphNetwork(Graph(nodes=nodes, inputs=(spec,), outputs=("total:0",)), values, format="test")


def digits(rows: int = ROWS, seed: int = 1) -> Examples:
    pixels = np.random.default_rng(seed).integers(0, 256, (rows, 12, 12)).astype(np.uint8)
    return unlabelled(pixels, "here")


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(root=tmp_path / "features")


def test_features_are_what_the_network_gives(place: Place) -> None:
    net, examples = network(), digits()
    spec = net.inputs["image:0"]
    features = extract(net, TOPS, examples, spec, place)
    assert features.names == tuple(TOPS)
    assert len(features) == ROWS
    assert features.shape("conv:0") == (12, 12, 6)
    assert features.nbytes == ROWS * (12 * 12 * 6 + 6) * 4
    some = np.array([599, 0, 255, 256, 3, 3])
    fresh = net.run(prepare(examples, some, spec), to=TOPS)
    for name, value in zip(TOPS, fresh, strict=True):
        np.testing.assert_allclose(features.rows(name, some), value, rtol=1e-5, atol=1e-6)
    batch = net.run(prepare(examples, range(32, 64), spec), to="pool:0")
    np.testing.assert_array_equal(features.rows("pool:0", range(32, 64)), batch)
    assert features.rows("pool:0", []).shape == (0, 6)


def test_they_are_computed_once(place: Place) -> None:
    net, examples = network(), digits()
    first = extract(net, TOPS, examples, net.inputs["image:0"], place)
    stamps = {path: path.stat().st_mtime_ns for path in first.store.folder.glob("*.chunk")}
    again = extract(net, TOPS, examples, net.inputs["image:0"], place)
    np.testing.assert_array_equal(again.rows("pool:0", range(ROWS)), first.rows("pool:0", range(ROWS)))
    assert {path: path.stat().st_mtime_ns for path in stamps} == stamps


def test_some_of_the_tensors(place: Place) -> None:
    net, examples = network(), digits(40)
    features = extract(net, TOPS, examples, net.inputs["image:0"], place)
    pooled = features.only(["pool:0"])
    assert (pooled.names, pooled.nbytes, len(pooled)) == (("pool:0",), 40 * 6 * 4, 40)
    np.testing.assert_array_equal(pooled.rows("pool:0", [3, 1]), features.rows("pool:0", [3, 1]))
    assert features.only(TOPS[::-1]).names == ("pool:0", "conv:0")
    with pytest.raises(UnknownName) as caught:
        pooled.rows("conv:0", [3])
    assert str(caught.value) == "no features of 'conv:0' are stored\n  nearest: pool:0"
    with pytest.raises(UnknownName, match="no features of 'conv:0' are stored"):
        pooled.only(["conv:0"])


def test_large_rows_lie_in_chunks_smaller_than_a_batch(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    net, examples = network(4000), digits(40)
    (spec,) = net.inputs.values()
    features = extract(net, TOPS, examples, spec, place)
    assert (features.store.chunk_rows, features.store.chunks) == (16, 3)
    fresh = net.run(prepare(examples, range(32), spec), to="pool:0")
    np.testing.assert_array_equal(features.rows("pool:0", range(32)), fresh)
    monkeypatch.setattr("regraft.features.store._OPEN", 1)  # threads push out each other's chunks
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(partial(features.rows, "pool:0"), [[row] for row in range(32)] * 100)
    np.testing.assert_array_equal(np.concatenate(list(found)), np.tile(fresh, (100, 1)))
    sound = files(features.store.folder)
    stamp = (features.store.folder / "000001.chunk").stat().st_mtime_ns
    (features.store.folder / "000000.chunk").unlink()
    (features.store.folder / "000002.chunk").unlink()
    extract(net, TOPS, examples, spec, place)
    assert files(features.store.folder) == sound
    assert (features.store.folder / "000001.chunk").stat().st_mtime_ns == stamp


def test_a_row_does_not_depend_on_where_it_stands(place: Place) -> None:
    net, examples = network(), digits()
    whole = extract(net, TOPS, examples, net.inputs["image:0"], place)
    part = unlabelled(np.asarray(examples.items)[100:324], "there")
    fewer = extract(net, TOPS, part, net.inputs["image:0"], place)
    np.testing.assert_array_equal(fewer.rows("pool:0", range(224)), whole.rows("pool:0", range(100, 324)))


def test_whatever_they_hang_on_is_in_the_key(place: Place) -> None:
    net, examples = network(), digits(40)
    spec = net.inputs["image:0"]
    other = net.assign({"kernel": net.values["kernel"] + 1})
    extract(net, TOPS, examples, spec, place)
    extract(net, TOPS[:1], examples, spec, place)
    extract(other, TOPS, examples, spec, place)
    extract(net, TOPS, digits(40, seed=2), spec, place)
    extract(net, TOPS, examples, replace(spec, range=(-1.0, 1.0)), place)
    assert len(list(place.root.iterdir())) == 5
    renamed = network(name="weights")
    extract(renamed, TOPS, examples, replace(spec, origin="guessed"), place)
    assert len(list(place.root.iterdir())) == 5


def test_each_view_has_a_store_of_its_own(place: Place) -> None:
    net, examples = network(), digits(40)
    spec = net.inputs["image:0"]
    views = [View(), View(number=1), View(number=2), View(number=2, seed=1)]
    found = [extract(net, TOPS, examples, spec, place, view=view) for view in views]
    assert len(list(place.root.iterdir())) == 4
    assert extract(net, TOPS, examples, spec, place, view=View(number=1, seed=5)).store.folder == found[1].store.folder
    for features, view in zip(found, views, strict=True):
        fresh = net.run(prepare(examples, range(32), spec, view), to="pool:0")
        np.testing.assert_array_equal(features.rows("pool:0", range(32)), fresh)


def test_features_of_something_else_are_refused(place: Place) -> None:
    net, examples = network(), digits(40)
    spec = net.inputs["image:0"]
    store = extract(net, TOPS, examples, spec, place).store
    folder = store.folder
    index = json.loads((folder / "index.json").read_text())
    index["key"]["preparation"]["range"] = [0.0, 2.0]
    (folder / "index.json").write_text(json.dumps(index))
    with pytest.raises(UnreadableFile) as caught:
        extract(net, TOPS, examples, spec, place)
    said = re.sub(r"preparation {.*('range': \[.*?\]).*}", r"preparation {\1}", str(caught.value))
    assert said == (
        f"these features were computed from something else\n  where: {folder}\n"
        "  expected: preparation {'range': [0.0, 1.0]}\n  got: preparation {'range': [0.0, 2.0]}\n"
        f"  to do: remove {folder}, or keep features elsewhere"
    )


@pytest.mark.parametrize("index", ["[]", "{}", '{"tensors": [{"name": "a", "shape": [1], "dtype": "O"}]}', "{"])
def test_a_damaged_index_is_refused(place: Place, index: str) -> None:
    net, examples = network(), digits(40)
    folder = extract(net, TOPS, examples, net.inputs["image:0"], place).store.folder
    (folder / "index.json").write_text(index)
    with pytest.raises(UnreadableFile, match=r"^(the index of stored features is damaged|index\.json is not JSON)\n"):
        extract(net, TOPS, examples, net.inputs["image:0"], place)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_damaged_chunk_is_seen_and_computed_anew(
    place: Place, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    net, examples = network(), digits()
    features = extract(net, TOPS, examples, net.inputs["image:0"], place)
    sound = files(features.store.folder)
    chunk = features.store.folder / "000001.chunk"
    data = bytearray(chunk.read_bytes())
    data[1000] ^= 1
    chunk.write_bytes({"flip": data, "cut": data[:5000], "empty": b""}[damage])
    reopened = FeatureStore(features.store.folder, *_key_of(features.store))
    with pytest.raises(UnreadableFile) as caught:
        reopened.read(1, 0)
    got = {"flip": f"{len(data)} bytes and another checksum", "cut": "5000 bytes", "empty": "0 bytes"}[damage]
    assert str(caught.value) == (
        f"stored features are damaged\n  where: {chunk}\n  expected: {len(data)} bytes and their checksum\n"
        f"  got: {got}\n  to do: run the same command again: damaged chunks are computed anew"
    )
    extract(net, TOPS, examples, net.inputs["image:0"], place, Progress(silent=True))
    assert capsys.readouterr().err == f"stored features are damaged, and computed anew: {chunk}\n"
    assert files(features.store.folder) == sound


def _key_of(store: FeatureStore) -> tuple[object, int, object]:
    from regraft.features.key import FeatureKey

    key = json.loads((store.folder / "index.json").read_text())["key"]
    return FeatureKey(**key), store.rows, store.tensors


def test_too_large_for_the_budget(place: Place) -> None:
    net, examples = network(), digits()
    with pytest.raises(OutOfSpace) as caught:
        extract(net, TOPS, examples, net.inputs["image:0"], replace(place, budget=2_000_000))
    assert str(caught.value) == (
        f"the features do not fit\n  where: {place.root}\n"
        "  expected: at most 2.0 MB, what is left of the budget for features\n  got: 2.1 MB\n"
        "  to do: cut the network where its tensors are smaller (--at), or give fewer examples, or more room"
    )
    assert not place.root.exists()


def test_the_longest_unused_give_way(place: Place) -> None:
    net = network()
    spec = net.inputs["image:0"]
    tight = replace(place, budget=200_000)
    folders: list[Path] = []
    for seed in range(4):
        folders.append(extract(net, TOPS, digits(20, seed), spec, tight).store.folder)
        os.utime(folders[-1] / ".lock", (seed, seed))
    assert [folder.exists() for folder in folders] == [False, False, True, True]


def test_features_in_use_do_not_give_way(place: Place) -> None:
    net = network()
    spec = net.inputs["image:0"]
    held = extract(net, TOPS, digits(20, 0), spec, place)
    with pytest.raises(OutOfSpace, match="the features do not fit"):
        extract(net, TOPS, digits(20, 1), spec, replace(place, budget=100_000))
    assert held.rows("pool:0", [3]).shape == (1, 6)


class Filling(Progress):
    """Uses up the disk once so many rows are computed, as somebody else's process may."""

    def __init__(self, ballast: Path, after: int) -> None:
        super().__init__(silent=True)
        self.ballast, self.left = ballast, after

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Generator[Callable[[int], None]]:
        yield self.advance

    def advance(self, steps: int) -> None:
        self.left -= steps
        if self.left <= 0 and not self.ballast.exists():
            self.ballast.write_bytes(bytes(700_000))


def test_a_full_disk_leaves_whole_chunks_and_room_lets_it_go_on(small_disk: Path, tmp_path: Path) -> None:
    net, examples = network(1), digits(1500)
    spec = net.inputs["image:0"]
    expected = files(extract(net, TOPS, examples, spec, Place(root=tmp_path / "roomy")).store.folder)
    place = Place(root=small_disk / "features")
    (small_disk / "ballast").write_bytes(bytes(400_000))
    with pytest.raises(OutOfSpace, match="what is left of the disk"):
        extract(net, TOPS, examples, spec, place)
    (small_disk / "ballast").unlink()
    with pytest.raises(OutOfSpace) as caught:
        extract(net, TOPS, examples, spec, place, Filling(small_disk / "ballast", after=520))
    (folder,) = place.root.iterdir()
    assert str(caught.value) == (
        f"the disk is full: 000002.chunk could not be written\n  where: {folder}/000002.chunk\n"
        "  got: No space left on device\n"
        "  to do: free some space and run the same command again; nothing was left half written"
    )
    assert sorted(files(folder)) == [".lock", "000000.chunk", "000001.chunk", "contents", "index.json"]
    (small_disk / "ballast").unlink()
    extract(net, TOPS, examples, spec, place)
    assert files(folder) == expected


def test_a_tensor_without_a_row_for_each_example(place: Place) -> None:
    net = network()
    with pytest.raises(ShapeMismatch) as caught:
        extract(net, ["total:0"], digits(40), net.inputs["image:0"], place)
    assert str(caught.value) == (
        "total:0 has no row for each example\n  expected: (32, ...)\n  got: ()\n  to do: cut elsewhere"
    )


def test_unknown_names(place: Place) -> None:
    net = network()
    with pytest.raises(UnknownName):
        extract(net, ["cnv:0"], digits(40), net.inputs["image:0"], place)
    features = extract(net, TOPS, digits(40), net.inputs["image:0"], place)
    with pytest.raises(UnknownName) as caught:
        features.rows("pol:0", [1])
    assert str(caught.value) == "no features of 'pol:0' are stored\n  nearest: pool:0, conv:0"
    with pytest.raises(IndexError):
        features.rows("pool:0", [40])


def test_the_users_cache_is_shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "regraft/features"


# --- memory ------------------------------------------------------------------------------------------

FRUGAL = """
import resource, sys
from pathlib import Path
import numpy as np
from features.test_features import TOPS, digits, network
from regraft.features import Place, extract

net, place = network(1000), Place(root=Path(sys.argv[1]))  # 576 kB a row
spec = net.inputs["image:0"]
extract(net, TOPS, digits(64, seed=2), spec, place)  # whatever is loaded late is loaded now
(used,) = (int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData"))
limit = used * 1024 + 300_000_000
resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
features = extract(net, TOPS, digits(1500), spec, place)
total = sum(float(features.rows(TOPS[0], range(k, min(k + 32, 1500))).sum()) for k in range(0, 1500, 32))
print(features.nbytes, np.isfinite(total))
try: np.zeros(features.nbytes // 2, np.uint8)
except MemoryError: print("the limit holds")
"""


@pytest.mark.slow
def test_features_larger_than_memory(tmp_path: Path) -> None:
    """870 MB are computed, stored and read with 300 MB."""
    paths = os.pathsep.join([*sys.path, str(Path(__file__).parents[1])])
    env = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run([sys.executable, "-c", FRUGAL, tmp_path], env=env, capture_output=True, text=True)
    assert done.stdout == "870000000 True\nthe limit holds\n", done.stderr


# --- kill -9 ------------------------------------------------------------------------------------------

KILLING = """
import os, random, signal, sys, time
from contextlib import contextmanager
from pathlib import Path
import torch
from features.test_features import TOPS, digits, network
from regraft.features import Place, extract
from regraft.run import Progress

class Slow(Progress):
    @contextmanager
    def task(self, title, total, done=0):
        yield lambda steps: time.sleep(0.005)

root, kills = Path(sys.argv[1]), 0
net, examples, dice = network(), digits(3000), random.Random(7)
net.tensors  # what is slow to load is loaded once: the children that are killed are forks
for round in range(99):
    while True:
        child = os.fork()
        if child == 0:
            extract(net, TOPS, examples, net.inputs["image:0"], Place(root=root / str(round)), Slow())
            os._exit(0)
        time.sleep(dice.uniform(0.05, 1.0))
        os.kill(child, signal.SIGKILL)
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0:
            break
        kills += 1
    if kills >= 20:
        break
print(kills)
"""


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed(tmp_path: Path) -> None:
    """Twenty kills in all, over several extractions; what comes out is what an undisturbed one gives."""
    net, examples = network(), digits(3000)
    spec = net.inputs["image:0"]
    expected = files(extract(net, TOPS, examples, spec, Place(root=tmp_path / "undisturbed")).store.folder)
    paths = os.pathsep.join([*sys.path, str(Path(__file__).parents[1])])
    done = subprocess.run(
        [sys.executable, "-c", KILLING, tmp_path / "killed"],
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 20
    for place in (tmp_path / "killed").iterdir():
        (folder,) = place.iterdir()
        assert files(folder) == expected
