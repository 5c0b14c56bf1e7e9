"""A table of paths, or of texts, and labels: .csv or .tsv."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.data.examples import Picture
from regraft.errors import BadData, UnreadableFile

_PATHS = ("path", "file", "filename", "file_name", "filepath", "file_path", "image", "image_path", "img", "picture")
_TEXTS = ("text", "sentence", "question", "message", "review", "comment", "tweet", "content", "document")
_LABELS = ("label", "class", "class_name", "category", "target", "name")


@dataclass(frozen=True, kw_only=True)
class Table:
    """What a table names or holds: pictures or texts, and a label for each."""

    pictures: tuple[Picture, ...] = ()
    texts: tuple[str, ...] = ()
    labels: tuple[str, ...]


def read_table(path: Path) -> Table:
    """The pictures that a table names, or the texts it holds, each with its label.

    The first line names the columns; it may be missing where there are just two, path and label. Paths are
    relative to the table's own folder, or absolute: a table may name any picture its user can read.

    Raises:
        UnreadableFile: it is no text, or no table.
        BadData: no columns of paths or texts and of labels, no line or one without them, or a path where nothing is.
    """
    rows = _rows(path)
    header = [cell.strip().lower() for cell in rows[0][1]] if rows else []
    label, body = _column(header, _LABELS), rows[1:]
    at, text = (_column(header, _PATHS), label), (_column(header, _TEXTS), label)
    if None in at and None not in text:
        texts, labels = _columns(path, [_cells(path, row, text, line, "text") for line, row in body if any(row)])
        return Table(texts=texts, labels=labels)
    if None in at:
        if len(header) != 2 or not (path.parent / rows[0][1][0].strip()).is_file():
            raise BadData(
                "the table has no columns of paths or texts, and of labels",
                where=f"{path}, line 1",
                expected=f"a column {', '.join(_PATHS[:3])}, ... or {', '.join(_TEXTS[:3])}, ..., "
                f"and a column {', '.join(_LABELS[:3])}, ...",
                got=", ".join(rows[0][1]) if rows else "an empty file",
            )
        at, body = (0, 1), rows
    pictures, labels = _columns(path, [_picture(path, row, at, line) for line, row in body if any(row)])
    return Table(pictures=pictures, labels=labels)


def read_texts(path: Path) -> list[str]:
    """The texts that a table holds, whatever their labels.

    Raises:
        UnreadableFile: it is no text, or no table.
        BadData: no column holds texts, or no line.
    """
    rows = _rows(path)
    at = _column([cell.strip().lower() for cell in rows[0][1]] if rows else [], _TEXTS)
    if at is None:
        raise BadData(
            "the table has no column of texts",
            where=f"{path}, line 1",
            expected=", ".join(_TEXTS),
            got=", ".join(rows[0][1]) if rows else "an empty file",
        )
    (found,) = _columns(path, [(row[at].strip(),) for _, row in rows[1:] if at < len(row) and row[at].strip()])
    return list(found)


def _rows(path: Path) -> list[tuple[int, list[str]]]:
    """The rows, each with the number of the line it ends in."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        head = text.partition("\n")[0]
        mark = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in head and "," not in head else ","
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        return [(reader.line_num, row) for row in reader]
    except (ValueError, csv.Error) as error:
        raise UnreadableFile("this is no table", where=str(path), got=str(error)) from error


def _columns(path: Path, rows: Sequence[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    if not rows:
        raise BadData("the table has no example", where=str(path))
    return tuple(zip(*rows, strict=True))


def _column(header: Sequence[str], names: Sequence[str]) -> int | None:
    return next((header.index(name) for name in names if name in header), None)


def _picture(table: Path, row: list[str], at: tuple[int | None, int | None], line: int) -> tuple[Picture, str]:
    name, label = _cells(table, row, at, line, "path")
    place = table.parent / name
    if not place.is_file():
        raise BadData("the table names a picture that is not there", where=f"{table}, line {line}", got=str(place))
    return Picture(name=name, read=place.read_bytes), label


def _cells(table: Path, row: list[str], at: tuple[int | None, int | None], line: int, what: str) -> tuple[str, str]:
    first, label = (row[i].strip() if i is not None and i < len(row) else "" for i in at)
    if not (first and label):
        raise BadData(
            f"a line of the table lacks its {what} or its label", where=f"{table}, line {line}", got=", ".join(row)
        )
    return first, label
