"""Telling vectors of words from other text files by their first lines."""

from __future__ import annotations

import stat
from pathlib import Path

HEAD = 1 << 16  # bytes that are looked at
_LEAST = 3  # numbers of a vector
_LOOKED = 5  # lines


def opens(path: Path) -> bool:
    """Whether the first lines are a word and as many numbers each, with or without a count of both before them."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError:
        return False
    lines = head.split(b"\n")
    rows = [line.split() for line in (lines if len(head) < HEAD else lines[:-1])[: _LOOKED + 1] if line.strip()]
    header = header_of(rows[0]) if rows else None
    rows = rows[1:] if header else rows
    width = header[1] if header else len(rows[0]) - 1 if len(rows) > 1 else 0
    return width >= _LEAST and bool(rows) and all(is_row(fields, width) for fields in rows)


def is_row(fields: list[bytes], width: int) -> bool:
    """Whether the fields of a line are a word, which may hold spaces, and so many numbers."""
    if len(fields) <= width or not all(map(_is_number, fields[-width:])):
        return False
    return len(fields) == width + 1 or not _is_number(fields[-width - 1])


def header_of(fields: list[bytes]) -> tuple[int, int] | None:
    """How many words there are and how many numbers each has, where a first line says it."""
    if len(fields) != 2 or not all(field.isdigit() and len(field) < 12 for field in fields):
        return None
    return int(fields[0]), int(fields[1])


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
