"""The forms of files, names, what is refused, and what is said."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from formats.keras.golden_files import answers, golden, inputs, written
from formats.keras.making import data, dense, dense_weights, edited, functional, h5, layer

import regraft
from regraft.errors import BadArgument, MissingExtra, UnknownName, UnreadableFile, UnsupportedFormat, UnsupportedOp
from regraft.formats import arrays, keras

OTHER = [
    pytest.param(major, name, id=f"{major}-{name}")
    for major in (2, 3)
    for name in ("text_net", "nested", "heads", "several", "frozen", "operators", "separable2d", "time_model", "bi_own")
    if (major, name) != (2, "operators")  # Keras 2 cannot write x[..., 0] into a .keras
]


def stored(folder: Path, key: str, major: int, name: str) -> Path:
    """Another file of a golden model."""
    path = folder / key
    path.write_bytes(golden(major)[f"{name}/{key}"].tobytes())
    return path


@pytest.mark.parametrize(("major", "name"), OTHER)
def test_both_forms_of_a_file_give_the_same(major: int, name: str, tmp_path: Path) -> None:
    one, other = keras.read(written(tmp_path, major, name)), keras.read(stored(tmp_path, "other", major, name))
    assert {one.format, other.format} == {"keras", "keras-h5"}
    assert list(one.parameters) == list(other.parameters)
    for parameter in one.parameters.values():
        np.testing.assert_array_equal(parameter.value, other.parameters[parameter.name].value)
    got = other.run(inputs(major, name), to=list(other.outputs))
    for value, wanted in zip(got, answers(major, name), strict=True):
        np.testing.assert_allclose(value, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("major", "name"), OTHER)
def test_weights_alone(major: int, name: str, tmp_path: Path) -> None:
    path = stored(tmp_path, "weights", major, name)
    network, whole = keras.read(path), keras.read(written(tmp_path, major, name))
    assert network.format == "keras-weights"
    assert not network.outputs
    if major == 2 and name not in ("bi_own", "heads", "time_model"):  # its names are those of the layers
        assert {n: v.tolist() for n, v in network.values.items()} == {n: v.tolist() for n, v in whole.values.items()}
    numbers = sorted(float(value.sum()) for value in whole.values.values())
    np.testing.assert_allclose(sorted(float(value.sum()) for value in network.values.values()), numbers, rtol=1e-5)
    with pytest.raises(BadArgument, match="no graph"):
        network.run(np.zeros(1))


def test_names(tmp_path: Path) -> None:
    network = keras.read(written(tmp_path, 3, "nested"))
    tensors = list(network.tensors)
    for name in ("data", "inner/conv/convolution", "inner/conv", "inner", "inner:1", "inner@2/conv", "inner@2:1"):
        assert name in tensors
    assert list(network.parameters)[:3] == ["inner/conv/kernel", "inner/conv/bias", "inner/bn/gamma"]
    assert "inner@2/conv/kernel" not in network.parameters
    layers = network.layers
    assert layers["inner/conv"].parameters == ("inner/conv/kernel", "inner/conv/bias")
    assert layers["inner/conv"].kind == "conv2d bias_add"
    assert layers["inner@2/conv"].parameters == ("inner/conv/kernel", "inner/conv/bias")
    assert not any(name.endswith(("convolution", "moving_mean", "normal", "axis")) for name in layers)


def test_a_shared_layer_is_one_parameter(tmp_path: Path) -> None:
    network = keras.read(written(tmp_path, 2, "shared"))
    assert list(network.parameters) == ["twin/kernel", "twin/bias"]
    given = inputs(2, "shared")
    first, second = network.run(given, to=["twin", "twin@2"])
    np.testing.assert_allclose(first - second, answers(2, "shared")[0], rtol=1e-5, atol=1e-6)


def test_what_the_author_froze_is_listed(tmp_path: Path) -> None:
    network = keras.read(written(tmp_path, 3, "frozen"))
    assert network.collections["keras/not_trainable"] == ("sequential_5/dense_5/kernel",) or all(
        "dense" in name for name in network.collections["keras/not_trainable"]
    )
    assert len(network.collections["keras/not_trainable"]) == 2


def test_opening_at_a_tensor(tmp_path: Path) -> None:
    path = written(tmp_path, 3, "text_net")
    whole, part = keras.read(path), keras.read(path, to=["bidirectional"])
    given = inputs(3, "text_net")
    np.testing.assert_array_equal(part.run(given), whole.run(given, to="bidirectional"))
    assert set(part.parameters) < set(whole.parameters)
    with pytest.raises(UnknownName, match="nearest: bidirectional"):
        keras.read(path, to=["bidirektional"])


def lambda_net(folder: Path, *, first: bool = False) -> Path:
    strange = layer("Lambda", "strange", "data" if first else "a", function=["4wEAAAA=", None, None])
    own = layer("PatchEncoder", "own", "strange")
    net = functional(data(4), dense("a", "data", 3), strange, own, dense("b", "own", 2))
    return h5(folder / "net.h5", net, dense_weights(4, 3, 2))


def test_python_code_in_a_file_is_named_and_never_run(tmp_path: Path) -> None:
    path = lambda_net(tmp_path)
    with pytest.raises(UnsupportedOp) as caught:
        keras.read(path)
    assert str(caught.value) == (
        "the network has layers that regraft cannot run\n"
        f"  where: {path}\n"
        "  got: Lambda (Python code in the file, which is never run) (1): strange\n"
        "  to do: cut before them: the first safe cut is 'a' (--at, or open(..., to=...))"
    )
    below = keras.read(path, to=["a"])
    x = np.ones((2, 4), np.float32)
    wanted = x @ below.values["a/kernel"] + below.values["a/bias"]
    np.testing.assert_allclose(below.run(x), wanted, rtol=1e-6)


def test_no_cut_below_a_lambda_on_the_input(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOp, match="no tensor before them can be used"):
        keras.read(lambda_net(tmp_path, first=True))


def test_a_lambda_inside_a_model_leaves_the_rest_open(tmp_path: Path) -> None:
    def edit(config: Any) -> Any:
        inner = next(one for one in config["config"]["layers"] if one["class_name"] == "Functional")
        next(one for one in inner["config"]["layers"] if one["name"] == "bn")["class_name"] = "OwnNorm"
        return config

    path = edited(written(tmp_path, 3, "nested"), edit, tmp_path / "own.keras")
    with pytest.raises(UnsupportedOp, match=r"OwnNorm \(2\): inner/bn, inner@2/bn"):
        keras.read(path)
    whole = keras.read(written(tmp_path, 3, "nested"))
    given = inputs(3, "nested")
    part = keras.read(path, to=["inner/conv"])
    np.testing.assert_array_equal(part.run(given), whole.run(given, to="inner/conv"))


def test_a_class_of_the_authors_own_has_weights_but_no_graph(tmp_path: Path) -> None:
    def edit(config: Any) -> Any:
        return {**config, "class_name": "MyModel", "config": {"units": 3}}

    path = edited(written(tmp_path, 3, "text_net"), edit, tmp_path / "own.keras")
    with pytest.raises(UnsupportedFormat, match="wired in Python code"):
        keras.read(path)
    assert "layers/dense/vars/0" in keras.read_weights(path).values


def test_what_is_left_out_is_said(tmp_path: Path) -> None:
    net = functional(data(8, 8, 3), layer("RandomFlip", "flip", "data"), layer("RandomZoom", "zoom", "flip"))
    path = h5(tmp_path / "net.h5", net)
    with pytest.warns(UserWarning, match=r"net\.h5: flip, zoom: changes pictures at random"):
        network = keras.read(path)
    x = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_array_equal(network.run(x, training=True), x)


def test_keras_1_is_refused_with_a_way_out(tmp_path: Path) -> None:
    path = h5(tmp_path / "net.h5", functional(data(4), dense("a", "data", 3)), dense_weights(4, 3), version="1.2.2")
    with pytest.raises(UnsupportedFormat, match="Keras 1"):
        keras.read(path)


def test_an_input_without_a_shape(tmp_path: Path) -> None:
    net = {"class_name": "Sequential", "config": {"name": "net", "layers": [dense("a", "", 3)]}}
    path = h5(tmp_path / "net.h5", net, dense_weights(4, 3))
    with pytest.raises(UnreadableFile, match="saved before it was used"):
        keras.read(path)


def test_rescaling_says_what_pictures_are(tmp_path: Path) -> None:
    spec = keras.read(written(tmp_path, 3, "rescaling")).inputs
    (one,) = spec.values()
    assert (one.range, one.origin, one.layout) == ((0.0, 255.0), "file", "NHWC")


def test_the_rooms_do_not_claim_each_others_files(tmp_path: Path) -> None:
    path = written(tmp_path, 2, "dense")
    hidden = path.rename(tmp_path / "without_ending")
    assert keras.opens(hidden)
    assert not arrays.opens(hidden)
    assert keras.opens(written(tmp_path, 3, "dense"))
    np.savez(tmp_path / "a.npz", a=np.zeros(3))
    assert not keras.opens(tmp_path / "a.npz")
    mat = tmp_path / "a.mat"
    mat.write_bytes(b"MATLAB 7.3 MAT-file".ljust(124) + b"\0\2IM" + bytes(384) + b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert not keras.opens(mat)
    assert arrays.opens(mat)


def test_other_hdf5_is_refused(tmp_path: Path) -> None:
    import h5py

    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["measured"] = np.zeros(3)
    with pytest.raises(UnsupportedFormat, match="none that Keras writes"):
        regraft.open(tmp_path / "other.h5")


def test_without_h5py_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingExtra, match=r"pip install 'regraft\[keras\]'"):
        keras.read(written(tmp_path, 3, "dense"))


def test_looking_needs_no_torch(tmp_path: Path) -> None:
    path = written(tmp_path, 3, "text_net")
    script = (
        f"import sys, regraft; n = regraft.open({str(path)!r}); len(n.parameters); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
