"""What data layers say of the pictures a network takes."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from formats.caffe.making import caffemodel, layer, net, packed, random_weights

from regraft.errors import UnreadableFile
from regraft.formats import caffe
from regraft.formats.caffe import protos
from regraft.network import InputSpec

CONV = layer("Convolution", convolution_param="num_output: 4 kernel_size: 3")


def spec(folder: Path, text: str) -> InputSpec:
    (folder / "net.prototxt").write_text(text)
    with warnings.catch_warnings(action="ignore"):
        (found,) = caffe.read(folder / "net.prototxt").graph.inputs
    return found


def data(transform: str, type: str = "Data", extra: str = "") -> str:
    return (
        f'layer {{ name: "data" type: "{type}" top: "data" top: "label" transform_param {{ {transform} }} {extra} }}\n'
    )


def prepared(found: InputSpec, value: np.ndarray) -> np.ndarray:
    """What the description of an input says of a value 0..255: (c)."""
    low, high = found.range or (0.0, 0.0)
    mean, std = found.mean or (0.0,), found.std or (1.0,)
    return (value / 255 * (high - low) + low - np.array(mean)) / np.array(std)


MEANS = "mean_value: 104 mean_value: 117 mean_value: 123"


@pytest.mark.parametrize(
    ("transform", "mean", "scale"),
    [
        (f"crop_size: 9 {MEANS}", (104, 117, 123), 1),
        (f"crop_size: 9 scale: 0.017 {MEANS}", (104, 117, 123), 0.017),
        ("crop_size: 9 mean_value: 127.5 scale: 0.0078125 force_color: true", (127.5,), 0.0078125),
        ("crop_size: 9 scale: 0.00390625 force_color: true", (0,), 0.00390625),
        ("crop_size: 9 mirror: true force_color: true", (0,), 1),
    ],
)
def test_scale_and_mean(transform: str, mean: tuple[float, ...], scale: float, tmp_path: Path) -> None:
    found = spec(tmp_path, data(transform) + CONV)
    value = np.array([200.0, 10.0, 77.0])
    np.testing.assert_allclose(prepared(found, value), (value - np.array(mean)) * scale, rtol=1e-6, atol=1e-9)
    assert (found.origin, found.channels, found.layout, found.shape) == ("file", "bgr", "NCHW", (None, 3, 9, 9))


def test_grey_pictures(tmp_path: Path) -> None:
    found = spec(tmp_path, data("crop_size: 9 scale: 0.5 force_gray: true") + CONV)
    assert (found.channels, found.range, found.shape) == ("grey", (0, 127.5), (None, 1, 9, 9))


def test_the_layer_for_evaluation_counts(tmp_path: Path) -> None:
    layers = [
        data(f"crop_size: {size} {MEANS}").replace("transform_param", f"include {{ phase: {phase} }} transform_param")
        for phase, size in (("TRAIN", 8), ("TEST", 9))
    ]
    assert spec(tmp_path, "".join(layers) + CONV).shape == (None, 3, 9, 9)


def test_the_words_of_old_files(tmp_path: Path) -> None:
    old = (
        'layers { name: "data" type: DATA top: "data" top: "label" data_param { crop_size: 9 scale: 0.5 } '
        "transform_param { force_color: true } }"
        'layers { name: "top" type: CONVOLUTION bottom: "data" top: "top" '
        "convolution_param { num_output: 4 kernel_size: 3 } }"
    )
    found = spec(tmp_path, old)
    assert (found.range, found.shape) == ((0, 127.5), (None, 3, 9, 9))


def test_image_data_without_a_crop(tmp_path: Path) -> None:
    extra = "image_data_param { new_height: 12 new_width: 9 is_color: false }"
    assert spec(tmp_path, data("scale: 1", "ImageData", extra) + CONV).shape == (None, 1, 12, 9)


def test_a_deployed_network_takes_what_its_weights_file_says(tmp_path: Path) -> None:
    text = net(CONV)
    (tmp_path / "net.prototxt").write_text(text)
    weights = random_weights(tmp_path / "net.prototxt")
    trained = caffemodel(data(f"crop_size: 9 {MEANS}") + CONV, weights)
    (tmp_path / "net.caffemodel").write_bytes(trained.SerializeToString())
    found = spec(tmp_path, text)
    assert (found.range, found.mean, found.origin, found.shape) == ((0, 255), (104, 117, 123), "file", (None, 3, 9, 8))


def test_nothing_said_is_nothing_known(tmp_path: Path) -> None:
    found = spec(tmp_path, net(CONV))
    assert (found.range, found.mean, found.origin, found.channels) == (None, (), "unknown", "bgr")


FILE = data('crop_size: 9 mean_file: "data/ilsvrc12/imagenet_mean.binaryproto"')


def test_a_mean_picture_beside_the_network(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).uniform(90, 130, (3, 16, 16)).astype(np.float32)
    made = protos.new("BlobProto")
    made.num, made.channels, made.height, made.width = 1, *picture.shape
    made.MergeFromString(packed(picture))
    (tmp_path / "imagenet_mean.binaryproto").write_bytes(made.SerializeToString())
    (tmp_path / "net.prototxt").write_text(net(CONV))
    weights = random_weights(tmp_path / "net.prototxt")
    (tmp_path / "net.caffemodel").write_bytes(caffemodel(net(CONV), weights).SerializeToString())
    found = spec(tmp_path, FILE + CONV)
    np.testing.assert_allclose(found.mean, picture.mean((1, 2)), rtol=1e-6)
    assert (found.range, found.origin, found.shape) == ((0, 255), "file", (None, 3, 9, 9))


def test_a_mean_picture_that_is_not_there(tmp_path: Path) -> None:
    text = FILE.replace("crop_size", "force_color: true crop_size") + CONV
    (tmp_path / "net.prototxt").write_text(text)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        (found,) = caffe.read(tmp_path / "net.prototxt").graph.inputs
    assert str(said[0].message) == (
        f"{tmp_path}/net.prototxt: the mean picture imagenet_mean.binaryproto is not beside it: how pictures are "
        "prepared is not known"
    )
    assert (found.range, found.origin) == (None, "unknown")


def test_a_mean_picture_that_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "imagenet_mean.binaryproto").write_bytes(b"\x2a\xff")
    with pytest.raises(UnreadableFile, match="breaks its own format"):
        spec(tmp_path, FILE + CONV)
