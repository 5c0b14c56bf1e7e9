"""Whole networks against Keras: a real one, and those of keras.applications with random weights."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import oracle
import pytest

import regraft
from regraft.formats import keras
from regraft.network import Plan

NETWORKS = (
    *("ResNet50V2:32", "InceptionV3:75", "Xception:71", "MobileNetV2:32", "MobileNetV3Small:32", "DenseNet121:32"),
    *("EfficientNetB0:32", "NASNetMobile:32", "ConvNeXtTiny:32", "MobileNet:32"),
)
FER = "models/fer_emotion_keras_h5/emotion_model.hdf5"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_networks_of_keras_applications(tmp_path: Path, shared: Path) -> None:
    """In both forms of file: logits within 1e-5 of the greatest one; one block a cut, one layer a layer."""
    script = Path(__file__).parent / "applications_oracle.py"
    oracle.run(script, "3", tmp_path, shared / FER, *NETWORKS, timeout=800)
    said = dict(np.load(tmp_path / "answers.npz"))
    for name in (network.partition(":")[0] for network in NETWORKS):
        x, wanted = said[f"{name}/in"], said[f"{name}/out"]
        assert wanted.std() > 1e-3
        for ending in (".h5", ".keras"):
            network = regraft.open(tmp_path / f"{name}{ending}")
            got = network.run(x)
            assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max(), name + ending
        assert network.tensors[network.bottleneck()].shape is not None
        assert all("/" not in layer or layer.startswith(("block", "convnext_tiny_")) for layer in network.layers), name
    network, x = regraft.open(shared / FER), said["fer/in"]
    np.testing.assert_allclose(network.run(x), said["fer/out"], rtol=1e-5, atol=1e-6)
    shutil.rmtree(tmp_path)


def test_the_emotion_net_is_opened(shared: Path) -> None:
    network = keras.read(shared / FER)
    assert [cut.tensor for cut in network.cuts()][:3] == ["activation_1", "activation_2", "add_1"]
    assert network.bottleneck() == "add_4"
    assert len(network.layers) == 45
    assert network.layers["separable_conv2d_1"].parameters == (
        "separable_conv2d_1/depthwise_kernel",
        "separable_conv2d_1/pointwise_kernel",
    )
    assert sum(p.value.size for p in network.parameters.values()) == 58423
    faces = np.random.default_rng(0).uniform(-1, 1, (2, 64, 64, 1)).astype(np.float32)
    np.testing.assert_allclose(network.run(faces).sum(1), 1, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("plan", [Plan(), Plan(freeze="conv2d_[12]|batch_normalization_[12]$", at="add_4")])
def test_the_emotion_net_learns_flowers(plan: Plan, shared: Path, tmp_path: Path) -> None:
    """Frozen below its bottleneck, and partly thawed; the saved model gives the same answers."""
    settings = {"epochs": 3, "lr": 0.003}
    source = regraft.open(shared / FER)
    result = regraft.fit(
        source, shared / "data/flowers5", plan=plan, settings=settings, out=tmp_path / "run", input="range=-1..1"
    )
    assert result.test is not None
    assert result.test.accuracy > 0.3  # of five classes
    faces = np.random.default_rng(0).uniform(-1, 1, (4, 64, 64, 1)).astype(np.float32)
    again = regraft.open(tmp_path / "run")
    np.testing.assert_array_equal(again.run(faces), result.network.run(faces))
    for name, parameter in source.parameters.items():
        if name in again.parameters:
            kept = np.array_equal(parameter.value, again.parameters[name].value)
            assert kept == (plan.freeze == ".*" or bool(re.match(plan.freeze or "", name))), name
