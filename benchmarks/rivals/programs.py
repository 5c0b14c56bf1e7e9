"""Rivals that need an environment of their own: each is one script that gets a job and prints one line of JSON."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.rivals.photos import DATA, ROOT, WEIGHTS, Fold
from benchmarks.rivals.schemes import trunk

FASTAI = ROOT / ".rivals/fastai/bin/python"  # make rivals
KERAS = ROOT / ".oracle/bin/python"  # make oracle


def fastai(fold: Fold, pixels: int, epochs: int, seed: int) -> dict[str, Any]:
    """What `fine_tune` of fastai gives: {test_accuracy, predictions, seconds}."""
    job = {"weights": str(WEIGHTS), "pixels": pixels, "epochs": epochs, "seed": seed}
    return _printed(FASTAI, "fastai_flowers.py", fold, job)


def keras(fold: Fold, pixels: int, epochs: int, seed: int) -> dict[str, Any]:
    """What Keras's loop gives, with so many epochs before the base is thawed and as many after: the same."""
    with tempfile.TemporaryDirectory() as folder:
        job = {"arrays": f"{folder}/weights.npz", "pixels": pixels, "epochs": epochs, "seed": seed}
        np.savez(job["arrays"], **_arrays(pixels))
        return _printed(KERAS, "keras_flowers.py", fold, job)


def _arrays(pixels: int) -> dict[str, np.ndarray]:
    """The weights of torchvision by name, and its features of a sample, to compare with."""
    sample = torch.randn(2, 3, pixels, pixels, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        features = trunk().eval()(sample)
    weights = {name: value.numpy() for name, value in torch.load(WEIGHTS, weights_only=True).items()}
    return weights | {"sample": sample.numpy(), "features": features.numpy()}


def _printed(python: Path, script: str, fold: Fold, job: dict[str, Any]) -> dict[str, Any]:
    if not python.exists():
        raise SystemExit(f"{script} needs {python}: make rivals oracle")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "job.json"
        path.write_text(json.dumps({"data": str(DATA.resolve()), "fold": fold.as_json(), **job}), encoding="utf-8")
        quiet = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        done = subprocess.run(
            [python, Path(__file__).parent / script, path],
            env=quiet | {"TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "", "MPLCONFIGDIR": folder},
            cwd=folder,
            capture_output=True,
            text=True,
        )
    if done.returncode:
        raise SystemExit(f"{script} failed ({done.returncode}):\n{done.stderr[-4000:]}")
    return json.loads(done.stdout.splitlines()[-1])
