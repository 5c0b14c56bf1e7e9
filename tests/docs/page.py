"""The code blocks of a page of the documentation, by section."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
_HEADING = re.compile(r"## (?:\((\w)\) )?(.*)")


@dataclass(frozen=True)
class Block:
    """A Python block: the letter (or title) of its section, the first line of the paragraph above it, and its code."""

    section: str
    caption: str
    code: str


def blocks(page: str) -> list[Block]:
    """The Python blocks of docs/`page`, in order."""
    found, section, caption, above = list[Block](), "", "", ""
    code: list[str] | None = None
    for line in (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines():
        if code is not None:
            if line == "```":
                found.append(Block(section, caption, "\n".join(code) + "\n"))
                code = None
            else:
                code.append(line)
        elif line == "```python":
            code = []
        elif heading := _HEADING.fullmatch(line):
            section = heading[1] or heading[2]
        elif line and not above:
            caption = line
        above = line
    return found
