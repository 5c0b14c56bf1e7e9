from __future__ import annotations

from pathlib import Path

import pytest
from disk import small_disk as small_disk

from regraft.zoo import Zoo


@pytest.fixture
def zoo(tmp_path: Path) -> Zoo:
    """A zoo that is not made yet."""
    return Zoo(tmp_path / "zoo")
