"""What commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from regraft.errors import RegraftError


def say(text: str) -> None:
    """One message for the person at the terminal."""
    print(text, file=sys.stderr)


def emit(record: Mapping[str, Any]) -> None:
    """The result as one JSON object on one line of standard output."""
    print(json.dumps(plain(record), ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """The value in JSON's types; what JSON has no number for (NaN, infinity) becomes null."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return plain({field.name: getattr(value, field.name) for field in dataclasses.fields(value)})
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value


def error_record(error: RegraftError) -> dict[str, Any]:
    """An error as data: its kind, and all it says."""
    said = {key: getattr(error, key) for key in ("what", "where", "expected", "got", "nearest", "fix")}
    return {"kind": type(error).__name__, **said}


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output; columns of numbers are set to the right.

    Into a pipe or a file it is as wide as it needs: no name is ever cut short.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    drawn = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    rows = [list(row) for row in rows]
    for index, column in enumerate(columns):
        numeric = bool(rows) and all(isinstance(row[index], int | float) for row in rows)
        drawn.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(Text(cell(value)) for value in row))  # no markup: names may hold brackets
    console.print(drawn)


def cell(value: object) -> str:
    """A value as a table shows it: 7,850 · 0.9125 · 28×28×1 · ? × 784 (free dimensions) · – (unknown)."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, tuple):
        return "×".join("?" if size is None else str(size) for size in value) or "scalar"
    return str(value)
