"""Exported programs: a .pt2 file gives the same network as the module it was made of."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from formats.pytorch.modules import FAMILIES, PICTURE, Small, Tied, settled
from torch import nn
from torch.export import Dim, export, save

import regraft
from regraft.errors import UnsupportedFormat
from regraft.formats.pytorch.symbols import samples_of_text


def written(module: nn.Module, shape: tuple[int, ...], path: Path) -> Path:
    """What torch.export.save writes for a module."""
    with warnings.catch_warnings(action="ignore"):
        program = export(module, (torch.zeros(2, *shape),), dynamic_shapes=({0: Dim("batch")},), strict=False)
        save(program, path)
    return path


@pytest.mark.parametrize(
    "family", ["a network", "joining and cutting", "without gradients", "sizes of the batch", "writing"]
)
def test_a_file_gives_the_network_of_its_module(family: str, tmp_path: Path) -> None:
    make, shape = FAMILIES[family]
    module = settled(make())
    network = regraft.open(written(module, shape, tmp_path / "model.pt2"))
    assert network.format == "pt2"
    same = regraft.open(module, sample=torch.zeros(2, *shape))
    x = torch.randn(3, *shape)
    np.testing.assert_array_equal(network.run(x.numpy()), module(x).detach().numpy())
    assert [n.name for n in network.graph.nodes if "getitem" not in n.name] == [
        n.name for n in same.graph.nodes if "getitem" not in n.name
    ]


def test_weights_are_read_by_name(tmp_path: Path) -> None:
    module = settled(Small())
    path = written(module, PICTURE, tmp_path / "model.pt2")
    again = Small()
    loaded = regraft.load_weights(again, path)
    assert loaded.percent == 100
    assert all(
        torch.equal(value, again.state_dict()[name]) for name, value in module.state_dict().items() if "num" not in name
    )


def test_a_weight_with_two_names(tmp_path: Path) -> None:
    path = written(Tied().eval(), (6,), tmp_path / "model.pt2")
    with pytest.warns(UserWarning, match="second.weight is the same weight as first.weight"):
        network = regraft.open(path)
    assert [name for name in network.parameters if "unused" not in name] == ["first.weight"]


def test_what_regraft_exports_keeps_its_names(tmp_path: Path) -> None:
    network = regraft.open(settled(Small()), sample=torch.zeros(2, *PICTURE))
    regraft.export(network, tmp_path / "out.pt2")
    again = regraft.open(tmp_path / "out.pt2")
    assert (list(again.inputs), again.outputs) == (["x"], ("fc",))
    assert set(again.parameters) == set(network.parameters)
    x = np.random.default_rng(0).normal(size=(3, *PICTURE)).astype("f4")
    np.testing.assert_array_equal(again.run(x), network.run(x))


def test_torchscript_is_refused_clearly(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):
        torch.jit.trace(nn.Linear(2, 2), torch.zeros(1, 2)).save(tmp_path / "model.pt")
    with pytest.raises(UnsupportedFormat, match="this is a TorchScript program, not a state dict"):
        regraft.open(tmp_path / "model.pt")


def test_the_old_form_is_refused_clearly(tmp_path: Path) -> None:
    import zipfile

    with zipfile.ZipFile(tmp_path / "old.pt2", "w") as archive:
        archive.writestr("serialized_exported_program.json", "{}")
        archive.writestr("version", "8.1")
    with pytest.raises(UnsupportedFormat, match=r"^this program was saved by a torch before 2\.8"):
        regraft.open(tmp_path / "old.pt2")


def test_reading_weights_needs_no_torch(tmp_path: Path) -> None:
    path = written(settled(Small()), PICTURE, tmp_path / "model.pt2")
    code = (
        "import sys; from pathlib import Path; from regraft.formats.pytorch import archive;"
        "print(len(archive.Archive(Path(sys.argv[1])).arrays('weights')), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(Small().state_dict())), "False"]


def test_sizes_are_told_apart_without_algebra() -> None:
    symbols: dict[str, int] = {}

    def of(text: str) -> object:
        return samples_of_text(text, symbols, "")

    batch = "Symbol('s0', positive=True, integer=True)"
    assert of("12") == 12
    assert of(f"2*{batch}") == of(f"Mul(Integer(2), {batch})") == of(f"{batch} + {batch}")
    assert of(f"FloorDiv(64*{batch}, 64)") == of(batch)
    assert of("Symbol('s1')") != of(batch)
