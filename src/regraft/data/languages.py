"""One table with sentences of several languages, of which a column tells the language."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from regraft.data.examples import Examples, Splits
from regraft.data.opening import existing, labelled_texts, sheet_of
from regraft.data.sheets import SHEETS
from regraft.data.splits import divide
from regraft.data.tables import Columns, given_column, read_table
from regraft.errors import BadArgument, BadData
from regraft.run import Progress


def open_languages(
    data: Path | str,
    language: str,
    *,
    validation: Path | str | None = None,
    test: Path | str | None = None,
    seed: int = 0,
    columns: Columns = Columns(),  # noqa: B008 - frozen
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> dict[str, Splits]:
    """Open labelled texts of several languages for trainings, each divided by itself.

    Args:
        data, validation, test: tables, in which `language` is the column that tells the language of a row. A language
            that a validation or test table lacks gives that part of its own rows.
        skip_bad: leave out rows without a text or a label.

    Raises:
        BadArgument: there is no such column.
        BadData: a row has no language, a table holds no texts, or a validation or test table has a language or a class
            that the data lack; else as for `open_splits`.
        MissingFile, UnsupportedFormat, UnreadableFile: a table cannot be opened.
    """
    progress = progress or Progress(silent=True)
    train = _by_language(Path(data), language, columns, progress, skip_bad=skip_bad)
    given = {
        name: _by_language(Path(path), language, columns, progress, skip_bad=skip_bad)
        for name, path in (("validation", validation), ("test", test))
        if path is not None
    }
    for name, own in given.items():
        unknown = [one for one in own if one not in train]
        if unknown:
            raise BadData(
                f"the {name} set has a language that the data lack",
                expected=", ".join(train),
                got=", ".join(unknown),
            )
    parts = {one: {name: own[one] for name, own in given.items() if one in own} for one in train}
    return {one: divide(examples, parts[one], seed=seed) for one, examples in train.items()}


def _by_language(
    path: Path, language: str, columns: Columns, progress: Progress, *, skip_bad: bool
) -> Mapping[str, Examples]:
    """The texts of each language, in the order in which languages begin."""
    if existing(path).suffix.lower() not in SHEETS:
        raise BadArgument("only tables have a column of languages", where=str(path), expected=", ".join(SHEETS))
    sheet = sheet_of(path, progress)
    at = given_column(sheet, language)
    rows: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
    for line, row in sheet.rows:
        name = row[at].strip() if at < len(row) else ""
        if not name:
            raise BadData("a line of the table lacks its language", where=f"{path}, line {line}", got=", ".join(row))
        rows.setdefault(name, []).append((line, row))
    tables = {
        name: read_table(replace(sheet, rows=tuple(own)), columns, skip_bad=skip_bad) for name, own in rows.items()
    }
    if not all(table.texts for table in tables.values()):
        raise BadData("the table names pictures, which have no language", where=str(path), expected="texts")
    return {
        name: labelled_texts(f"{path}, {name}", table, (columns.task, table.names)) for name, table in tables.items()
    }
