"""Whole studies and recognitions on a small network and pictures of two colours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import regraft
from regraft.data import Examples, open_data, open_unlabelled
from regraft.errors import BadArgument, BadData
from regraft.few_labels.study import CHOSEN, PIXELS, SOURCE, UNTRAINED
from regraft.network import GraphNetwork

CLASSES = 6


class Net(nn.Module):
    """A network for pictures (b 3 16 16) of values 0..1."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.norm(self.conv(x)).relu()).flatten(1))


@pytest.fixture(scope="module")
def network() -> GraphNetwork:
    torch.manual_seed(0)
    return regraft.open(Net().eval(), sample=torch.zeros(1, 3, 16, 16))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Rows of pictures, each class of its own colour under noise."""
    random = np.random.default_rng(0)
    y = np.repeat(np.arange(CLASSES), 20)
    colours = random.uniform(0.2, 0.8, (CLASSES, 3, 1, 1))
    seen = colours[y] + 0.1 * random.normal(size=(len(y), 3, 1, 1))
    x = (seen + 0.2 * random.normal(size=(len(y), 3, 16, 16))).clip(0, 1).astype(np.float32)
    path = tmp_path_factory.mktemp("data") / "colours.npz"
    np.savez(path, x=x, y=y)
    return path


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.slow
def test_a_study(network: GraphNetwork, data: Path) -> None:
    found = regraft.fewshot(network, data, shots=[1, 5], ways=4, queries=10, episodes=30, input="range=0..1")
    told = {(one.features, one.method, one.shots): one for one in found.results}
    assert len(told) == len(found.results) == 2 * (6 + 1 + 2)
    for one in found.results:
        low, high = one.interval
        assert one.ways == 4
        assert 0 <= low <= one.accuracy <= high <= 1
        assert one.accuracy > 0.3
    assert told[SOURCE, CHOSEN, 5].accuracy > told[SOURCE, CHOSEN, 1].accuracy > 0.6
    assert {(features, method) for features, method, _ in told if features != SOURCE} == {
        (UNTRAINED, "nearest centroid"),
        (PIXELS, "nearest centroid"),
    }
    record = found.as_json()
    assert record["results"][0]["method"] == "nearest centroid"
    assert record["episodes"] == {"ways": 4, "shots": (1, 5), "queries": 10, "count": 30, "seed": 0}
    again = regraft.fewshot(network, data, shots=[1, 5], ways=4, queries=10, episodes=30, input="range=0..1")
    assert again.results == found.results


def test_features_are_computed_once_for_all_shots_and_ways(network: GraphNetwork, data: Path, tmp_path: Path) -> None:
    for ways in (2, 5):
        regraft.fewshot(network, data, shots=[1], ways=ways, queries=3, episodes=2, input="range=0..1")
    stores = list((tmp_path / "cache").rglob("index.json"))
    assert len(stores) == 2  # the source's and the untrained trunk's


def few(data: Path, classes: list[int]) -> Examples:
    """Five labelled examples of some classes."""
    examples = open_data(data)
    rows = np.concatenate([np.flatnonzero(examples.labels == one)[:5] for one in classes])
    part = examples.some(rows)
    names = tuple(examples.classes[one] for one in classes)
    labels = np.repeat(np.arange(len(classes)), 5)
    return Examples(source="few", items=part.examples.items, labels=labels, classes=names, hashes=part.examples.hashes)


def test_others_are_recognised_and_a_class_can_be_added(network: GraphNetwork, data: Path, tmp_path: Path) -> None:
    arrays = np.load(data)
    np.save(tmp_path / "asked.npy", arrays["x"][arrays["y"] < 3])
    asked, truth = open_unlabelled([tmp_path / "asked.npy"]), arrays["y"][arrays["y"] < 3]
    told = regraft.recognise(network, few(data, [0, 1]), asked, input="range=0..1")
    assert set(told.classes) == {"0", "1"}
    assert told.inputs[:2] == ("row 0", "row 1")
    more = regraft.recognise(network, few(data, [0, 1, 2]), asked, input="range=0..1")
    assert np.mean(np.array(more.classes, dtype=int) == truth) > 0.8
    assert more.as_json()["predictions"][0] == {"input": "row 0", "class": more.classes[0]}


def test_what_cannot_be_recognised_by(network: GraphNetwork, data: Path) -> None:
    with pytest.raises(BadData, match=r"^there is one class only: nothing can be told apart\n  where: few\n"):
        regraft.recognise(network, few(data, [0]), open_unlabelled([data]), input="range=0..1")


def test_a_tensor_no_vector_can_be_made_of(data: Path) -> None:
    class Volumes(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.head = nn.Linear(3, 2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.head(x[..., None, None].expand(-1, -1, -1, -1, 2, 2).mean((2, 3, 4, 5)))

    network = regraft.open(Volumes(), sample=torch.zeros(1, 3, 16, 16))
    volume = next(name for name, tensor in network.tensors.items() if len(tensor.shape or ()) == 6)
    with pytest.raises(BadArgument) as caught:
        regraft.fewshot(network, data, at=volume, ways=2, input="range=0..1")
    assert str(caught.value) == (
        f"no vector can be made of {volume}\n"
        "  expected: a tensor (b d), (b t d) or (b h w c)\n"
        "  to do: name another: --at NAME"
    )
