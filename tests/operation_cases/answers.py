"""TensorFlow's answers to all cases, computed once a test run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import oracle
import pytest

import operation_cases

SCRIPT = Path(oracle.__file__).with_name("operation_oracle.py")


@pytest.fixture(scope="session")
def tensorflow(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, np.ndarray]:
    """Outputs, gradients, and what TensorFlow says of its operations; all workers of a run share one start of it."""
    oracle.require()
    base = tmp_path_factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    answers, lock = folder / "operation_answers.npz", folder / "operation_answers.lock"
    if not answers.exists():
        _ask_once(folder / "operation_cases.npz", answers, lock)
    return dict(np.load(answers))


def _ask_once(cases: Path, answers: Path, lock: Path) -> None:
    try:
        os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        _wait(answers, lock)
        return
    try:
        _ask(cases, answers)
    finally:
        lock.unlink()


def _ask(cases: Path, answers: Path) -> None:
    arrays = {f"{case.name}/{k}": array for case in operation_cases.ALL for k, array in enumerate(case.inputs)}
    listed = [
        {
            "name": case.name,
            "type": case.type,
            "arrays": len(case.inputs),
            "attrs": dict(case.attrs),
            "gradient": case.gradient,
            "outputs": case.outputs,
        }
        for case in operation_cases.ALL
    ]
    types = sorted({case.type for case in operation_cases.ALL})
    np.savez(cases, cases=json.dumps(listed), types=json.dumps(types), **arrays)
    part = answers.with_suffix(".part.npz")
    oracle.run(SCRIPT, cases, part)
    part.rename(answers)


def _wait(answers: Path, lock: Path) -> None:
    while lock.exists():
        time.sleep(0.2)
    if not answers.exists():
        pytest.fail("another worker asked the oracle in vain", pytrace=False)
