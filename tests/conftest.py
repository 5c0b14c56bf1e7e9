"""What all tests share: a fixed seed, small text encoders, and the real files beside the repository."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import hypothesis
import numpy as np
import pytest

SHARED = Path(os.environ.get("REGRAFT_SHARED", Path(__file__).parents[2] / "shared"))

hypothesis.settings.register_profile("fixed", derandomize=True, deadline=None)
hypothesis.settings.load_profile("fixed")


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


@pytest.fixture(autouse=True)
def _fixed_seed() -> None:
    random.seed(0)
    np.random.seed(0)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(0)
