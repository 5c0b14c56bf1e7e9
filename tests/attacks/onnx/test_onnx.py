"""ONNX files that lie about sizes, reach out of their folder, go round in circles, or ask for more than there is."""

from __future__ import annotations

import os
import tracemalloc
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from formats.onnx.making import info, model, node, runtime, values, written
from onnx import TensorProto, helper

from regraft.errors import MissingFile, RegraftError, ShapeMismatch, UnreadableFile, UnsafeFile, UnsupportedOp
from regraft.formats import read

ROWS = [info("x", ["b", 4])]
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


def product(**tensor: object) -> onnx.ModelProto:
    """A model whose weight is that tensor."""
    made = model([node("MatMul", ["x", "w"], ["y"])], inputs=ROWS)
    made.graph.initializer.append(TensorProto(name="w", **tensor))
    return made


def field(number: int, data: bytes) -> bytes:
    """A field of a protocol buffer that holds bytes."""
    size, varint = len(data), bytearray()
    while size > 127:
        varint.append(size & 127 | 128)
        size >>= 7
    return bytes([number << 3 | 2, *varint, size]) + data


# --- tensors --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dims", "data", "expected", "got"),
    [
        ([1 << 40, 1 << 20], bytes(16), "4,611,686,018,427,387,904 bytes", "16"),
        ([4, 3], bytes(47), "48 bytes", "47"),
        ([4, 3], bytes(4800), "48 bytes", "4,800"),
        ([4, 0], bytes(4), "0 bytes", "4"),
    ],
)
def test_shapes_that_lie(dims: list[int], data: bytes, expected: str, got: str, tmp_path: Path) -> None:
    path = written(tmp_path, product(dims=dims, raw_data=data, data_type=1))
    assert message(path) == (
        f"a tensor does not hold what its shape says\n  where: net.onnx, tensor w\n  expected: {expected}\n  got: {got}"
    )


def test_shapes_that_cannot_be(tmp_path: Path) -> None:
    for dims in ([-4, -3], [1] * 40):
        path = written(tmp_path, product(dims=dims, raw_data=bytes(48), data_type=1))
        assert message(path).startswith("a tensor has an impossible shape\n  where: net.onnx, tensor w\n  got: (")


def test_numbers_and_types_that_do_not_fit(tmp_path: Path) -> None:
    listed = product(dims=[1 << 50], float_data=[1.0], data_type=1)
    assert "expected: 1,125,899,906,842,624 numbers\n  got: 1" in message(written(tmp_path, listed))
    small = product(dims=[2], int32_data=[1, 1 << 20], data_type=3)
    assert message(written(tmp_path, small)) == (
        "a number does not fit the type int8\n  where: net.onnx, tensor w\n  got: 1048576"
    )
    assert "there is no such type of tensors" in message(written(tmp_path, product(dims=[0], data_type=77)))
    strings = product(dims=[1], string_data=[b"a"], data_type=8)
    assert "Initializer: numbers of type string cannot be used (1): w" in message(
        written(tmp_path, strings), UnsupportedOp
    )


def holding(*fields: bytes) -> bytes:
    """A model whose weight has those fields beside its name."""
    made = model([node("MatMul", ["x", "w"], ["y"])], inputs=ROWS).SerializeToString()
    weight = onnx.TensorProto(name="w").SerializeToString() + b"".join(fields)
    return made + field(7, field(5, weight))


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (field(4, bytes(5)), "expected: numbers of 4 bytes\n  got: 5 bytes"),
        (field(5, b"\x01\x81"), "expected: a number\n  got: the end of the data"),
        (field(5, b"\x81" * 11 + b"\x01"), "expected: 1 numbers of at most 10 bytes\n  got: 0 in 0 bytes"),
    ],
)
def test_numbers_cut_short(data: bytes, text: str, tmp_path: Path) -> None:
    kind = b"\x10\x01" if data[0] >> 3 == 4 else b"\x10\x06"
    path = tmp_path / "net.onnx"
    path.write_bytes(holding(b"\x08\x01", kind, data))
    assert message(path) == f"the file breaks its own format\n  where: net.onnx, tensor w\n  {text}"


@pytest.mark.slow
def test_what_is_said_beside_the_numbers_is_short(tmp_path: Path) -> None:
    """Protobuf takes many times as much memory for short names and numbers."""
    path = tmp_path / "net.onnx"
    path.write_bytes(holding(b"\x08\x01" * 40_000))
    assert message(path, UnsafeFile) == (
        "what the file says of one tensor is too long\n  where: net.onnx\n"
        "  expected: at most 65,536 bytes beside weights and graphs"
    )
    floats = node("Constant", [], ["w"])
    floats.attribute.add(name="value_floats", type=6).floats.extend([0.0] * 300_000)
    path = written(tmp_path, model([floats, node("Relu", ["w"], ["y"])], inputs=ROWS))
    assert message(path, UnsafeFile).startswith("what the file says of one attribute is too long")
    path = written(tmp_path, model([node("Concat", [""] * 600_000, ["y"], axis=0)], inputs=ROWS))
    assert message(path, UnsafeFile).startswith("what the file says of one node is too long")


@pytest.mark.parametrize("padding", ["NOTSET", "SAME_LOWER"])  # two functions
def test_filters_that_contradict_their_groups(padding: str, tmp_path: Path) -> None:
    def convolution(groups: int) -> Path:
        nodes = [node("Conv", ["x", "w"], ["y"], group=groups, auto_pad=padding)]
        return written(tmp_path, model(nodes, {"w": values(0, 6, 1, 3, 3)}))

    for groups in (4, 0, -1):
        assert message(convolution(groups)) == (
            "the filters cannot be shared out among the groups the operation says\n  where: net.onnx, node y (Conv)\n"
            f"  expected: as many for each of 1 group or more\n  got: (6, 1, 3, 3), {groups} groups"
        )
    x = values(1, 2, 3, 8, 8)
    np.testing.assert_allclose(read(convolution(3)).run(x), runtime(convolution(3), {"x": x})[0], atol=1e-6)
    with pytest.raises(ShapeMismatch) as caught:
        read(convolution(2)).run(x)
    assert str(caught.value) == (
        "a convolution's filters do not fit its groups\n  expected: 2 channels: 1 for each of 2 groups\n"
        "  got: 3 channels\n  to do: the source contradicts itself; write it again with the program that made it"
    )


# --- data beside the model ------------------------------------------------------------------------------


def outside(location: str, **more: str) -> onnx.ModelProto:
    made = product(dims=[4, 3], data_type=1, data_location=1)
    for key, value in {"location": location, **more}.items():
        made.graph.initializer[0].external_data.add(key=key, value=value)
    return made


@pytest.mark.parametrize(
    "location", ["/etc/passwd", "../secret", "a/../../secret", "..\\secret", "link", "folder/secret", "", "a\0b"]
)
def test_data_outside_of_the_folder_are_not_read(location: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(bytes(48))
    inside = tmp_path / "inside"
    inside.mkdir()
    os.symlink(tmp_path / "secret", inside / "link")
    os.symlink(tmp_path, inside / "folder")
    path = written(inside, outside(location))
    assert message(path, UnsafeFile) == (
        f"external data must lie in the folder of the model\n  where: net.onnx, tensor w\n  got: {location!r}"
    )


def test_a_link_that_leads_to_itself(tmp_path: Path) -> None:
    os.symlink(tmp_path / "round", tmp_path / "round")
    message(written(tmp_path, outside("round")), RegraftError)


def test_places_in_the_file_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(bytes(50))
    assert "expected: 51 bytes\n  got: 50" in message(written(tmp_path, outside("data", offset="3")))
    for text in ("-4", "1e3", "0x10", "9" * 30, "٣", ""):
        assert "the place of external data is no number" in message(written(tmp_path, outside("data", offset=text)))
    assert "expected: 48 bytes\n  got: 400" in message(written(tmp_path, outside("data", length="400")))
    assert "expected: 18,446,744,073,709,551,664" in message(written(tmp_path, outside("data", offset=str(1 << 64))))
    message(written(tmp_path, outside("missing")), MissingFile)
    (tmp_path / "dir").mkdir()
    message(written(tmp_path, outside("dir")), MissingFile)


# --- graphs ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nodes", "text"),
    [
        ([node("Add", ["x", "b"], ["a"]), node("Relu", ["a"], ["b"]), node("Relu", ["b"], ["y"])],
         "operations of the graph wait for each other\n  where: net.onnx\n  got: a, b, y"),
        ([node("Relu", ["y"], ["y"])], "operations of the graph wait for each other\n  where: net.onnx\n  got: y"),
        ([node("Relu", ["z"], ["y"])],
         "an operation reads 'z', which nothing gives\n  where: net.onnx, node y (Relu)"),
        ([node("Relu", ["x"], ["y"]), node("Neg", ["x"], ["y"])],
         "two operations give one tensor\n  where: net.onnx\n  got: 'y'"),
        ([node("Relu", ["x"], ["x"]), node("Relu", ["x"], ["y"])],
         "two operations give one tensor\n  where: net.onnx\n  got: 'x'"),
        ([node("Split", ["x"], ["y", "y"])], "an operation gives one tensor twice\n  where: net.onnx\n  got: y"),
        ([node("Relu", ["x"], ["z"])], "no operation gives what the graph is to give\n  where: net.onnx\n  got: y"),
        ([node("Relu", [], ["y"])], "an operation has 0 inputs\n  where: net.onnx, node y (Relu)\n  expected: 1 to 1"),
        ([node("Concat", ["x", ""], ["y"], axis=0)],
         "an operation reads too little\n  where: net.onnx, node y (Concat)\n  expected: input 2"),
        ([node("Softmax", [""], ["y"])],
         "an operation reads too little\n  where: net.onnx, node y (Softmax)\n  expected: input 1"),
        ([node("", ["x"], ["y"])], "an operation has no type\n  where: net.onnx, node y"),
    ],
)  # fmt: skip
def test_graphs_that_cannot_be(nodes: Sequence[onnx.NodeProto], text: str, tmp_path: Path) -> None:
    assert message(written(tmp_path, model(nodes, inputs=ROWS))) == text


def test_names_given_twice(tmp_path: Path) -> None:
    made = model([node("MatMul", ["x", "w"], ["y"])], {"w": values(0, 4, 3)}, inputs=ROWS)
    made.graph.initializer.append(made.graph.initializer[0])
    assert message(written(tmp_path, made)) == "two weights have one name\n  where: net.onnx\n  got: 'w'"
    made = model([node("Relu", ["x"], ["y"])], inputs=ROWS * 2)
    assert "an input of the graph has no name, or that of another one" in message(written(tmp_path, made))


def function(name: str, calls: int, callee: str) -> onnx.FunctionProto:
    body = [node(callee, ["a"], ["b"], domain="own") for _ in range(calls)] if callee else []
    names = ["a", *(f"v{k}" for k in range(len(body)))]
    for k, one in enumerate(body):
        one.input[0], one.output[0] = names[k], names[k + 1]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    return helper.make_function("own", name, ["a"], [names[-1]], body, imports)


def test_functions_that_call_themselves(tmp_path: Path) -> None:
    made = model([node("F", ["x"], ["y"], domain="own")], inputs=ROWS, functions=[function("F", 1, "F")])
    assert message(written(tmp_path, made), UnsafeFile) == (
        "functions call each other without end\n  where: net.onnx\n  expected: at most 32 deep"
    )


def test_functions_that_multiply(tmp_path: Path) -> None:
    """2^25 calls out of 25 functions that do nothing."""
    functions = [function(f"F{k}", 2, f"F{k + 1}") for k in range(25)] + [function("F25", 0, "")]
    made = model([node("F0", ["x"], ["y"], domain="own")], inputs=ROWS, functions=functions)
    assert "the graph has too many operations" in str_of(written(tmp_path, made), UnsafeFile)


def str_of(path: Path, kind: type[RegraftError]) -> str:
    with pytest.raises(kind) as caught:
        read(path)
    return str(caught.value)


def test_branches_in_branches(tmp_path: Path) -> None:
    """Thirty are decided; the parser itself ends what goes on for ever."""
    graph = helper.make_graph([node("Relu", ["x"], ["v"])], "g", [], [info("v", None)])
    for _ in range(15):
        inner = node("If", ["c"], ["v"], then_branch=graph, else_branch=helper.make_graph([], "e", [], []))
        graph = helper.make_graph([inner], "g", [], [info("v", None)])
    made = model([node("If", ["c"], ["y"], then_branch=graph, else_branch=graph)], {"c": np.array(True)}, inputs=ROWS)
    assert read(written(tmp_path, made)).run(-np.eye(4, dtype="f4")).max() == 0
    data = b""
    for _ in range(3000):
        data = field(1, field(5, field(6, data)))
    path = tmp_path / "deep.onnx"
    path.write_bytes(b"\x08\x08" + field(7, data))
    assert message(path).startswith("this is no whole ONNX model\n  where: deep.onnx")


def test_too_many_operations(tmp_path: Path) -> None:
    made = model([node("Relu", ["x"], ["y"])], inputs=ROWS)
    data = made.SerializeToString()
    tail = onnx.GraphProto(node=[node("Relu", ["x"], [])]).SerializeToString() * 50_001
    path = tmp_path / "net.onnx"
    path.write_bytes(data + field(7, tail))
    assert str_of(path, UnsafeFile).startswith("the graph has too many operations")


# --- sizes ----------------------------------------------------------------------------------------------

HUGE = np.array([1 << 20, 1 << 20])


@pytest.mark.parametrize(
    "nodes",
    [
        [node("ConstantOfShape", ["size"], ["y"])],
        [node("Expand", ["one", "size"], ["y"])],
        [node("Tile", ["one", "size"], ["y"])],
        [node("Pad", ["one", "pads"], ["y"])],
        [node("Resize", ["one", "", "scales"], ["y"])],
        [node("Range", ["zero", "many", "step"], ["y"])],
        [node("OneHot", ["places", "many", "pair"], ["y"])],
        [node("MaxPool", ["picture"], ["y"], kernel_shape=[2], pads=[1 << 40, 1 << 40])],
        [node("ConvTranspose", ["picture", "filter"], ["y"], strides=[1 << 40])],
        [node("CenterCropPad", ["one", "size"], ["y"])],
    ],
    ids=lambda nodes: nodes[0].op_type,
)
def test_results_without_measure_are_not_made(nodes: list[onnx.NodeProto], tmp_path: Path) -> None:
    held = {
        "size": HUGE, "one": np.ones((1, 1), "f4"), "pads": np.concatenate([HUGE, HUGE]),
        "scales": np.array([1e6, 1e6], "f4"),
        "zero": np.array(0), "many": np.array(1 << 40), "step": np.array(1), "places": np.arange(4),
        "pair": np.array([0, 1.0], "f4"), "picture": np.ones((1, 1, 4), "f4"), "filter": np.ones((1, 1, 2), "f4"),
    }  # fmt: skip
    used = {name: held[name] for name in nodes[0].input if name}
    network = read(written(tmp_path, model(nodes, used, inputs=ROWS, opset=18)))
    with pytest.raises(UnsupportedOp, match="a tensor that large cannot be made"):
        network.run({})
    list(network.tensors.values())


def test_files_cut_anywhere_are_refused(tmp_path: Path) -> None:
    made = model([node("Conv", ["x", "w", "b"], ["y"])], {"w": values(0, 4, 3, 3, 3), "b": values(1, 4)})
    data = written(tmp_path, made).read_bytes()
    for size in (*range(5, len(data) - 1, 37), len(data) - 1):
        path = tmp_path / "cut.onnx"
        path.write_bytes(data[:size])
        message(path, RegraftError)


def test_shapes_put_together_without_end(tmp_path: Path) -> None:
    """2^40 numbers out of 40 operations, and a chain of ten thousand."""
    doubled = [node("Concat", [f"s{k}"] * 2, [f"s{k + 1}"], axis=0) for k in range(40)]
    doubled.append(node("Reshape", ["x", "s40"], ["y"]))
    chain = [node("Identity", [f"s{k}"], [f"s{k + 1}"]) for k in range(10_000)]
    chain.append(node("Reshape", ["x", "s10000"], ["y"]))
    for nodes in (doubled, chain):
        path = written(tmp_path, model(nodes, {"s0": np.array([1, 4])}, inputs=[info("x", [1, 4])]))
        with pytest.warns(UserWarning, match="the batch stays 1, as the file fixes it: Reshape y"):
            read(path)
