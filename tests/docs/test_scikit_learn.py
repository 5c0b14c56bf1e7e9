"""The page on scikit-learn runs as it stands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from docs.page import blocks


@pytest.mark.slow
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlxtend")
    monkeypatch.chdir(tmp_path)
    found: dict[str, Any] = {}
    for block in blocks("scikit-learn.md"):
        exec(block.code, found)
    assert found["scores"].min() > 0.6
    assert found["model"].validation_.accuracy > 0.75
    assert list(tmp_path.iterdir()) == []
