"""`regraft export` to places that cannot be used; what it writes is tested with the format."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.mark.parametrize(
    ("out", "where", "why"),
    [
        ("/proc/x", "/proc/x.meta", "No such file or directory"),
        ("/proc/x/y.ckpt", "/proc/x/y.ckpt.meta", "No such file or directory"),
        ("/dev/null/y.ckpt", "/dev/null/y.ckpt.meta", "File exists"),
    ],
)
def test_a_place_that_cannot_be_written(regraft, model: Path, out: str, where: str, why: str) -> None:
    done = regraft("export", model, "--out", out)
    assert done.code == 2
    assert done.err == (
        f"{Path(where).name} cannot be written\n  where: {where}\n  got: {why}\n  to do: name another folder\n"
    )


def test_a_folder_in_place_of_a_file(regraft, model: Path, tmp_path: Path) -> None:
    (tmp_path / "model.ckpt.index").mkdir()
    done = regraft("export", model, "--out", tmp_path / "model.ckpt")
    assert done.code == 2
    assert done.err == (
        "model.ckpt.index cannot be written\n"
        f"  where: {tmp_path / 'model.ckpt.index'}\n"
        "  got: Is a directory\n"
        "  to do: name another folder\n"
    )
