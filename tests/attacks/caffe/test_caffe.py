"""Caffe files that lie about their sizes, or ask for more than there is."""

from __future__ import annotations

import tracemalloc
import warnings
from pathlib import Path

import pytest
from formats.caffe.making import layer, net, written

from regraft.errors import RegraftError, UnreadableFile, UnsafeFile
from regraft.formats import read

IP = net(layer("InnerProduct", "data", "ip", inner_product_param="num_output: 5"))
MODEST = 4 << 20  # bytes that reading may take besides the file


def message(path: Path, kind: type[RegraftError] = UnreadableFile) -> str:
    """The error's text without its last line, after reading with modest memory."""
    tracemalloc.start()
    try:
        with warnings.catch_warnings(action="ignore"), pytest.raises(kind) as caught:
            read(path)
        assert tracemalloc.get_traced_memory()[1] < 2 * path.stat().st_size + MODEST
    finally:
        tracemalloc.stop()
    return str(caught.value).replace(f"{path.parent}/", "").partition("\n  to do")[0]


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, data: bytes) -> bytes:
    return varint(number << 3 | 2) + varint(len(data)) + data


def model(blob: bytes) -> bytes:
    """A .caffemodel of one layer "ip" with one blob."""
    return field(100, field(1, b"ip") + field(2, b"InnerProduct") + field(7, blob))


def lie(folder: Path, blob: bytes) -> str:
    path = written(folder, "net", IP)
    path.with_suffix(".caffemodel").write_bytes(model(blob))
    return message(path)


def shape(*dims: int) -> bytes:
    return field(7, field(1, b"".join(varint(dim) for dim in dims)))


def test_shapes_that_lie(tmp_path: Path) -> None:
    head = "the file breaks its own format\n  where: net.caffemodel, layer ip, blob 0\n  "
    huge = shape(1 << 40, 1 << 40) + field(5, bytes(8))
    assert lie(tmp_path, huge) == head + "expected: 1099511627776 x 1099511627776 numbers\n  got: 2 numbers"
    assert lie(tmp_path, shape(5, 216)) == head + "expected: 5 x 216 numbers\n  got: 0 numbers"
    assert lie(tmp_path, shape((1 << 64) - 5, 216)) == head + "expected: -5 x 216 numbers\n  got: 0 numbers"
    assert lie(tmp_path, shape(5, 216) + field(5, bytes(7))) == head + "expected: numbers of four bytes\n  got: 7 bytes"
    old = varint(1 << 3) + varint(1 << 62) + field(5, bytes(4))
    assert lie(tmp_path, old) == head + "expected: 4611686018427387904 x 0 x 0 x 0 numbers\n  got: 1 numbers"
    assert lie(tmp_path, shape(*[1] * 33) + field(5, bytes(4))).startswith(head)


def test_weights_of_another_shape(tmp_path: Path) -> None:
    from regraft.errors import ShapeMismatch

    path = written(tmp_path, "net", IP)
    path.with_suffix(".caffemodel").write_bytes(model(shape(2, 3) + field(5, bytes(24))))
    assert message(path, ShapeMismatch) == (
        "the weights do not fit the layer\n  where: net.caffemodel, layer ip, blob 0\n  expected: 5 x 216\n  got: 2 x 3"
    )


def test_files_cut_anywhere_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, "net", IP).with_suffix(".caffemodel")
    data = path.read_bytes()
    (tmp_path / "net.prototxt").unlink()
    for size in (*range(40, 400, 40), len(data) - 1):
        path.write_bytes(data[:size])
        message(path, RegraftError)


def test_a_prototxt_that_asks_for_too_much(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text(IP.replace("num_output: 5", "num_output: 4000000000"))
    assert message(path, UnsafeFile) == (
        "the prototxt asks for more weights than a network has\n"
        "  where: net.prototxt, layer ip (InnerProduct)\n"
        "  expected: at most 268,435,456 numbers\n"
        "  got: 864,000,000,000"
    )
    path.write_text(net(layer("Convolution", convolution_param="num_output: 3 kernel_size: 4000000000")))
    assert message(path) == (
        "kernel_size cannot be used\n  where: net.prototxt, layer top (Convolution)\n"
        "  expected: height and width, 1 to 32768\n  got: (4000000000, 4000000000)"
    )
    path.write_text(net(layer("Tile", tile_param="tiles: 2000000000")))
    assert message(path) == (
        "tiles cannot be used\n  where: net.prototxt, layer top (Tile)\n  expected: 1 to 65536\n  got: 2000000000"
    )


def test_too_many_layers(tmp_path: Path) -> None:
    path = tmp_path / "net.caffemodel"
    path.write_bytes(field(100, b"") * 20_001)
    with warnings.catch_warnings(action="ignore"), pytest.raises(UnsafeFile) as caught:
        read(path)
    assert str(caught.value) == f"the network has too many layers\n  where: {path}\n  expected: at most 20,000"


def test_text_nested_without_end(tmp_path: Path) -> None:
    path = tmp_path / "net.prototxt"
    path.write_text("layer { " + "unknown { " * 100_000)
    assert message(path).startswith("this is no whole Caffe NetParameter\n  where: net.prototxt\n  got: ")


def test_a_mean_file_elsewhere_is_not_opened(tmp_path: Path) -> None:
    """Only a file beside the network is read, whatever path it names."""
    (tmp_path / "inside").mkdir()
    secret = tmp_path / "secret.binaryproto"
    secret.write_bytes(b"not to be read")
    options = 'crop_size: 9 mean_file: "../secret.binaryproto" force_color: true'
    data = f'layer {{ name: "data" type: "Data" top: "data" transform_param {{ {options} }} }}'
    path = tmp_path / "inside/net.prototxt"
    path.write_text(data + layer("Pooling", pooling_param="kernel_size: 2"))
    with pytest.warns(UserWarning, match=r"secret\.binaryproto is not beside it"):
        read(path)
