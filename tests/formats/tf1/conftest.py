"""Graphs written by TensorFlow, and what it computes with them."""

from __future__ import annotations

import os
from pathlib import Path

import oracle
import pytest
from filelock import FileLock

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cases of graph_oracle.py, a folder each; made once for all workers."""
    return made(tmp_path_factory, "graph_oracle.py")


def made(tmp_path_factory: pytest.TempPathFactory, script: str, *args: Path) -> Path:
    """The folder a script has filled under TensorFlow."""
    oracle.require()
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / Path(script).stem
    with FileLock(shared / f"{script}.lock"):
        if not (folder / "done").exists():
            folder.mkdir(exist_ok=True)
            oracle.run(HERE / script, folder, *args)
            (folder / "done").touch()
    return folder
