"""Names in networks that work in place, phases, inputs, outputs; and what is wrong in a network's list of layers."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from formats.caffe.making import layer, net, written

from regraft.errors import BadArgument, RegraftError, UnknownName, UnreadableFile, UnsupportedOp
from regraft.formats import caffe
from regraft.network import GraphNetwork

CONV = "num_output: 4 kernel_size: 3"
IN_PLACE = net(
    layer("Convolution", top="conv5", convolution_param=CONV),
    layer("PReLU", "conv5", "conv5", "prelu5"),
    layer("Power", "conv5", "conv5", "twice", power_param="scale: 2"),
    layer("Pooling", "conv5", "pool5", pooling_param="kernel_size: 2"),
)


def opened(folder: Path, text: str, to: list[str] | None = None) -> GraphNetwork:
    with warnings.catch_warnings(action="ignore"):
        return caffe.read(written(folder, "net", text), to=to)


def refusal(folder: Path, text: str, kind: type[RegraftError] = UnreadableFile, to: list[str] | None = None) -> str:
    (folder / "net.prototxt").write_text(text)
    with warnings.catch_warnings(action="ignore"), pytest.raises(kind) as caught:
        caffe.read(folder / "net.prototxt", to=to)
    return str(caught.value).replace(f"{folder}/", "")


def test_every_value_of_a_blob_written_in_place_has_a_name(tmp_path: Path) -> None:
    network = opened(tmp_path, IN_PLACE)
    x = np.random.default_rng(0).normal(size=(2, 3, 9, 8)).astype(np.float32)
    names = ["conv5@conv5", "conv5@prelu5", "conv5@twice", "conv5"]
    product, prelu, twice, last = network.run(x, to=names)
    slope = network.values["prelu5/0"].reshape(1, -1, 1, 1)
    np.testing.assert_allclose(prelu, np.where(product > 0, product, slope * product), rtol=1e-6)
    np.testing.assert_array_equal(twice, 2 * prelu)
    np.testing.assert_array_equal(last, twice)
    assert network.outputs == ("pool5",)


@pytest.mark.parametrize("name", ["conv5", "conv5@prelu5", "conv5@twice", "conv5@conv5"])
def test_each_can_be_what_is_wanted(name: str, tmp_path: Path) -> None:
    network = opened(tmp_path, IN_PLACE, to=[name])
    x = np.ones((1, 3, 9, 8), np.float32)
    np.testing.assert_array_equal(network.run(x), opened(tmp_path, IN_PLACE).run(x, to=name))
    assert "pool5" not in network.nodes


def test_layers_are_grouped_by_blob(tmp_path: Path) -> None:
    layers = opened(tmp_path, IN_PLACE).layers
    assert {name: (one.kind, one.parameters, one.output) for name, one in layers.items()} == {
        "conv5": ("conv2d bias_add prelu affine_pow", ("conv5/0", "conv5/1", "prelu5/0"), "conv5"),
        "pool5": ("max_pool_padded", (), "pool5"),
    }


def test_names_with_slashes_stand_for_themselves(tmp_path: Path) -> None:
    parts = [layer("Convolution", "data", top, convolution_param=CONV) for top in ("a/1x1", "a/3x3")]
    layers = opened(tmp_path, net(*parts, layer("Concat", "a/1x1 a/3x3", "a/out"))).layers
    assert list(layers) == ["a/1x1", "a/3x3", "a/out"]


def test_layers_that_work_on_the_input_in_place_leave_it_its_name(tmp_path: Path) -> None:
    network = opened(tmp_path, net(layer("Power", "data", "data", "scaled", power_param="scale: 3"), layer("TanH")))
    x = np.ones((2, 3, 9, 8), np.float32) / 10
    np.testing.assert_allclose(network.run(x), np.tanh(3 * x), rtol=1e-6)
    np.testing.assert_allclose(network.run(x, to="data@scaled"), 3 * x, rtol=1e-6)
    assert list(network.inputs) == ["data"]


def test_a_branch_reads_a_blob_as_it_was_then(tmp_path: Path) -> None:
    text = net(
        layer("Power", "data", "a", power_param="shift: -1"),
        layer("AbsVal", "a", "b"),
        layer("ReLU", "a", "a", "relu"),
        layer("Eltwise", "a b", "sum"),
    )
    x = np.random.default_rng(0).normal(size=(2, 3, 9, 8)).astype(np.float32)
    np.testing.assert_allclose(opened(tmp_path, text).run(x), np.maximum(x - 1, 0) + np.abs(x - 1), rtol=1e-6)


LABELS = 'layer { name: "data" type: "Data" top: "data" top: "label" include { phase: %s } %s }'
IP = layer("InnerProduct", "data", "ip", inner_product_param="num_output: 5")
LOSS = layer("SoftmaxWithLoss", "ip label", "loss")
ACCURACY = (
    'layer { name: "accuracy" type: "Accuracy" bottom: "ip" bottom: "label" top: "accuracy" include { phase: TEST } }'
)


def data_layer(phase: str) -> str:
    return (
        'layer { name: "data" type: "MemoryData" top: "data" top: "label" include { phase: '
        + phase
        + " }"
        + (" memory_data_param { batch_size: 7 channels: 2 height: 3 width: 3 } }")
    )


def test_a_training_network_gives_its_logits_and_needs_no_labels(tmp_path: Path) -> None:
    network = opened(tmp_path, "\n".join([data_layer("TRAIN"), data_layer("TEST"), IP, ACCURACY, LOSS]))
    assert network.outputs == ("ip",)
    assert {name: spec.shape for name, spec in network.inputs.items()} == {"data": (None, 2, 3, 3)}
    assert network.run(np.ones((4, 2, 3, 3), np.float32)).shape == (4, 5)
    assert "loss" not in network.nodes


def test_data_layers_of_training_serve_where_there_are_no_others(tmp_path: Path) -> None:
    network = opened(tmp_path, "\n".join([data_layer("TRAIN"), IP, LOSS]))
    assert network.inputs["data"].shape == (None, 2, 3, 3)


def test_layers_of_training_alone_are_left_out(tmp_path: Path) -> None:
    noisy = 'layer { name: "noise" type: "Python" bottom: "ip" top: "ip" include { phase: TRAIN } }'
    staged = 'layer { name: "staged" type: "Python" bottom: "ip" top: "ip" include { stage: "deploy" } }'
    excluded = 'layer { name: "excluded" type: "Python" bottom: "ip" top: "ip" exclude { phase: TEST } }'
    network = opened(tmp_path, "\n".join([data_layer("TEST"), IP, noisy, staged, excluded]))
    assert network.outputs == ("ip",)


def test_only_the_main_loss_gives_an_output(tmp_path: Path) -> None:
    side = layer("InnerProduct", "data", "side", inner_product_param="num_output: 5")
    lesser = 'layer { name: "loss1" type: "SoftmaxWithLoss" bottom: "side" bottom: "label" top: "l1" loss_weight: 0.3 }'
    network = opened(tmp_path, "\n".join([data_layer("TEST"), side, lesser, IP, LOSS]))
    assert network.outputs == ("ip",)
    assert network.run(np.ones((1, 2, 3, 3), np.float32), to="side").shape == (1, 5)


def test_probabilities_beside_a_loss_are_no_second_output(tmp_path: Path) -> None:
    prob = layer("Softmax", "ip", "prob")
    assert opened(tmp_path, "\n".join([data_layer("TEST"), IP, prob, LOSS])).outputs == ("ip",)


def test_sinks_are_no_outputs(tmp_path: Path) -> None:
    silence = 'layer { name: "silence" type: "Silence" bottom: "label" }'
    assert opened(tmp_path, "\n".join([data_layer("TEST"), IP, silence])).outputs == ("ip",)


def test_inputs_in_all_their_forms(tmp_path: Path) -> None:
    body = layer("Convolution", convolution_param=CONV)
    dims = 'input: "data" input_dim: 1 input_dim: 3 input_dim: 9 input_dim: 8\n'
    typed = 'layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 9 dim: 8 } } }\n'
    for head in (dims, typed, net(shape=(1, 3, 9, 8))):
        assert opened(tmp_path, head + body).inputs["data"].shape == (None, 3, 9, 8)
    two = (
        'input: "a" input: "data" input_dim: 1 input_dim: 4 input_dim: 1 input_dim: 1 '
        + dims[dims.index("input_dim") :]
    )
    network = opened(tmp_path, two + body + layer("TanH", "a", "ta"), to=["top"])
    assert {name: spec.shape for name, spec in network.inputs.items()} == {"data": (None, 3, 9, 8)}


def test_channels_that_no_data_layer_tells_come_from_the_weights(tmp_path: Path) -> None:
    means = "mean_value: 1 mean_value: 2 mean_value: 3"
    known = f'layer {{ name: "data" type: "Data" top: "data" transform_param {{ crop_size: 9 {means} }} }}\n'
    body = layer("Convolution", convolution_param=CONV)
    path = written(tmp_path, "net", known + body)
    path.write_text(known.replace(means, "") + body)
    with warnings.catch_warnings(action="ignore"):
        network = caffe.read(path)
    assert network.inputs["data"].shape == (None, 3, 9, 9)
    assert network.run(np.ones((2, 3, 9, 9), np.float32)).shape == (2, 4, 7, 7)


# --- what is wrong --------------------------------------------------------------------------------------


def test_a_blob_nobody_gives(tmp_path: Path) -> None:
    assert refusal(tmp_path, net(layer("ReLU", "dat"))) == (
        "the network is incomplete\n"
        "  where: net.prototxt, layer top\n"
        "  expected: a layer before it that gives the blob 'dat'\n"
        "  nearest: data"
    )


def test_a_blob_two_layers_give(tmp_path: Path) -> None:
    assert refusal(tmp_path, net(layer("ReLU", top="a"), layer("TanH", top="a"))) == (
        "two layers give the blob 'a'\n  where: net.prototxt, layer a#2\n  expected: one, or in place"
    )


def test_layers_that_cannot_be_run_are_named_all_at_once(tmp_path: Path) -> None:
    text = net(
        layer("Convolution", top="conv", convolution_param=CONV),
        layer("Python", "conv", "p1"),
        layer("Python", "p1", "p2"),
        layer("Pooling", "conv", "drawn", pooling_param="kernel_size: 2 pool: STOCHASTIC"),
        layer("Concat", "p2 drawn", "top"),
    )
    assert refusal(tmp_path, text, UnsupportedOp) == (
        "the network has layers that regraft cannot run\n"
        "  where: net.prototxt\n"
        "  got: Pooling: it pools at random (pool: STOCHASTIC) (1): drawn; Python (1): p1\n"
        "  to do: cut before them: the first safe cut is 'conv' (--at, or open(..., to=...))"
    )


def test_what_is_not_wanted_may_hold_anything(tmp_path: Path) -> None:
    text = net(layer("Convolution", top="conv", convolution_param=CONV), layer("Python", "conv", "p1"))
    (tmp_path / "net.prototxt").write_text(text)
    with pytest.warns(UserWarning, match="start afresh"):
        network = caffe.read(tmp_path / "net.prototxt", to=["conv"])
    assert network.outputs == ("conv",)


def test_an_unknown_name(tmp_path: Path) -> None:
    assert refusal(tmp_path, IN_PLACE, UnknownName, to=["conv6"]) == (
        "there is no tensor 'conv6'\n"
        "  where: net.prototxt\n"
        "  nearest: conv5, conv5@twice, conv5@conv5\n"
        "  to do: `regraft show` lists all tensors"
    )


def test_no_output(tmp_path: Path) -> None:
    assert refusal(tmp_path, net('layer { name: "s" type: "Silence" bottom: "data" top: "x" }'), BadArgument) == (
        "no output of this network can be told: nothing is computed in it\n"
        "  where: net.prototxt\n"
        "  to do: name the tensor you want: --at NAME, or open(..., to=NAME)"
    )


WRONG = {
    "too few": (layer("Eltwise", "data"), None),
    "window": (
        layer("Pooling", pooling_param="kernel_size: 30"),
        "the window is larger than the picture\n  where: net.prototxt, layer top (Pooling)\n"
        "  expected: at most 9\n  got: 30",
    ),
    "no kernel": (
        layer("Convolution", convolution_param="num_output: 3"),
        "kernel_size cannot be used\n  where: net.prototxt, layer top (Convolution)\n"
        "  expected: height and width, 1 to 32768\n  got: none",
    ),
    "stride": (
        layer("Pooling", pooling_param="kernel_size: 3 stride: 0"),
        "stride cannot be used\n  where: net.prototxt, layer top (Pooling)\n"
        "  expected: height and width, 1 to 32768\n  got: (0, 0)",
    ),
    "padding": (
        layer("Pooling", pooling_param="kernel_size: 2 pad: 2"),
        "the padding is as large as the window\n  where: net.prototxt, layer top (Pooling)\n"
        "  expected: less than (2, 2)\n  got: (2, 2)",
    ),
    "groups": (
        layer("Convolution", convolution_param="num_output: 4 kernel_size: 3 group: 2"),
        "the groups do not fit\n  where: net.prototxt, layer top (Convolution)\n"
        "  expected: a divisor of 3 channels and 4 filters\n  got: 2",
    ),
    "no width": (
        layer("InnerProduct"),
        "the layer has no width\n  where: net.prototxt, layer top (InnerProduct)\n"
        "  expected: num_output from 1 on\n  got: 0",
    ),
    "axis": (
        layer("Softmax", softmax_param="axis: 4"),
        "the layer speaks of a dimension that is not there\n  where: net.prototxt, layer top (Softmax)\n"
        "  expected: -4 to 3\n  got: 4",
    ),
    "local_size": (
        layer("LRN", lrn_param="local_size: 4"),
        "local_size cannot be used\n  where: net.prototxt, layer top (LRN)\n  expected: an odd number\n  got: 4",
    ),
    "concat": (
        layer("Pooling", top="p", pooling_param="kernel_size: 2") + layer("Concat", "data p"),
        "the blobs do not fit together\n  where: net.prototxt, layer top (Concat)\n"
        "  expected: the same sizes, but along 1\n  got: ('?', 3, 9, 8), ('?', 3, 8, 7)",
    ),
    "coefficients": (
        layer("TanH", top="t") + layer("Eltwise", "data t", eltwise_param="coeff: 1"),
        "the coefficients do not fit\n  where: net.prototxt, layer top (Eltwise)\n  expected: 2, for a sum\n  got: 1",
    ),
    "slices": (
        layer("Slice", top="a b"),
        "the blob cannot be divided into equal parts\n  where: net.prototxt, layer a (Slice)\n"
        "  expected: a multiple of 2\n  got: 3",
    ),
    "slice points": (
        layer("Slice", top="a b", slice_param="slice_point: 3"),
        "the slice points do not fit\n  where: net.prototxt, layer a (Slice)\n"
        "  expected: 1, growing, below 3\n  got: [3]",
    ),
    "reshape": (
        layer("Reshape", reshape_param="shape { dim: 0 dim: 5 dim: -1 }"),
        "the new shape does not fit\n  where: net.prototxt, layer top (Reshape)\n"
        "  expected: a divisor of 216\n  got: 5",
    ),
    "order": (
        layer("Permute", permute_param="order: 0 order: 0"),
        "the order names no dimensions\n  where: net.prototxt, layer top (Permute)\n"
        "  expected: some of 0 to 3, each once\n  got: [0, 0]",
    ),
    "crop": (
        layer("Pooling", top="p", pooling_param="kernel_size: 2") + layer("Crop", "data p", crop_param="offset: 5"),
        "the part to crop is not inside\n  where: net.prototxt, layer top (Crop)\n"
        "  expected: at most 9 along 2\n  got: 5 + 8",
    ),
    "ratio": (
        layer("Dropout", dropout_param="dropout_ratio: 1"),
        "the ratio of the dropout cannot be used\n  where: net.prototxt, layer top (Dropout)\n"
        "  expected: from 0 on, below 1\n  got: 1",
    ),
    "top_k": (
        layer("ArgMax", argmax_param="axis: 1 top_k: 4"),
        "top_k cannot be used\n  where: net.prototxt, layer top (ArgMax)\n  expected: 1 to 3\n  got: 4",
    ),
    "base": (
        layer("Log", log_param="base: 1"),
        "the base of the layer cannot be used\n  where: net.prototxt, layer top (Log)\n"
        "  expected: a positive number, or -1 for e\n  got: 1",
    ),
    "bottoms": (
        'layer { name: "top" type: "Crop" bottom: "data" top: "top" }',
        "the layer reads too few blobs\n  where: net.prototxt, layer top (Crop)\n  expected: at least 2\n  got: 1",
    ),
}  # fmt: skip
del WRONG["too few"]


@pytest.mark.parametrize("name", WRONG)
def test_layers_that_contradict_themselves(name: str, tmp_path: Path) -> None:
    text, wanted = WRONG[name]
    assert refusal(tmp_path, net(text)) == wanted


def test_a_window_outside_the_picture(tmp_path: Path) -> None:
    text = net(layer("Pooling", pooling_param="kernel_size: 1 stride: 5"))
    assert refusal(tmp_path, text, UnsupportedOp) == (
        "the network has layers that regraft cannot run\n"
        "  where: net.prototxt\n"
        "  got: Pooling: its last window would lie outside the picture, where Caffe gives a meaningless number (1): "
        "top\n"
        "  to do: no tensor before them can be used"
    )
