"""What is known of classes without an example: attributes as numbers, or a description that a text encoder reads."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from regraft.errors import BadArgument, BadData, MissingFile, UnreadableFile, nearest_names


def read_semantics(path: Path, encode: Callable[[Sequence[str]], np.ndarray] | None) -> dict[str, np.ndarray]:
    """A vector (a) of length 1 for each class of a .csv or .tsv file.

    Each line has a class, and then its attributes as numbers, or its description; a class alone is described by its
    name. A first line that names the columns is left out where the others have numbers; descriptions have none.

    Args:
        encode: descriptions (k) to vectors (k a); None: there is no text encoder.

    Raises:
        MissingFile, UnreadableFile: there is no such file, or it is no table.
        BadData: a class stands twice, or its line has another length than the others, or no numbers where they have.
        BadArgument: there are descriptions, and no text encoder.
    """
    rows = _rows(path)
    if len(rows) > 1 and _numbers(rows[0]) is None and _numbers(rows[1]) is not None:
        rows = rows[1:]
    names = [row[0].strip() for row in rows]
    twice = [name for name in names if names.count(name) > 1]
    if twice or not rows:
        raise BadData(
            "a class stands twice" if twice else "the file is empty", where=str(path), got=", ".join(twice[:1])
        )
    if _numbers(rows[0]) is None:
        return dict(zip(names, _encoded(rows, path, encode), strict=True))
    found = dict[str, np.ndarray]()
    for name, row in zip(names, rows, strict=True):
        numbers = _numbers(row)
        if numbers is None or len(row) != len(rows[0]):
            raise BadData(
                f"the attributes of {name} are not like those of {names[0]}",
                where=str(path),
                expected=f"{len(rows[0]) - 1} numbers",
                got=", ".join(row[1:])[:80],
            )
        found[name] = numbers / max(float(np.linalg.norm(numbers)), 1e-12)
    return found


def of_classes(semantics: Mapping[str, np.ndarray], classes: Sequence[str], where: str) -> np.ndarray:
    """The vectors (k a) of some classes.

    Raises:
        BadData: nothing is known of one.
    """
    missing = [name for name in classes if name not in semantics]
    if missing:
        raise BadData(
            f"nothing is known of the class {missing[0]}",
            where=where,
            expected="a line for each class: " + ", ".join(classes[:10]),
            nearest=nearest_names(missing[0], semantics),
        )
    return np.stack([semantics[name] for name in classes])


def with_others(semantics: Mapping[str, np.ndarray], classes: Sequence[str], where: str) -> dict[str, np.ndarray]:
    """Vectors (a) by class: some classes in their order, then all others of which something is known.

    Raises:
        BadData: nothing is known of one of the first.
    """
    return {**dict(zip(classes, of_classes(semantics, classes, where), strict=True)), **semantics}


def _rows(path: Path) -> list[list[str]]:
    if not path.is_file():
        raise MissingFile("there is no such file of classes", where=str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
        mark = "\t" if path.suffix.lower() == ".tsv" else ","
        return [row for row in csv.reader(text.split("\n"), delimiter=mark, strict=True) if any(map(str.strip, row))]
    except (ValueError, csv.Error) as error:
        raise UnreadableFile("this is no table of classes", where=str(path), got=str(error)) from error


def _numbers(row: Sequence[str]) -> np.ndarray | None:
    """What a line has after the class, where all of it are finite numbers."""
    try:
        found = np.array([float(cell) for cell in row[1:]])
    except ValueError:
        return None
    return found if len(found) and np.isfinite(found).all() else None


def _encoded(
    rows: Sequence[Sequence[str]], path: Path, encode: Callable[[Sequence[str]], np.ndarray] | None
) -> np.ndarray:
    long = next((row for row in rows if len(row) > 2), None)
    if long:
        raise BadData(
            "a class has neither attributes nor a description",
            where=str(path),
            expected="lines of a class and numbers, or of a class and a description in quotes",
            got=", ".join(long)[:80],
        )
    return encoded_by(encode, [row[-1].strip() or row[0].strip() for row in rows], str(path))


def encoded_by(
    encode: Callable[[Sequence[str]], np.ndarray] | None, descriptions: Sequence[str], where: str
) -> np.ndarray:
    """The vectors (k a) of descriptions.

    Raises:
        BadArgument: there is no text encoder.
    """
    if encode is None:
        raise BadArgument(
            "descriptions need a text encoder",
            where=where,
            got=descriptions[0][:80],
            fix="name one: --encoder hf:FOLDER",
        )
    return encode(descriptions)
