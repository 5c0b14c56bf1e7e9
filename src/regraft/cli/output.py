"""What commands print: results on standard output, everything else on standard error."""

from __future__ import annotations

import dataclasses
import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextvars import ContextVar
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.errors import RegraftError

if TYPE_CHECKING:
    from rich.table import Table

_BEGUN = ContextVar("an object on standard output whose list of records has no end yet", default=False)
_ROWS = 1000  # of a table that are laid out together
_MARGIN = 4  # more than what is around a cell


def say(text: str) -> None:
    """One message for the person at the terminal."""
    print(text, file=sys.stderr)


def emit(record: Mapping[str, Any]) -> None:
    """The result as one JSON object on one line of standard output."""
    text = _dumped(record)
    print(f"], {text.removeprefix('{')}" if _BEGUN.get() else text)
    _BEGUN.set(False)


def emit_each(name: str, records: Iterable[Mapping[str, Any]]) -> None:
    """The result as one JSON object on one line, {name: [...]}, of records that are written as they come.

    Where their source fails, what is emitted of the failure ends the object that has been begun.
    """
    file, between = sys.stdout, f'{{"{name}": ['
    for record in records:
        file.write(between + _dumped(record))
        _BEGUN.set(True)
        between = ", "
    _BEGUN.set(False)
    file.write("]}\n")


def _dumped(record: Mapping[str, Any]) -> str:
    return json.dumps(plain(record), ensure_ascii=False, allow_nan=False)


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

    Into a pipe or a file it is as wide as it needs: no name is ever cut short. Of many rows some are laid out at a
    time, as they come: a column becomes wider where a longer cell turns up.
    """
    from rich.console import Console

    console = Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)
    left = iter(rows)
    block, heads = list(islice(left, _ROWS)), [_Column(name) for name in columns]
    for head, some in zip(heads, zip(*block, strict=True), strict=False):
        head.numeric = all(isinstance(value, int | float) for value in some)
    is_first, is_last = True, False
    while not is_last:
        following = list(islice(left, _ROWS))
        is_last = not following
        with console.capture() as drawn:
            console.print(_laid_out(title if is_first else None, heads, block, console.width // len(heads) - _MARGIN))
        lines = drawn.get().splitlines(keepends=True)
        # a blank line is above rows without a head, and one below all rows
        sys.stdout.write("".join(lines[not is_first : None if is_last else -1]))
        block, is_first = following, False


@dataclasses.dataclass
class _Column:
    """A column of a table, as far as it is known."""

    name: str
    numeric: bool = False
    width: int = 0


def _laid_out(title: str | None, heads: Sequence[_Column], rows: Sequence[Sequence[object]], most: int) -> Table:
    """Some rows of a table, the first with its title. Later ones are as wide as those before, up to `most` a column."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(
        title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_header=title is not None
    )
    cells = [[Text(cell(value)) for value in row] for row in rows]  # no markup: names may hold brackets
    for index, head in enumerate(heads):
        head.width = max(head.width, len(head.name), *(row[index].cell_len for row in cells))
        least = min(head.width, most) if title is None else None
        drawn.add_column(head.name, justify="right" if head.numeric else "left", overflow="fold", min_width=least)
    for row in cells:
        drawn.add_row(*row)
    return drawn


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
