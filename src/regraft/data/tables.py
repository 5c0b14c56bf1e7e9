"""What a table tells: paths of pictures or texts, and labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.data.examples import Picture
from regraft.data.pairs import Pair, Text
from regraft.data.sheets import Sheet
from regraft.errors import BadArgument, BadData, nearest_names

_PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "picture")
_TEXTS = ("text", "sentence", "question", "message", "review", "comment", "tweet", "content", "document")
_PAIRS = (("sentence1", "sentence2"), ("premise", "hypothesis"), ("question1", "question2"))
_LABELS = ("label", "class", "class_name", "category", "target", "name")


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The columns that hold the texts and the labels; None: the first with a usual name.

    `text` may be two columns with a comma between: then each example is a pair of texts.
    """

    text: str | None = None
    label: str | None = None


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a table names or holds: pictures, or texts or pairs of them, and a label for each."""

    pictures: tuple[Picture, ...] = ()
    texts: tuple[Text, ...] = ()
    labels: tuple[str, ...]


def read_table(sheet: Sheet, columns: Columns) -> Table:
    """The pictures that a table names, or the texts it holds, each with its label.

    The names of the columns may be missing where there are just two, path and label. Paths are relative to the
    table's own folder, or absolute: a table may name any picture its user can read.

    Raises:
        BadArgument: it has no column of a name that was given, a text is given three columns or more, or one column
            would be both.
        BadData: no columns of paths or texts and of labels, no line or one without them, or a path where nothing is.
    """
    label, text = _column(sheet, columns.label, _LABELS), _text_columns(sheet, columns.text)
    if label is not None and label in text:
        raise BadArgument("a column cannot hold both texts and labels", where=str(sheet.path), got=sheet.names[label])
    path = None if columns.text else _column(sheet, None, _PATHS)
    if label is not None and path is None and text:
        cells = [_cells(sheet, row, line, (*text, label), "text") for line, row in sheet.rows]
        texts, labels = _whole(sheet, [(_text(found[:-1]), found[-1]) for found in cells])
        return Table(texts=texts, labels=labels)
    rows = sheet.rows
    if label is None or path is None:
        if len(sheet.names) != 2 or not _is_file(sheet.path.parent / sheet.names[0].strip()):
            raise BadData(
                "the table has no columns of paths or texts, and of labels",
                where=f"{sheet.path}, line 1",
                expected=f"a column {', '.join(_PATHS[:3])}, ... or {', '.join(_TEXTS[:3])}, ..., "
                f"and a column {', '.join(_LABELS[:3])}, ...",
                got=", ".join(sheet.names) or "an empty file",
                fix="name them: --text COLUMN --label COLUMN",
            )
        path, label, rows = 0, 1, ((1, sheet.names), *rows)
    pictures, labels = _whole(sheet, [_picture(sheet, row, line, (path, label)) for line, row in rows])
    return Table(pictures=pictures, labels=labels)


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
    (found,) = _whole(sheet, [(_text(own),) for own in cells if all(own)])
    return list(found)


def _whole(sheet: Sheet, rows: Sequence[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    if not rows:
        raise BadData("the table has no example", where=str(sheet.path))
    return tuple(zip(*rows, strict=True))


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


def _picture(sheet: Sheet, row: Sequence[str], line: int, at: tuple[int, int]) -> tuple[Picture, str]:
    name, label = _cells(sheet, row, line, at, "path")
    place = sheet.path.parent / name
    if not _is_file(place):
        raise BadData("the table names a picture that is not there", where=f"{sheet.path}, line {line}", got=str(place))
    return Picture(name=name, read=place.read_bytes), label


def _cells(sheet: Sheet, row: Sequence[str], line: int, at: Sequence[int], what: str) -> tuple[str, ...]:
    found = _stripped(row, at)
    if not all(found):
        raise BadData(
            f"a line of the table lacks its {what} or its label",
            where=f"{sheet.path}, line {line}",
            got=", ".join(row),
        )
    return found


def _stripped(row: Sequence[str], at: Sequence[int]) -> tuple[str, ...]:
    """What stands in some columns of a row; nothing where it is too short for them."""
    return tuple(row[column].strip() if column < len(row) else "" for column in at)
