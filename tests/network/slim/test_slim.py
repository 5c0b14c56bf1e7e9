"""Checkpoints of TF-slim's nets in the models of timm and torchvision: TensorFlow's own results, or a refusal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from network.slim.making import assert_same, create, outputs, results, without_numbers, written_by_tensorflow
from torch import nn

import regraft
from regraft.data import prepare
from regraft.data.arrays import unlabelled
from regraft.errors import BadArgument, ShapeMismatch, UnsupportedFormat
from regraft.formats import read_weights
from regraft.network.renames import Place
from regraft.network.slim import slim_map
from regraft.network.slim.maps import nets, refusals
from regraft.network.slim.modules import load_slim, slim_map_of

pytest.importorskip("timm")
pytest.importorskip("torchvision")

USED = "names of TF-slim's {}: the shipped map is used"
ONES = "the file's batch norms have no gamma: ones are taken"
AVERAGES = "the file also has moving averages of weights (.../ExponentialMovingAverage): they are not used"
SAME = {"pad_type": "same", "bn_eps": 1e-3}


def names_of(scope: str, model: str) -> dict[str, np.ndarray]:
    """A file that holds a net, as to names."""
    net = next(net for net in nets() if (net.scope, net.model) == (scope, model))
    return {name: np.zeros(3, np.float32) for name in net.places if name not in net.scales}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of MobileNet v2 with 0.35 of its channels, written by TensorFlow."""
    folder = tmp_path_factory.mktemp("slim")
    return written_by_tensorflow(folder, "mobilenet_v2_0.35")["mobilenet_v2_0.35"]


def test_a_checkpoint_gives_tensorflows_results(small: Path) -> None:
    values = read_weights(small).values
    found = slim_map(values, "timm:mobilenetv2_035")
    assert found is not None
    assert found.create == {"num_classes": 1001, **SAME}
    module = create(found.model, **found.create)

    loaded = regraft.load_weights(module, small)

    assert (loaded.percent, loaded.untouched) == (100, ())
    assert loaded.notes == (USED.format("MobilenetV2"), AVERAGES)
    left = [name for name in loaded.unused if not name.endswith(("Momentum", "ExponentialMovingAverage"))]
    assert left == ["global_step"]
    assert_same(*results(module, small))


def test_the_head_may_be_missing(small: Path) -> None:
    module = create("timm:mobilenetv2_035", num_classes=0, **SAME)
    loaded = regraft.load_weights(module, small)
    assert (loaded.percent, loaded.untouched) == (100, ())
    assert "MobilenetV2/Logits/Conv2d_1c_1x1/weights" in loaded.unused


def test_a_file_without_a_head_leaves_that_of_the_module(small: Path, tmp_path: Path) -> None:
    values = {name: value for name, value in read_weights(small).values.items() if "/Logits/" not in name}
    np.savez(tmp_path / "body.npz", **values)
    module = create("timm:mobilenetv2_035", num_classes=7, **SAME)
    loaded = regraft.load_weights(module, tmp_path / "body.npz")
    assert loaded.untouched == ("classifier.weight", "classifier.bias")
    found = slim_map(values, "timm:mobilenetv2_035")
    assert found is not None
    assert (found.classes, found.create) == (None, SAME)


def test_a_module_with_another_padding_or_epsilon_is_refused_and_stays_as_it_was(small: Path) -> None:
    module = create("timm:mobilenetv2_035", num_classes=1001)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    with pytest.raises(BadArgument) as error:
        regraft.load_weights(module, small)
    assert str(error.value) == (
        "results of TF-slim's MobilenetV2 would change in this module\n"
        "  expected: a module that computes what slim's net does\n"
        "  got: conv_stem is padded on both sides alike, slim's more at the end (SAME); "
        "bn1 has eps 1e-05, slim's 0.001; ... (57)\n"
        "  to do: create it as timm.create_model('mobilenetv2_035', num_classes=1001, pad_type='same', bn_eps=0.001)"
    )
    assert all(torch.equal(before[name], tensor) for name, tensor in module.state_dict().items())
    with pytest.raises(BadArgument, match=r"got: bn1 has eps 1e-05, slim's 0.001; .* \(52\)"):
        regraft.load_weights(create("timm:mobilenetv2_035", num_classes=1001, pad_type="same"), small)
    with pytest.raises(BadArgument, match=r"got: conv_stem is padded .* \(5\)"):
        regraft.load_weights(create("timm:mobilenetv2_035", num_classes=1001, bn_eps=1e-3), small)


def test_another_number_of_classes_is_refused(small: Path) -> None:
    with pytest.raises(ShapeMismatch) as error:
        regraft.load_weights(create("timm:mobilenetv2_035", num_classes=1000, **SAME), small)
    assert str(error.value) == (
        "TF-slim's MobilenetV2 in the file and the module tell different numbers of classes apart\n"
        "  expected: 1001 classes, number 0 the background\n"
        "  got: classifier.bias (1000,)\n"
        "  to do: create the module with num_classes=1001, load, then give it a head of your own"
    )


def test_another_width_is_refused(small: Path) -> None:
    with pytest.raises(ShapeMismatch, match="do not fit the module; nothing was changed"):
        regraft.load_weights(create("timm:mobilenetv2_050", num_classes=1001, **SAME), small)


def test_a_map_of_the_user_is_used_instead(small: Path) -> None:
    module = create("timm:mobilenetv2_035", num_classes=1001)
    loaded = regraft.load_weights(module, small, rename={"MobilenetV2/Conv/weights": "conv_stem.weight"})
    assert loaded.matched == {"MobilenetV2/Conv/weights": "conv_stem.weight"}


def test_a_module_that_is_no_known_model_is_matched_by_name(small: Path) -> None:
    with pytest.raises(BadArgument, match="none of the file's weights is in the module"):
        regraft.load_weights(nn.Sequential(nn.Linear(3, 2)), small)


def test_a_match_is_made_by_the_map(small: Path, tmp_path: Path) -> None:
    module = create("timm:mobilenetv2_035", num_classes=5, **SAME)
    found = regraft.match(small, module, out=tmp_path / "names.yaml")
    assert {(pair.confidence, pair.why) for pair in found.pairs} == {("certain", "shipped map")}
    assert found.notes == (USED.format("MobilenetV2"), AVERAGES)
    assert (found.untouched, found.undecided) == (("classifier.weight", "classifier.bias"), {})
    loaded = regraft.load_weights(module, small, rename=tmp_path / "names.yaml")
    assert loaded.untouched == found.untouched
    assert len(loaded.matched) == len(found.pairs)
    with pytest.raises(BadArgument, match="would change in this module"):
        regraft.match(small, create("timm:mobilenetv2_035"))


def test_a_real_mobilenet_v1(shared: Path) -> None:
    file = shared / "models/mobilenet_v1_imagenet_tf1/retrained_graph.pb"
    module = create("timm:mobilenetv1_100", num_classes=1001, **SAME)
    loaded = regraft.load_weights(module, file)
    assert (loaded.percent, loaded.notes) == (100, (USED.format("MobilenetV1"),))
    pictures = np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype(np.float32)
    logits = "MobilenetV1/Logits/SpatialSqueeze:0"
    wanted = regraft.open(file, to=logits).run({"input:0": pictures}, [logits])[0]
    assert_same(outputs(module, pictures), wanted)


@pytest.mark.parametrize("net", nets(), ids=lambda net: f"{net.scope}-{net.model}")
def test_a_map_fills_every_place_of_its_model(net) -> None:
    module = without_numbers(net.model, num_classes=9)
    places = {name for name in module.state_dict() if not name.endswith("num_batches_tracked")}
    assert {place.to for place in net.places.values()} == places
    assert len(net.places) == len(places)


def test_how_slim_fed_pictures() -> None:
    """Black and white come out as slim's own preprocessing makes them."""
    black, white = (unlabelled(np.full((1, 300, 400, 3), value, np.uint8), "here") for value in (0, 255))
    fed = {net.scope: net.picture for net in nets()}
    for scope, side, low, high in (
        ("InceptionV4", 299, (-1, -1, -1), (1, 1, 1)),
        ("InceptionResnetV2", 299, (-1, -1, -1), (1, 1, 1)),
        ("MobilenetV1", 224, (-1, -1, -1), (1, 1, 1)),
        ("MobilenetV2", 224, (-1, -1, -1), (1, 1, 1)),
        ("vgg_16", 224, (-123.68, -116.78, -103.94), (131.32, 138.22, 151.06)),
        ("vgg_19", 224, (-123.68, -116.78, -103.94), (131.32, 138.22, 151.06)),
    ):
        for picture, wanted in ((black, low), (white, high)):
            made = prepare(picture, [0], fed[scope])
            assert made.shape == (1, 3, side, side)
            np.testing.assert_allclose(made[0, :, 7, 9], wanted, rtol=1e-5)


def test_scales_that_the_file_has_are_used() -> None:
    values = names_of("InceptionV4", "timm:inception_v4")
    gamma = "InceptionV4/Conv2d_1a_3x3/BatchNorm/gamma"
    plain = slim_map(values, "timm:inception_v4.tf_in1k")
    given = slim_map({**values, gamma: np.full(3, 5, np.float32)}, "timm:inception_v4")
    assert plain is not None
    assert given is not None
    assert plain.ones[gamma].tolist() == [1, 1, 1]
    assert gamma not in given.ones
    assert plain.notes == (USED.format("InceptionV4"), ONES)
    assert plain.places[gamma] == given.places[gamma] == Place("features.0.bn.weight")


def test_a_model_the_net_does_not_go_into() -> None:
    with pytest.raises(BadArgument) as error:
        slim_map(names_of("vgg_16", "timm:vgg16"), "torchvision:vgg16_bn")
    assert str(error.value) == (
        "the file holds TF-slim's vgg_16, which does not go into torchvision:vgg16_bn\n"
        "  expected: one of torchvision:vgg16, timm:vgg16\n"
        "  got: torchvision:vgg16_bn"
    )


@pytest.mark.parametrize(
    "names", [["hidden1/kernel"], ["vgg_16/conv1/conv1_1/weights"], ["conv_stem.weight"], ["MobilenetV2/a/b"]]
)
def test_other_names_are_left_to_others(names: list[str]) -> None:
    values = {name: np.zeros((1, 1)) for name in names}
    assert slim_map(values, "torchvision:vgg16") is None
    assert slim_map_of(values, without_numbers("torchvision:vgg16")) is None


@pytest.mark.parametrize(
    ("scope", "model", "reason"),
    [(scope, model, one.reason) for one in refusals() for scope in one.scopes for model in one.models],
)
def test_refused(scope: str, model: str, reason: str) -> None:
    values = names_of("MobilenetV2", "timm:mobilenetv2_100") if scope == "MobilenetV2" else {f"{scope}/x": np.ones(1)}
    with pytest.raises(UnsupportedFormat) as error:
        slim_map(values, model)
    assert str(error.value) == (
        f"results of TF-slim's {scope} would change in {model}\n"
        "  expected: a model that computes what slim's net does\n"
        f"  got: {reason}\n"
        "  to do: open slim's own graph (.meta or frozen .pb); a module of yours that computes the same takes `rename`"
    )


@pytest.mark.parametrize(
    ("scope", "model"),
    [
        ("InceptionV1", "torchvision:googlenet"),
        ("InceptionV3", "torchvision:inception_v3"),
        ("InceptionV3", "timm:inception_v3"),
        ("resnet_v1_50", "torchvision:resnet50"),
        ("resnet_v1_101", "timm:resnet101"),
        ("resnet_v2_50", "timm:resnetv2_50"),
        ("MobilenetV2", "torchvision:mobilenet_v2"),
    ],
)
def test_refused_in_a_module(scope: str, model: str) -> None:
    with pytest.raises(UnsupportedFormat, match=f"TF-slim's {scope} would change in this module, which looks like"):
        slim_map_of({f"{scope}/x": np.ones(1)}, without_numbers(model))


def test_every_mark_is_in_its_models() -> None:
    for refusal in refusals():
        for model in {model.partition(":")[0]: model for model in refusal.models}.values():
            assert set(refusal.marks) <= set(without_numbers(model).state_dict())


def test_refused_whatever_the_model() -> None:
    with pytest.raises(
        UnsupportedFormat, match="TF-slim's InceptionV2 goes into no model of timm or torchvision"
    ) as error:
        slim_map({"InceptionV2/Conv2d_1a_7x7/depthwise_weights": np.ones(1)}, "torchvision:googlenet")
    assert error.value.got == "neither timm nor torchvision has this architecture"
    with pytest.raises(UnsupportedFormat, match="TF-slim's resnet_v1_50 goes into no model"):
        slim_map({"resnet_v1_50/conv1/weights": np.ones(1)}, "torchvision:vgg16")


@pytest.mark.parametrize("bad", [np.zeros(()), np.zeros((0,)), np.zeros((3, 3)), np.array(b"x", object)])
def test_weights_of_other_shapes_are_no_weights(bad: np.ndarray) -> None:
    module = create("timm:mobilenetv2_035", num_classes=1001, **SAME)
    with pytest.raises(ShapeMismatch):
        load_slim(
            module,
            slim_map(dict.fromkeys(names_of("MobilenetV2", "timm:mobilenetv2_035"), bad), "timm:mobilenetv2_035"),
        )


def test_looking_needs_no_torch() -> None:
    code = "import sys, regraft.network.slim as slim; slim.slim_map({}, 'timm:x'); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
