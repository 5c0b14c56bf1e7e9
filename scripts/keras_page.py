"""Writes the tables of docs/keras.md: Keras's layers and operations that regraft reads, from the tables it uses."""

from __future__ import annotations

import inspect
from pathlib import Path

from regraft.formats.keras.layers import LAYERS
from regraft.formats.keras.layers.operations import OPERATIONS
from regraft.network.curves import CURVE_NAMES

PAGE = Path(__file__).parent.parent / "docs/keras.md"
HEAD = "| layer | what it gives |\n|---|---|\n"


def tables() -> str:
    """A line for each layer, then the names of the activation functions and of the operations."""
    layers = "".join(f"| {kind} | {said(kind)} |\n" for kind in sorted(LAYERS, key=str.lower))
    curves = ", ".join(sorted(CURVE_NAMES - {"hard_sigmoid_steep", "gelu_tanh"}))
    operations = ", ".join(sorted(OPERATIONS))
    return f"{HEAD}{layers}\nActivation functions: {curves}.\n\nOperations, of both versions: {operations}.\n"


def said(kind: str) -> str:
    """What the layer's handler says of itself."""
    return " ".join(inspect.cleandoc(LAYERS[kind].__doc__ or "").split())


def page(text: str) -> str:
    """The page with its tables made anew."""
    return text[: text.index(HEAD)] + tables()


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    print(PAGE)
