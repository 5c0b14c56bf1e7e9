"""Data as commands take them, with what flags say of a table's columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from regraft.data import Examples, Splits
    from regraft.data.examples import Task


def labelled(
    path: Path,
    text: str | None,
    label: str | None,
    *,
    task: Task = "classify",
    skip_bad: bool = False,
    part: str | None = None,
) -> Examples:
    """Labelled data that are one piece.

    Args:
        text, label: the columns of a table, as --text and --label name them.
        task: what labels are.
        skip_bad, part: as for `open_data`.
    """
    from regraft.data import Columns, open_data
    from regraft.run import Progress

    columns = Columns(text=text, label=label, task=task)
    return open_data(path, columns=columns, skip_bad=skip_bad, part=part, progress=Progress())


def divided(path: Path, text: str | None, label: str | None, *, task: Task = "classify", **parts: Any) -> Splits:
    """Labelled data in their three parts.

    Args:
        text, label, task: as for `labelled`.
        parts: validation, test, labels, seed and skip_bad, as for `open_splits`.
    """
    from regraft.data import Columns, open_splits
    from regraft.run import Progress

    columns = Columns(text=text, label=label, task=task)
    return open_splits(path, columns=columns, progress=Progress(), **parts)


def unlabelled(
    paths: Sequence[Path], text: str | None, *, beside: Path | None = None, skip_bad: bool = False
) -> Examples:
    """What a network shall judge, or learn from without labels.

    Args:
        beside: labelled data that are given too: --text may be meant for them alone.
    """
    from regraft.data import Columns, open_unlabelled
    from regraft.data.sheets import SHEETS
    from regraft.run import Progress

    tables = [path.suffix.lower() in SHEETS for path in (*paths, beside or Path())]
    if tables[-1] and not any(tables[:-1]):
        text = None
    return open_unlabelled(paths, columns=Columns(text=text), skip_bad=skip_bad, progress=Progress())
