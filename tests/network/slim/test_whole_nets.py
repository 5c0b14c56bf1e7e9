"""TF-slim's large nets against TensorFlow: equal where the map is shipped; where it is not, for the reason given."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from network.slim.making import assert_same, create, difference, results, without_numbers, written_by_tensorflow
from torch import nn
from torch.nn import functional

import regraft
from regraft.formats import read_weights
from regraft.network.loading import load_into
from regraft.network.slim import slim_map
from regraft.opening import classes_of

pytest.importorskip("timm")
pytest.importorskip("torchvision")
pytestmark = pytest.mark.slow

# What TF-slim's layers call their variables, and torch's modules theirs.
WORDS = {
    "weights": "weight", "depthwise_weights": "weight", "biases": "bias", "gamma": "weight", "beta": "bias",
    "moving_mean": "running_mean", "moving_variance": "running_var",
}  # fmt: skip
TURNS = {"weights": "h w i o -> o i h w", "depthwise_weights": "h w c m -> (c m) 1 h w"}


EQUAL = [
    ("vgg_16", "torchvision:vgg16"),
    ("vgg_16", "timm:vgg16"),
    ("vgg_19", "torchvision:vgg19"),
    ("vgg_19", "timm:vgg19"),
    ("inception_v4", "timm:inception_v4"),
    ("inception_resnet_v2", "timm:inception_resnet_v2"),
    ("mobilenet_v1", "timm:mobilenetv1_100"),
    ("mobilenet_v2", "timm:mobilenetv2_100"),
]
REFUSED = ("inception_v1", "inception_v3", "resnet_v1_50", "resnet_v2_50")


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("slim")
    yield written_by_tensorflow(folder, *dict.fromkeys(net for net, _ in EQUAL), *REFUSED)
    for file in folder.glob("*.data-*"):
        file.unlink()  # some hundred megabytes


def test_an_address_takes_a_checkpoint(files: dict[str, Path]) -> None:
    file = files["mobilenet_v2"]
    with pytest.warns(UserWarning, match="names of TF-slim's MobilenetV2: the shipped map is used"):
        network = regraft.open("timm:mobilenetv2_100", weights=file)
    module = create("timm:mobilenetv2_100", num_classes=1001, pad_type="same", bn_eps=1e-3)
    regraft.load_weights(module, file)
    x = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        np.testing.assert_array_equal(network.run(x.numpy()), module(x).numpy())
    assert (network.graph.inputs[0].range, network.graph.inputs[0].origin) == ((-1.0, 1.0), "file")
    assert list(classes_of("timm:mobilenetv2_100", None, network) or ())[:2] == ["background", "tench, Tinca tinca"]


@pytest.mark.parametrize(("net", "model"), EQUAL)
def test_results_are_tensorflows(files: dict[str, Path], net: str, model: str) -> None:
    found = slim_map(read_weights(files[net]).values, model)
    assert found is not None
    module = without_numbers(model, **found.create)
    if net.startswith("vgg"):
        thin(module)
    module.to_empty(device="cpu")
    loaded = regraft.load_weights(module, files[net])
    assert (loaded.percent, loaded.untouched) == (100, ())
    assert_same(*results(module, files[net]))


def thin(vgg: nn.Module) -> None:
    """Fewer numbers in the dense layers, which else hold most of them."""
    if hasattr(vgg, "pre_logits"):
        vgg.pre_logits.fc1, vgg.pre_logits.fc2 = nn.Conv2d(512, 64, 7), nn.Conv2d(64, 64, 1)
        vgg.head.fc = nn.Linear(64, 1000)
    else:
        for k, (rows, count) in {0: (512 * 7 * 7, 64), 3: (64, 64), 6: (64, 1000)}.items():
            vgg.classifier[k] = nn.Linear(rows, count)


def in_order(module: nn.Module, file: Path, beside: str = "-") -> nn.Module:
    """The module with the weights of a file, layer by layer in the order they were made in.

    Args:
        beside: the module's layers whose name begins so get none.
    """
    with np.load(file.with_suffix(".npz")) as told:
        names = [str(name) for name in told["order"] if "AuxLogits" not in name and "mean_rgb" not in name]
    scopes = sorted({name.rpartition("/")[0]: None for name in names}, key=_shortcuts_last(names))
    layers = [(name, layer) for name, layer in module.named_modules() if not name.startswith(beside)]
    rename: dict[str, object] = {}
    for norm, kinds in ((False, (nn.Conv2d, nn.Linear)), (True, nn.BatchNorm2d)):
        own = [scope for scope in scopes if (f"{scope}/moving_mean" in names) == norm]
        places = [name for name, layer in layers if isinstance(layer, kinds)]
        for scope, place in zip(own, places, strict=True):
            for name in (name for name in names if name.rpartition("/")[0] == scope):
                word = name.rpartition("/")[2]
                rename[name] = {"to": f"{place}.{WORDS[word]}", "turn": TURNS.get(word)}
            if isinstance(module.get_submodule(place), nn.Linear):
                rename[f"{scope}/weights"] = {"to": f"{place}.weight", "turn": "1 1 i o -> o i"}
    values = read_weights(file).values
    loaded = load_into(module, {name: values[name] for name in rename}, rename)
    assert len(loaded.matched) == len(rename)
    return module


def _shortcuts_last(names: list[str]) -> Callable[[str], object]:
    """Torch's units of ResNet v1 make their shortcut last, slim's first."""
    order = list(dict.fromkeys(name.rpartition("/")[0] for name in names))
    units = list(dict.fromkeys(scope.rpartition("bottleneck_v1/")[0] or scope for scope in order))

    def key(scope: str) -> object:
        unit = scope.rpartition("bottleneck_v1/")[0]
        return units.index(unit or scope), bool(unit) and "shortcut" in scope, order.index(scope)

    return key


def padded(layer: nn.Module, before: int, after: int) -> None:
    """Have a layer pad so instead of its own way; all of them come after a ReLU or take pictures, whose edge is 0."""
    layer.padding = (0, 0) if isinstance(layer, nn.Conv2d) else 0
    layer.register_forward_pre_hook(lambda _, given: (functional.pad(given[0], (before, after, before, after)),))


class Subsampled(nn.Module):
    """Every second place of what a unit is given; timm's units of ResNet v2 would hand on what is normalised."""

    def __init__(self, unit: nn.Module) -> None:
        super().__init__()
        unit.register_forward_pre_hook(lambda _, given: setattr(self, "given", given[0]))

    def forward(self, _: torch.Tensor) -> torch.Tensor:
        return self.given[:, :, ::2, ::2]


def strides_moved(stages: list[list[nn.Module]]) -> None:
    """Halve the picture in the last unit of a stage, not in the first of the next."""
    for stage, following in pairwise(stages):
        stage[-1].conv2.stride, following[0].conv2.stride = (2, 2), (1, 1)
        stage[-1].downsample = Subsampled(stage[-1])
        short = following[0].downsample
        (short[0] if isinstance(short, nn.Sequential) else short.conv).stride = (1, 1)


@pytest.mark.parametrize("model", ["timm:inception_v3", "torchvision:inception_v3"])
def test_inception_v3_differs_by_the_padding_in_its_means(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    file = files["inception_v3"]
    module = in_order(create(model, num_classes=1001), file, "AuxLogits")
    assert difference(module, file) > 0.03
    pool = functional.avg_pool2d
    monkeypatch.setattr(functional, "avg_pool2d", lambda *given, **said: pool(*given, **said, count_include_pad=False))
    assert_same(*results(module, file))


def test_googlenet_differs_by_the_padding_of_its_first_convolution(files: dict[str, Path]) -> None:
    file = files["inception_v1"]
    module = in_order(create("torchvision:googlenet", num_classes=1001), file, "aux")
    assert difference(module, file) > 0.01
    padded(module.conv1.conv, 2, 3)
    assert_same(*results(module, file))


@pytest.mark.parametrize("model", ["timm:resnet50", "torchvision:resnet50"])
def test_resnet_v1_differs_by_where_it_strides(files: dict[str, Path], model: str) -> None:
    file = files["resnet_v1_50"]
    module = in_order(create(model), file)
    assert difference(module, file) > 0.02
    padded(module.maxpool, 0, 1)
    assert difference(module, file) > 0.02
    strides_moved([list(stage) for stage in (module.layer1, module.layer2, module.layer3, module.layer4)])
    assert_same(*results(module, file))


def test_resnet_v2_differs_by_its_biases_and_where_it_strides(files: dict[str, Path]) -> None:
    file = files["resnet_v2_50"]
    module = create("timm:resnetv2_50", num_classes=1001)
    for name, layer in module.named_modules():
        if name.endswith(("stem.conv", "downsample.conv", "conv3")):
            assert layer.bias is None
            layer.bias = nn.Parameter(torch.zeros(layer.out_channels))
    in_order(module, file)
    assert difference(module, file) > 0.02
    strides_moved([list(stage.blocks) for stage in module.stages])
    module.stem.pool = nn.Sequential(nn.ConstantPad2d((0, 1, 0, 1), -torch.inf), nn.MaxPool2d(3, 2))
    assert_same(*results(module, file))


def test_torchvisions_mobilenet_v2_differs_by_its_padding(files: dict[str, Path]) -> None:
    file = files["mobilenet_v2"]
    module = create("torchvision:mobilenet_v2", num_classes=1001)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.eps = 1e-3
    in_order(module, file)
    assert difference(module, file) > 0.03
    for layer in [layer for layer in module.modules() if isinstance(layer, nn.Conv2d) and layer.stride == (2, 2)]:
        padded(layer, 0, 1)
    assert_same(*results(module, file))
