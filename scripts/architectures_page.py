"""Writes docs/architectures.md: the models of timm, torchvision and transformers that were opened, cut and compared."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from architectures import addresses

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/architectures.md"
TOGETHER = 9  # models in one process: memory grows, and starting one takes as long as a model
HEAD = """# Architectures

Made by `scripts/architectures_page.py`. Every model has random weights. It was opened at a batch of two and run at a
batch of three; "equal" means that each output has the same bits as the module's own forward. Some of its cuts, spread
from the input to the output, were tried too: both halves together must give the same bits as the whole.
The mechanism is the same for all: `torch.export` traces the module, and its operations become our graph
([why](why/012-torch-export.md)). Seconds are those of `regraft.open` on one thread of a busy machine, without the
import of the package.

"""
TABLE = "| model | cuts | of all | whole | cuts tried | nodes | s |\n|---|---|---|---|---|---|---|\n"


def records() -> Iterable[dict[str, Any]]:
    """What becomes of each architecture."""
    names = addresses()
    for start in range(0, len(names), TOGETHER):
        command = [sys.executable, str(ROOT / "scripts/architectures.py"), *names[start : start + TOGETHER]]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        yield from map(json.loads, done.stdout.splitlines())


def page(found: Sequence[dict[str, Any]]) -> str:
    """The whole page."""
    works = [record for record in found if is_equal(record)]
    total = f"**{len(works)} of {len(found)} work.** {len(found) - len(works)} do not, with the reason below.\n\n"
    rows = "".join(map(_row, works))
    rest = "".join(f"- `{record['address']}`: {_reason(record)}\n" for record in found if not is_equal(record))
    return HEAD + total + TABLE + rows + ("\n## What does not work\n\n" + rest if rest else "")


def is_equal(record: dict[str, Any]) -> bool:
    """Whether the whole and every cut that was tried gave the module's own bits."""
    return bool(record.get("equal")) and set(record["tried"].values()) <= {"equal"}


def _row(record: dict[str, Any]) -> str:
    tried = f"{len(record['tried'])} equal"
    numbers = f"{record['cuts']} | {record['all']} | equal | {tried} | {record['nodes']} | {record['seconds']:.1f}"
    return f"| `{record['address']}` | {numbers} |\n"


def _reason(record: dict[str, Any]) -> str:
    if "refused" in record or "failed" in record:
        return record.get("refused") or record["failed"]
    wrong = {name: what for name, what in record["tried"].items() if what != "equal"}
    return f"differs by {record['difference']:.2g}" if not record["equal"] else str(wrong)


if __name__ == "__main__":
    PAGE.write_text(page(list(records())), encoding="utf-8")
    print(PAGE)
