"""Which files are opened, together with what, and what is said of those that cannot be."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

import numpy as np
import pytest
from formats.tf1.comparing import compare
from formats.tf1.making import Made, dense
from google.protobuf import text_format

from regraft.errors import MissingFile, RegraftError, ShapeMismatch, UnreadableFile, UnsafeFile, UnsupportedOp
from regraft.formats import tf1
from regraft.formats.tf1 import protos
from regraft.formats.tf1.checkpoint import write_checkpoint

COPY = "  to do: copy the file again from where it came; a cut or damaged download looks like this"
GIVE = (
    "  to do: give the checkpoint: put its .index and .data files beside the graph under the same name, "
    "or open the checkpoint itself"
)


def unfrozen() -> Made:
    made = Made().placeholder("x", -1, 4).node("w", "VariableV2", dtype="float32", shape=(4, 2))
    return made.node("w/read", "Identity", "w").node("out", "MatMul", "x", "w/read")


def message(path: Path, kind: type[RegraftError], **options: str) -> str:
    with pytest.raises(kind) as error:
        tf1.read(path, **options)
    return str(error.value)


def test_a_frozen_graph(tmp_path: Path) -> None:
    network = tf1.read(dense().write(tmp_path / "dense.pb"))

    assert (network.format, network.outputs) == ("tf1-pb", ("out:0",))
    assert [(p.name, p.shape, p.trainable) for p in network.parameters.values()] == [("w", (4, 2), True)]
    np.testing.assert_array_equal(network.run(np.eye(4)), np.arange(8).reshape(4, 2))


def test_a_graph_as_text(tmp_path: Path) -> None:
    (tmp_path / "dense.pbtxt").write_text(text_format.MessageToString(dense().message))

    assert tf1.read(tmp_path / "dense.pbtxt").run(np.ones((1, 4))).tolist() == [[12, 16]]


@pytest.mark.parametrize(
    "name", ["model.ckpt-7", "model.ckpt-7.index", "model.ckpt-7.data-00000-of-00001", "", "checkpoint"]
)
def test_a_checkpoint_in_every_way_to_name_it(graphs: Path, name: str) -> None:
    folder = graphs / "conditional_reference"

    network = tf1.read(folder / name)

    assert network.format == "tf1-meta"
    assert network.outputs == ("logits/BiasAdd:0",)
    assert "conv1/kernel/Momentum" in network.values


def test_a_checkpoint_of_no_name(graphs: Path, tmp_path: Path) -> None:
    for ending in (".index", ".meta", ".data-00000-of-00001"):
        shutil.copy(graphs / f"dense/model.ckpt{ending}", tmp_path / ending)

    for path in (tmp_path / ".meta", tmp_path / ".index", tmp_path):
        assert tf1.read(path).outputs == ("dnn/outputs/BiasAdd:0",)


def test_a_checkpoint_without_a_graph_has_parameters_only(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", {"w": np.ones((4, 2), np.float32), "w/Adam": np.zeros((4, 2), np.float32)})

    network = tf1.read(tmp_path / "model")

    assert (network.format, network.outputs, network.graph.inputs) == ("tf1-checkpoint", (), ())
    assert {p.name: p.trainable for p in network.parameters.values()} == {"w": True, "w/Adam": False}


def test_a_saved_model(graphs: Path) -> None:
    for path in (graphs / "saved_model/model", graphs / "saved_model/model/saved_model.pb"):
        network = tf1.read(path)
        assert (network.format, network.outputs) == ("tf1-savedmodel", ("scores:0",))


def test_a_graph_finds_the_checkpoint_of_its_name(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "model", {"w": np.ones((4, 2), np.float32)})

    assert tf1.read(unfrozen().write(tmp_path / "model.pb")).run(np.ones((1, 4))).tolist() == [[4, 4]]
    said = "there is no checkpoint of the name of other.pb: its values are taken from model beside it"
    with pytest.warns(UserWarning, match=f"^{said}$"):
        other = tf1.read(unfrozen().write(tmp_path / "other.pb"))
    assert other.run(np.ones((1, 4))).tolist() == [[4, 4]]


def test_a_graph_of_averages_takes_them(graphs: Path) -> None:
    with pytest.warns(UserWarning, match="there is no checkpoint of the name of averaged.ckpt.meta"):
        network = tf1.read(graphs / "classic_layers/averaged.ckpt.meta")

    raw = tf1.read(graphs / "classic_layers/model.ckpt").values
    np.testing.assert_array_equal(network.parameters["fc/weights"].value, raw["fc/weights/ExponentialMovingAverage"])
    assert not np.array_equal(raw["fc/weights"], raw["fc/weights/ExponentialMovingAverage"])


def test_variables_without_values(tmp_path: Path) -> None:
    path = unfrozen().write(tmp_path / "model.pb")

    assert message(path, UnreadableFile) == (
        f"the graph holds 1 variables but not their values\n  where: {path}\n  got: w\n{GIVE}"
    )


def test_a_checkpoint_of_another_graph(tmp_path: Path) -> None:
    path = unfrozen().write(tmp_path / "model.pb")
    write_checkpoint(tmp_path / "model", {"v": np.ones(3, np.float32)})

    assert message(path, UnreadableFile) == (
        "the checkpoint has no value for 1 variables of the graph\n"
        f"  where: {path}\n"
        "  expected: w\n"
        "  got: 1 entries, first: v\n"
        "  to do: open the graph with the checkpoint that was saved with it"
    )


def test_a_checkpoint_of_other_shapes(tmp_path: Path) -> None:
    path = unfrozen().write(tmp_path / "model.pb")
    write_checkpoint(tmp_path / "model", {"w": np.ones((4, 3), np.float32)})

    assert message(path, ShapeMismatch) == (
        "graph and checkpoint do not belong together: 1 shapes differ\n"
        f"  where: {path}\n"
        "  got: w (4, 2) in the graph, (4, 3) in the checkpoint\n"
        "  to do: open the graph with the checkpoint that was saved with it"
    )


def test_no_such_file(tmp_path: Path) -> None:
    dense().write(tmp_path / "dense.pb")

    assert message(tmp_path / "dens.pb", MissingFile) == (
        f"there is no file dens.pb\n  where: {tmp_path}/dens.pb\n  nearest: dense.pb"
    )


@pytest.mark.parametrize(
    "content", [b"\xff\xd8\xff\xe0 a picture", b"\x0a\xff\xff\xff\x7f", dense().message.SerializeToString()[:-9]]
)
def test_a_damaged_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "model.pb").write_bytes(content)

    text = message(tmp_path / "model.pb", UnreadableFile)

    assert text.startswith(f"this is no whole TensorFlow GraphDef\n  where: {tmp_path}/model.pb\n  got: ")
    assert text.endswith(COPY)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "model.pb").touch()

    assert message(tmp_path / "model.pb", UnreadableFile) == (
        "the file holds no TensorFlow graph\n"
        f"  where: {tmp_path}/model.pb\n"
        "  expected: a GraphDef or MetaGraphDef with operations"
    )


def test_a_saved_model_without_a_graph(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01")

    assert message(tmp_path, UnreadableFile) == (f"this SavedModel holds no graph\n  where: {tmp_path}/saved_model.pb")


def test_messages_nested_without_end(tmp_path: Path) -> None:
    def field(number: int, content: bytes) -> bytes:
        size, length = len(content), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        return bytes([number << 3 | 2]) + length + bytes([size]) + content

    deep = b""
    for _ in range(5000):  # func { attr { value { func { ...
        deep = field(10, field(2, field(2, deep)))
    node = field(1, b"x") + field(2, b"Const") + field(5, field(1, b"a") + field(2, deep))
    (tmp_path / "model.pb").write_bytes(field(1, node))

    assert message(tmp_path / "model.pb", UnreadableFile).startswith("this is no whole TensorFlow GraphDef")


def test_two_operations_of_one_name(tmp_path: Path) -> None:
    path = dense().constant("w", np.float32(1)).write(tmp_path / "model.pb")

    assert message(path, UnreadableFile) == f"two operations of the graph are named 'w'\n  where: {path}"


def test_an_operation_that_reads_what_is_not_there(tmp_path: Path) -> None:
    path = dense().node("more", "Relu", "oud").write(tmp_path / "model.pb")

    assert message(path, UnreadableFile) == (
        "the graph is incomplete\n"
        f"  where: {path}, node more\n"
        "  expected: an operation 'oud', which it reads\n"
        "  nearest: out"
    )


def test_an_operation_that_reads_too_much(tmp_path: Path) -> None:
    path = dense().node("more", "Relu", "out", "x").write(tmp_path / "model.pb")

    assert message(path, UnreadableFile) == (
        "an operation of type Relu reads the wrong number of tensors\n"
        f"  where: {path}, node more\n"
        "  expected: T\n"
        "  got: out:0, x:0"
    )


def test_a_graph_that_runs_in_a_circle(tmp_path: Path) -> None:
    made = dense().node("a", "Add", "out", "b").node("b", "Relu", "a").node("end", "Relu", "b")

    assert message(made.write(tmp_path / "model.pb"), UnreadableFile, to="end") == (
        f"the graph runs in a circle\n  where: {tmp_path}/model.pb, node b"
    )


def test_an_output_an_operation_does_not_have(tmp_path: Path) -> None:
    path = dense().node("end", "Relu", "out:3").write(tmp_path / "model.pb")

    assert message(path, UnreadableFile) == (
        "an output is read that the operation does not have\n"
        f"  where: {path}, node out (MatMul)\n"
        "  expected: outputs 0 to 0\n"
        "  got: out:3"
    )


def test_a_constant_that_lies_about_its_size(tmp_path: Path) -> None:
    made = dense()
    tensor = made.message.node[1].attr["value"].tensor
    tensor.tensor_shape.dim[0].size = 1 << 40
    path = made.write(tmp_path / "model.pb")
    assert message(path, UnreadableFile) == (
        "a constant holds another number of values than its shape says\n"
        f"  where: {path}, node w\n"
        "  expected: 8796093022208 bytes of float32 for shape (1099511627776, 2)\n"
        "  got: 32 bytes"
    )
    tensor.tensor_content = b""
    tensor.float_val.append(1)
    path = made.write(tmp_path / "model.pb")
    assert message(path, UnsafeFile) == (
        "a constant claims to be very large and holds next to nothing\n"
        f"  where: {path}, node w\n"
        "  got: shape (1099511627776, 2) from 1 values"
    )


@pytest.mark.parametrize("dtype", ["string", "qint8"])
def test_inputs_that_are_no_numbers(tmp_path: Path, dtype: str) -> None:
    made = dense().placeholder("other", -1, 2, dtype=dtype).node("cast", "Cast", "other", DstT="float32")
    path = made.node("end", "Add", "out", "cast").write(tmp_path / "model.pb")

    assert message(path, UnsupportedOp, to="end") == (
        "the graph uses operations that regraft cannot run\n"
        f"  where: {path}\n"
        "  got: Placeholder (1): other\n"
        "  to do: cut before them: the first safe cut is 'out:0' (--at, or open(..., to=...))"
    )


def test_functions_that_call_each_other_without_end(tmp_path: Path) -> None:
    made = dense()
    function = made.message.library.function.add()
    function.signature.name = "again"
    function.signature.input_arg.add(name="x")
    function.signature.output_arg.add(name="y")
    call = function.node_def.add(name="call", op="PartitionedCall", input=["x"])
    call.attr["f"].func.name = "again"
    function.ret["y"] = "call:output:0"
    made.node("end", "PartitionedCall", "out").message.node[-1].attr["f"].func.name = "again"
    path = made.write(tmp_path / "model.pb")

    assert message(path, UnsafeFile) == f"the functions of the graph call each other without end\n  where: {path}"


def test_damaged_graphs_are_read_or_refused(graphs: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for case, name in (("dense", "model.ckpt.meta"), ("conditional_resource", "model.ckpt-7.meta")):
        data = bytearray((graphs / case / name).read_bytes())
        for ending in (".index", ".data-00000-of-00001"):
            shutil.copy(graphs / case / name.replace(".meta", ending), tmp_path / f"model{ending}")
        for _ in range(30):
            broken = bytearray(data)
            for place in random.integers(0, len(broken), 1 + int(random.integers(0, 3))):
                broken[place] = int(random.integers(0, 256))
            (tmp_path / "model.meta").write_bytes(broken)
            with contextlib.suppress(RegraftError):
                list(tf1.read(tmp_path / "model.meta").parameters.values())


def test_the_schema_keeps_what_it_does_not_know() -> None:
    data = b"\x0a\x03\x0a\x01x\xa2\x06\x02hi"  # a node, and field 100

    assert protos.parse("GraphDef", data, "").SerializeToString() == data


@pytest.mark.parametrize("case", ["conditional_by_hand_v2", "dense"])
def test_a_folder_moved_from_elsewhere_opens(graphs: Path, tmp_path: Path, case: str) -> None:
    shutil.copytree(graphs / case, tmp_path / "moved")
    (tmp_path / "moved/checkpoint").write_text('model_checkpoint_path: "/home/author/model.ckpt"\n')

    assert compare(tf1.read(tmp_path / "moved"), graphs / case)
