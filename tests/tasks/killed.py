"""A training that tests kill, in processes that have trained nothing: not all torch starts survives a fork."""

from __future__ import annotations

import os
from pathlib import Path

import tensorboard.summary  # noqa: F401 - slow to load: loaded once, by what the processes are forked from
import torch._dynamo
import torch.fx  # noqa: F401
from tasks.small import points, source

from regraft.network import New, Plan
from regraft.run import Progress, is_run
from regraft.tasks.fit import FitResult, fit

HEAD = Plan(
    new=(New(kind="dense", name="hidden", width=8, activation="relu"), New(kind="dropout", name="noise", rate=0.3))
)


def whole(folder: Path, count: int = 12_000) -> FitResult:
    """The training in a folder on so many points, begun or resumed; features are computed anew."""
    os.environ["XDG_CACHE_HOME"] = str(folder / "cache")
    settings = {"seed": 3, "device": "cpu", "epochs": 12, "patience": 12}
    run, resume = folder / "run", is_run(folder / "run")
    progress = Progress(silent=True)
    return fit(source(), points(count), plan=HEAD, settings=settings, out=run, resume=resume, progress=progress)
