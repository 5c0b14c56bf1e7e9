"""Checkpoints of TF-slim's nets as TensorFlow writes them, and models to put them into."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import oracle
import torch
from torch import nn

ORACLE = Path(__file__).parent / "slim_oracle.py"


def written_by_tensorflow(folder: Path, *nets: str) -> dict[str, Path]:
    """The checkpoints of nets of `slim_nets`; beside each lie two pictures and TensorFlow's results."""
    oracle.run(ORACLE, folder, *nets)
    return {net: folder / f"{net}.ckpt" for net in nets}


def create(address: str, **options: object) -> nn.Module:
    """A model of timm or torchvision, ready to evaluate."""
    import timm
    import torchvision

    package, _, name = address.partition(":")
    if package == "timm":
        return timm.create_model(name, **options).eval()
    if name in ("googlenet", "inception_v3"):
        options = {"init_weights": False, **options}
    return torchvision.models.get_model(name, **options).eval()


def without_numbers(address: str, **options: object) -> nn.Module:
    """The model as to names and shapes."""
    with torch.device("meta"):
        return create(address, **options)


def outputs(module: nn.Module, pictures: np.ndarray) -> np.ndarray:
    """A module's results for pictures as TensorFlow has them (b h w c)."""
    with torch.no_grad():
        return module(torch.from_numpy(pictures.transpose(0, 3, 1, 2).copy())).numpy()


def results(module: nn.Module, file: Path) -> tuple[np.ndarray, np.ndarray]:
    """The module's and TensorFlow's."""
    with np.load(file.with_suffix(".npz")) as told:
        return outputs(module, told["pictures"]), told["outputs"]


def difference(module: nn.Module, file: Path) -> float:
    """The largest of the module's results from TensorFlow's, as a share of the largest result."""
    own, wanted = results(module, file)
    return float(np.abs(own - wanted).max() / np.abs(wanted).max())


def assert_same(own: np.ndarray, wanted: np.ndarray) -> None:
    """Equal but for the order of sums."""
    np.testing.assert_allclose(own, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
