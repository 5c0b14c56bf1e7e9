"""What a table tells: paths of pictures or texts, and labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from pathlib import Path
from typing import Literal

from regraft.data.examples import Picture, Task
from regraft.data.labels import Label
from regraft.data.pairs import Pair, Text
from regraft.data.sheets import Sheet
from regraft.errors import BadArgument, BadData, nearest_names

_PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "picture")
_TEXTS = ("text", "sentence", "question", "message", "review", "comment", "tweet", "content", "document")
_PAIRS = (("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"))
_BETWEEN = re.compile("[;|]")  # between several labels in one cell
_LABELS = ("label", "class", "class_name", "category", "target", "name")


_Rows = Sequence[tuple[int, Sequence[str]]]


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that hold the texts and the labels, None: the first with a usual name; and what labels are.

    `text` may be two columns with a comma between: then each example is a pair of texts. So may `label` be several, of
    which each holds a number, or 1 or 0 for a label that an example has or has not.
    """

    text: str | None = None
    label: str | None = None
    task: Task = "classify"


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a table names or holds: pictures, or texts or pairs of them, and a label for each, as `as_labels` takes it.

    `names` are the columns of the labels, `skipped` the lines that were left out.
    """

    pictures: tuple[Picture, ...] = ()
    texts: tuple[Text, ...] = ()
    labels: tuple[Label, ...]
    names: tuple[str, ...]
    skipped: tuple[str, ...] = ()


def read_table(sheet: Sheet, columns: Columns, *, skip_bad: bool = False) -> Table:
    """The pictures that a table names, or the texts it holds, each with its label.

    The names of the columns may be missing where there are just two, path and label. Paths are relative to the
    table's own folder, or absolute: a table may name any picture its user can read.

    Args:
        skip_bad: leave out lines without a text, a path or a label.

    Raises:
        BadArgument: it has no column of a name that was given, a text is given three columns or more, or one column
            would be both.
        BadData: no columns of paths or texts and of labels, no line or one without them, or a path where nothing is.
    """
    label, text = _label_columns(sheet, columns), _text_columns(sheet, columns.text)
    if both := set(label) & set(text):
        got = ", ".join(sheet.names[place] for place in both)
        raise BadArgument("a column cannot hold both texts and labels", where=str(sheet.path), got=got)
    path = None if columns.text else _column(sheet, None, _PATHS)
    if label and path is None and text:
        return _read(sheet, sheet.rows, _Layout(holds="text", what=text, label=label, task=columns.task), skip_bad)
    rows = sheet.rows
    if not label or path is None:
        if len(sheet.names) != 2 or not _is_file(sheet.path.parent / sheet.names[0].strip()):
            raise BadData(
                "the table has no columns of paths or texts, and of labels",
                where=f"{sheet.path}, line 1",
                expected=f"a column {', '.join(_PATHS[:3])}, ... or {', '.join(_TEXTS[:3])}, ..., "
                f"and a column {', '.join(_LABELS[:3])}, ...",
                got=", ".join(sheet.names) or "an empty file",
                fix="name them: --text COLUMN --label COLUMN",
            )
        path, label, rows = 0, (1,), ((1, sheet.names), *rows)
    return _read(sheet, rows, _Layout(holds="path", what=(path,), label=label, task=columns.task), skip_bad)


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Where things stand in a table: texts or paths in the columns `what`, and labels."""

    holds: Literal["text", "path"]
    what: tuple[int, ...]
    label: tuple[int, ...]
    task: Task

    @property
    def listed(self) -> bool:
        """Whether one column holds the names of all labels that an example has: there may be none."""
        return self.task == "multilabel" and len(self.label) == 1


def _read(sheet: Sheet, rows: _Rows, layout: _Layout, skip_bad: bool) -> Table:
    """The examples in the rows of a table."""
    filled = layout.what if layout.listed else (*layout.what, *layout.label)
    lacking = [(line, row) for line, row in rows if not all(_stripped(row, filled))]
    where = [f"{sheet.path}, line {line}" for line, _ in lacking]
    wanting = f"lacks its {layout.holds} or its label"
    if lacking and not skip_bad:
        fix = "fill it in, or leave such lines out: --skip-bad"
        raise BadData(f"a line of the table {wanting}", where=where[0], got=", ".join(lacking[0][1]), fix=fix)
    left = {line for line, _ in lacking}
    whole = [(line, row) for line, row in rows if line not in left]
    if not whole:
        raise BadData("the table has no example", where=str(sheet.path))
    found = Table(
        labels=tuple(_label(sheet, row, line, layout) for line, row in whole),
        names=tuple(sheet.names[place] for place in layout.label),
        skipped=tuple(f"{place}: it {wanting}" for place in where),
    )
    if layout.holds == "text":
        return replace(found, texts=tuple(_text(_stripped(row, layout.what)) for _, row in whole))
    return replace(found, pictures=tuple(_picture(sheet, row, line, layout.what[0]) for line, row in whole))


def read_texts(sheet: Sheet, columns: Columns) -> list[Text]:
    """The texts that a table holds, or pairs of them, whatever their labels; rows that lack one are left out.

    Raises:
        BadArgument: it has no column of a name that was given, or a text is given three columns or more.
        BadData: no column holds texts, or no line.
    """
    at = _text_columns(sheet, columns.text)
    if not at:
        raise BadData(
            "the table has no column of texts",
            where=f"{sheet.path}, line 1",
            expected=f"{', '.join(_TEXTS)}; or two: {', '.join(map(' and '.join, _PAIRS))}",
            got=", ".join(sheet.names) or "an empty file",
            fix="name it: --text COLUMN, or two for pairs: --text COLUMN,COLUMN",
        )
    cells = (_stripped(row, at) for _, row in sheet.rows)
    found = [_text(own) for own in cells if all(own)]
    if not found:
        raise BadData("the table has no example", where=str(sheet.path))
    return found


def _column(sheet: Sheet, given: str | None, usual: Sequence[str]) -> int | None:
    """Where a column stands: the one of the name given, or the first with a usual name."""
    if given is not None:
        return given_column(sheet, given)
    names = [name.strip().lower() for name in sheet.names]
    return next((names.index(name) for name in usual if name in names), None)


def given_column(sheet: Sheet, name: str) -> int:
    """Where the column of a name stands.

    Raises:
        BadArgument: there is none.
    """
    if name not in sheet.names:
        raise BadArgument(
            f"the table has no column {name!r}",
            where=str(sheet.path),
            got=", ".join(sheet.names),
            nearest=nearest_names(name, sheet.names),
        )
    return sheet.names.index(name)


def _text_columns(sheet: Sheet, given: str | None) -> tuple[int, ...]:
    """Where the texts stand, in one column or in two; (): nowhere."""
    if given is None:
        return _usual_text_columns(sheet)
    names = [given] if given in sheet.names else [name.strip() for name in given.split(",")]
    if len(names) > 2 or len(set(names)) < len(names):
        raise BadArgument(
            "a text stands in one column, and a pair of texts in two", where=str(sheet.path), got=", ".join(names)
        )
    return tuple(given_column(sheet, name) for name in names)


def _usual_text_columns(sheet: Sheet) -> tuple[int, ...]:
    """The first column of texts with a usual name; where there is none, the two of the only pair with usual names."""
    one = _column(sheet, None, _TEXTS)
    if one is not None:
        return (one,)
    found = [(_column(sheet, None, (first,)), _column(sheet, None, (second,))) for first, second in _PAIRS]
    pairs = [(first, second) for first, second in found if first is not None and second is not None]
    return pairs[0] if len(pairs) == 1 else ()


def _text(cells: Sequence[str]) -> Text:
    return Pair(*cells) if len(cells) == 2 else cells[0]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a text too long for a name
        return False


def _picture(sheet: Sheet, row: Sequence[str], line: int, at: int) -> Picture:
    (name,) = _stripped(row, (at,))
    place = sheet.path.parent / name
    if not _is_file(place):
        raise BadData("the table names a picture that is not there", where=f"{sheet.path}, line {line}", got=str(place))
    return Picture(name=name, read=place.read_bytes)


def _label(sheet: Sheet, row: Sequence[str], line: int, layout: _Layout) -> Label:
    """What stands in the columns of labels."""
    cells, task = _stripped(row, layout.label), layout.task
    if task == "classify":
        return cells[0]
    if layout.listed:
        return tuple(name.strip() for name in _BETWEEN.split(cells[0]) if name.strip())
    numbers = tuple(map(_number, cells))
    fits = all(map(isfinite, numbers)) and (task == "regress" or set(numbers) <= {0, 1})
    if not fits:
        raise BadData(
            "a label is no number" if task == "regress" else "a label is neither 1 nor 0",
            where=f"{sheet.path}, line {line}",
            got=", ".join(cells),
        )
    return numbers


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return nan


def _label_columns(sheet: Sheet, columns: Columns) -> tuple[int, ...]:
    """Where the labels stand: in one column, or in several where an example has several; (): nowhere."""
    given = columns.label
    if given is None or given in sheet.names or columns.task == "classify":
        found = _column(sheet, given, _LABELS)
        return () if found is None else (found,)
    return tuple(given_column(sheet, name.strip()) for name in given.split(","))


def _stripped(row: Sequence[str], at: Sequence[int]) -> tuple[str, ...]:
    """What stands in some columns of a row; nothing where it is too short for them."""
    return tuple(row[column].strip() if column < len(row) else "" for column in at)
