"""Learning on an ONNX network: a real one, with batch norm, frozen and partly thawed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from formats.onnx.exporting import exported
from formats.onnx.making import runtime
from thawing import assert_same_in_both_modes, of_state, thawed

import regraft
from regraft.network import GraphNetwork

INPUT = "range=0..1,channels=rgb,mean=0.485,0.456,0.406,std=0.229,0.224,0.225"


@pytest.fixture(scope="module")
def path(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MobileNetV2 with the weights of ImageNet, its batch norm kept."""
    (weights,) = (shared / "models").glob("*mobilenet*v2*/*.pth")
    module = torchvision.models.mobilenet_v2()
    module.load_state_dict(torch.load(weights, weights_only=True))
    target = tmp_path_factory.mktemp("onnx") / "mobilenet_v2.onnx"
    return exported(module.eval(), torch.zeros(2, 3, 96, 96), target, folded=False)


def few(shared: Path, folder: Path) -> Path:
    """Twenty photos of each class."""
    for source in sorted(path for path in (shared / "data/flowers5").iterdir() if path.is_dir()):
        (folder / source.name).mkdir(parents=True)
        for photo in sorted(source.iterdir())[:20]:
            (folder / source.name / photo.name).symlink_to(photo)
    return folder


def digest(network: GraphNetwork, names: list[str]) -> str:
    return hashlib.sha256(b"".join(network.values[name].tobytes() for name in names)).hexdigest()


@pytest.mark.slow
@pytest.mark.parametrize("freeze", [None, r"features\.([0-9]|1[0-7])\."])
def test_mobilenet_learns_flowers(freeze: str | None, path: Path, shared: Path, tmp_path: Path) -> None:
    network = regraft.open(path)
    x = np.random.default_rng(0).normal(size=(2, 3, 96, 96)).astype(np.float32)
    np.testing.assert_allclose(network.run(x), runtime(path, {"x": x})[0], rtol=1e-4, atol=1e-4)
    settings = {"epochs": 30, "device": "cpu"} if freeze is None else {"epochs": 12, "lr": 0.003, "device": "cpu"}
    plan = regraft.Plan() if freeze is None else regraft.Plan(freeze=freeze)
    made = regraft.fit(
        network, few(shared, tmp_path / "few"), plan=plan, settings=settings, out=tmp_path / "run", input=INPUT
    )
    assert made.test.accuracy > 0.4  # 0.2 is chance
    again = regraft.open(tmp_path / "run")
    np.testing.assert_array_equal(again.run(x), made.network.run(x, to=made.graft.logits))
    frozen = sorted(made.graft.frozen)
    assert digest(again, frozen) == digest(network, frozen)
    if freeze:
        top = ("features.18.0.weight", "features.18.1.running_mean", "features.18.1.running_var", "features.18.1.bias")
        assert not any(np.array_equal(again.values[name], network.values[name]) for name in top)
    else:
        assert len(frozen) == len(again.parameters) - 2


@pytest.mark.slow
def test_frozen_statistics_are_used_in_training_and_the_rest_learns(path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(8, 3, 96, 96)).astype(np.float32)
    network = regraft.open(path)
    cut = network.cuts()[14].tensor
    done = thawed(network, regraft.Plan(freeze_below=cut, freeze_statistics=True), x)
    assert done.graft.features == (cut,)
    assert done.changed == of_state(done.graft, "reused")
    assert {"features.18.1.weight", "features.18.1.bias"} <= done.changed
    assert_same_in_both_modes(done.graft, x, done.graft.at)
