"""The page on scikit-learn runs as it stands."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
import torch
from docs.page import blocks


@pytest.fixture(autouse=True)
def _one_thread() -> Generator[None]:
    """So small networks gain nothing from more threads, and on a busy machine lose much."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlxtend")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    for block in blocks("scikit-learn.md"):
        exec(block.code, found)
    assert found["scores"].min() > 0.6
    assert list(tmp_path.iterdir()) == []
