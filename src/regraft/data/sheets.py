"""The rows of a table, whatever it is written in: .csv, .tsv, JSON lines or Parquet."""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regraft.data.texts import Lines
from regraft.errors import MissingExtra, UnreadableFile


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A table as it was read.

    Attributes:
        names: of the columns, as the file has them.
        rows: each with the number of the line it ends in, and its cells; some may lack cells.
        unfit: the line that is no UTF-8, where the file was read as latin-1; else None.
    """

    path: Path
    names: tuple[str, ...]
    rows: tuple[tuple[int, tuple[str, ...]], ...]
    unfit: int | None = None


def read_sheet(path: Path) -> Sheet:
    """The rows of a table, those without any cell left out.

    Raises:
        UnreadableFile, UnsupportedFormat, BadData: it is no table, or in no encoding that is known.
        MissingExtra: it is Parquet, and the package for it is not installed.
    """
    return SHEETS[path.suffix.lower()](path)


def _delimited(path: Path) -> Sheet:
    if not path.stat().st_size:
        return Sheet(path=path, names=(), rows=())
    lines = Lines(path)
    try:
        text = path.read_text(encoding="utf-8-sig" if lines.unfit is None else lines.encoding)
        head = text.partition("\n")[0]
        mark = "\t" if path.suffix.lower() == ".tsv" else ";" if ";" in head and "," not in head else ","
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
        rows = [(reader.line_num, tuple(row)) for row in reader if any(row)]
    except (ValueError, csv.Error) as error:
        raise UnreadableFile("this is no table", where=str(path), got=str(error)) from error
    names = rows[0][1] if rows else ()
    return Sheet(path=path, names=names, rows=tuple(rows[1:]), unfit=lines.unfit)


def _json_lines(path: Path) -> Sheet:
    content = path.read_bytes().removeprefix(codecs.BOM_UTF8)
    try:
        lines = content.decode().split("\n")
    except UnicodeDecodeError as error:
        number = content.count(b"\n", 0, error.start) + 1
        raise UnreadableFile(
            "this is no UTF-8",
            where=f"{path}, line {number}",
            expected="UTF-8 throughout, as JSON lines are written",
            got=str(content[error.start : error.start + 1]),
            fix="write it anew: iconv -f ITS-ENCODING -t utf-8 FILE",
        ) from error
    records = [(k, _record(line, f"{path}, line {k}")) for k, line in enumerate(lines, 1) if line.strip()]
    names = tuple(dict.fromkeys(name for _, record in records for name in record))
    if len(names) * len(records) > path.stat().st_size:  # a name that a record has takes some bytes there
        raise UnreadableFile(
            "these are no rows of one table", where=str(path), got=f"{len(records)} records with {len(names)} names"
        )
    rows = tuple((number, tuple(record.get(name, "") for name in names)) for number, record in records)
    return Sheet(path=path, names=names, rows=rows)


def _record(line: str, where: str) -> Mapping[str, str]:
    """The cells of a line, by their names."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableFile("this is no JSON", where=where, got=str(error)) from error
    if not isinstance(found, dict):
        raise UnreadableFile("this is no record", where=where, expected="an object a line: {...}", got=line[:80])
    cells = {name: _cell(value) for name, value in found.items()}
    try:
        "".join(cells.values()).encode()
    except UnicodeEncodeError as error:
        raise UnreadableFile("a text holds half a character", where=where, got=str(error)) from error
    return cells


def _parquet(path: Path) -> Sheet:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError as error:
        raise MissingExtra("pyarrow is needed to read Parquet", fix="pip install 'regraft[parquet]'") from error
    try:
        columns = parquet.read_table(path).to_pydict()
        rows = tuple((k, tuple(map(_cell, row))) for k, row in enumerate(zip(*columns.values(), strict=True), 1))
    except (ArrowException, OSError, ValueError) as error:
        raise UnreadableFile("this is no Parquet", where=str(path), got=str(error)) from error
    return Sheet(path=path, names=tuple(columns), rows=rows)


def _cell(value: Any) -> str:
    """What stands in a cell; nothing where there is none.

    Raises:
        UnicodeError: bytes that are no UTF-8.
    """
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    return "" if value is None else value.decode() if isinstance(value, bytes) else str(value)


SHEETS: Mapping[str, Callable[[Path], Sheet]] = {
    ".csv": _delimited,
    ".tsv": _delimited,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".parquet": _parquet,
}
