"""The page about ONNX says what the code does."""

from __future__ import annotations

import runpy
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_table_is_the_one_the_code_uses() -> None:
    script = runpy.run_path(str(ROOT / "scripts/onnx_page.py"))
    text = (ROOT / "docs/onnx.md").read_text(encoding="utf-8")
    assert script["page"](text) == text
