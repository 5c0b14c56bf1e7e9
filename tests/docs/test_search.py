"""The page on searching runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from docs.page import ROOT, blocks


@pytest.mark.slow
def test_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlxtend")
    monkeypatch.chdir(tmp_path)
    first, second = blocks("search.md")
    found: dict[str, Any] = {}
    exec(first.code, found)
    curve = [reading.accuracy for reading in found["found"].readings]
    assert len(curve) == 4
    assert max(curve) == curve[0] > curve[-1]
    assert found["found"].winner.test.accuracy > 0.85
    (schemes,) = re.findall(r"^```yaml\n(.*?)^```", (ROOT / "docs/search.md").read_text(encoding="utf-8"), re.M | re.S)
    (tmp_path / "schemes.yaml").write_text(schemes, encoding="utf-8")
    exec(second.code, found)
    names = re.findall(r"^- name: (.*)$", schemes, flags=re.MULTILINE)
    assert sorted(trial.scheme.name for trial in found["found"].trials) == sorted(names)
