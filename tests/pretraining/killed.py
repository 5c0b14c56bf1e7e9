"""A pretraining that tests kill, in processes that have trained nothing: not all torch starts survives a fork."""

from __future__ import annotations

import os
from pathlib import Path

import tensorboard.summary  # noqa: F401 - slow to load: loaded once, by what the processes are forked from
import torch._dynamo
import torch.fx  # noqa: F401
from pretraining.digits import pretrained

from regraft.pretraining import Pretrained


def whole(folder: Path) -> Pretrained:
    """The pretraining in a folder, begun or resumed; features are computed anew."""
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    return pretrained(folder / "run", "autoencoder")
