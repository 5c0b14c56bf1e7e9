"""Weights written back into .caffemodel files: regraft and OpenCV open them with the prototxt they came with."""

from __future__ import annotations

import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle
import pytest
from formats.caffe.making import inputs, layer, net, written

import regraft
from regraft.errors import UnsupportedOp
from regraft.formats.caffe import read_weights
from regraft.formats.caffe.netfile import read_file
from regraft.network import GraphNetwork, New, Plan
from regraft.network.surgery import graft

TEXT = net(
    layer("Convolution", "data", "conv", convolution_param="num_output: 6 kernel_size: 3 group: 3 pad: 1"),
    layer("BatchNorm", "conv", "conv", "bn"),
    layer("Scale", "conv", "conv", "scale", scale_param="bias_term: true"),
    layer("PReLU", "conv", "conv", "prelu"),
    layer("Deconvolution", "conv", "up", convolution_param="num_output: 4 kernel_size: 2 stride: 2 bias_term: false"),
    layer("PReLU", "up", "up", "shared", prelu_param="channel_shared: true"),
    layer("InnerProduct", "up", "ip", inner_product_param="num_output: 5"),
    layer("Softmax", "ip", "prob"),
)
TYPES = {
    "conv": "Convolution", "bn": "BatchNorm", "scale": "Scale", "prelu": "PReLU", "up": "Deconvolution",
    "shared": "PReLU", "ip": "InnerProduct",
}  # fmt: skip


def opened(path: Path) -> GraphNetwork:
    with warnings.catch_warnings(action="ignore"):
        return regraft.open(path)


def changed(network: GraphNetwork) -> GraphNetwork:
    """The same network with other numbers in some layers."""
    values = network.values
    return network.assign({name: values[name] * np.float32(1.25) for name in ("conv/0", "bn/2", "scale/1", "ip/0")})


@pytest.fixture
def source(tmp_path: Path) -> GraphNetwork:
    return opened(written(tmp_path, "net", TEXT))


def test_regraft_opens_it_with_the_same_prototxt(source: GraphNetwork, tmp_path: Path) -> None:
    new = changed(source)
    (tmp_path / "new").mkdir()
    shutil.copy(tmp_path / "net.prototxt", tmp_path / "new/net.prototxt")
    done = regraft.export(new, tmp_path / "new/net.caffemodel")
    assert (done.format, done.files, done.difference) == ("caffemodel", (tmp_path / "new/net.caffemodel",), 0.0)
    again = opened(tmp_path / "new/net.caffemodel")
    x = np.random.default_rng(0).normal(size=(3, 3, 9, 8)).astype(np.float32)
    np.testing.assert_array_equal(again.run(x), new.run(x))
    assert not np.array_equal(again.run(x), source.run(x))
    layers = read_file(tmp_path / "new/net.caffemodel").layers
    assert {one.name: one.type for one in layers} == TYPES


def test_opencv_computes_with_it(source: GraphNetwork, tmp_path: Path) -> None:
    new = changed(source)
    folder = tmp_path / "cv"
    folder.mkdir()
    shutil.copy(tmp_path / "net.prototxt", folder / "net.prototxt")
    regraft.export(new, folder / "net.caffemodel")
    x = inputs(folder, "net")
    oracle.run(Path(__file__).with_name("opencv_oracle.py"), folder)
    answers = np.load(folder / "answers.npz")
    assert "net/error" not in answers, answers["net/error"]
    np.testing.assert_allclose(new.run(x), answers["net/prob"], atol=1e-5)


def test_a_new_head_is_refused_and_what_lies_below_is_written(source: GraphNetwork, tmp_path: Path) -> None:
    grafted = graft(source, Plan(at="up", new=(New(kind="dense"),)), classes=3).network
    with pytest.raises(UnsupportedOp) as caught:
        regraft.export(grafted, tmp_path / "new.caffemodel")
    assert str(caught.value) == (
        "2 of 12 parameters have no place in a .caffemodel\n"
        "  expected: parameters of Caffe's layers (conv1/0), as regraft.open gives them for a Caffe network\n"
        "  got: outputs/kernel, outputs/bias\n"
        "  to do: write the part below them, which the prototxt of the source describes (--at TENSOR, or "
        "net.towards(TENSOR)); or the whole as ONNX (--to onnx)"
    )
    assert not (tmp_path / "new.caffemodel").exists()
    regraft.export(grafted.towards("up"), tmp_path / "new.caffemodel")
    found = read_weights(tmp_path / "new.caffemodel").values
    assert set(found) == {name for name in source.parameters if not name.startswith("ip/")}
    for name, value in found.items():
        np.testing.assert_array_equal(value.reshape(source.values[name].shape), source.values[name])


def test_a_network_of_tensorflow_is_refused(tmp_path: Path) -> None:
    from formats.onnx.test_export import tensorflow_like

    with pytest.raises(UnsupportedOp, match=r"^3 of 3 parameters have no place in a \.caffemodel\n"):
        regraft.export(tensorflow_like(), tmp_path / "net.caffemodel")


def test_a_layer_without_its_first_parameter_is_refused(source: GraphNetwork, tmp_path: Path) -> None:
    nodes = tuple(node for node in source.graph.nodes if node.name not in ("conv/0",))
    headless = GraphNetwork(
        replace(source.graph, nodes=tuple(n for n in nodes if n.function == "parameter"), outputs=(), inputs=()),
        source.values,
        format="caffe",
    )
    with pytest.raises(UnsupportedOp, match="have no place"):
        regraft.export(headless, tmp_path / "net.caffemodel")


SQUEEZENET = """
import sys, cv2, numpy as np
prototxt, weights, pixels, out = sys.argv[1:]
net = cv2.dnn.readNetFromCaffe(prototxt, weights)
net.setInput(np.load(pixels))
np.save(out, net.forward())
"""


@pytest.mark.slow
def test_squeezenet_goes_back_to_opencv(shared: Path, tmp_path: Path) -> None:
    folder = shared / "models/squeezenet_v1_imagenet_caffe"
    source = opened(folder / "SqueezeNet_v1.0.caffemodel")
    names = ("conv1/0", "fire9/expand3x3/0", "conv10/1")
    new = source.assign({n: source.values[n] * np.float32(1.1) for n in names if n in source.values})
    assert regraft.export(new, tmp_path / "new.caffemodel").difference == 0
    x = np.random.default_rng(0).normal(0, 60, (2, 3, 227, 227)).astype(np.float32)
    np.save(tmp_path / "x.npy", x)
    prototxt = folder / "SqueezeNet_deploy.prototxt"
    oracle.run(SQUEEZENET, prototxt, tmp_path / "new.caffemodel", tmp_path / "x.npy", tmp_path / "out.npy")
    np.testing.assert_allclose(new.run(x), np.load(tmp_path / "out.npy"), rtol=1e-5, atol=1e-5)
    assert np.abs(new.run(x) - source.run(x)).max() > 1e-3
