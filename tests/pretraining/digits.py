"""Drawn digits of 8 x 8 pixels that come with scikit-learn, and a pretraining on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from sklearn.datasets import load_digits

from regraft.data import Examples
from regraft.data.arrays import labelled
from regraft.network import New
from regraft.pretraining import DEFAULTS, Choices, Method, Pretrained, pretrain
from regraft.run import Progress, is_run
from regraft.train.settings import Settings

CONV = (
    New(kind="conv", width=8, activation="relu"),
    New(kind="max_pool"),
    New(kind="conv", width=16, activation="relu"),
    New(kind="flatten"),
    New(kind="dense", width=24, activation="relu"),
)
DENSE = (New(kind="dense", width=40, activation="relu"), New(kind="dense", width=20, activation="relu"))


def digits(count: int = 1797) -> Examples:
    """The first so many, as pixels 0..255 (n 8 8)."""
    bunch: Any = load_digits()
    return labelled((bunch.images * 15).astype(np.uint8)[:count], bunch.target[:count], "digits")


def pretrained(
    folder: Path, method: Method, layers: tuple[New, ...] = CONV, *, epochs: int = 4, turns: bool = False, **given: Any
) -> Pretrained:
    """A pretraining on them in a folder, begun or resumed."""
    settings = Settings.from_json({**DEFAULTS, "epochs": epochs, "lr": 3e-3, "device": "cpu", "seed": 1})
    choices = Choices(method=method, layers=layers, turns=turns, settings=settings)
    quiet = Progress(silent=True)
    return pretrain(digits(), choices, out=folder, resume=is_run(folder), progress=quiet, **given)
