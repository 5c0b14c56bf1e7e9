"""The main job from each format: fit, frozen and partly thawed; saved, opened again, exported; the same answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
import torchvision
from torch import nn

import regraft
from regraft.network import GraphNetwork, Plan


@dataclass(frozen=True)
class Source:
    """A real network, how it wants its pictures, and how many parameters at the top are thawed: whole layers.

    They are those of the last layer, which is dropped, and of those below it.
    """

    address: str
    input: str | None = None
    weights: str | None = None
    thawed: int = 8


IMAGENET = "range=0..1,channels=rgb,mean=0.485,0.456,0.406,std=0.229,0.224,0.225"
MOBILENET_V2 = "mobilenet_v2_imagenet_torch/mobilenet_v2-b0353104.pth"
SOURCES = {
    "tf1": Source("mobilenet_v1_imagenet_tf1/retrained_graph.pb", "range=-1..1,channels=rgb"),
    "caffe": Source(
        "squeezenet_v1_imagenet_caffe/SqueezeNet_deploy.prototxt", "range=0..255,channels=bgr,mean=104,117,123"
    ),
    "keras": Source("fer_emotion_keras_h5/emotion_model.hdf5", "range=-1..1,channels=grey", thawed=7),
    "onnx": Source("mobilenet_v2.onnx", IMAGENET),
    "pytorch": Source("torchvision:mobilenet_v2", weights=MOBILENET_V2, thawed=7),
    "pt2": Source("mobilenet_v2.pt2", IMAGENET, thawed=7),
    "arrays": Source("torchvision:mobilenet_v2", weights="mobilenet_v2.npz", thawed=7),
}


def opened(source: Source, shared: Path, folder: Path) -> GraphNetwork:
    models = shared / "models"
    made = source.weights or source.address
    if made in WRITERS:
        module = torchvision.models.mobilenet_v2()
        module.load_state_dict(torch.load(models / MOBILENET_V2, weights_only=True))
        WRITERS[made](module.eval(), folder / made)
        models = folder
    if source.weights:
        return regraft.open(source.address, weights=models / source.weights)
    return regraft.open(models / source.address)


def write_onnx(module: nn.Module, path: Path) -> None:
    free = {"input": {0: "batch"}}
    picture = (torch.zeros(1, 3, 224, 224),)
    torch.onnx.export(module, picture, path, dynamo=False, input_names=["input"], dynamic_axes=free)


def write_program(module: nn.Module, path: Path) -> None:
    free = {"x": {0: torch.export.Dim("batch")}}
    torch.export.save(torch.export.export(module, (torch.zeros(2, 3, 224, 224),), dynamic_shapes=free), path)


def write_arrays(module: nn.Module, path: Path) -> None:
    np.savez(path, **{name: tensor.numpy() for name, tensor in module.state_dict().items()})


WRITERS = {"mobilenet_v2.onnx": write_onnx, "mobilenet_v2.pt2": write_program, "mobilenet_v2.npz": write_arrays}


@pytest.mark.slow
@pytest.mark.parametrize("frozen", ["all", "part"])
@pytest.mark.parametrize("format", SOURCES)
@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")  # each has tests of its own
def test_fit_save_open_export(format: str, frozen: str, shared: Path, flowers: Path, tmp_path: Path) -> None:
    source = SOURCES[format]
    settings = {"epochs": 2, "seed": 1, "device": "cpu", "batch": 12}
    network = opened(source, shared, tmp_path)
    plan = (
        Plan(freeze="|".join(map(re.escape, list(network.parameters)[: -source.thawed]))) if frozen == "part" else None
    )
    result = regraft.fit(network, flowers, plan=plan, settings=settings, out=tmp_path / "run", input=source.input)
    assert (any(row.state == "reused" for row in result.graft.rows)) == (frozen == "part")

    photos = sorted(flowers.rglob("*.jpg"))[::5]
    said = regraft.predict(tmp_path / "run", photos)
    again = regraft.open(tmp_path / "run")
    np.testing.assert_array_equal(regraft.predict(again, photos).probability, said.probability)

    file = regraft.export(tmp_path / "run", tmp_path / "out.onnx").files[0]
    (spec,) = again.graph.inputs
    x = np.random.default_rng(0).normal(size=(3, *spec.shape[1:])).astype("float32")
    (exported,) = onnxruntime.InferenceSession(file).run(list(again.outputs), {spec.name: x})
    expected = again.run(x)
    np.testing.assert_allclose(exported, expected, atol=1e-4 * np.abs(expected).max())
    reopened = regraft.open(file).with_input(spec)
    np.testing.assert_allclose(regraft.predict(reopened, photos).probability, said.probability, atol=1e-4)
