"""Runs a script under real TensorFlow, in a process and an environment of its own."""

from __future__ import annotations

import os
import tempfile
from functools import cache
from pathlib import Path

import pytest
from ready import ReadyPython

ROOT = Path(__file__).parent.parent
PYTHON = ROOT / ".oracle/bin/python"


def run(script: str | Path, *args: str | Path, timeout: float = 600.0) -> str:
    """Run `script` (a path, or the text of one) with the oracle's Python; returns what it printed.

    It runs in an empty folder, on two threads and without a GPU, with the Keras that still runs TensorFlow 1 code.
    Paths in `args` are made absolute. Where the oracle is not installed the test is skipped; in CI it fails.
    TensorFlow is imported once, when the first script is run.
    """
    require()
    with tempfile.TemporaryDirectory() as folder:
        if isinstance(script, str):
            path = Path(folder) / "script.py"
            path.write_text(script, encoding="utf-8")
        else:
            path = script.resolve()
        words = [str(arg.resolve()) if isinstance(arg, Path) else arg for arg in args]
        done = _tensorflow().run(str(path), *words, cwd=folder, environment=environment(), timeout=timeout)
    if done.returncode != 0:
        pytest.fail(
            f"the oracle script failed ({done.returncode}):\n{done.stdout}\n{done.stderr[-4000:]}", pytrace=False
        )
    return done.stdout


@cache
def _tensorflow() -> ReadyPython:
    return ReadyPython(PYTHON, ["tensorflow.compat.v1"], environment())


def require() -> None:
    """Skip where the oracle is not installed; fail in CI, where it must be."""
    if PYTHON.exists():
        return
    reason = "TensorFlow to compare with is not installed: make oracle"
    if os.environ.get("CI"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def environment() -> dict[str, str]:
    """The environment of the oracle's processes."""
    quiet = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return quiet | {
        "TF_USE_LEGACY_KERAS": "1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_NUM_INTRAOP_THREADS": "2",
        "TF_NUM_INTEROP_THREADS": "2",
        "OMP_NUM_THREADS": "2",
        "CUDA_VISIBLE_DEVICES": "",
    }
