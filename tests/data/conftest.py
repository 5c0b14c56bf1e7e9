from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def encoded(seed: int, size: tuple[int, int] = (12, 10), kind: str = "PNG") -> bytes:
    """A picture (width, height) of noise."""
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return file.getvalue()


@pytest.fixture
def picture() -> Callable[..., bytes]:
    return encoded


@pytest.fixture
def flowers(tmp_path: Path) -> Path:
    """Two classes of twenty small pictures."""
    for number in range(40):
        folder = tmp_path / "flowers" / ("rose" if number % 2 else "daisy")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:02}.png").write_bytes(encoded(number))
    return tmp_path / "flowers"
