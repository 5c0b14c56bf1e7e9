"""Runs every benchmark, or those named: python -m benchmarks [NAME ...], or one with flags of its own."""

from __future__ import annotations

import importlib
import sys
from itertools import takewhile
from pathlib import Path


def main(words: list[str]) -> None:
    """Run the modules of those names; none: all that have a `main`. Words from the first flag on go to the module."""
    names = list(takewhile(lambda word: not word.startswith("-"), words))
    flags = words[len(names) :]
    if flags and len(names) != 1:
        raise SystemExit(f"{' '.join(flags)}: flags go with one benchmark, named before them")
    found = sorted(path.stem for path in Path(__file__).parent.glob("*.py") if not path.stem.startswith("__"))
    for name in names or found:
        module = importlib.import_module(f"benchmarks.{name}")
        if hasattr(module, "main"):
            print(f"== {name}", file=sys.stderr)
            module.main(*([flags] if flags else []))


if __name__ == "__main__":
    main(sys.argv[1:])
