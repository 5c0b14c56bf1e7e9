"""What regraft writes it opens: exports of exports compute what their source did, and can be trained as it could."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from formats.onnx.test_export import tensorflow_like
from formats.pytorch.modules import Small
from torch import Tensor, nn

import regraft
from regraft.network import GraphNetwork, Plan

CHAINS = [("onnx", "pt2", "onnx"), ("pt2", "onnx", "pt2")]
REAL = [
    "torchvision:shufflenet_v2_x0_5",
    "torchvision:mnasnet0_5",
    "timm:mobilevit_xxs",
    "timm:densenet121",
    "squeezenet_v1_imagenet_caffe/SqueezeNet_v1.0.caffemodel",
    "fer_emotion_keras_h5/emotion_model.hdf5",
    "mobilenet_v1_imagenet_tf1/retrained_graph.pb",
]


class Pieces(nn.Module):
    """A net that cuts its maps in pieces: even ones, uneven ones, and ones of sizes that are named."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.dense = nn.Conv2d(3, 9, 3), nn.BatchNorm2d(9), nn.Linear(3, 4)

    def forward(self, x: Tensor) -> Tensor:
        maps = self.norm(self.conv(x))
        first, second, third = maps.chunk(3, dim=1)
        *_, last = torch.split(maps, 4, dim=1)
        four, five = maps.split([4, 5], dim=1)
        means = [part.mean(dim=(1, 2, 3))[:, None] for part in (last, four, five)]
        return self.dense((first + second * third).mean(dim=(2, 3))) + sum(means)


SMALL: dict[str, Callable[[], GraphNetwork]] = {
    "tensorflow-like": tensorflow_like,
    **{
        module.__name__: lambda module=module: regraft.open(module().eval(), sample=torch.randn(2, 3, 8, 8))
        for module in (Small, Pieces)
    },
}


def chained(network: GraphNetwork, chain: tuple[str, ...], folder: Path) -> GraphNetwork:
    """What the last export is opened as, each being the export of the one before."""
    for number, ending in enumerate(chain):
        network = regraft.open(regraft.export(network, folder / f"net{number}.{ending}").files[0])
    return network


def trainable(network: GraphNetwork) -> int:
    return sum(parameter.value.size for parameter in network.parameters.values() if parameter.trainable)


def require_same(found: GraphNetwork, source: GraphNetwork) -> None:
    (spec,) = source.graph.inputs
    x = np.random.default_rng(0).random((3, *(size or 64 for size in spec.shape[1:]))).astype(spec.dtype)
    expected = source.run(x)
    np.testing.assert_allclose(found.run(x), expected, atol=1e-4 * np.abs(expected).max())
    assert trainable(found) == trainable(source)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "chain"), list(itertools.product(SMALL, CHAINS)))
def test_exports_of_exports(name: str, chain: tuple[str, ...], tmp_path: Path) -> None:
    source = SMALL[name]()
    require_same(chained(source, chain, tmp_path), source)


@pytest.mark.slow
@pytest.mark.parametrize(("address", "chain"), list(zip(REAL, itertools.cycle(CHAINS), strict=False)))
@pytest.mark.filterwarnings("ignore::UserWarning")  # that heads are not told by name
def test_exports_of_exports_of_real_networks_are_trained_on(
    address: str, chain: tuple[str, ...], shared: Path, flowers: Path, tmp_path: Path
) -> None:
    source = regraft.open(address, weights="random") if ":" in address else regraft.open(shared / "models" / address)
    found = chained(source, chain, tmp_path)
    require_same(found, source)
    names = list(found.parameters)
    plan = Plan(freeze="|".join(map(re.escape, names[: len(names) // 2])))
    settings = {"epochs": 1, "seed": 1, "device": "cpu", "batch": 12}
    result = regraft.fit(found, flowers, plan=plan, settings=settings, out=tmp_path / "run", input="range=0..1")
    assert any(row.state == "reused" for row in result.graft.rows)
