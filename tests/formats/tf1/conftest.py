"""Graphs written by TensorFlow, and what it computes with them."""

from __future__ import annotations

from pathlib import Path

import oracle
import pytest

HERE = Path(__file__).parent


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cases of graph_oracle.py, a folder each."""
    return made(tmp_path_factory, "graph_oracle.py")


def made(tmp_path_factory: pytest.TempPathFactory, script: str, *args: Path) -> Path:
    """The folder a script has filled under TensorFlow."""
    folder = tmp_path_factory.mktemp(Path(script).stem)
    oracle.run(HERE / script, folder, *args)
    return folder
