"""Whole networks against ONNX Runtime: exported by PyTorch, and written as Keras's converters write them."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from formats.onnx.exporting import Encoder, Tagger, exported, vivid
from formats.onnx.making import info, model, node, runtime, values, written
from torch import nn

from regraft.formats import read
from regraft.network import GraphNetwork, Plan
from regraft.network.surgery import graft

PICTURES = torch.Generator().manual_seed(0)


def compared(path: Path, x: np.ndarray, network: GraphNetwork | None = None, tolerance: float = 1e-5) -> GraphNetwork:
    """The network in a file, after it gave what ONNX Runtime gives, for two sizes of batch."""
    network = network or read(path)
    for batch in (x, x[:1]):
        (expected,) = runtime(path, {"x": batch})
        np.testing.assert_allclose(network.run(batch), expected, rtol=0, atol=tolerance * np.abs(expected).max())
    return network


def learning(network: GraphNetwork, x: np.ndarray) -> set[str]:
    """The trained parameters that a loss of the output reaches."""
    (y,) = network.module(list(network.outputs), training=True)(torch.from_numpy(x))
    (y * torch.linspace(1, 2, y.shape[-1])).square().sum().backward()
    return {name for name, weight in network.weights.items() if weight.grad is not None and weight.grad.abs().sum() > 0}


def trained(network: GraphNetwork) -> set[str]:
    return {name for name, parameter in network.parameters.items() if parameter.trainable}


@pytest.mark.parametrize(
    ("name", "size", "cuts"),
    [
        ("resnet18", 64, 9),
        ("mobilenetv2_050", 64, 25),
        pytest.param("vit_tiny_patch16_224", 224, 25, marks=pytest.mark.slow),
    ],
)
def test_networks_of_timm(name: str, size: int, cuts: int, tmp_path: Path) -> None:
    module = vivid(timm.create_model(name, num_classes=7))
    x = torch.randn(2, 3, size, size, generator=PICTURES)
    path = exported(module, x, tmp_path / "net.onnx", folded=False)
    network = compared(path, x.numpy())
    assert len(network.parameters) - len(trained(network)) == len(network.graph.updates)
    assert trained(network) == {name for name, _ in module.named_parameters()} == learning(network, x.numpy())
    assert len(network.cuts()) == cuts
    for cut in (network.cuts()[0].tensor, network.cuts()[-1].tensor, network.bottleneck()):
        network.split([cut])
    assert all(tensor.shape is not None for tensor in network.tensors.values())


@pytest.mark.parametrize(("module", "cuts"), [(Tagger, 2), (Encoder, 4)])
def test_networks_of_words(module: type[nn.Module], cuts: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    words = torch.randint(0, 50, (3, 7))
    path = exported(vivid(module()), words, tmp_path / "net.onnx")
    network = compared(path, words.numpy())
    assert trained(network) == learning(network, words.numpy())
    assert len(network.cuts()) == cuts
    assert network.bottleneck().startswith("/ReduceMean")
    assert network.inputs["x"].shape == (None, 7)


def test_batch_norm_follows_the_batch_in_training(tmp_path: Path) -> None:
    module = vivid(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4, momentum=0.2), nn.ReLU(), nn.Dropout(0.5)))
    x = torch.randn(4, 3, 6, 6, generator=PICTURES)
    path = exported(module, x, tmp_path / "net.onnx", folded=False)
    network = compared(path, x.numpy())
    raw = network.run(x.numpy(), to="/0/Conv_output_0")
    mean, variance = raw.mean((0, 2, 3)), raw.var((0, 2, 3))
    normal = next(network.nodes[node.args[0].name].name for node in network.graph.nodes if node.function == "relu")
    scale, offset = (network.values[f"1.{name}"].reshape(-1, 1, 1) for name in ("weight", "bias"))
    expected = (raw - mean.reshape(-1, 1, 1)) / np.sqrt(variance.reshape(-1, 1, 1) + 1e-5) * scale + offset
    np.testing.assert_allclose(network.run(x.numpy(), to=normal, training=True), expected, rtol=1e-4, atol=1e-5)
    for name, batch in (("1.running_mean", mean), ("1.running_var", variance)):
        following = network.run(x.numpy(), to=network.graph.updates[name], training=True)
        np.testing.assert_allclose(following, 0.8 * network.values[name] + 0.2 * batch, rtol=1e-5, atol=1e-6)
        assert not network.parameters[name].trainable


def test_dropout_drops_in_training_only(tmp_path: Path) -> None:
    x = values(0, 50, 4)
    net = model([node("Dropout", ["x", "ratio"], ["y"])], {"ratio": np.array(0.25, "f4")}, inputs=[info("x", ["b", 4])])
    network = compared(written(tmp_path, net), x)
    dropped = network.run(x, training=True)
    assert 0.1 < (dropped == 0).mean() < 0.4
    np.testing.assert_allclose(dropped[dropped != 0], (x / 0.75)[dropped != 0], rtol=1e-6)


def test_a_weight_used_twice_is_one_parameter(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "w"], ["hidden"]),
        node("Transpose", ["w"], ["turned"], perm=[1, 0]),
        node("Relu", ["hidden"], ["active"]),
        node("MatMul", ["active", "turned"], ["y"]),
    ]
    path = written(tmp_path, model(nodes, {"w": values(1, 5, 3)}, inputs=[info("x", ["b", 5])]))
    x = values(2, 4, 5)
    network = compared(path, x)
    assert list(network.parameters) == ["w"]
    (y,) = network.module(["y"])(torch.from_numpy(x))
    y.sum().backward()
    w = torch.from_numpy(values(1, 5, 3)).requires_grad_()
    ((torch.from_numpy(x) @ w).relu() @ w.T).sum().backward()
    torch.testing.assert_close(network.weights["w"].grad, w.grad)


def test_half_precision(tmp_path: Path) -> None:
    nodes = [
        node("Conv", ["x", "w", "b"], ["maps"], kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("Relu", ["maps"], ["active"]),
        node("GlobalAveragePool", ["active"], ["means"]),
        node("Flatten", ["means"], ["rows"]),
        node("Gemm", ["rows", "m", "c"], ["y"], transB=1),
    ]
    weights = {"w": values(1, 4, 3, 3, 3), "b": values(2, 4), "m": values(3, 5, 4), "c": values(4, 5)}
    net = model(nodes, {name: value.astype("f2") for name, value in weights.items()},
                inputs=[info("x", ["b", 3, 8, 8], "f2")], outputs=[info("y", ["b", 5], "f2")])  # fmt: skip
    network = compared(written(tmp_path, net), values(5, 2, 3, 8, 8, dtype="f2"), tolerance=2e-3)
    assert {parameter.dtype for parameter in network.parameters.values()} == {"float16"}
    assert network.run(values(5, 2, 3, 8, 8)).dtype == np.float16


def keras_like(folder: Path, batch: int | str) -> Path:
    """Pictures (b h w c), turned for each convolution and back, as tf2onnx and keras2onnx do."""
    nodes = [
        node("Transpose", ["x"], ["turned"], perm=[0, 3, 1, 2]),
        node("Conv", ["turned", "conv/kernel:0", "conv/bias:0"], ["conv0"], auto_pad="SAME_UPPER", strides=[2, 2]),
        node("Relu", ["conv0"], ["conv/Relu:0"]),
        node("MaxPool", ["conv/Relu:0"], ["pool/MaxPool:0"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Transpose", ["pool/MaxPool:0"], ["back"], perm=[0, 2, 3, 1]),
        node("Reshape", ["back", "shape"], ["flat"]),
        node("MatMul", ["flat", "dense/kernel:0"], ["dense0"]),
        node("Add", ["dense0", "dense/bias:0"], ["y"]),
    ]
    weights = {
        "conv/kernel:0": values(1, 4, 3, 3, 3), "conv/bias:0": values(2, 4),
        "shape": np.array([1 if batch == 1 else -1, 16]), "dense/kernel:0": values(3, 16, 5),
        "dense/bias:0": values(4, 5),
    }  # fmt: skip
    return written(folder, model(nodes, weights, inputs=[info("x", [batch, 8, 8, 3])]), f"{batch}.onnx")


def test_pictures_with_their_channels_last(tmp_path: Path) -> None:
    path = keras_like(tmp_path, "b")
    network = compared(path, values(5, 2, 8, 8, 3))
    assert (network.inputs["x"].layout, network.inputs["x"].shape) == ("NHWC", (None, 8, 8, 3))
    assert [cut.tensor for cut in network.cuts()] == ["pool/MaxPool:0"]
    assert network.bottleneck() == "flat"
    assert list(network.parameters) == ["conv/kernel:0", "conv/bias:0", "dense/kernel:0", "dense/bias:0"]


def test_a_head_averages_over_places_wherever_the_channels_stand(tmp_path: Path) -> None:
    network = read(keras_like(tmp_path, "b"))
    for at in ("pool/MaxPool:0", "back"):
        head = graft(network, Plan(at=at), classes=3).network
        assert head.parameters["outputs/kernel"].shape == (4, 3)


def test_a_fixed_batch_is_freed(tmp_path: Path) -> None:
    fixed, free = read(keras_like(tmp_path, 1)), read(keras_like(tmp_path, "b"))
    x = values(5, 3, 8, 8, 3)
    assert fixed.inputs["x"].shape == (None, 8, 8, 3)
    np.testing.assert_array_equal(fixed.run(x), free.run(x))


def test_a_class_token_of_one_example_is_every_examples(tmp_path: Path) -> None:
    nodes = [node("Concat", ["token", "x"], ["joined"], axis=1), node("MatMul", ["joined", "w"], ["y"])]
    net = model(nodes, {"token": values(0, 1, 1, 4), "w": values(1, 4, 4)}, inputs=[info("x", [1, 5, 4])])
    network, x = read(written(tmp_path, net)), values(2, 3, 5, 4)
    assert network.run(x).shape == (3, 6, 4)
    for example in range(3):
        np.testing.assert_allclose(
            network.run(x)[example], runtime(tmp_path / "net.onnx", {"x": x[example : example + 1]})[0][0], rtol=1e-5
        )


def test_what_holds_a_batch_is_said(tmp_path: Path) -> None:
    nodes = [node("Transpose", ["x"], ["turned"], perm=[1, 0]), node("Reshape", ["turned", "shape"], ["y"])]
    net = model(nodes, {"shape": np.array([4, -1])}, inputs=[info("x", [2, 6])])
    with pytest.warns(UserWarning, match=r"net\.onnx: the batch stays 2, as the file fixes it: Reshape y$"):
        network = read(written(tmp_path, net))
    assert network.inputs["x"].shape == (2, 6)


@pytest.mark.parametrize("name", ["pnet", "rnet"])
def test_mtcnn_agrees_with_its_caffe_form(name: str, shared: Path) -> None:
    folder = shared / "models/mtcnn_six_formats"
    path, caffe = folder / "onnx" / f"{name}.onnx", {"pnet": "det1", "rnet": "det2"}[name]
    network = read(path)
    x = values(0, 2, *((24, 24, 3) if name == "rnet" else (12, 12, 3)))
    (fed,) = network.inputs
    found = network.run(x)
    for have, expected in zip(found, runtime(path, {fed: x}), strict=True):
        np.testing.assert_allclose(have, expected, atol=1e-6)
    with warnings.catch_warnings(action="ignore"):  # which weights belong to it is said
        other = read(folder / "caffe" / f"{caffe}.prototxt").run(x.transpose(0, 3, 1, 2))
    for have, expected in zip(found, sorted(other, key=lambda one: -one.shape[1]), strict=True):
        np.testing.assert_allclose(have.reshape(2, -1), expected.reshape(2, -1), atol=1e-5)
