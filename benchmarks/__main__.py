"""Runs every benchmark, or those named: python -m benchmarks [NAME ...]."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path


def main(names: list[str]) -> None:
    """Run the modules of those names; none: all that have a `main`."""
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("__"))
    for name in names or found:
        module = importlib.import_module(f"benchmarks.{name}")
        if hasattr(module, "main"):
            print(f"== {name}", file=sys.stderr)
            module.main()


if __name__ == "__main__":
    main(sys.argv[1:])
