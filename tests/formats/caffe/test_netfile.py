"""What is a Caffe file; both formats of it, as bytes and as text; blobs in all their forms."""

from __future__ import annotations

import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
from formats.caffe.making import caffemodel, layer, net, random_weights, written

from regraft.errors import MissingFile, RegraftError, ShapeMismatch, UnreadableFile, UnsupportedFormat
from regraft.formats import caffe, read
from regraft.formats.caffe import protos
from regraft.formats.caffe.blobs import read_blob
from regraft.formats.caffe.netfile import read_file
from regraft.formats.caffe.schema import MESSAGES, type_of_today
from regraft.protobuf.wire import bytes_field, fields

GOLDEN_TF1 = Path(__file__).parents[1] / "tf1/golden"

OLD = """
name: "old"
input: "data" input_dim: 1 input_dim: 3 input_dim: 9 input_dim: 8
layers { name: "conv1" type: CONVOLUTION bottom: "data" top: "conv1" blobs_lr: 1 blobs_lr: 0
         convolution_param { num_output: 4 kernel_size: 3 } }
layers { name: "relu1" type: RELU bottom: "conv1" top: "conv1" }
layers { name: "norm1" type: LRN bottom: "conv1" top: "norm1" lrn_param { local_size: 3 alpha: 0.1 } }
layers { name: "ip" type: INNER_PRODUCT bottom: "norm1" top: "ip" inner_product_param { num_output: 5 } }
layers { name: "prob" type: SOFTMAX bottom: "ip" top: "prob" }
"""
NEW = net(
    layer("Convolution", "data", "conv1", convolution_param="num_output: 4 kernel_size: 3"),
    layer("ReLU", "conv1", "conv1", "relu1"),
    layer("LRN", "conv1", "norm1", lrn_param="local_size: 3 alpha: 0.1"),
    layer("InnerProduct", "norm1", "ip", inner_product_param="num_output: 5"),
    layer("Softmax", "ip", "prob"),
)


def message(kind: type[RegraftError], path: Path) -> str:
    with warnings.catch_warnings(action="ignore"), pytest.raises(kind) as caught:
        read(path)
    return str(caught.value).replace(f"{path.parent}/", "")


@pytest.mark.parametrize("form", ["text", "binary"])
def test_both_formats_are_one_network(form: str, tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 9, 8)).astype(np.float32)
    networks = []
    for name, text in (("old", OLD), ("new", NEW)):
        path = written(tmp_path, name, text)
        if form == "binary":  # the layers of the .caffemodel itself
            path.unlink()
            path = path.with_suffix(".caffemodel")
        with warnings.catch_warnings(action="ignore"):
            networks.append(read(path))
    old, new = networks
    np.testing.assert_array_equal(old.run(x), new.run(x))
    assert [(p.name, p.shape) for p in old.parameters.values()] == [(p.name, p.shape) for p in new.parameters.values()]
    assert old.collections == {"caffe/lr_mult_0": ("conv1/1",)}
    assert old.format == new.format == "caffe"


def test_types_are_numbers_in_old_binaries(tmp_path: Path) -> None:
    data = written(tmp_path, "old", OLD).with_suffix(".caffemodel").read_bytes()
    first = next(item for item in fields(memoryview(data), "") if item.number == 2)
    assert [item.value for item in fields(first.data, "") if item.number == 5] == [4]
    assert [one.type for one in read_file(tmp_path / "old.caffemodel").layers] == [
        *("Convolution", "ReLU", "LRN", "InnerProduct", "Softmax")
    ]


def test_every_old_type_has_a_name_of_today() -> None:
    words = MESSAGES["V1LayerParameter"].partition("type 5 ")[2].partition(",")[0].split("|")
    names = {type_of_today(word) for word in words}
    assert len(words) == len(names) == 40
    assert names >= {"AbsVal", "BNLL", "HDF5Data", "InnerProduct", "SigmoidCrossEntropyLoss", "SoftmaxWithLoss", "TanH"}


def test_old_layers_whose_options_came_later(tmp_path: Path) -> None:
    text = OLD[: OLD.index("layers {")] + 'layers { name: "flat" type: FLATTEN bottom: "data" top: "flat" }'
    (tmp_path / "old.prototxt").write_text(text)
    assert read(tmp_path / "old.prototxt").run(np.zeros((2, 3, 9, 8), np.float32)).shape == (2, 216)


def test_weights_are_read_where_they_lie(tmp_path: Path) -> None:
    file = read_file(written(tmp_path, "net", NEW).with_suffix(".caffemodel"))
    (kernel, bias) = file.weighted["conv1"].blobs
    assert (kernel.shape, bias.shape) == ((4, 3, 3, 3), (4,))
    assert not kernel.data.flags.writeable
    assert kernel.data.base is not None


def blob(**parts: object) -> bytes:
    made = protos.new("BlobProto")
    for name, value in parts.items():
        field = getattr(made, name)
        if name == "shape":
            field.dim.extend(value)
        elif isinstance(value, list):
            field.extend(value)
        else:
            setattr(made, name, value)
    return made.SerializeToString()


def test_blobs_in_all_their_forms() -> None:
    numbers = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    wanted = np.array(numbers, np.float32)
    unpacked = b"".join(b"\x2d" + struct.pack("<f", number) for number in numbers)
    shape = blob(shape=[2, 3])
    old = blob(num=1, channels=1, height=2, width=3)
    in_pieces = b"".join(b"\x2a\x08" + struct.pack("<2f", *numbers[k : k + 2]) for k in (0, 2, 4))
    for data in (
        blob(shape=[2, 3], data=numbers),
        blob(num=1, channels=1, height=2, width=3, data=numbers),
        blob(shape=[2, 3], double_data=numbers),
        blob(shape=[2, 3], data=numbers, diff=numbers),
        shape + unpacked,
        old + in_pieces,
    ):
        found = read_blob(memoryview(data), "x")
        np.testing.assert_array_equal(found.shaped((2, 3)), wanted.reshape(2, 3))
        np.testing.assert_array_equal(found.shaped((1, None, 3)), wanted.reshape(1, 2, 3))
        assert found.data.dtype == np.float32


def test_a_shape_that_does_not_fit() -> None:
    found = read_blob(memoryview(blob(shape=[2, 3], data=[0.0] * 6)), "net.caffemodel, layer ip, blob 0")
    with pytest.raises(ShapeMismatch) as caught:
        found.shaped((3, 2))
    assert str(caught.value) == (
        "the weights do not fit the layer\n"
        "  where: net.caffemodel, layer ip, blob 0\n"
        "  expected: 3 x 2\n"
        "  got: 2 x 3\n"
        "  to do: is this the prototxt the weights were trained with?"
    )


def test_shared_parameters_are_one(tmp_path: Path) -> None:
    param = 'name: "shared"'
    twins = [
        layer("InnerProduct", "data", "a", inner_product_param="num_output: 5", param=param),
        layer("InnerProduct", "data", "b", inner_product_param="num_output: 5", param=param),
    ]
    network = read(written_quietly(tmp_path, net(*twins, layer("Eltwise", "a b", "sum"))))
    assert list(network.parameters) == ["a/0", "a/1", "b/1"]
    x = np.ones((1, 3, 9, 8), np.float32)
    np.testing.assert_allclose(
        network.run(x, to="a") - network.values["a/1"],
        network.run(x, to="b") - network.values["b/1"],
        rtol=1e-5,
        atol=1e-5,
    )


def written_quietly(folder: Path, text: str) -> Path:
    path = folder / "net.prototxt"
    path.write_text(text)
    weights = random_weights(path)
    model = caffemodel(text, weights | {"b/0": weights["a/0"]})
    path.with_suffix(".caffemodel").write_bytes(model.SerializeToString())
    warnings.filterwarnings("ignore", message=".*is opened with.*")
    return path


# --- recognition ----------------------------------------------------------------------------------------


def test_caffe_is_known_by_its_content(tmp_path: Path) -> None:
    path = written(tmp_path, "net", NEW)
    (tmp_path / "a_text").write_bytes(b"# a comment\n" + path.read_bytes())
    (tmp_path / "bytes.bin").write_bytes(path.with_suffix(".caffemodel").read_bytes())
    old = written(tmp_path, "old", OLD).with_suffix(".caffemodel")
    (tmp_path / "old.bin").write_bytes(old.read_bytes())
    assert all(caffe.opens(tmp_path / name) for name in ("a_text", "bytes.bin", "old.bin"))
    cut = path.with_suffix(".caffemodel").read_bytes()[:200]
    (tmp_path / "cut.bin").write_bytes(cut)
    assert caffe.opens(tmp_path / "cut.bin")


def test_other_files_are_not_caffes(tmp_path: Path) -> None:
    others = [path for path in GOLDEN_TF1.rglob("*") if path.is_file()]
    assert len(others) > 10
    (tmp_path / "graph.pbtxt").write_text('node {\n  name: "y"\n  op: "Identity"\n  input: "x"\n}\n')
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "onnx").write_bytes(b"\x08\x07\x12\x07pytorch:\x02\x0a\x00")
    (tmp_path / "solver").write_text('net: "train_val.prototxt"\nbase_lr: 0.01\n')
    for path in [*others, *tmp_path.iterdir(), tmp_path, tmp_path / "missing"]:
        assert not caffe.opens(path), path


def test_a_missing_file(tmp_path: Path) -> None:
    written(tmp_path, "lenet", NEW)
    assert message(MissingFile, tmp_path / "lenett.prototxt") == (
        "there is no file lenett.prototxt\n  where: lenett.prototxt\n  nearest: lenet.prototxt"
    )


def test_files_that_are_none(tmp_path: Path) -> None:
    path = tmp_path / "x.caffemodel"
    path.write_bytes(b"\xff\xfe no network at all")
    assert message(UnsupportedFormat, path) == (
        "x.caffemodel is no Caffe network\n"
        "  where: x.caffemodel\n"
        "  expected: a .prototxt with layers, or a .caffemodel (a NetParameter)\n"
        "  got: a file that starts with b'\\xff\\xfe no network at'"
    )
    path.write_bytes(b"")
    assert "got: an empty file" in message(UnsupportedFormat, path)


def test_caffes_first_format_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = tmp_path / "v0.prototxt"
    path.write_text('layers { layer { name: "conv1" type: "conv" } bottom: "data" top: "conv1" }')
    assert message(UnsupportedFormat, path) == (
        "this network is of Caffe's first format, of 2013 (V0)\n"
        "  where: v0.prototxt, layer conv1\n"
        "  expected: layers of V1 or V2\n"
        "  to do: Caffe's own upgrade_net_proto_text and upgrade_net_proto_binary make new files of such"
    )


def test_fields_caffe_does_not_have_are_ignored_and_said(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(net(layer("ReLU", relu_param="fast_mode: true")))
    with pytest.warns(UserWarning, match="are ignored") as caught:
        network = read(path)
    assert str(caught[0].message) == (
        f'{path}: fields that Caffe does not have are ignored; the first: 2:73 : Message type "ReLUParameter" has no '
        'field named "fast_mode".'
    )
    assert network.outputs == ("top",)


def test_text_that_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(net(layer("ReLU"))[:-3])
    assert message(UnreadableFile, path) == (
        "this is no whole Caffe NetParameter\n"
        "  where: net.prototxt\n"
        '  got: 2:54 : Expected "}".\n'
        "  to do: copy the file again from where it came; a cut or damaged download looks like this"
    )


def test_a_single_number_has_no_shape() -> None:
    """As Caffe's Blob::ToProto writes the slope that all channels share."""
    number = np.array(0.25, "<f4").tobytes()
    blob = read_blob(memoryview(bytes_field(5, number)), "here")
    assert (blob.shape, blob.data.tolist()) == ((), [0.25])
    assert blob.shaped(()).shape == ()
