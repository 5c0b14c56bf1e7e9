"""Weights in several files: a JSON index says which name lies in which file beside it (Hugging Face's way)."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath, PureWindowsPath

from regraft.errors import MissingFile, UnsafeFile
from regraft.files.mapped import damaged

_WORD = b'"weight_map"'


def is_index(head: bytes) -> bool:
    """Whether a file that starts so is an index."""
    return head.lstrip()[:1] == b"{" and _WORD in head


def read_index(data: memoryview, path: Path) -> dict[Path, list[str]]:
    """The files of an index, and the names that lie in each.

    Raises:
        UnreadableFile: it is damaged.
        UnsafeFile: it names a file outside its own folder.
        MissingFile: one of the files is not there.
    """
    try:
        found = json.loads(bytes(data).decode("utf-8"))["weight_map"]
        places = {str(name): str(file) for name, file in found.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise damaged(
            str(path), expected="a JSON object 'weight_map' of names and files", got=str(error)[:200]
        ) from error
    files: dict[Path, list[str]] = {}
    for name, file in places.items():
        if file in ("", "..") or PurePosixPath(file).name != file or PureWindowsPath(file).name != file:
            raise UnsafeFile(
                "the index names a file that is not beside it",
                where=str(path),
                expected="the name of a file in the same folder",
                got=file[:200],
            )
        files.setdefault(path.with_name(file), []).append(name)
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        raise MissingFile(
            "a file with a part of the weights is missing", where=str(path), expected=", ".join(missing)[:300]
        )
    return files
