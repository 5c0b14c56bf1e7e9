"""Whole networks of the classic zoo with random weights, at every kind of place in them, against OpenCV."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import oracle
import pytest
from formats.caffe.making import inputs, shape_of, written
from formats.caffe.zoo import ZOO

from regraft.formats import caffe, saved
from regraft.network import GraphNetwork

# OpenCV's name of a place is that of a layer, and it gives what comes out of that layer before others work on in place.
PLACES = {
    "alexnet": {"norm2": "norm2", "fc7": "fc7@fc7", "relu_fc7": "fc7@relu_fc7", "fc8": "fc8", "prob": "prob"},
    "vgg16": {"pool3": "pool3", "conv5_3": "conv5_3@conv5_3", "fc8": "fc8", "prob": "prob"},
    "googlenet": {"inception_4a/output": "inception_4a/output", "pool5/7x7_s1": "pool5/7x7_s1", "prob": "prob"},
    "resnet50": {
        "conv1": "conv1@conv1",
        "bn_conv1": "conv1@bn_conv1",
        "scale_conv1": "conv1@scale_conv1",
        "relu_res3d": "res3d",
        "pool5": "pool5",
        "fc1000": "fc1000",
    },
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The networks' files, and OpenCV's answers."""
    folder = tmp_path_factory.mktemp("zoo")
    for name, text in ZOO.items():
        written(folder, name, text(), spread=0.1)
        inputs(folder, name, shape_of(text()), tuple(PLACES[name]))
    oracle.run(Path(__file__).parent / "opencv_oracle.py", folder)
    return folder


def opened(folder: Path, name: str) -> GraphNetwork:
    with warnings.catch_warnings(action="ignore"):
        return caffe.read(folder / f"{name}.prototxt")


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_all_places_are_opencvs(name: str, folder: Path) -> None:
    network, answers = opened(folder, name), np.load(folder / "answers.npz")
    data = np.load(folder / f"{name}.npz")["data"]
    got = network.run(data, to=list(PLACES[name].values()))
    for place, value in zip(PLACES[name], got, strict=True):
        wanted = answers[f"{name}/{place}"]
        assert value.shape == wanted.shape
        assert wanted.std() > 0, "a place where all is alike shows nothing"
        np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=2e-6 * np.abs(wanted).max(), err_msg=place)


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_saved_and_opened_again(name: str, folder: Path, tmp_path: Path) -> None:
    network = opened(folder, name)
    saved.write(network, tmp_path / "model", {})
    again = saved.read(tmp_path / "model")
    data = np.load(folder / f"{name}.npz")["data"]
    np.testing.assert_array_equal(again.run(data), network.run(data))
    assert list(again.parameters) == list(network.parameters)
    assert again.graph == network.graph


CUTS = {
    "alexnet": ["norm1", "norm2", "conv3", "conv4", "pool5", "fc6@relu_fc6", "fc7@relu_fc7"],
    "vgg16": ["conv1_1", "pool1", "conv2_1", "pool2"],
    "googlenet": ["pool1/norm1", "conv2/3x3_reduce", "pool2/3x3_s2", "inception_3a/output", "pool3/3x3_s2"],
    "resnet50": ["pool1", "res2a", "res2b", "res2c", "res3a"],
}


@pytest.mark.slow
@pytest.mark.parametrize("name", ZOO)
def test_cuts(name: str, folder: Path) -> None:
    assert [cut.tensor for cut in opened(folder, name).cuts()][: len(CUTS[name])] == CUTS[name]


@pytest.mark.slow
def test_a_split_network_gives_what_the_whole_gives(folder: Path) -> None:
    network = opened(folder, "resnet50")
    data = np.load(folder / "resnet50.npz")["data"]
    below, above = network.split(["res4c"])
    np.testing.assert_array_equal(above.run({"res4c": below.run(data)}), network.run(data))
