"""Weights written by name: safetensors and PyTorch's state dicts, opened by their own libraries."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
import torch
from disk import small_disk as small_disk

import regraft
from regraft.errors import BadArgument, OutOfSpace, UnsupportedOp
from regraft.network import Graph, GraphNetwork, Node

VALUES = {
    "hidden1/kernel": np.arange(12, dtype=np.float32).reshape(4, 3),
    "scale": np.array(0.5, np.float16),
    "steps": np.array([7], np.int64),
    "flags": np.array([True, False]),
    "double.weight": np.array([[np.nan, -0.0, np.inf]]),
    "empty": np.zeros((0, 3), np.float32),
}


def weights(**more: np.ndarray) -> GraphNetwork:
    values = {**VALUES, **more}
    nodes = tuple(Node(name=f"{n}:0", function="parameter", args=(n,), kwargs={"trainable": True}) for n in values)
    return GraphNetwork(Graph(nodes=nodes, inputs=(), outputs=()), values, format="tf1-checkpoint")


def assert_same(found: dict[str, np.ndarray]) -> None:
    assert list(found) == list(VALUES) or set(found) == set(VALUES)
    for name, value in VALUES.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape), name
        assert found[name].tobytes() == value.tobytes(), name


def test_safetensors(tmp_path: Path) -> None:
    done = regraft.export(weights(), tmp_path / "w.safetensors")
    assert (done.format, done.files, done.difference) == ("safetensors", (tmp_path / "w.safetensors",), 0.0)
    assert_same(safetensors.numpy.load_file(tmp_path / "w.safetensors"))
    with safetensors.safe_open(tmp_path / "w.safetensors", "np") as file:
        assert file.metadata() == {"format": "tf1-checkpoint", "layout": "tensorflow"}


@pytest.mark.parametrize("ending", ["pth", "pt"])
def test_a_state_dict(ending: str, tmp_path: Path) -> None:
    done = regraft.export(weights(), tmp_path / f"w.{ending}")
    assert (done.format, done.difference) == ("torch", 0.0)
    state = torch.load(tmp_path / f"w.{ending}", weights_only=True)
    assert_same({name: tensor.numpy() for name, tensor in state.items()})
    assert list(state) == list(VALUES)


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_regraft_opens_it_again(ending: str, tmp_path: Path) -> None:
    regraft.export(weights(), tmp_path / f"w.{ending}")
    again = regraft.open(tmp_path / f"w.{ending}")
    assert_same(dict(again.values))


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_a_type_that_the_format_does_not_have(ending: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedOp, match="has no word for the type of some parameters"):
        regraft.export(weights(text=np.array([b"one", b"two"], object)), tmp_path / f"w.{ending}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["safetensors", "pth", "caffemodel"])
def test_no_parameters(ending: str, tmp_path: Path) -> None:
    with pytest.raises(BadArgument, match=r"^the network has no parameters: there is nothing"):
        regraft.export(GraphNetwork(Graph(nodes=(), inputs=(), outputs=()), {}, format="x"), tmp_path / f"w.{ending}")


@pytest.mark.parametrize("ending", ["safetensors", "pth"])
def test_a_full_disk_leaves_what_was_there(ending: str, small_disk: Path) -> None:
    path = small_disk / f"w.{ending}"
    path.write_bytes(b"older")
    with pytest.raises(OutOfSpace):
        regraft.export(weights(large=np.zeros(1 << 20, np.float32)), path)
    assert [(one.name, one.read_bytes()) for one in small_disk.iterdir()] == [(path.name, b"older")]
