"""Every layer type and attribute, against OpenCV's Caffe reader; what that cannot do, against Caffe's formulas.

OpenCV's answers are kept in golden/layers.npz, with its version; store_golden.py writes it.
"""

from __future__ import annotations

import runpy
import shutil
import warnings
from pathlib import Path

import numpy as np
import oracle
import pytest
from formats.caffe.layer_cases import CASES
from formats.caffe.making import inputs, layer, net, shape_of, written
from formats.caffe.references import REFERENCES

from regraft.formats import caffe
from regraft.formats.caffe.layers import LAYERS
from regraft.network import GraphNetwork

GOLDEN = Path(__file__).parent / "golden/layers.npz"
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def golden() -> dict[str, np.ndarray]:
    return dict(np.load(GOLDEN))


def opened(path: Path) -> GraphNetwork:
    with warnings.catch_warnings(action="ignore"):  # what is chosen beside a file has tests of its own
        return caffe.read(path)


def answers(name: str, golden: dict[str, np.ndarray], data: np.ndarray) -> list[np.ndarray]:
    """What must come out, in the order of the outputs."""
    if name in REFERENCES:
        wanted = REFERENCES[name](data)
        return wanted if isinstance(wanted, list) else [wanted]
    return [value for key, value in golden.items() if key.startswith(f"{name}/")]


@pytest.mark.parametrize("name", CASES)
def test_values(name: str, golden: dict[str, np.ndarray], tmp_path: Path) -> None:
    network = opened(written(tmp_path, name, CASES[name]))
    data = inputs(tmp_path, name, shape_of(CASES[name]))
    wanted, got = answers(name, golden, data), network.run(data, to=list(network.outputs))
    assert len(got) == len(wanted) > 0
    for tensor, one, other in zip(network.outputs, got, wanted, strict=True):
        assert one.shape == other.shape, tensor
        np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=TOLERANCE, err_msg=tensor)
        told = network.tensors[tensor].shape  # in a batch of one's own size
        assert told is not None
        assert all(size in (None, have) for size, have in zip(told, one.shape, strict=True)), tensor


def test_every_type_has_a_case() -> None:
    asked = {word for text in CASES.values() for word in text.replace('"', " ").split()}
    # BatchNorm's branches, and layers whose names only differ
    others = {"ConvolutionDepthwise", "DepthwiseConvolution", "Embed", "Parameter", "Bias"}  # each has its own test
    assert set(LAYERS) - asked == others


def made(folder: Path, text: str) -> tuple[GraphNetwork, np.ndarray]:
    """A network of that text, and some input for it."""
    network = opened(written(folder, "net", text))
    return network, np.random.default_rng(1).normal(size=shape_of(text)).astype(np.float32)


def test_bias(tmp_path: Path) -> None:
    network, x = made(tmp_path, net(layer("Bias", bias_param="axis: 2 num_axes: 2")))
    np.testing.assert_array_equal(network.run(x), x + network.values["top/0"])
    assert network.values["top/0"].shape == (9, 8)


def test_a_second_blob_scales_and_shifts(tmp_path: Path) -> None:
    means = layer("Reduction", top="means", reduction_param="axis: 2 operation: MEAN")
    text = net(means, layer("Scale", "data means", "scaled", scale_param="axis: 0"), layer("Bias", "scaled means"))
    path = tmp_path / "net.prototxt"
    path.write_text(text.replace('name: "top" type: "Bias"', 'name: "top" type: "Bias" bias_param { axis: 0 }'))
    network = opened(path)
    x = np.random.default_rng(1).normal(size=(2, 3, 9, 8)).astype(np.float32)
    mean = x.mean((2, 3), keepdims=True)
    np.testing.assert_allclose(network.run(x), x * mean + mean, rtol=1e-5, atol=1e-6)
    assert not network.parameters


def test_concat_by_its_old_word(tmp_path: Path) -> None:
    network, x = made(tmp_path, net(layer("TanH", top="a"), layer("Concat", "data a", concat_param="concat_dim: 3")))
    np.testing.assert_allclose(network.run(x), np.concatenate([x, np.tanh(x)], 3), rtol=1e-6)


@pytest.mark.parametrize("bias", ["true", "false"])
def test_embed(bias: str, tmp_path: Path) -> None:
    param = f"num_output: 4 input_dim: 7 bias_term: {bias}"
    network, _ = made(tmp_path, net(layer("Embed", embed_param=param), shape=(2, 5)))
    words = np.array([[0, 1, 6, 3, 3], [2, 2, 5, 4, 0]], np.float32)
    wanted = network.values["top/0"][words.astype(int)] + (network.values["top/1"] if bias == "true" else 0)
    np.testing.assert_allclose(network.run(words), wanted, rtol=1e-6)
    assert list(network.parameters) == (["top/0", "top/1"] if bias == "true" else ["top/0"])


def test_inner_product_along_other_axes_and_transposed(tmp_path: Path) -> None:
    text = net(layer("InnerProduct", inner_product_param="num_output: 5 axis: 2 transpose: true"))
    network, x = made(tmp_path, text)
    wanted = x.reshape(2, 3, 72) @ network.values["top/0"] + network.values["top/1"]
    np.testing.assert_allclose(network.run(x), wanted, rtol=1e-5, atol=1e-5)
    assert network.values["top/0"].shape == (72, 5)


@pytest.mark.parametrize("type", ["ConvolutionDepthwise", "DepthwiseConvolution"])
def test_a_depthwise_convolution_is_one_in_groups(type: str, tmp_path: Path) -> None:
    network, x = made(tmp_path, net(layer(type, convolution_param="num_output: 3 kernel_size: 3")))
    (tmp_path / "other").mkdir()  # weights lie in their file: it must not be written over
    text = net(layer("Convolution", convolution_param="num_output: 3 kernel_size: 3 group: 3"))
    one = made(tmp_path / "other", text)[0]
    np.testing.assert_array_equal(network.run(x), one.run(x))
    assert network.values["top/0"].shape == (3, 1, 3, 3)


def test_a_parameter_is_a_blob(tmp_path: Path) -> None:
    own = layer("Parameter", "", "w", parameter_param="shape { dim: 3 dim: 9 dim: 8 }")
    text = net(own, layer("Scale", "data w", "top"))
    network, x = made(tmp_path, text)
    np.testing.assert_allclose(network.run(x), x * network.values["w/0"], rtol=1e-6)


@pytest.mark.parametrize("name", ["conv_groups", "pool_ave_wide_pad", "bn_scale", "eltwise_coeff", "dropout"])
def test_a_second_batch_size(name: str, tmp_path: Path) -> None:
    network = opened(written(tmp_path, name, CASES[name]))
    data = np.random.default_rng(0).normal(size=(5, *shape_of(CASES[name])[1:])).astype(np.float32)
    whole = network.run(data)
    parts = np.concatenate([network.run(data[:2]), network.run(data[2:])])
    np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-6)


def test_golden_is_what_opencv_says(golden: dict[str, np.ndarray], tmp_path: Path) -> None:
    asked = [name for name in CASES if name not in REFERENCES]
    for name in asked:
        written(tmp_path, name, CASES[name])
        inputs(tmp_path, name, shape_of(CASES[name]))
    oracle.run(Path(__file__).parent / "opencv_oracle.py", tmp_path)
    said = dict(np.load(tmp_path / "answers.npz"))
    assert str(said["/version"]) == str(golden["/version"])
    assert said.keys() == golden.keys()
    for name, value in said.items():
        if name != "/version":
            np.testing.assert_allclose(value, golden[name], rtol=1e-6, atol=1e-6, err_msg=name)
    shutil.rmtree(tmp_path)


def test_the_page_of_layers_is_up_to_date() -> None:
    root = Path(__file__).parents[3]
    page = runpy.run_path(str(root / "scripts/caffe_page.py"))["page"]
    text = (root / "docs/caffe.md").read_text(encoding="utf-8")
    assert text == page(text), "run scripts/caffe_page.py"


@pytest.mark.parametrize("type", LAYERS)
def test_every_layer_says_what_it_gives(type: str) -> None:
    assert (LAYERS[type].__doc__ or "").strip().endswith(".")
