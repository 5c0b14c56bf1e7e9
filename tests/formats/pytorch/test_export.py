"""Networks written as programs of torch.export: torch runs them without regraft."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from disk import small_disk as small_disk
from formats.onnx.test_export import tensorflow_like

import regraft
from regraft.errors import OutOfSpace
from regraft.network import GraphNetwork


def loaded(path: Path) -> tuple[torch.nn.Module, dict[str, object]]:
    names = {"regraft.json": ""}
    with warnings.catch_warnings(action="ignore"):
        program = torch.export.load(path, extra_files=names)
        return program.module(), json.loads(names["regraft.json"])


def test_torch_runs_it_at_any_batch_size(tmp_path: Path) -> None:
    source = tensorflow_like()
    done = regraft.export(source, tmp_path / "net.pt2")
    assert (done.format, done.files) == ("pt2", (tmp_path / "net.pt2",))
    assert done.difference < 1e-6
    module, names = loaded(tmp_path / "net.pt2")
    assert names["inputs"] == ["x:0"]
    assert names["outputs"] == ["logits:0"]
    held = dict(module.named_parameters())
    parameters = names["parameters"]
    assert set(parameters.values()) == set(source.parameters)  # type: ignore[union-attr]
    for place, name in parameters.items():  # type: ignore[union-attr]
        np.testing.assert_array_equal(held[place].detach().numpy(), source.values[name])
    x = np.random.default_rng(0).normal(size=(6, 6, 5, 3)).astype(np.float32)
    with torch.no_grad():
        (found,) = module(torch.from_numpy(x))
    np.testing.assert_allclose(found.numpy(), source.run(x), rtol=1e-6, atol=1e-6)


def test_a_full_disk_leaves_what_was_there(small_disk: Path) -> None:
    (small_disk / "net.pt2").write_bytes(b"older")
    source = tensorflow_like()
    values = {**source.values, "dense": np.ones((36, 9000), np.float32)}
    with pytest.raises(OutOfSpace):
        regraft.export(GraphNetwork(source.graph, values, format="test"), small_disk / "net.pt2")
    assert [(path.name, path.read_bytes()) for path in small_disk.iterdir()] == [("net.pt2", b"older")]


@pytest.mark.slow
def test_mobilenet(shared: Path, tmp_path: Path) -> None:
    source = regraft.open(shared / "models/mobilenet_v1_imagenet_tf1/retrained_graph.pb")
    assert regraft.export(source, tmp_path / "net.pt2").difference < 1e-5
    assert regraft.export(source, tmp_path / "net.safetensors").difference == 0
    again = regraft.open(tmp_path / "net.safetensors")
    assert set(again.values) == set(source.parameters)
