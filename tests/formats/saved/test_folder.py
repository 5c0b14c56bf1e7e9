"""The model folder: what is written comes back, what is damaged is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from regraft.errors import MissingFile, UnreadableFile, UnsupportedFormat, UnsupportedOp
from regraft.formats import read, saved
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Ref, Slice, Switch, Training
from regraft.run import RunFolder


@pytest.fixture
def network() -> GraphNetwork:
    nodes = (
        Node(name="x:0", function="input"),
        Node(name="train:0", function="input"),
        Node(name="w:0", function="parameter", args=("w",), kwargs={"trainable": True}),
        Node(name="big:0", function="constant", args=((1.5, 9.0),), kwargs={"dtype": "float32"}),
        Node(name="y:0", function="mul", args=(Ref("x:0"), Ref("w:0"))),
        Node(name="z:0", function="select", args=(Ref("train:0"), Ref("x:0"), Ref("y:0"))),
        Node(name="out:0", function="minimum", args=(Ref("z:0"), Ref("big:0"))),
    )
    graph = Graph(
        nodes=nodes,
        inputs=(InputSpec(name="x:0", shape=(None, 2), range=(-1.0, 1.0), mean=(0.5,)),),
        outputs=("out:0",),
        switches=(Switch(name="train:0", evaluation=False, training=True),),
        collections={"trainable_variables": ("w",)},
        training=Training(loss="out:0", optimizer="sgd", learning_rate="big:0", clip=(-1.0, 1.0)),
    )
    return GraphNetwork(graph, {"w": np.array([2.0, 3.0], "float32")}, format="test")


def change(folder: Path, **changes: Any) -> None:
    document = json.loads((folder / "model.json").read_text())
    document["graph"].update(changes)
    (folder / "model.json").write_text(json.dumps(document))


def test_a_network_comes_back_as_it_was(network: GraphNetwork, tmp_path: Path) -> None:
    saved.write(network, tmp_path, {"classes": ["a", "b"]})
    again = saved.read(tmp_path)
    assert again.graph == network.graph
    np.testing.assert_array_equal(again.run([[1, 1]]), network.run([[1, 1]]))
    np.testing.assert_array_equal(again.run([[1, 1]]), [[1.5, 3]])
    assert saved.about(tmp_path) == {"classes": ["a", "b"]}


def test_infinite_constants_survive_json(network: GraphNetwork, tmp_path: Path) -> None:
    limits = replace(network.graph.nodes[3], args=((float("-inf"), float("inf")),))
    nodes = (*network.graph.nodes[:3], limits, *network.graph.nodes[4:])
    saved.write(GraphNetwork(replace(network.graph, nodes=nodes), network.values, format="test"), tmp_path, {})
    np.testing.assert_array_equal(saved.read(tmp_path).run([[1, 1]]), [[-np.inf, 3]])


def test_a_folder_is_whole_or_refused(network: GraphNetwork, tmp_path: Path) -> None:
    with pytest.raises(MissingFile, match="this is no model folder"):
        saved.read(tmp_path)
    saved.write(network, tmp_path, {})
    weights = tmp_path / "weights.safetensors"
    data = weights.read_bytes()
    weights.write_bytes(data[:-1] + b"\x00")
    with pytest.raises(UnreadableFile, match=r"the weights are not the ones model\.json was written with"):
        saved.read(tmp_path)
    weights.unlink()
    with pytest.raises(MissingFile, match="the model folder has no weights"):
        saved.read(tmp_path)


def test_a_graph_that_is_none_is_refused(network: GraphNetwork, tmp_path: Path) -> None:
    saved.write(network, tmp_path, {})
    nodes = json.loads((tmp_path / "model.json").read_text())["graph"]["nodes"]
    for broken in (
        nodes[::-1],
        [*nodes, nodes[0]],
        [{"name": "x:0"}],
        [{**nodes[0], "kwargs": []}],
        [{**nodes[3], "kwargs": {"dtype": "object"}}],
        [{**nodes[2], "args": ["other"]}],
        7,
    ):
        change(tmp_path, nodes=broken)
        with pytest.raises(UnreadableFile, match=r"the graph in model\.json is damaged"):
            saved.read(tmp_path)


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (
            {"whole": "w", "shape": [4], "offset": [-1]},
            "Slice(whole='w', shape=(4,), offset=(-1,)) is no part of an array",
        ),
        (
            {"whole": "w", "shape": [4, 2], "offset": [0]},
            "Slice(whole='w', shape=(4, 2), offset=(0,)) is no part of an array",
        ),
        (
            {"whole": "w", "shape": ["4"], "offset": [0]},
            "Slice(whole='w', shape=('4',), offset=(0,)) is no part of an array",
        ),
        (7, "regraft.network.graph.Slice() argument after ** must be a mapping, not int"),
    ],
)
def test_a_slice_that_is_none_is_refused(network: GraphNetwork, tmp_path: Path, part: object, why: str) -> None:
    saved.write(network, tmp_path, {})
    change(tmp_path, slices={"w": part})
    with pytest.raises(UnreadableFile) as error:
        saved.read(tmp_path)
    assert str(error.value) == (f"the graph in model.json is damaged\n  where: {tmp_path / 'model.json'}\n  got: {why}")


def test_slices_are_kept_and_older_folders_have_none(network: GraphNetwork, tmp_path: Path) -> None:
    part = Slice(whole="w", shape=(4, 2), offset=(2, 0))
    sliced = GraphNetwork(replace(network.graph, slices={"w": part}), network.values, format="test")
    saved.write(sliced, tmp_path, {})
    assert saved.read(tmp_path).graph.slices == {"w": part}
    document = json.loads((tmp_path / "model.json").read_text())
    del document["graph"]["slices"]
    (tmp_path / "model.json").write_text(json.dumps(document))
    assert saved.read(tmp_path).graph.slices == {}


def test_functions_and_attributes_outside_the_table_never_run(network: GraphNetwork, tmp_path: Path) -> None:
    saved.write(network, tmp_path, {})
    nodes = json.loads((tmp_path / "model.json").read_text())["graph"]["nodes"]
    change(tmp_path, nodes=[*nodes[:-1], {**nodes[-1], "function": "os.system"}])
    with pytest.raises(UnsupportedOp, match=r"there is no function 'os\.system'"):
        saved.read(tmp_path).run([[1, 1]])
    change(tmp_path, nodes=[*nodes[:-1], {**nodes[-1], "kwargs": {"a=print('gotcha'), b": 1}}])
    with pytest.raises(UnsupportedOp, match="minimum has no attribute"):
        saved.read(tmp_path).run([[1, 1]])


def test_a_newer_version_is_refused(network: GraphNetwork, tmp_path: Path) -> None:
    saved.write(network, tmp_path, {})
    document = json.loads((tmp_path / "model.json").read_text())
    (tmp_path / "model.json").write_text(json.dumps({**document, "version": 99}))
    with pytest.raises(UnsupportedFormat) as error:
        saved.read(tmp_path)
    assert str(error.value) == (
        "a newer regraft wrote this model\n"
        f"  where: {tmp_path / 'model.json'}\n"
        "  expected: version 1 at most\n"
        "  got: version 99\n"
        "  to do: update regraft"
    )


def test_a_run_without_a_model_says_so(tmp_path: Path) -> None:
    RunFolder.create(tmp_path / "run")
    with pytest.raises(MissingFile) as caught:
        read(tmp_path / "run")
    assert str(caught.value) == (
        "this run has no model yet\n"
        f"  where: {tmp_path / 'run'}\n"
        "  got: a run that is running\n"
        "  to do: go on with it: the same command with --resume"
    )
