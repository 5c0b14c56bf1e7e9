"""What an extraction computes, and what it does not compute again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from features.test_features import TOPS, digits, files, network

from regraft.errors import OutOfSpace
from regraft.features import Place, Trunk, extract, make_engine
from regraft.network import GraphNetwork


class Watched:
    """The engine of torch, how many rows it was given each time, and what happens before the first of them."""

    def __init__(self, net: GraphNetwork, before: Callable[[], object] = lambda: None) -> None:
        made = make_engine("torch", Trunk(net, TOPS, net.inputs["image:0"]))
        self.rows: list[int] = []
        self._compute, self._before = made.compute, before
        self.engine = replace(made, compute=self._watched)

    def _watched(self, batch: np.ndarray) -> Sequence[np.ndarray]:
        if not self.rows:
            self._before()
        self.rows.append(len(batch))
        return self._compute(batch)


def test_nothing_is_computed_twice(tmp_path: Path) -> None:
    net, examples, place = network(), digits(300), Place(root=tmp_path)
    watched = Watched(net)
    for _ in range(2):
        store = extract(net, TOPS, examples, net.inputs["image:0"], place, engine=watched.engine).store
        assert watched.rows == [32] * 9 + [12]
    (store.folder / "000001.chunk").unlink()
    extract(net, TOPS, examples, net.inputs["image:0"], place, engine=watched.engine)
    assert watched.rows[10:] == [32, 12]


def test_somebody_else_may_be_sooner(tmp_path: Path) -> None:
    net, examples, place = network(), digits(), Place(root=tmp_path / "disturbed")
    spec = net.inputs["image:0"]
    expected = extract(net, TOPS, examples, spec, Place(root=tmp_path / "undisturbed"))

    def sooner() -> None:
        folder = extract(net, TOPS, examples, spec, place).store.folder
        (folder / "000001.chunk").unlink()  # they are not done yet

    found = extract(net, TOPS, examples, spec, place, engine=Watched(net, sooner).engine)
    assert files(found.store.folder) == files(expected.store.folder)


def test_for_what_can_never_fit_nothing_gives_way(tmp_path: Path) -> None:
    net, place = network(), Place(root=tmp_path)
    spec = net.inputs["image:0"]
    there = extract(net, TOPS, digits(20), spec, place).store.folder
    with pytest.raises(OutOfSpace, match="what is left of the budget for features"):
        extract(net, TOPS, digits(), spec, replace(place, budget=2_000_000))
    assert there.exists()
