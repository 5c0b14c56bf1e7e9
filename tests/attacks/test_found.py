"""Files that once made a reader fail, found by scripts/fuzz.py: found/KIND/HASH."""

from __future__ import annotations

from pathlib import Path

import pytest
from fuzz.fuzzing import Kind, fuzz
from fuzz.kinds import KINDS

FOUND = Path(__file__).parent / "found"
BY_NAME = {kind.name.replace(" ", "_"): kind for kind in KINDS}


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(
            path,
            id=f"{path.parent.name}-{path.name}",
            marks=pytest.mark.slow if BY_NAME[path.parent.name].slow else (),
        )
        for path in sorted(FOUND.glob("*/*"))
    ],
)
def test_found(path: Path, tmp_path: Path) -> None:
    kind = BY_NAME[path.parent.name]
    again = Kind(name=kind.name, make=kind.make, read=kind.read, damage=lambda data, random: path.read_bytes())
    outcome = fuzz(again, 1, 0, tmp_path)
    assert [what for what, _ in outcome.failures] == []
