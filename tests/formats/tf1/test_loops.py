"""Loops of TensorFlow 1: recurrent nets, loops by hand, and hostile ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracle
import pytest
import torch
from formats.tf1.comparing import compare, difference, gradients, stored
from formats.tf1.making import Made

import regraft
from regraft.errors import BadArgument, UnreadableFile, UnsafeFile, UnsupportedOp
from regraft.formats import saved, tf1
from regraft.network import GraphNetwork
from regraft.network.freezing import frozen_graph


def looped(below: str = "3", step: str = "one") -> Made:
    """A loop by hand: as long as k < `below` x is doubled, and k is raised by `step`."""
    made = Made().placeholder("x", -1, 4).constant("zero", np.int32(0))
    made.constant("w", np.eye(4, dtype=np.float32)).node("w/read", "Identity", "w").node("h", "MatMul", "x", "w/read")
    return doubled(made, "loop", below, step).node("end", "Relu", "loop/y/Exit")


def doubled(made: Made, loop: str, below: str = "3", step: str = "one") -> Made:
    """The loop itself, from "h" to an Exit."""
    for name, start, kind in (("k", "zero", "int32"), ("y", "h", "float32")):
        made.node(f"{loop}/{name}/Enter", "Enter", start, frame_name=loop, T=kind)
        made.node(f"{loop}/{name}/Merge", "Merge", f"{loop}/{name}/Enter", f"{loop}/{name}/Next")
        made.node(f"{loop}/{name}/Switch", "Switch", f"{loop}/{name}/Merge", f"{loop}/LoopCond")
        made.node(f"{loop}/{name}/Identity", "Identity", f"{loop}/{name}/Switch:1")
        made.node(f"{loop}/{name}/Exit", "Exit", f"{loop}/{name}/Switch", T=kind)
    for name, value in (("3", 3), ("one", 1), ("none", 0)):
        made.constant(f"{loop}/{name}", np.int32(value))
    made.node(f"{loop}/Less", "Less", f"{loop}/k/Merge", f"{loop}/{below}")
    made.node(f"{loop}/LoopCond", "LoopCond", f"{loop}/Less")
    made.node(f"{loop}/add", "AddV2", f"{loop}/k/Identity", f"{loop}/{step}")
    made.node(f"{loop}/k/Next", "NextIteration", f"{loop}/add")
    made.node(f"{loop}/twice", "AddV2", f"{loop}/y/Identity", f"{loop}/y/Identity")
    return made.node(f"{loop}/y/Next", "NextIteration", f"{loop}/twice")


def test_a_loop_is_one_node_and_its_body_is_not_seen(tmp_path: Path) -> None:
    network = tf1.read(looped().write(tmp_path / "model.pb"))

    x = np.ones((2, 4), np.float32)
    assert network.outputs == ("end:0",)
    constants = ["loop/3:0", "loop/one:0"]
    assert [n for n in network.nodes if n.startswith("loop")] == [
        *constants,
        "loop",
        "loop:0",
        "loop:1",
        "loop/y/Exit:0",
    ]
    np.testing.assert_array_equal(network.run(x), 8 * x)
    assert network.tensors["loop:1"].shape == (None, 4)
    assert network.layers["loop"].kind == "loop"


def test_a_tensor_in_a_loop_has_no_one_value(tmp_path: Path) -> None:
    path = looped().write(tmp_path / "model.pb")

    with pytest.raises(BadArgument) as error:
        tf1.read(path, to="loop/twice")

    assert str(error.value) == (
        "loop/twice:0 has no one value: it is computed at each step of a loop\n"
        f"  where: {path}, loop loop\n"
        "  to do: name what comes out of the loop (loop/k/Exit:0, loop/y/Exit:0) or what is computed of that"
    )
    assert tf1.read(path, to="loop/k/Exit").run(np.ones((1, 4), np.float32)) == 3


def test_a_loop_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("regraft.network.loops.MOST_STEPS", 50)
    network = tf1.read(looped(step="none").write(tmp_path / "model.pb"))

    with pytest.raises(UnsafeFile) as error:
        network.run(np.ones((1, 4), np.float32))

    assert str(error.value) == "a loop of the graph does not end\n  expected: at most 50 steps"


def array(made: Made, size: str, index: str = "loop/k/Identity", *, grows: bool = False) -> Made:
    """The loop by hand, which now fills an array too: at `index` y is written."""
    made.node("array", "TensorArrayV3", size, dtype="float32", dynamic_size=grows)
    made.node("loop/handle", "Enter", "array", frame_name="loop", is_constant=True)
    made.node("loop/a/Enter", "Enter", "array:1", frame_name="loop", T="float32")
    made.node("loop/a/Merge", "Merge", "loop/a/Enter", "loop/a/Next")
    made.node("loop/a/Switch", "Switch", "loop/a/Merge", "loop/LoopCond")
    made.node("loop/a/Identity", "Identity", "loop/a/Switch:1")
    made.node("loop/write", "TensorArrayWriteV3", "loop/handle", index, "loop/y/Identity", "loop/a/Identity")
    made.node("loop/a/Next", "NextIteration", "loop/write").node("loop/a/Exit", "Exit", "loop/a/Switch", T="float32")
    made.constant("places", np.arange(4, dtype=np.int32))
    return made.node("rows", "TensorArrayGatherV3", "array", "places", "loop/a/Exit", dtype="float32")


def test_rows_that_no_step_writes_are_zeros(tmp_path: Path) -> None:
    network = tf1.read(array(looped().constant("size", np.int32(4)), "size").write(tmp_path / "model.pb"), to="rows")

    x = np.ones((2, 4), np.float32)
    np.testing.assert_array_equal(network.run(x), np.stack([x, 2 * x, 4 * x, 0 * x]))
    assert network.tensors["rows:0"].shape == (4, None, 4)


def test_a_loop_that_leaves_its_array_is_stopped(tmp_path: Path) -> None:
    made = array(looped().constant("size", np.int32(2)), "size")
    network = tf1.read(made.write(tmp_path / "model.pb"), to="rows")

    with pytest.raises(UnreadableFile) as error:
        network.run(np.ones((1, 4), np.float32))

    assert str(error.value) == ("a loop goes beyond the end of an array\n  expected: a row from 0 to 1\n  got: row 2")


def test_an_array_that_is_huge_takes_no_memory(tmp_path: Path) -> None:
    huge = array(looped().constant("size", np.int32(1 << 30)), "size")

    with pytest.raises(UnsupportedOp) as error:
        tf1.read(huge.write(tmp_path / "model.pb"), to="rows").run(np.ones((1, 4), np.float32))

    assert str(error.value) == (
        "a tensor that large cannot be made\n  expected: at most 268435456 numbers\n  got: [1073741824]"
    )


def test_a_loop_that_is_not_whole_is_refused(tmp_path: Path) -> None:
    made = looped()
    next(node for node in made.message.node if node.name == "loop/y/Merge").input[1] = "loop/twice"
    path = made.write(tmp_path / "model.pb")

    with pytest.raises(UnreadableFile, match="the graph runs in a circle"):
        tf1.read(path)


def test_loops_that_read_each_other_are_refused(tmp_path: Path) -> None:
    made = doubled(looped(), "other")
    next(node for node in made.message.node if node.name == "loop/twice").input[1] = "other/y/Identity"
    path = made.write(tmp_path / "model.pb")

    with pytest.raises(UnreadableFile) as error:
        tf1.read(path, to="end")

    assert str(error.value) == (
        f"the loops of the graph are tangled\n  where: {path}, node loop\n  expected: one in another, 20 at most"
    )


def test_it_is_saved_and_opened_again(tmp_path: Path) -> None:
    network = tf1.read(array(looped().constant("size", np.int32(4)), "size").write(tmp_path / "model.pb"), to="rows")
    saved.write(network, tmp_path / "saved", {})

    again = regraft.open(tmp_path / "saved")

    x = np.ones((2, 4), np.float32)
    body, same = (net.nodes["loop"].kwargs["body"] for net in (again, network))
    assert body == same
    np.testing.assert_array_equal(again.run(x), network.run(x))


@pytest.mark.parametrize("ending", ["onnx", "pt2"])
def test_it_is_not_written_as_onnx(tmp_path: Path, ending: str) -> None:
    network = tf1.read(looped().write(tmp_path / "model.pb"))

    with pytest.raises(UnsupportedOp) as error:
        regraft.export(network, tmp_path / f"net.{ending}")

    assert str(error.value) == (
        "the network cannot be written: torch.export does not take it\n"
        "  where: tf1-pb network\n"
        "  got: loop (1): loop\n"
        "  to do: write what lies below (--at TENSOR, or net.towards(TENSOR)), or keep the network as a regraft model"
    )


def test_it_is_not_written_as_a_graph_of_tensorflow(tmp_path: Path) -> None:
    network = tf1.read(looped().write(tmp_path / "model.pb"))

    with pytest.raises(UnsupportedOp) as error:
        regraft.export(network, tmp_path / "net.ckpt")

    assert str(error.value) == (
        "1 node of the network cannot be written as a TensorFlow graph:\n"
        "  loop: TensorFlow has no operation for it\n"
        "    1 node: loop\n"
        "  to do: cut below them (--at NAME), or keep the network as a regraft model"
    )


@pytest.mark.parametrize(
    "case",
    ["recurrent_both_ways", "recurrent_functions", "recurrent_lengths", "recurrent_time_major"],
)
def test_a_frozen_one_computes_the_same(graphs: Path, case: str) -> None:
    network = tf1.read(graphs / case / "frozen.pb")

    assert network.outputs == ("logits/BiasAdd:0",)
    assert len(compare(network, graphs / case)) > 50


@pytest.mark.slow
def test_keras_layers_in_a_graph_and_loops_of_functions_in_each_other(tmp_path: Path) -> None:
    oracle.run(Path(__file__).parent / "graph_oracle.py", tmp_path, "recurrent_keras", "loop_in_loop_functions")
    folder = tmp_path / "recurrent_keras"
    network, expected = tf1.read(folder), stored(folder, "gradients")

    assert network.outputs == ("logits/BiasAdd:0",)
    assert set(network.outputs) <= compare(network, folder)
    assert set(network.outputs) <= compare(tf1.read(folder / "frozen.pb"), folder)
    got = gradients(network, stored(folder, "feeds"), network.graph.training.loss)
    assert all(difference(got[name], expected[name]) < 1e-4 for name in expected)
    assert len(expected) == len(network.parameters)
    inner = tmp_path / "loop_in_loop_functions"
    assert "out:0" in compare(tf1.read(inner), inner)


def test_it_can_be_cut_below_its_head(graphs: Path) -> None:
    network = tf1.read(graphs / "recurrent_lengths")

    assert [(cut.tensor, cut.shape, cut.layers) for cut in network.cuts()] == [("concat:0", (None, 12), 1)]
    assert network.bottleneck() == "concat:0"
    network.split(["concat:0"])


def test_dropout_in_a_loop_is_drawn_at_each_step_in_training_only(graphs: Path) -> None:
    network = tf1.read(graphs / "recurrent_lengths", to="mean")
    words = torch.from_numpy(stored(graphs / "recurrent_lengths", "feeds")["words:0"].astype(np.int32))

    def drawn(net: GraphNetwork) -> torch.Tensor:
        return net.module(["mean:0"], ["words:0"], training=True, switches={"keep:0": 0.5})(words)[0].detach()

    still = network.run(words.numpy())
    assert not torch.equal(drawn(network), drawn(network))
    weights = [name for name in network.parameters if "lstm" in name or name == "table"]
    kept = type(network)(frozen_graph(network.graph, weights), network.values, format=network.format)
    np.testing.assert_array_equal(drawn(kept).numpy(), still)
