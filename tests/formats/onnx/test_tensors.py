"""Tensors in every way a file can write them, beside the `onnx` package; and what they take of memory."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from formats.onnx.making import info, model, node, written
from onnx import TensorProto, numpy_helper

from regraft.formats.onnx.modelfile import ModelFile, open_file
from regraft.formats.onnx.tensors import DTYPES, to_array
from regraft.protobuf.wire import bytes_field, fields, number_field, varint

COUNT = 70_000  # more than are taken out at once


def numbers(dtype: str, count: int) -> np.ndarray:
    """Numbers all over the type."""
    drawn = np.random.default_rng(0)
    if dtype == "bool":
        return drawn.random(count) < 0.5
    bits = drawn.integers(0, 256, count * np.dtype(dtype).itemsize, np.uint8).view(dtype)
    return np.nan_to_num(bits) if bits.dtype.kind in "fc" else bits


def listed(values: np.ndarray, code: int) -> TensorProto:
    """The tensor with its numbers one by one."""
    tensor = TensorProto(name="w", data_type=code, dims=values.shape)
    flat = values.reshape(-1)
    plain = flat.view(
        {"float16": "u2", "bool": "u1", "complex64": "f4", "complex128": "f8"}.get(flat.dtype.name, flat.dtype)
    )
    field = {"complex64": "float_data", "float32": "float_data", "complex128": "double_data", "float64": "double_data",
             "int64": "int64_data", "uint32": "uint64_data", "uint64": "uint64_data"}  # fmt: skip
    getattr(tensor, field.get(values.dtype.name, "int32_data")).extend(plain.tolist())
    return tensor


def opened(folder: Path, tensor: bytes) -> tuple[TensorProto, ModelFile]:
    """A tensor of those bytes, as an initializer of a file that was opened."""
    made = model([node("Relu", ["x"], ["y"])]).SerializeToString() + bytes_field(7, bytes_field(5, tensor))
    (folder / "net.onnx").write_bytes(made)
    file = open_file(folder / "net.onnx")
    return file.model.graph.initializer[0], file


@pytest.mark.parametrize("code", DTYPES)
def test_numbers_one_by_one_and_as_bytes(code: int, tmp_path: Path) -> None:
    for shape in ((COUNT // 7, 7), (), (0, 3)):
        values = numbers(DTYPES[code], int(np.prod(shape))).reshape(shape)
        one_by_one = listed(values, code)
        for tensor in (one_by_one, numpy_helper.from_array(values, "w")):
            found = to_array(*opened(tmp_path, tensor.SerializeToString()), "here")
            assert (found.dtype, found.shape) == (values.dtype, values.shape)
            np.testing.assert_array_equal(found, numpy_helper.to_array(tensor))


@pytest.mark.parametrize("code", DTYPES)
def test_numbers_in_pieces(code: int, tmp_path: Path) -> None:
    """Protocol buffers allow a list in several pieces, and numbers that each have a field of their own."""
    values = numbers(DTYPES[code], 12)
    pieces = [listed(values[:5], code), listed(values[5:], code)]
    data = b"".join(tensor.SerializeToString() for tensor in pieces)
    about = TensorProto(name="w", data_type=code, dims=[12]).SerializeToString()
    for way in (_packed, _apart):
        found = to_array(*opened(tmp_path, about + way(data)), "here")
        np.testing.assert_array_equal(found, values)


def _packed(data: bytes) -> bytes:
    return b"".join(
        bytes_field(one.number, bytes(one.data)) for one in fields(memoryview(data), "") if one.number in LISTS
    )


def _apart(data: bytes) -> bytes:
    out = bytearray()
    for one in fields(memoryview(data), ""):
        width = LISTS.get(one.number, 0)
        if width:
            for start in range(0, len(one.data), width):
                kind = 5 if width == 4 else 1
                out += varint(one.number << 3 | kind) + bytes(one.data[start : start + width])
        elif one.number in LISTS:
            inside = bytes(one.data)
            ends = [place + 1 for place, byte in enumerate(inside) if byte < 0x80]
            for start, end in zip([0, *ends], ends, strict=False):
                out += varint(one.number << 3) + inside[start:end]
    return bytes(out)


LISTS = {4: 4, 10: 8, 5: 0, 7: 0, 11: 0}  # the fields of lists, and how wide their numbers are where that is fixed


def test_tensors_of_the_package_are_of_no_file(tmp_path: Path) -> None:
    file = opened(tmp_path, TensorProto(name="w").SerializeToString())[1]
    values = numbers("float32", 6)
    np.testing.assert_array_equal(to_array(listed(values, 1), file, "here"), values)


READER = r"""
import json, re, sys, warnings
from pathlib import Path
from regraft.formats import read

def kilobytes():
    return int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])

def added(path):
    open("/proc/self/clear_refs", "w").write("5")
    before = kilobytes()
    for parameter in read(Path(path)).parameters.values():
        parameter.value.sum()
    return 1024 * (kilobytes() - before)

warnings.simplefilter("ignore")
added(sys.argv[1])
print(json.dumps([added(path) for path in sys.argv[2:]]))
"""


@pytest.mark.slow
def test_weights_are_in_memory_once(tmp_path: Path) -> None:
    """What a process takes more, as the system says: the pages of the file, and what had to be unpacked."""
    count, spare = 5_000_000, 6 << 20
    ways = {"raw": (1, 9, 4), "floats": (1, 4, 4), "doubles": (11, 10, 8), "bits": (10, 5, 1), "int8": (3, 5, 1)}
    unpacked = {"bits": 2 * count, "int8": count}
    paths = [_weights(tmp_path / "small", 12, 1, 9, bytes(48))]
    for name, (code, number, width) in ways.items():
        paths.append(_weights(tmp_path / name, count, code, number, bytes(count * width)))
    constant = TensorProto.FromString(number_field(1, count) + number_field(2, 1) + bytes_field(4, bytes(4 * count)))
    nodes = [node("Constant", [], ["w"], value=constant), node("Mul", ["x", "w"], ["y"])]
    paths.append(written(tmp_path, model(nodes, inputs=[info("x", ["b", 1])]), "constant"))
    done = subprocess.run([sys.executable, "-c", READER, *paths], capture_output=True, check=True, text=True)
    for path, taken in zip(paths[1:], json.loads(done.stdout), strict=True):
        assert taken <= path.stat().st_size + unpacked.get(path.name, 0) + spare, path.name


def _weights(path: Path, count: int, code: int, number: int, data: bytes) -> Path:
    made = model([node("Mul", ["x", "w"], ["y"])], inputs=[info("x", ["b", 1])]).SerializeToString()
    weight = number_field(1, count) + number_field(2, code) + bytes_field(8, b"w") + bytes_field(number, data)
    path.write_bytes(made + bytes_field(7, bytes_field(5, weight)))
    return path
