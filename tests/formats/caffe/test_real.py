"""Networks people really trained: SqueezeNet, MTCNN, and the definition of open_nsfw."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import oracle
import pytest
from PIL import Image

import regraft
from regraft.network import GraphNetwork

SQUEEZENET = "models/squeezenet_v1_imagenet_caffe"
INPUT = "range=0..255,channels=bgr,mean=104,117,123"
# What the photos show, and their numbers among the 1000 classes of ImageNet.
PHOTOS = {"cat_720p.jpg": {281, 282, 285}, "hot_dog.jpg": {934}, "parrot.jpg": {88}}

OPENCV = """
import sys, cv2, numpy as np
folder, pixels, out = sys.argv[1:]
net = cv2.dnn.readNetFromCaffe(f"{folder}/SqueezeNet_deploy.prototxt", f"{folder}/SqueezeNet_v1.0.caffemodel")
net.setInput(np.load(pixels))
np.save(out, net.forward())
"""


@pytest.fixture
def squeezenet(shared: Path) -> GraphNetwork:
    return opened(shared / SQUEEZENET / "SqueezeNet_v1.0.caffemodel")


def opened(path: Path) -> GraphNetwork:
    with warnings.catch_warnings(action="ignore"):
        return regraft.open(path)


def test_squeezenet_names_the_photos(squeezenet: GraphNetwork, shared: Path) -> None:
    photos = [shared / "data/imagenet_photos/photos" / name for name in PHOTOS]
    found = regraft.predict(squeezenet, photos, input=INPUT, device="cpu").probability.argmax(1)
    assert all(int(one) in classes for one, classes in zip(found, PHOTOS.values(), strict=True)), found


def test_squeezenet_is_opencvs(squeezenet: GraphNetwork, shared: Path, tmp_path: Path) -> None:
    pictures = []
    for name in PHOTOS:
        photo = Image.open(shared / "data/imagenet_photos/photos" / name).convert("RGB").resize((227, 227))
        pictures.append(np.asarray(photo, np.float32)[..., ::-1] - (104, 117, 123))
    pixels = np.stack(pictures).transpose(0, 3, 1, 2).astype(np.float32)
    np.save(tmp_path / "pixels.npy", pixels)
    oracle.run(OPENCV, shared / SQUEEZENET, tmp_path / "pixels.npy", tmp_path / "out.npy")
    wanted = np.load(tmp_path / "out.npy")
    np.testing.assert_allclose(squeezenet.run(pixels), wanted, atol=1e-4)
    assert wanted.max() > 0.3


@pytest.mark.parametrize(("net", "onnx", "size"), [("det1", "pnet", 12), ("det2", "rnet", 24)])
def test_mtcnn_is_that_of_onnx_and_torch(net: str, onnx: str, size: int, shared: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    folder = shared / "models/mtcnn_six_formats"
    network = opened(folder / f"caffe/{net}.caffemodel")
    x = np.random.default_rng(0).normal(0, 0.5, (3, 3, size, size)).astype(np.float32)
    session = onnxruntime.InferenceSession(str(folder / f"onnx/{onnx}.onnx"))
    answers = session.run(None, {session.get_inputs()[0].name: x.transpose(0, 2, 3, 1)})
    boxes, probabilities = sorted(network.run(x), key=lambda value: -value.shape[1])
    for got, wanted in zip((boxes, probabilities), answers, strict=True):
        np.testing.assert_allclose(got.reshape(3, -1), wanted.reshape(3, -1), atol=1e-5)


def test_mtcnn_weights_are_those_of_the_other_formats(shared: Path) -> None:
    """Height and width stand in the other order in the files of torch, whose programs feed turned pictures."""
    import torch

    folder = shared / "models/mtcnn_six_formats"
    kernel = opened(folder / "caffe/det1.caffemodel").values["conv1/0"]
    state = torch.load(folder / "torch_pt/pnet.pt", weights_only=True)
    np.testing.assert_allclose(kernel, state["conv1.weight"].numpy().swapaxes(2, 3), atol=1e-6)


def test_a_convolutional_network_takes_other_sizes(shared: Path) -> None:
    from dataclasses import replace

    network = opened(shared / "models/mtcnn_six_formats/caffe/det1.caffemodel")
    (spec,) = network.graph.inputs
    network = network.with_input(replace(spec, shape=(None, 3, None, None)))
    assert network.run(np.zeros((1, 3, 40, 60), np.float32), to="prob1").shape == (1, 2, 15, 25)


def test_open_nsfw_opens(shared: Path) -> None:
    path = shared / "models/open_nsfw_resnet50_thin_caffe_graph_only/deploy.prototxt"
    with pytest.warns(UserWarning, match="all 373 parameters start afresh"):
        network = regraft.open(path)
    assert network.outputs == ("prob",)
    assert len(network.cuts()) == 17
    assert network.run(np.zeros((2, 3, 224, 224), np.float32)).shape == (2, 2)


@pytest.mark.slow
@pytest.mark.parametrize("freeze", [None, r"conv1/|fire[2-8]/"])
def test_squeezenet_learns_flowers(freeze: str | None, squeezenet: GraphNetwork, shared: Path, tmp_path: Path) -> None:
    few = tmp_path / "flowers"
    for folder in sorted(path for path in (shared / "data/flowers5").iterdir() if path.is_dir()):
        (few / folder.name).mkdir(parents=True)
        for photo in sorted(folder.iterdir())[:20]:
            (few / folder.name / photo.name).symlink_to(photo)
    settings = {"epochs": 40 if freeze is None else 3, "device": "cpu"}  # frozen layers run once, however many
    plan = regraft.Plan() if freeze is None else regraft.Plan(freeze=freeze)
    made = regraft.fit(squeezenet, few, plan=plan, settings=settings, out=tmp_path / "run", input=INPUT)
    assert made.test.accuracy > 0.3  # 0.2 is chance
    again = regraft.open(tmp_path / "run")
    x = np.random.default_rng(0).normal(0, 50, (2, 3, 227, 227)).astype(np.float32)
    np.testing.assert_array_equal(again.run(x), made.network.run(x, to=made.graft.logits))
    moved = [name for name in made.graft.frozen if not np.array_equal(again.values[name], squeezenet.values[name])]
    assert moved == []
    if freeze:
        assert not np.array_equal(again.values["fire9/conv1x1_1/0"], squeezenet.values["fire9/conv1x1_1/0"])
