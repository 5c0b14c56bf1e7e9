"""Models of a zoo made ready to be probed: siblings are fed and cut as the first of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from grounds import SILENT, dense_network, digit_splits

from regraft.network import GraphNetwork
from regraft.ranking import candidates
from regraft.ranking.candidates import Candidate, opened
from regraft.run import Progress
from regraft.zoo import Zoo

BASE = dense_network((784, 24, 20, 16, 10))
KERNELS = [name for name, parameter in BASE.parameters.items() if parameter.value.ndim == 2]


def changed(network: GraphNetwork, layer: int) -> GraphNetwork:
    """The network with other numbers in one of its layers."""
    return network.assign({KERNELS[layer]: network.parameters[KERNELS[layer]].value * 1.5})


def frozen(network: GraphNetwork, layer: int) -> GraphNetwork:
    """The network as it is after a training that kept one of its layers."""
    nodes = tuple(
        replace(node, kwargs={**node.kwargs, "trainable": False}) if node.args[:1] == (KERNELS[layer],) else node
        for node in network.graph.nodes
    )
    return GraphNetwork(replace(network.graph, nodes=nodes), network.values, format=network.format)


def candidates_of(zoo: Zoo, *names: str, progress: Progress = SILENT) -> list[Candidate]:
    splits, found = digit_splits(15, 8), list[Candidate]()
    for name in names:
        found.append(opened(zoo, zoo[name], splits, "range=0..1", progress, found))
    return found


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    shelf = Zoo(tmp_path / "zoo")
    shelf.add(BASE, "base")
    shelf.add(frozen(changed(BASE, 2), 0), "top")
    shelf.add(changed(BASE, 0), "bottom")
    shelf.add(dense_network((784, 24, 20, 10)), "shorter")
    return shelf


def test_a_sibling_is_fed_and_cut_as_the_first(zoo: Zoo, monkeypatch: pytest.MonkeyPatch) -> None:
    surveyed: list[GraphNetwork] = []
    survey = candidates.survey

    def counted(network: GraphNetwork) -> object:
        surveyed.append(network)
        return survey(network)

    monkeypatch.setattr(candidates, "survey", counted)
    progress = Progress(quiet=True)
    base, top, bottom, shorter = candidates_of(zoo, "base", "top", "bottom", "shorter", progress=progress)
    # one that was trained from the first block on is looked at anew, for its statistics may tell something else
    assert len(surveyed) == 3
    assert [line.partition(":")[0] for line in progress.said] == ["base", "bottom", "shorter"]
    assert (top.spec, top.levels, top.told, top.family) == (base.spec, base.levels, base.told, base.family)
    assert (base.family == shorter.family, base.family == bottom.family) == (True, False)


def test_a_sibling_has_its_own_weights_and_what_was_trained_of_it(zoo: Zoo) -> None:
    base, top = candidates_of(zoo, "base", "top")
    own, rows = zoo.open("top"), np.random.default_rng(0).random((5, 784), np.float32)
    assert top.card.name == "top"
    assert top.network.inputs == base.network.inputs
    told = {name: parameter.trainable for name, parameter in top.network.parameters.items()}
    assert told == {name: parameter.trainable for name, parameter in own.parameters.items()}
    assert [name for name, trained in told.items() if not trained] == [KERNELS[0]]
    np.testing.assert_array_equal(top.network.run(rows), own.run(rows))
    for level, below in zip(top.levels, base.levels, strict=True):
        np.testing.assert_array_equal(top.surveyed.run(rows, level.vector), own.run(rows, level.cut))
        same = np.array_equal(top.surveyed.run(rows, level.vector), base.surveyed.run(rows, below.vector))
        assert same == (level is not top.levels[-1])
