"""Finds the checkpoint that a path means: a prefix, one of its files, or a folder.

A checkpoint is known by its prefix, "dir/model.ckpt-18", to which its files add their endings. A prefix may have no
name ("dir/": the files are "dir/.index", "dir/.meta"); a path cannot say that, so such a prefix is given as the path
of its index file. `file_of` makes the path of any file from either.
"""

from __future__ import annotations

import os
import re
import warnings
from pathlib import Path

from regraft.errors import BadArgument, MissingFile, RegraftError, UnreadableFile, UnsupportedFormat, nearest_names
from regraft.formats.tf1.checkpoint.mapped import COPY_AGAIN
from regraft.formats.tf1.checkpoint.state import STATE_FILE, read_state
from regraft.formats.tf1.checkpoint.table import is_table

NAMELESS = ".index"
GRAPHS = (".meta", ".pb", ".pbtxt")
KINDS = (
    "a V2 checkpoint (.index and .data files), a V1 checkpoint (a table in one file or several) or a folder of one; "
    f"a graph ({', '.join(GRAPHS)}); a SavedModel folder"
)
MOST_NAMED = 10  # names in an error
_ENDING = re.compile(r"(.*)\.(?:index|meta|data-\d{5,}-of-\d{5,})", re.DOTALL)
_SHARD = re.compile(r"(.+)-(?:\d{5,}|\?{5})-of-\d{5,}", re.DOTALL)


def locate(path: Path) -> Path:
    """The prefix of the checkpoint that `path` means.

    Args:
        path: a prefix; one of the files of a checkpoint; the text file `checkpoint`; or a folder, whose `checkpoint`
            file names the latest one, or which holds only one.

    Raises:
        MissingFile: there is none.
        BadArgument: the folder holds several and no file that says which is the latest.
        UnsupportedFormat: there is a file, but of another format.
        UnreadableFile: the folder's `checkpoint` file, or what must have been a V1 checkpoint, is damaged.
    """
    if path.name and _has_index(path):
        return path
    if path.is_dir():
        return _in_folder(path)
    if path.name == STATE_FILE and path.is_file() and not is_table(path):
        return _in_folder(path.parent)
    prefix = _prefix(path)
    if is_checkpoint(prefix):
        return prefix
    raise _nothing_at(path, prefix)


def file_of(prefix: Path, ending: str) -> Path:
    """The file of a checkpoint with that ending, such as ".meta"; it need not exist."""
    return prefix.with_name(ending if prefix.name == NAMELESS else prefix.name + ending)


def is_checkpoint(prefix: Path) -> bool:
    """Whether there is a checkpoint of either version at a prefix."""
    return _has_index(prefix) or bool(v1_files(prefix))


def v1_files(prefix: Path) -> list[Path]:
    """The files of a V1 checkpoint: one at the prefix itself, or all shards there are; [] if there is none."""
    if is_table(prefix):
        return [prefix]
    if not prefix.parent.is_dir():
        return []
    shards = [name for name in _names(prefix.parent) if (found := _SHARD.fullmatch(name)) and found[1] == prefix.name]
    paths = [prefix.with_name(name) for name in sorted(shards)]
    return paths if any(is_table(path) for path in paths) else []  # one that is none is a damaged one


def checkpoints_in(folder: Path) -> list[str]:
    """The names of the checkpoints in a folder, in order; a nameless one is given as ".index"."""
    names = _names(folder)
    found = {name.removesuffix(".index") or NAMELESS for name in names if name.endswith(".index")}
    return sorted(found or {_prefix(folder / name).name for name in names if is_table(folder / name)})


def _prefix(path: Path) -> Path:
    """The prefix that a path is or, from its ending, belongs to."""
    if not path.name:
        return path
    if found := _ENDING.fullmatch(path.name):
        return path.with_name(found[1] or NAMELESS)
    found = _SHARD.fullmatch(path.name)
    return path.with_name(found[1]) if found else path


def _has_index(prefix: Path) -> bool:
    return bool(prefix.name) and os.path.isfile(file_of(prefix, ".index"))  # never fails, unlike Path.is_file


def _in_folder(folder: Path) -> Path:
    state = folder / STATE_FILE
    if state.is_file() and not is_table(state):
        return _latest(folder, state)
    names = checkpoints_in(folder)
    if len(names) == 1:
        return folder / names[0]
    if not names:
        graphs = sorted(name for name in _names(folder) if name.endswith(GRAPHS))
        raise MissingFile(
            "There is no checkpoint in the folder.",
            where=str(folder),
            expected=KINDS,
            got=_listed(graphs) or None,
            fix=f"Name the graph: {folder / graphs[0]}" if graphs else None,
        )
    raise BadArgument(
        f"The folder holds {len(names)} checkpoints and no file that says which is the latest.",
        where=str(folder),
        expected=f"one checkpoint, or a file named {STATE_FILE}",
        got=_listed(names),
        fix=f"Name one of them, such as {folder / names[-1]}",
    )


def _latest(folder: Path, state: Path) -> Path:
    """The checkpoint that the state file names; whatever folder it names, the files lie beside it.

    People hand on the one good checkpoint of a training with the state file of its last: then the only one there
    is meant, and that is said.
    """
    named = read_state(state)
    name = re.split(r"[/\\]", named)[-1]
    prefix = folder / NAMELESS if name in ("", ".", "..") else _prefix(folder / name)
    if is_checkpoint(prefix):
        return prefix
    names = checkpoints_in(folder)
    if len(names) == 1:
        warnings.warn(f"{state} names {named!r}, which is not there; {names[0]}, the only one, is opened", stacklevel=2)
        return folder / names[0]
    raise MissingFile(
        "The latest checkpoint of the folder is not there.",
        where=str(state),
        expected=f"{named!r} beside it",
        got=_listed(names) or "no checkpoint",
        nearest=nearest_names(name, names),
        fix="Copy its files into the folder" + (f", or name one that is there: {folder / names[-1]}" if names else "."),
    )


def _nothing_at(path: Path, prefix: Path) -> RegraftError:
    """Why no checkpoint was found at `path`."""
    if path.is_file() and path == prefix:
        with path.open("rb") as file:
            head = file.read(8)
        if head.startswith(b"\0\0"):  # the header of a V1 checkpoint lies under the empty key
            return UnreadableFile(
                f"{path.name} is damaged.",
                where=str(path),
                expected="a V1 checkpoint, which ends in an index and a footer",
                got="the start of one",
                fix=COPY_AGAIN,
            )
        got = f"a file that starts with {head!r}" if head else "an empty file"
        return UnsupportedFormat(
            f"{path.name} is not a TensorFlow checkpoint.", where=str(path), expected=KINDS, got=got
        )
    there = prefix.parent.is_dir()
    graphs = [name for name in _names(prefix.parent) if name.endswith(GRAPHS) and name != path.name] if there else []
    names = [*checkpoints_in(prefix.parent), *graphs] if there else []
    beside = f"only {path.name}" if path.exists() else None
    return MissingFile(
        f"There is no checkpoint {prefix.name}.",
        where=str(path),
        expected=f"{file_of(prefix, '.index').name} or a V1 checkpoint",
        got=beside,
        nearest=nearest_names(prefix.name, names),
        fix="Give the prefix of a checkpoint, one of its files, or its folder; or a graph "
        f"({', '.join(GRAPHS)}) or a SavedModel folder.",
    )


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError as error:
        raise UnreadableFile("The folder cannot be listed.", where=str(folder), got=error.strerror) from None


def _listed(names: list[str]) -> str:
    more = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")
