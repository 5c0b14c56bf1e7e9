"""Partitioned variables through training and back to the program they come from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import oracle
import pytest

import regraft
from regraft.formats import read
from regraft.formats.tf1.checkpoint import open_checkpoint
from regraft.formats.tf1.writing.wholes import partitioned, stored_values
from regraft.network import Graph, GraphNetwork, Node, Slice

SCRIPT = Path(__file__).with_name("partitioned_oracle.py")
WHOLES = {"deep/rows": 0, "deep/columns": 1}  # and the axis along which they are divided
PARTS = {"deep/rows": 3, "deep/columns": 2}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A source, trained on with its layers reused, and as it trained itself; both exported and restored."""
    folder = tmp_path_factory.mktemp("partitioned")
    oracle.run(SCRIPT, "train", folder)
    random = np.random.default_rng(1)
    x = random.normal(size=(60, 10)).astype("float32")
    np.savez(folder / "rows.npz", x=x, y=np.arange(60) % 3)
    source, data = folder / "model.ckpt", folder / "rows.npz"
    plan = regraft.Plan(at="top", freeze=None, new=(regraft.New(kind="dense"),))
    regraft.fit(source, data, plan=plan, settings={"epochs": 2, "features": "off"}, out=folder / "fitted")
    gone_on = regraft.fit_like_source(source, data, settings={"epochs": 2}, out=folder / "gone_on")
    regraft.export(source, folder / "as_it_was.ckpt")
    regraft.export(folder / "fitted", folder / "fitted.ckpt")
    regraft.export(gone_on.network, folder / "gone_on.ckpt")
    return folder


@pytest.fixture(scope="module")
def restored(folder: Path) -> dict[str, dict[str, np.ndarray]]:
    """What TensorFlow restores from each."""
    names = ("as_it_was", "fitted", "gone_on")
    oracle.run(SCRIPT, "restore", folder, *(folder / f"{name}.ckpt" for name in names))
    return {name: dict(np.load(folder / f"{name}.ckpt.npz")) for name in names}


def test_the_program_it_comes_from_restores_the_trained_values(
    folder: Path, restored: dict[str, dict[str, np.ndarray]]
) -> None:
    found, trained = restored["fitted"], read(folder / "fitted").values
    names = [f"{whole}/part_{k}" for whole, count in PARTS.items() for k in range(count)]
    assert {name for name in found if name.startswith("own/")} == {f"own/{name}" for name in names}
    before = read(folder / "model.ckpt").values
    for name in names:
        np.testing.assert_array_equal(found[f"own/{name}"], trained[name], name)
        assert not np.array_equal(trained[name], before[name]), name
    assert found["stored"].tolist() == ["deep/columns", "deep/rows", "outputs/bias", "outputs/kernel"]


@pytest.mark.parametrize("name", ["as_it_was", "gone_on"])
def test_slots_and_counters_come_back_with_the_weights(
    name: str, folder: Path, restored: dict[str, dict[str, np.ndarray]]
) -> None:
    found = restored[name]
    assert found["stored"].tolist() == sorted(open_checkpoint(folder / "model.ckpt"))
    assert found["own/global_step"] == (1 if name == "as_it_was" else 1 + 2 * 2)  # two epochs of two steps
    own = [key for key in found if key.startswith("own/")]
    assert len(own) == 2 * (sum(PARTS.values()) + 1) + 1
    exported = open_checkpoint(folder / f"{name}.ckpt")
    for whole, axis in WHOLES.items():
        for suffix in ("", "/Momentum"):
            parts = [found[f"own/{whole}/part_{k}{suffix}"] for k in range(PARTS[whole])]
            np.testing.assert_array_equal(np.concatenate(parts, axis), exported[f"{whole}{suffix}"])
    if name == "gone_on":
        before = open_checkpoint(folder / "model.ckpt")
        assert not any(np.array_equal(before[key], exported[key]) for key in exported if key != "last")


@pytest.mark.parametrize("name", ["as_it_was", "fitted", "gone_on"])
def test_the_graph_written_beside_it_keeps_the_parts(
    name: str, folder: Path, restored: dict[str, dict[str, np.ndarray]]
) -> None:
    found, network = restored[name], read(folder / f"{name}.ckpt")
    assert set(network.graph.slices) == {f"{whole}/part_{k}" for whole in WHOLES for k in range(PARTS[whole])}
    for parameter in network.parameters.values():
        np.testing.assert_array_equal(found[f"meta/{parameter.name}"], parameter.value, parameter.name)
    x = np.random.default_rng(0).normal(size=[20, 10]).astype("float32")
    np.testing.assert_allclose(found["logits"], network.run(x), rtol=1e-5, atol=1e-6)
    whole = {key: open_checkpoint(folder / f"{name}.ckpt")[key] for key in WHOLES}
    for saver in ("own", "again"):
        saved = open_checkpoint(folder / f"{name}.ckpt-{saver}")
        assert set(saved) == {*WHOLES, *(p.name for p in network.parameters.values() if "part" not in p.name)}
        for key, value in whole.items():
            np.testing.assert_array_equal(saved[key], value)


# --- without TensorFlow -----------------------------------------------------------------------------------------


def halves(**more: np.ndarray) -> GraphNetwork:
    """A network whose parameters are the upper and the lower half of w."""
    names = ("w/part_0", "w/part_1")
    nodes = [Node(name=f"{n}:0", function="parameter", args=(n,), kwargs={"trainable": True}) for n in names]
    slices = {name: Slice(whole="w", shape=(4, 3), offset=(2 * k, 0)) for k, name in enumerate(names)}
    graph = Graph(nodes=tuple(nodes), inputs=(), outputs=(), slices=slices)
    values = {name: np.full((2, 3), k, "float32") for k, name in enumerate(names)}
    return GraphNetwork(graph, {**values, **more}, format="test")


def test_parts_and_their_slots_are_stored_together() -> None:
    slots = {f"w/part_{k}/Adam": np.full((2, 3), 5.0 + k) for k in range(2)}
    stored = stored_values(halves(**slots, step=np.array(3), w=np.zeros((4, 3))))
    assert {key: value.tolist() for key, value in stored.items()} == {
        "w": [[0] * 3] * 2 + [[1] * 3] * 2,
        "w/Adam": [[5] * 3] * 2 + [[6] * 3] * 2,
        "step": 3,
    }
    assert (stored["w"].dtype, stored["w/Adam"].dtype) == (np.float32, np.float64)


def test_a_slot_that_some_parts_lack_stays_under_its_own_name() -> None:
    network = halves(**{"w/part_1/Adam": np.zeros((2, 3)), "w/part_0/rate": np.array(1.0)})
    assert sorted(stored_values(network)) == ["w", "w/part_0/rate", "w/part_1/Adam"]


@pytest.mark.parametrize(
    "parts",
    [
        {"w/part_0": Slice(whole="w", shape=(4, 3), offset=(0, 0))},  # one alone
        {f"w/part_{k}": Slice(whole="w", shape=(4, 3), offset=(0, 0)) for k in range(2)},  # over each other
        {f"w/part_{k}": Slice(whole="w", shape=(1 << 60, 3), offset=(2 * k, 0)) for k in range(2)},  # a lie
        {f"w/part_{k}": Slice(whole="w", shape=(4, 3), offset=(3 * k, 0)) for k in range(2)},  # beyond the end
        {f"w/part_{k}": Slice(whole="w", shape=(4,), offset=(2 * k,)) for k in range(2)},
        {f"w/part_{k}": Slice(whole="w/part_0", shape=(4, 3), offset=(2 * k, 0)) for k in range(2)},  # a name in use
    ],
)
def test_what_makes_no_whole_is_stored_part_by_part(parts: dict[str, Slice]) -> None:
    network = halves()
    network = GraphNetwork(replace(network.graph, slices=parts), network.values, format="test")
    assert partitioned(network) == {}
    assert sorted(stored_values(network)) == ["w/part_0", "w/part_1"]
