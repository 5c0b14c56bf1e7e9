"""Networks written as TensorFlow 1 checkpoints: TensorFlow opens, runs and trains them, and so does regraft."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import oracle
import pytest
import torch
from disk import small_disk as small_disk
from formats.tf1 import export_cases as cases

from regraft.errors import BadArgument, OutOfSpace, UnsupportedOp
from regraft.formats import read
from regraft.formats.tf1.checkpoint import open_checkpoint
from regraft.formats.tf1.writing.export import write
from regraft.formats.tf1.writing.metagraph import meta_graph
from regraft.network import Graph, GraphNetwork, InputSpec, Node, Plan, Ref
from regraft.network.flow import ancestors
from regraft.network.modes import specialise
from regraft.network.surgery import graft

SCRIPT = Path(__file__).with_name("export_oracle.py")
LEGAL = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.\\/>-]*:\d+")
RATE = 0.05  # of the script's training

# The order of the sums, which threads and processor decide, moves 28 layers of float32 by up to 1.2e-5.
TENSOR_TOLERANCE = {"mobilenet": 2e-5}
# Changing the picture by a millionth moves the step of this deep a network by as much, and so does another processor:
# 1.7e-3 and 2.4e-3 were seen.
STEP_TOLERANCE = {"mobilenet": 5e-3}


@dataclass(frozen=True, kw_only=True)
class Case:
    """An exported network, and what TensorFlow made of it."""

    network: GraphNetwork
    folder: Path
    training: bool
    inputs: dict[str, np.ndarray]
    results: dict[str, np.ndarray]

    def found(self, kind: str) -> dict[str, np.ndarray]:
        return {name.removeprefix(kind): value for name, value in self.results.items() if name.startswith(kind)}


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Checkpoints and frozen graphs made by TensorFlow."""
    folder = tmp_path_factory.mktemp("sources")
    oracle.run(SCRIPT, "make", folder)
    return folder


@pytest.fixture(scope="session")
def made(sources: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("exported")
    exported = [opened(folder / name, sources / source, *how) for name, (source, *how) in cases.MADE.items()]
    exported += [written(folder / "odd", cases.odd(), False)]
    exported += [written(folder / "of_2015", graft(cases.of_2015(), cases.OVER_2015, classes=5).network, True)]
    return checked(folder, exported)


@pytest.fixture(scope="session")
def real(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Case]:
    folder = tmp_path_factory.mktemp("exported")
    exported = [opened(folder / name, shared / source, *how) for name, (source, *how) in cases.REAL.items()]
    return checked(folder, exported)


def opened(folder: Path, source: Path, plan: Plan | None, training: bool) -> Case:
    network = read(source)
    network = graft(network, plan, classes=5).network if plan else network
    known = source.with_name("source.npz")
    return written(folder, network, training, np.load(known)["x"] if known.exists() else None)


def written(folder: Path, network: GraphNetwork, training: bool, x: np.ndarray | None = None) -> Case:
    """An export, with what the script needs to run it."""
    drawn = [node.name for node in network.graph.nodes if node.function == "dropout"]
    write(network, folder / "model.ckpt-7")
    needed = ancestors(network.nodes, network.outputs)
    inputs = {
        spec.name: sample(spec.shape, spec.dtype) if x is None else x
        for spec in network.inputs.values()
        if spec.name in needed
    }
    switches = [switch.name for switch in network.graph.switches if training]
    names = {"tensors": path_tensors(network), "training": switches, "drawn": drawn}
    np.savez(folder / "inputs.npz", **{key: np.array(value, "str") for key, value in names.items()}, **inputs)
    return Case(network=network, folder=folder, training=training, inputs=inputs, results={})


def checked(folder: Path, exported: list[Case]) -> dict[str, Case]:
    oracle.run(SCRIPT, "check", folder)
    for case in exported:
        case.results.update(np.load(case.folder / "results.npz"))
    return {case.folder.name: case for case in exported}


def sample(shape: tuple[int | None, ...], dtype: str) -> np.ndarray:
    """Numbers for an input whose free dimensions are 3 examples and 24 places."""
    sizes = [size or (24 if axis else 3) for axis, size in enumerate(shape)]
    return np.random.default_rng(1).normal(size=sizes).astype(dtype)


def path_tensors(network: GraphNetwork) -> list[str]:
    """The tensors of numbers the outputs are computed from in evaluation, those with names TensorFlow allows."""
    nodes = specialise(network.graph, network.outputs, list(network.inputs), training=False)
    tensors = network.tensors
    names = [node.name for node in nodes if node.name in tensors and LEGAL.fullmatch(node.name)]
    return [name for name in names if "float" in (tensors[name].dtype or "")]


def assert_close(found: np.ndarray, wanted: np.ndarray, name: str, tolerance: float = 1e-5) -> None:
    assert found.shape == wanted.shape, name
    scale = max(float(np.max(np.abs(wanted), initial=0)), 1e-3)
    assert np.max(np.abs(found - wanted), initial=0) <= tolerance * scale, name


@pytest.fixture
def case(request: pytest.FixtureRequest) -> Case:
    name = request.param
    return request.getfixturevalue("real" if name in cases.REAL else "made")[name]


each = pytest.mark.parametrize(
    "case",
    [*cases.MADE, "odd", "of_2015", *(pytest.param(name, marks=pytest.mark.slow) for name in cases.REAL)],
    indirect=True,
)


@each
def test_every_tensor_is_the_same_in_tensorflow(case: Case) -> None:
    found = case.found("tensor/")
    wanted = dict(zip(found, case.network.run(case.inputs, list(found)), strict=True))
    assert found
    for name, value in found.items():
        assert_close(value, wanted[name], name, TENSOR_TOLERANCE.get(case.folder.name, 1e-5))


def test_new_dropout_drops_in_training(made: dict[str, Case]) -> None:
    case = made["dense_dropped"]
    (drawn,) = case.found("drawn/").values()
    before = case.results["tensor/dnn/hidden3/Relu:0"]
    kept = drawn != 0
    np.testing.assert_allclose(drawn[kept], before[kept] / 0.75, rtol=1e-6)
    assert 0.15 < 1 - kept[before != 0].mean() < 0.35


@each
def test_the_checkpoint_holds_the_parameters(case: Case) -> None:
    found = case.found("stored/")
    assert set(found) == set(case.network.values)
    for name, parameter in case.network.parameters.items():
        np.testing.assert_array_equal(found[name], parameter.value, name)
    assert str(case.results["prefix"]) == str(case.folder / "model.ckpt-7")


@each
def test_the_collections_name_what_is_trained(case: Case) -> None:
    collected = {key: value.tolist() for key, value in case.found("collection/").items()}
    parameters = case.network.parameters.values()
    assert collected["variables"] == [f"{p.name}:0" for p in parameters]
    assert collected["trainable_variables"] == [f"{p.name}:0" for p in parameters if p.trainable]
    assert collected["regraft_inputs"] == list(case.inputs)
    assert collected["regraft_outputs"] == [cases.NEW_NAMES.get(name, name) for name in case.network.outputs]


@each
def test_training_goes_on_in_tensorflow_as_in_regraft(case: Case) -> None:
    loss, wanted = trained(case)
    assert_close(case.results["loss"], loss, "loss")
    found = case.found("trained/")
    for name, value in wanted.items():
        assert_close(found[name], value, name, STEP_TOLERANCE.get(case.folder.name, 1e-4))


def trained(case: Case) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """The loss and the parameters after one step, frozen ones left out: to TensorFlow they are as any other."""
    network = case.network
    module = network.module(list(network.outputs), list(case.inputs), training=case.training, updates=True)
    values = module(*(torch.from_numpy(array) for array in case.inputs.values()))
    outputs, averages = values[: len(network.outputs)], values[len(network.outputs) :]
    loss = sum(((output - 1) ** 2).mean() for output in outputs)
    weights = {name: weight for name, weight in network.weights.items() if weight.requires_grad}
    gradients = torch.autograd.grad(loss, list(weights.values()), allow_unused=True)
    stepped = {
        name: (weight - RATE * gradient).detach().numpy()
        for (name, weight), gradient in zip(weights.items(), gradients, strict=True)
        if gradient is not None
    }
    moved = {name: value.detach().numpy() for name, value in zip(module.updated, averages, strict=True)}
    return loss.detach().numpy(), stepped | moved


@each
def test_regraft_opens_it_again(case: Case) -> None:
    again = read(case.folder / "model.ckpt-7")
    assert again.outputs == tuple(cases.NEW_NAMES.get(name, name) for name in case.network.outputs)
    assert list(again.inputs) == list(case.inputs)
    assert {s.name for s in again.graph.switches} == {s.name for s in case.network.graph.switches}
    assert needed_parameters(again) == needed_parameters(case.network)
    assert conditionals(again) == conditionals(case.network)
    names = path_tensors(case.network)
    for name, one, other in zip(
        names, again.run(case.inputs, names), case.network.run(case.inputs, names), strict=True
    ):
        np.testing.assert_array_equal(one, other, name)


def needed_parameters(network: GraphNetwork) -> dict[str, tuple[tuple[int, ...], bool]]:
    """Shape and whether it is trained, of the parameters the outputs are computed from."""
    below = [network.nodes[name] for name in ancestors(network.nodes, network.outputs)]
    needed = [network.parameters[node.args[0]] for node in below if node.function == "parameter"]
    return {p.name: (p.shape, p.trainable) for p in needed}


def conditionals(network: GraphNetwork) -> int:
    below = ancestors(network.nodes, network.outputs)
    return sum(network.nodes[name].function == "select" for name in below)


@each
def test_a_network_opened_again_is_written_the_same(case: Case, tmp_path: Path) -> None:
    again = read(case.folder / "model.ckpt-7")
    write(again, tmp_path / "one")
    write(read(tmp_path / "one"), tmp_path / "two")
    for ending in (".meta", ".index", ".data-00000-of-00001"):
        assert (tmp_path / f"one{ending}").read_bytes() == (tmp_path / f"two{ending}").read_bytes(), ending


@pytest.mark.parametrize("name", ["dense", "conv", "conv_resources"])
def test_what_is_written_as_it_was_opened_computes_what_its_source_did(
    name: str, made: dict[str, Case], sources: Path
) -> None:
    (output,) = made[name].network.outputs
    assert_close(made[name].results[f"tensor/{output}"], np.load(sources / name / "source.npz")["logits"], name)


def test_the_source_s_own_collections_are_kept(made: dict[str, Case]) -> None:
    layers = ("hidden1", "hidden2", "hidden3")
    assert made["dense"].results["collection/activations"].tolist() == [f"dnn/{layer}/Relu:0" for layer in layers]
    assert made["odd"].results["collection/activations"].tolist() == ["if:0", "switch:1"]


@each
def test_tensorflow_saves_it_again(case: Case) -> None:
    assert set(open_checkpoint(case.folder / "again")) == set(case.network.parameters)


# --- without TensorFlow -----------------------------------------------------------------------------------------


def test_an_export_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    prefix = tmp_path / "new/model.ckpt-3"
    write(cases.tiny(), prefix)
    paths = write(cases.tiny(w=np.full((2, 3), 2, "float32")), prefix).files
    assert [path.name for path in paths] == [
        "model.ckpt-3.data-00000-of-00001",
        "model.ckpt-3.index",
        "model.ckpt-3.meta",
        "checkpoint",
    ]
    assert sorted(prefix.parent.iterdir()) == sorted(paths)
    assert read(tmp_path / "new").parameters["w"].value.tolist() == [[2.0] * 3] * 2


def test_a_full_disk_leaves_what_was_there(small_disk: Path) -> None:
    write(cases.tiny(), small_disk / "model")
    before = {path.name: path.read_bytes() for path in small_disk.iterdir()}
    with pytest.raises(OutOfSpace):
        write(cases.tiny(w=np.zeros((2, 3), "float32"), slot=np.zeros(1 << 20, "uint8")), small_disk / "model")
    assert {path.name: path.read_bytes() for path in small_disk.iterdir()} == before


def test_all_nodes_that_cannot_be_written_are_named() -> None:
    network = cases.tiny()
    odd = (
        Node(name="a", function="lstm", args=(Ref("y:0"),)),
        Node(name="b", function="lstm", args=(Ref("y:0"),)),
        Node(name="c", function="random_uniform", args=(Ref("y:0"),)),
        Node(name="d", function="mat_mul", args=(Ref("y:0"), Ref("n:0"))),
        Node(name="e", function="add", args=(Ref("y:0"), 1)),
        Node(name="f", function="noise"),
    )
    n = Node(name="n:0", function="constant", args=(3,), kwargs={"dtype": "int32"})
    graph = replace(network.graph, nodes=(*network.graph.nodes, n, *odd))
    with pytest.raises(UnsupportedOp) as caught:
        meta_graph(GraphNetwork(graph, network.values, format="test"))
    assert str(caught.value) == (
        "6 nodes of the network cannot be written as a TensorFlow graph:\n"
        "  lstm: TensorFlow has no operation for it\n"
        "    2 nodes: a, b\n"
        "  random_uniform: TensorFlow's RandomUniform also wants dtype\n"
        "    1 node: c\n"
        "  mat_mul: TensorFlow's MatMul does not take these inputs (expected T T, got float32 int32)\n"
        "    1 node: d\n"
        "  add: TensorFlow has no operation for it\n"
        "    1 node: e\n"
        "  noise: TensorFlow has no operation for it\n"
        "    1 node: f\n"
        "  to do: cut below them (--at NAME), or keep the network as a regraft model"
    )


def test_a_network_without_parameters_is_no_checkpoint(tmp_path: Path) -> None:
    nodes = (Node(name="x:0", function="input"), Node(name="y:0", function="relu", args=(Ref("x:0"),)))
    graph = Graph(nodes=nodes, inputs=(InputSpec(name="x:0", shape=(None, 2)),), outputs=("y:0",))
    with pytest.raises(BadArgument) as caught:
        write(GraphNetwork(graph, {}, format="test"), tmp_path / "model")
    assert str(caught.value) == "the network has no parameters: there is nothing a checkpoint could hold"
    assert not list(tmp_path.iterdir())
