"""Telling an ONNX file by its first bytes, without the `onnx` package."""

from __future__ import annotations

import stat
from pathlib import Path

# A ModelProto as every writer writes it: field 1, the version of the format, and then another known field.
_FIRST = 0x08
_VERSIONS = range(3, 64)
_NEXT = frozenset({0x12, 0x1A, 0x22, 0x28, 0x32, 0x3A, 0x42, 0x72})


def opens(path: Path) -> bool:
    """Whether the path is an ONNX file, by its content."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(3)
    except OSError:
        return False
    return len(head) == 3 and head[0] == _FIRST and head[1] in _VERSIONS and head[2] in _NEXT
