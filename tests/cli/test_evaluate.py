"""`regraft evaluate` on data it cannot use."""

from __future__ import annotations

from pathlib import Path

import pytest

from regraft.cli.app import run


def test_a_class_folder_without_pictures(model: Path, flowers: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(model), str(flowers / "holed")]) == 2
    assert capsys.readouterr().err == (
        "1 class folder holds no picture: tulip\n"
        f"  where: {flowers / 'holed'}\n"
        "  to do: put pictures there, or remove the folder\n"
    )
