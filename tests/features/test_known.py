"""Rows that other stores hold: copied where they are the same, and only there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from features.test_features import TOPS, digits, network

from regraft.data import Examples
from regraft.data.arrays import unlabelled
from regraft.features import Engine, Features, Place, Trunk, earlier_engine, extract, make_engine
from regraft.network import GraphNetwork

NET = network()
SPEC = NET.inputs["image:0"]
ALL = digits(300)
FEW, NEW = range(256), [*range(290, 300), *range(40, 250), *range(256, 290)]  # NEW has 44 that FEW has not


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(root=tmp_path)


def some(rows: Sequence[int]) -> Examples:
    return unlabelled(np.asarray(ALL.items)[list(rows)], "there")


class Counted:
    """Extraction by torch, and how many rows it computed each time."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self.rows: list[int] = []

    def __call__(
        self, rows: Sequence[int], tensors: Sequence[str] = TOPS, net: GraphNetwork = NET, *, reuse: bool = True
    ) -> Features:
        made = make_engine("torch", Trunk(net, tensors, SPEC))
        self.rows.append(0)

        def compute(batch: np.ndarray) -> Sequence[np.ndarray]:
            self.rows[-1] += len(batch)
            return made.compute(batch)

        engine: Engine = replace(made, compute=compute)
        return extract(net, tensors, some(rows), SPEC, self._place, engine=engine, reuse=reuse)


@pytest.fixture
def counted(place: Place) -> Counted:
    return Counted(place)


def test_only_what_is_new_is_computed(counted: Counted, tmp_path: Path) -> None:
    counted(FEW)
    found = counted(NEW)
    assert counted.rows == [256, 44]
    fresh = extract(NET, TOPS, some(NEW), SPEC, Place(root=tmp_path / "fresh"))
    for name in TOPS:
        everything = range(len(NEW))
        np.testing.assert_allclose(found.rows(name, everything), fresh.rows(name, everything), rtol=1e-6, atol=1e-6)
    counted([*NEW, *FEW])  # each in a store of its own
    assert counted.rows[2:] == [0]


def test_nothing_is_copied_unasked(counted: Counted) -> None:
    counted(FEW)
    counted(NEW, reuse=False)
    assert counted.rows == [256, len(NEW)]


def test_some_of_the_tensors_are_known_under_whatever_names(counted: Counted) -> None:
    counted(FEW)
    found = counted(FEW, ["pool:0"])
    again = counted(FEW, ["pool:0", "conv:0"], network(name="weights"))
    assert counted.rows == [256, 0, 0]
    assert (found.names, again.names) == (("pool:0",), ("pool:0", "conv:0"))
    np.testing.assert_array_equal(found.rows("pool:0", FEW), again.rows("pool:0", FEW))
    counted(FEW, ["pool:0", "image:0"])
    assert counted.rows[3:] == [256]  # of which one is known


def test_what_was_computed_otherwise_is_not_the_same(counted: Counted, place: Place) -> None:
    counted(FEW)
    counted(FEW, net=NET.assign({"kernel": NET.values["kernel"] + 1}))
    extract(NET, TOPS, some(FEW), replace(SPEC, range=(-1.0, 1.0)), place)
    made = make_engine("torch", Trunk(NET, TOPS, SPEC))
    other = replace(made, name="torch of another version", compute=lambda batch: [v + 1 for v in made.compute(batch)])
    found = extract(NET, TOPS, some(NEW), SPEC, place, engine=other, reuse=True)
    assert counted.rows == [256, 256]
    right = extract(NET, TOPS, some(NEW), SPEC, place)
    np.testing.assert_allclose(found.rows("pool:0", [30]), right.rows("pool:0", [30]) + 1, rtol=1e-5)


@pytest.mark.parametrize("damage", ["flipped", "missing", "contents", "index"])
def test_damaged_rows_are_not_copied(counted: Counted, damage: str) -> None:
    folder = counted(range(300)).store.folder  # the first chunk has 256 rows
    chunk = folder / "000000.chunk"
    data = chunk.read_bytes()
    if damage == "flipped":
        chunk.write_bytes(data[:-9] + bytes([data[-9] ^ 1]) + data[-8:])
    elif damage == "missing":
        chunk.unlink()
    elif damage == "contents":
        (folder / "contents").write_bytes(b"short")
    else:
        (folder / "index.json").write_text('{"key": {"trunks": 5}}')
    found = counted(NEW)
    known = len(set(NEW) & set(range(256, 300))) if damage in ("flipped", "missing") else 0
    assert counted.rows == [300, len(NEW) - known]
    expected = NET.run(some(NEW).items[:32, ..., None].astype(np.float32) / 255, to="pool:0")
    np.testing.assert_allclose(found.rows("pool:0", range(32)), expected, rtol=1e-5, atol=1e-6)


def test_the_engine_of_before_is_the_one_that_computed_most(place: Place) -> None:
    trunk = Trunk(NET, TOPS, SPEC)
    assert earlier_engine(place.root, trunk, some(FEW), "cpu") is None
    extract(NET, TOPS, some(range(200)), SPEC, place, engine=make_engine("onnxruntime", trunk))
    extract(NET, TOPS, some(range(30)), SPEC, place)
    for count, expected in ((300, "onnxruntime"), (40, "onnxruntime")):
        engine = earlier_engine(place.root, trunk, some(range(count)), "cpu")
        assert engine is not None
        assert engine.kind == expected, count
    assert earlier_engine(place.root, trunk, some(range(150, 300)), "cpu") is None  # a third is known
    assert earlier_engine(place.root, Trunk(NET, ["total:0"], SPEC), some(range(40)), "cpu") is None
