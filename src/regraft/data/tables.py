"""A table of paths and labels: .csv or .tsv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from regraft.data.examples import Picture
from regraft.errors import BadData, UnreadableFile

_PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "picture")
_LABELS = ("label", "class", "class_name", "category", "target", "name")


def read_table(path: Path) -> list[tuple[Picture, str]]:
    """The pictures a table names, each with its label.

    The first line names the columns; it may be missing where there are just two, path and label. Paths are
    relative to the table's own folder, or absolute: a table may name any picture its user can read.

    Raises:
        UnreadableFile: it is no text, or no table.
        BadData: no columns of paths and labels, a line without them, or a path where nothing is.
    """
    rows = _rows(path)
    header = [cell.strip().lower() for cell in rows[0]] if rows else []
    at = _column(header, _PATHS), _column(header, _LABELS)
    body = rows[1:]
    if None in at:
        if len(header) != 2 or not (path.parent / rows[0][0].strip()).is_file():
            raise BadData(
                "the table has no columns of paths and labels",
                where=f"{path}, line 1",
                expected=f"a column {', '.join(_PATHS[:3])}, ... and a column {', '.join(_LABELS[:3])}, ...",
                got=", ".join(rows[0]) if rows else "an empty file",
            )
        at, body = (0, 1), rows
    first = len(rows) - len(body) + 1
    return [_picture(path, row, at, line) for line, row in enumerate(body, first) if any(row)]


def _rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        head = text.partition("\n")[0]
        mark = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in head and "," not in head else ","
        return list(csv.reader(text.splitlines(), delimiter=mark, strict=True))
    except (ValueError, csv.Error) as error:
        raise UnreadableFile("this is no table", where=str(path), got=str(error)) from error


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _picture(table: Path, row: list[str], at: tuple[int | None, int | None], line: int) -> tuple[Picture, str]:
    cells = [row[i].strip() if i is not None and i < len(row) else "" for i in at]
    if not all(cells):
        raise BadData(
            "a line of the table lacks its path or its label", where=f"{table}, line {line}", got=", ".join(row)
        )
    name, label = cells
    place = table.parent / name
    if not place.is_file():
        raise BadData("the table names a picture that is not there", where=f"{table}, line {line}", got=str(place))
    return Picture(name=name, read=place.read_bytes), label
