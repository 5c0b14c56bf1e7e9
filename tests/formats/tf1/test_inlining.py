"""Functions in place of their calls, and conditionals a tool has touched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from formats.tf1.making import Made, dense

from regraft.errors import UnreadableFile, UnsupportedOp
from regraft.formats import tf1


def with_function(made: Made, name: str = "twice") -> Made:
    """A function of two results: x + x, and x itself."""
    function = made.message.library.function.add()
    function.signature.name = name
    function.signature.input_arg.add(name="x")
    function.signature.output_arg.add(name="sum")
    function.signature.output_arg.add(name="same")
    function.node_def.add(name="add", op="AddV2", input=["x", "x"])
    function.ret["sum"] = "add:z:0"
    function.ret["same"] = "x"
    return made


def call(made: Made, type: str = "PartitionedCall", name: str = "twice") -> Made:
    made.node("call", type, "out").message.node[-1].attr["f"].func.name = name
    return made.node("end", "Sub", "call", "call:1")


@pytest.mark.parametrize("type", ["PartitionedCall", "StatefulPartitionedCall", "twice"])
def test_a_call_is_what_its_function_computes(tmp_path: Path, type: str) -> None:
    network = tf1.read(call(with_function(dense()), type).write(tmp_path / "model.pb"))

    assert network.outputs == ("end:0",)
    x = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(network.run(x), network.run(x, to="out"))
    np.testing.assert_array_equal(network.run(x, to="call/add:0"), 2 * network.run(x, to="out"))


def test_a_function_that_is_not_there_is_an_operation_we_do_not_know(tmp_path: Path) -> None:
    path = call(with_function(dense()), name="thrice").write(tmp_path / "model.pb")

    with pytest.raises(UnsupportedOp) as error:
        tf1.read(path)

    assert str(error.value) == (
        "the graph uses operations that regraft cannot run\n"
        f"  where: {path}\n"
        "  got: PartitionedCall (1): call\n"
        "  to do: cut before them: the first safe cut is 'out:0' (--at, or open(..., to=...))"
    )


def test_a_call_with_too_many_arguments(tmp_path: Path) -> None:
    made = with_function(dense()).node("call", "twice", "out", "x").node("end", "Relu", "call")
    path = made.write(tmp_path / "model.pb")

    with pytest.raises(UnreadableFile) as error:
        tf1.read(path)

    assert str(error.value) == (
        "a function is called with the wrong number of arguments\n"
        f"  where: {path}, function twice called by call\n"
        "  expected: 1\n"
        "  got: 2"
    )


def test_a_function_that_reads_what_it_does_not_hold(tmp_path: Path) -> None:
    made = call(with_function(dense()))
    made.message.library.function[0].ret["sum"] = "other:z:0"
    path = made.write(tmp_path / "model.pb")

    with pytest.raises(UnreadableFile) as error:
        tf1.read(path)

    assert str(error.value) == (
        f"a function reads what it does not hold\n  where: {path}, function twice called by call\n  got: 'other:z:0'"
    )


def test_a_constant_whose_control_input_a_tool_has_dropped(tmp_path: Path) -> None:
    made = dense().node("flag", "Placeholder", dtype="bool", shape=()).node("side", "Switch", "out", "flag")
    made.constant("zero", np.float32(0)).node("merged", "Merge", "zero", "side:1")
    network = tf1.read(made.write(tmp_path / "model.pb"))

    x = np.ones((1, 4), np.float32)
    np.testing.assert_array_equal(network.run(x, training=True), network.run(x, to="out"))
    assert network.run(x).tolist() == 0
    assert [switch.name for switch in network.graph.switches] == ["flag:0"]
