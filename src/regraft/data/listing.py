"""What lies in a folder, and how a tree of names becomes classes: one class a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from regraft.data.examples import Picture
from regraft.data.pictures import is_picture
from regraft.errors import BadData

# The usual names of folders (and of arrays in an .npz) that hold a part each.
PARTS: Mapping[str, str] = {
    "train": "train", "training": "train",
    "val": "validation", "valid": "validation", "validation": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Listing:
    """The files of a folder or an archive, by their path inside it, and its folders, empty ones included."""

    source: str
    files: Mapping[str, Callable[[], bytes]]
    folders: frozenset[str]


def list_folder(path: Path) -> Listing:
    """What lies in a folder and below it. Links are followed, except back to a folder they lie in."""
    files: dict[str, Callable[[], bytes]] = {}
    folders: set[str] = set()
    around: dict[str, frozenset[str]] = {}
    for place, inner, names in os.walk(path, followlinks=True):
        real = os.path.realpath(place)
        above = around.get(os.path.dirname(place), frozenset())
        if real in above:
            inner.clear()
            continue
        around[place] = above | {real}
        here = Path(place).relative_to(path)
        folders.add(here.as_posix())
        files.update(((here / name).as_posix(), (Path(place) / name).read_bytes) for name in names)
    return Listing(source=str(path), files=files, folders=frozenset(folders - {"."}))


def pictures(listing: Listing) -> list[Picture]:
    """The pictures of a listing by name, hidden ones left out.

    Raises:
        BadData: there is none.
    """
    names = sorted(name for name in listing.files if is_picture(name) and not _hidden(name))
    if not names:
        raise BadData(
            "there is no picture here",
            where=listing.source,
            expected="a folder of pictures for each class, as in flowers/rose/1.jpg",
            got=", ".join(sorted(listing.files)[:3]) or "no file at all",
        )
    return [Picture(name=name, read=listing.files[name]) for name in names]


def by_class(listing: Listing) -> dict[str, list[tuple[Picture, str]]]:
    """The pictures of each part with the name of their class, which is the folder they lie in.

    Folders around everything do not count. Where all else lies in train/, validation/ and test/ (or words like
    them) these are the parts; otherwise there is one, named "".

    Raises:
        BadData: a class folder holds no picture, a picture lies in no class, or one class holds another.
    """
    found = pictures(listing)
    folders = {name for name in listing.folders if not _hidden(name)}
    outer = _outer([picture.name for picture in found])
    inside = {picture.name: PurePosixPath(picture.name).relative_to(outer).parts for picture in found}
    tops = {parts[0] for parts in inside.values()}
    in_parts = len(tops) > 1 and all(top.lower() in PARTS for top in tops) and min(map(len, inside.values())) > 2
    _refuse_empty(listing.source, folders, found)
    parts: dict[str, list[tuple[Picture, str]]] = {}
    for picture in found:
        top, *rest = inside[picture.name][:-1] or ("",)
        part, label = (PARTS[top.lower()], "/".join(rest)) if in_parts else ("", "/".join([top, *rest]))
        parts.setdefault(part, []).append((picture, label))
    for members in parts.values():
        _refuse_mixed(listing.source, members)
    return parts


def _outer(names: list[str]) -> PurePosixPath:
    """The folders around all classes, as an archive often has one."""
    split = [PurePosixPath(name).parts for name in names]
    depth = 0
    while min(map(len, split)) > depth + 2 and len({parts[depth] for parts in split}) == 1:
        depth += 1
    return PurePosixPath(*split[0][:depth])


def _hidden(name: str) -> bool:
    return any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))


def _refuse_empty(source: str, folders: set[str], found: list[Picture]) -> None:
    filled = {str(parent) for picture in found for parent in PurePosixPath(picture.name).parents}
    empty = sorted(folders - filled)
    if empty:
        raise BadData(
            f"{len(empty)} class folder{'s hold' if len(empty) > 1 else ' holds'} no picture: {', '.join(empty[:10])}",
            where=source,
            fix="put pictures there, or remove the folder",
        )


def _refuse_mixed(source: str, members: list[tuple[Picture, str]]) -> None:
    labels = {label for _, label in members}
    if "" in labels:
        loose = [picture.name for picture, label in members if not label]
        raise BadData(
            f"{len(loose)} of {len(members)} pictures lie in no class folder",
            where=source,
            expected="a folder of pictures for each class, as in flowers/rose/1.jpg",
            got=", ".join(loose[:3]),
        )
    for label in sorted(labels):
        inner = next((str(p) for p in PurePosixPath(label).parents if str(p) in labels), None)
        if inner:
            raise BadData(
                f"the folder {inner} holds pictures and {label}, which holds some as well",
                where=source,
                expected="classes side by side",
                fix=f"move the pictures of {label} up, or those of {inner} into a folder of their own",
            )
