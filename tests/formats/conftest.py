"""A few real photos, for whole jobs from each format."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

CLASSES = ("daisy", "rose", "tulip")
PHOTOS = 12  # of each class


@pytest.fixture(scope="session")
def flowers(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("flowers")
    for name in CLASSES:
        (folder / name).mkdir()
        for photo in sorted((shared / "data/flowers5" / name).glob("*.jpg"))[:PHOTOS]:
            shutil.copy(photo, folder / name)
    return folder
