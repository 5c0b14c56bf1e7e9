"""Writes docs/tf1-operations.md: the TensorFlow operations regraft reads and writes, from the table it uses itself."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from pathlib import Path

from regraft.formats.tf1.operation import Op
from regraft.formats.tf1.ops import LOOPED, OPS
from regraft.network.functions import FUNCTIONS

HEAD = """# TensorFlow operations

The {count} operations that regraft reads from TensorFlow 1 files and writes to them, printed by
`scripts/operations_page.py` from the table in `src/regraft/formats/tf1/ops.py`. All of them, and their gradients, are
compared with TensorFlow itself. Variables, placeholders, constants, conditionals (`Switch`, `Merge`, `If`) and loops
(`Enter`, `Exit`, `While`) are no operations here: they become parts of the graph.

"""
COLUMNS = """| TensorFlow | function | what it gives | attributes and defaults |
|---|---|---|---|
"""
ARRAYS = """
The {count} operations on arrays and lists, which loops read and fill. They are read and not written.

"""


def page() -> str:
    """The whole page."""
    return HEAD.format(count=len(OPS)) + table(OPS) + ARRAYS.format(count=len(LOOPED)) + table(LOOPED)


def table(ops: Mapping[str, Op]) -> str:
    """A line for each operation."""
    return COLUMNS + "".join(row(ops[type]) for type in sorted(ops))


def row(op: Op) -> str:
    """The line of one operation."""
    described = inspect.cleandoc(FUNCTIONS[op.function].__doc__ or "").split("\n\n")[0].replace("\n", " ")
    attrs = ", ".join(
        f"{name}: {attr.kind}" if attr.default is None else f"{name}={shown(attr.default)}"
        for name, attr in op.attrs.items()
    )
    return f"| {op.type} | `{op.function}` | {described} | {attrs} |\n"


def shown(default: object) -> str:
    """A default as one would write it: float32 numbers without the digits that double precision adds."""
    return f"{default:.6g}" if isinstance(default, float) else str(default) or '""'


if __name__ == "__main__":
    path = Path(__file__).parent.parent / "docs/tf1-operations.md"
    path.write_text(page(), encoding="utf-8")
    print(path)
