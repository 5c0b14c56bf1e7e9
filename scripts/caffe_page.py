"""Writes the table of docs/caffe.md: Caffe's layers that regraft reads, from the table it uses itself."""

from __future__ import annotations

import inspect
from pathlib import Path

from regraft.formats.caffe.layers import LAYERS

PAGE = Path(__file__).parent.parent / "docs/caffe.md"
HEAD = "| layer | what it gives |\n|---|---|\n"


def table() -> str:
    """The whole table, a line for each type of layer."""
    return HEAD + "".join(f"| {type} | {said(type)} |\n" for type in sorted(LAYERS, key=str.lower))


def said(type: str) -> str:
    """What the layer's handler says of itself."""
    return " ".join(inspect.cleandoc(LAYERS[type].__doc__ or "").split())


def page(text: str) -> str:
    """The page with its table made anew."""
    return text[: text.index(HEAD)] + table()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE)
