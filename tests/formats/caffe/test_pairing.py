"""Which prototxt and which weights are taken where one is named, what is said of it; and how fresh weights start."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from formats.caffe.making import layer, net, written

from regraft.errors import BadArgument
from regraft.formats import caffe, read, read_weights
from regraft.network import GraphNetwork

IP = net(layer("InnerProduct", "data", "ip", inner_product_param="num_output: 5"), layer("Softmax", "ip", "prob"))
OTHER = net(layer("InnerProduct", "data", "other", inner_product_param="num_output: 5"))


def opened(path: Path) -> tuple[GraphNetwork, list[str]]:
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        network = read(path)
    return network, [str(one.message) for one in said]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A .caffemodel alone in its folder."""
    path = written(tmp_path, "net", IP)
    path.unlink()
    return path.with_suffix(".caffemodel")


def test_the_prototxt_of_the_same_stem(model: Path) -> None:
    (model.parent / "net.prototxt").write_text(IP.replace('"prob"', '"same"'))
    (model.parent / "deploy.prototxt").write_text(IP)
    network, said = opened(model)
    assert network.outputs == ("same",)
    assert said == ["net.caffemodel is opened with net.prototxt, which has its name"]


def test_the_only_deploy_prototxt(model: Path) -> None:
    (model.parent / "my_Deploy.prototxt").write_text(IP.replace('"prob"', '"deployed"'))
    (model.parent / "train_val.prototxt").write_text(IP)
    network, said = opened(model)
    assert network.outputs == ("deployed",)
    assert said == ["net.caffemodel is opened with my_Deploy.prototxt, the only deploy prototxt beside it"]


def test_its_own_layers(model: Path) -> None:
    network, said = opened(model)
    assert network.outputs == ("prob",)
    assert said == ["net.caffemodel is opened with its own list of layers: no deploy prototxt is beside it"]


def test_two_deploy_prototxts_are_not_guessed_between(model: Path) -> None:
    for name in ("a_deploy.prototxt", "b_deploy.prototxt"):
        (model.parent / name).write_text(IP)
    assert opened(model)[1] == [
        "net.caffemodel is opened with its own list of layers: it cannot be told that one of a_deploy.prototxt, "
        "b_deploy.prototxt is meant"
    ]


def test_a_deploy_prototxt_of_another_network(model: Path) -> None:
    (model.parent / "deploy.prototxt").write_text(OTHER)
    assert opened(model)[1] == [
        "net.caffemodel is opened with its own list of layers: deploy.prototxt has layers it knows no weights of"
    ]


def test_weights_of_the_same_stem(model: Path) -> None:
    for name in ("net.prototxt", "net_deploy.prototxt"):
        (model.parent / name).write_text(IP)
        assert opened(model.parent / name)[1] == [
            f"{name} is opened with the weights net.caffemodel, which has its name"
        ]
        (model.parent / name).unlink()


def test_the_only_weights_that_fit(model: Path) -> None:
    written(model.parent, "other", OTHER)
    (model.parent / "deploy.prototxt").write_text(IP)
    assert opened(model.parent / "deploy.prototxt")[1] == [
        "deploy.prototxt is opened with the weights net.caffemodel, the only ones beside it that fit"
    ]


def test_several_weights_that_fit_are_not_guessed_between(model: Path) -> None:
    shutil.copy(model, model.parent / "net_2.caffemodel")
    (model.parent / "deploy.prototxt").write_text(IP)
    with pytest.raises(BadArgument) as caught:
        read(model.parent / "deploy.prototxt")
    assert str(caught.value).replace(f"{model.parent}/", "") == (
        "2 files beside deploy.prototxt hold weights for it\n"
        "  where: deploy.prototxt\n"
        "  got: net.caffemodel, net_2.caffemodel\n"
        "  to do: open the one you mean: net_2.caffemodel"
    )


def test_weights_that_are_named(model: Path, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    path = tmp_path / "sub/deploy.prototxt"
    path.write_text(IP)
    network = caffe.read(path, weights=model)
    np.testing.assert_array_equal(network.values["ip/0"], read_weights(model).values["ip/0"])


def test_a_prototxt_alone_starts_afresh_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(IP)
    network, said = opened(path)
    assert said == ["net.prototxt holds no weights and no .caffemodel beside it fits: all 2 parameters start afresh"]
    weights, limit = network.values["ip/0"], np.sqrt(3 / 216)
    assert weights.shape == (5, 216)
    assert np.abs(weights).max() <= limit
    assert weights.std() == pytest.approx(limit / np.sqrt(3), rel=0.1)
    assert not network.values["ip/1"].any()
    np.testing.assert_array_equal(weights, opened(path)[0].values["ip/0"])


def test_layers_the_weights_do_not_know_start_afresh(model: Path) -> None:
    more = layer("InnerProduct", "ip", "new", inner_product_param="num_output: 2")
    (model.parent / "net.prototxt").write_text(IP + more)
    assert opened(model)[1][1:] == ["2 of 4 parameters are not in net.caffemodel and start afresh: new/0, new/1"]


def test_weights_of_another_network(model: Path) -> None:
    path = model.parent / "net.prototxt"
    path.write_text(OTHER)
    with warnings.catch_warnings(action="ignore"), pytest.raises(BadArgument) as caught:
        read(path)
    assert str(caught.value).replace(f"{model.parent}/", "") == (
        "no layer of net.prototxt has weights in net.caffemodel\n"
        "  where: net.caffemodel\n"
        "  expected: weights of other\n"
        "  got: weights of ip"
    )


def test_weights_whose_layers_do_not_say_how_they_hang_together(model: Path, tmp_path: Path) -> None:
    from regraft.formats.caffe import protos

    message = protos.parse("NetParameter", model.read_bytes(), "")
    for one in message.layer:
        one.ClearField("bottom")
        one.ClearField("top")
    model.write_bytes(message.SerializeToString())
    network, _ = opened(model)
    assert network.outputs == ()
    assert {name: p.shape for name, p in network.parameters.items()} == {"ip/0": (5, 216), "ip/1": (5,)}
    with pytest.raises(BadArgument, match="weights but no graph"):
        network.cuts()


FILLERS = {
    'type: "constant" value: 0.25': (0.25, 0.0),
    'type: "gaussian" mean: 1 std: 0.1': (1.0, 0.1),
    'type: "uniform" min: -2 max: 4': (1.0, np.sqrt(3)),
    'type: "xavier"': (0.0, np.sqrt(1 / 216)),
    'type: "xavier" variance_norm: FAN_OUT': (0.0, np.sqrt(1 / 500)),
    'type: "xavier" variance_norm: AVERAGE': (0.0, np.sqrt(2 / 716)),
    'type: "msra"': (0.0, np.sqrt(2 / 216)),
    'type: "positive_unitball"': (1 / 216, 1 / 216 / np.sqrt(3)),
}


@pytest.mark.parametrize("filler", FILLERS)
def test_fillers(filler: str, tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(net(layer("InnerProduct", inner_product_param=f"num_output: 500 weight_filler {{ {filler} }}")))
    weights = opened(path)[0].values["top/0"]
    mean, deviation = FILLERS[filler]
    assert weights.mean() == pytest.approx(mean, abs=3 * deviation / np.sqrt(weights.size) + 1e-7)
    assert weights.std() == pytest.approx(deviation, rel=0.02, abs=1e-7)


def test_sparse_gaussian(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    filler = 'weight_filler { type: "gaussian" sparse: 10 }'
    path.write_text(net(layer("InnerProduct", inner_product_param=f"num_output: 500 {filler}")))
    assert np.count_nonzero(opened(path)[0].values["top/0"]) == pytest.approx(216 * 10, rel=0.1)


def test_bilinear_weights_enlarge(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    options = (
        'num_output: 3 group: 3 kernel_size: 4 stride: 2 pad: 1 bias_term: false weight_filler { type: "bilinear" }'
    )
    path.write_text(net(layer("Deconvolution", convolution_param=options)))
    network, _ = opened(path)
    np.testing.assert_allclose(network.values["top/0"][0, 0, 1], np.array([3, 9, 9, 3]) / 16)
    np.testing.assert_allclose(network.run(np.ones((1, 3, 9, 8), np.float32))[0, 0, 2:-2, 2:-2], 1, rtol=1e-6)
