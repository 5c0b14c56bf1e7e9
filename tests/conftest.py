"""What all tests share: who runs them, a seed, small encoders, TensorFlow's answers, and the real files beside us."""

from __future__ import annotations

import gc
import os
import random
import sys
from collections.abc import Callable, Generator, Mapping
from functools import cache
from pathlib import Path

import hypothesis
import numpy as np
import pytest
from xdist.scheduler import LoadFileScheduling

SHARED = Path(os.environ.get("REGRAFT_SHARED", Path(__file__).parents[2] / "shared"))
# Tests that need the same answers of TensorFlow: it is asked by one worker, and none waits for another.
SAME_ANSWERS = ("tests/formats/tf1/", "tests/network/functions/")

hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


class Scheduling(LoadFileScheduling):
    """A file stays with one worker, and so do all that need the same answers."""

    def _split_scope(self, nodeid: str) -> str:
        return "TensorFlow" if nodeid.startswith(SAME_ANSWERS) else super()._split_scope(nodeid)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling | None:
    return Scheduling(config, log) if config.getoption("dist") == "loadfile" else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is loaded to find the tests stays until the end: it is never searched for garbage."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real models and data; its SOURCE.txt files say where they come from."""
    if not (SHARED / "models").is_dir():
        pytest.skip(f"no real models and data in {SHARED} (REGRAFT_SHARED names another folder)")
    return SHARED


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Features are computed anew, and the user's own are left alone; processes that tests start inherit it."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def small_encoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder of a small text encoder with random weights, by its kind: "Bert" or "Roberta"."""
    from encoders import bert_in

    return cache(lambda kind: bert_in(tmp_path_factory.mktemp(kind), kind))


@pytest.fixture(scope="session")
def bert(small_encoder: Callable[[str], Path]) -> Path:
    return small_encoder("Bert")


@pytest.fixture(scope="session")
def tensorflow(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, np.ndarray]:
    """Outputs and gradients of all `operation_cases`, and what TensorFlow says of its operations."""
    from operation_cases.answers import answers

    return answers(tmp_path_factory.mktemp("operations"))


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
