"""Opens labelled data in any of their usual forms."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from regraft.data.archives import ENDINGS, list_archive
from regraft.data.arrays import open_arrays, open_rows
from regraft.data.examples import Examples, Picture, Task
from regraft.data.labels import Label, as_labels, number
from regraft.data.listing import Listing, by_class, list_folder, pictures
from regraft.data.pairs import Text
from regraft.data.pictures import is_picture, problem
from regraft.data.sentences import ENDINGS as TAGGED_ENDINGS
from regraft.data.sentences import Tagged, read_sentences, read_tagged
from regraft.data.sheets import SHEETS, Sheet, read_sheet
from regraft.data.tables import Columns, Table, read_table, read_texts
from regraft.data.tags import Tags
from regraft.data.texts import TEXT_ENDINGS, Lines, Made, digest
from regraft.errors import BadArgument, BadData, MissingFile, UnreadableFile, UnsupportedFormat
from regraft.run import Progress

_FORMS = (
    "a folder with a folder of pictures for each class, the same as .zip, .tar or .tgz, .npz, .npy, a table: "
    + ", ".join(SHEETS)
    + ", or tagged sentences: "
    + ", ".join(TAGGED_ENDINGS)
)
_LOOSE = "a picture, a folder of them, .txt, or "

Labels = Path | str | np.ndarray | Sequence[object]

_USUAL = Columns()


def open_data(
    path: Path | str,
    *,
    labels: Labels | None = None,
    columns: Columns = _USUAL,
    skip_bad: bool = False,
    part: str | None = None,
    progress: Progress | None = None,
) -> Examples:
    """Open labelled data that are one piece.

    Args:
        path: a folder with a folder of pictures for each class, the same as .zip, .tar or .tgz; a .npz file with
            x and y (or images and labels, ...); a .npy file; a table of paths or texts, and labels; sentences whose
            words have tags.
        labels: for a .npy file: a .npy or text file with one label a row, or the labels themselves.
        columns: of a table: which hold what; of tagged sentences: which holds the tags.
        skip_bad: look at every picture first and leave out what cannot be read, instead of refusing all.
        part: the part to take where the data come as train, validation and test; others are taken whole.
        progress: silent where left out.

    Raises:
        MissingFile, UnsupportedFormat, UnreadableFile, UnsafeFile: the data cannot be opened.
        BadData: they cannot be used as they are.
        BadArgument: `labels` or `columns` do not go with this form, or the data come in parts and `part` names none
            of them.
    """
    parts = open_parts(path, labels=labels, columns=columns, skip_bad=skip_bad, progress=progress)
    if len(parts) == 1:
        return next(iter(parts.values()))
    if part not in parts:
        raise BadArgument(
            "the data come in parts", where=str(path), expected="one of " + ", ".join(parts), got=part or "no choice"
        )
    return parts[part]


def open_parts(
    path: Path | str,
    *,
    labels: Labels | None = None,
    columns: Columns = _USUAL,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> dict[str, Examples]:
    """Open labelled data that may come as train/, validation/ and test/ (or x_train, x_test, ...).

    Returns:
        The parts under these names; one, named "", where the data are one piece.
    """
    path, progress = _existing(path), progress or Progress(silent=True)
    ending = _ending(path)
    _require_table(path, ending, columns)
    if ending in (".npz", ".npy"):
        return open_arrays(path, labels, columns.task)
    if labels is not None:
        raise BadArgument(
            "labels= goes with arrays only", where=str(path), fix="put pictures and labels into a .csv table instead"
        )
    if path.is_dir() or ending in ENDINGS:
        named = by_class(list_folder(path) if path.is_dir() else list_archive(path))
        return {part: _pictures(str(path), members, skip_bad, progress) for part, members in named.items()}
    if ending in SHEETS:
        table = read_table(_sheet(path, progress), columns, skip_bad=skip_bad)
        kind = (columns.task, table.names)
        if table.texts:
            return {"": _texts(str(path), table, kind)}
        members = list(zip(table.pictures, table.labels, strict=True))
        found = _pictures(str(path), members, skip_bad, progress, kind)
        return {"": replace(found, skipped=(*table.skipped, *found.skipped))}
    if ending in TAGGED_ENDINGS:
        return {"": _tagged(path, read_tagged(path, columns.label), progress)}
    raise UnsupportedFormat("these are no data that regraft reads", where=str(path), expected=_FORMS)


def open_unlabelled(
    paths: Sequence[Path | str],
    *,
    columns: Columns = _USUAL,
    skip_bad: bool = False,
    progress: Progress | None = None,
) -> Examples:
    """Open what a network shall judge: pictures, folders and archives of them at any depth, one array, or texts.

    Texts are a .txt file with one a line, or a table with a column of them; sentences a file with a word a line.

    Raises:
        MissingFile, UnsupportedFormat, UnreadableFile, UnsafeFile: something cannot be opened.
        BadData: there is no picture and no text, or one cannot be read.
        BadArgument: `columns` do not go with this form, or inputs cannot be joined.
    """
    progress = progress or Progress(silent=True)
    found: list[Picture] = []
    for path in map(_existing, paths):
        ending = _ending(path)
        _require_table(path, ending, columns)
        if ending in _ALONE:
            if len(paths) > 1:
                raise BadArgument(
                    f"a {ending} file cannot be joined with other inputs", where=str(path), fix="give it alone"
                )
            return _ALONE[ending](path, columns, progress)
        if path.is_dir() or ending in ENDINGS:
            found.extend(_under(path, list_folder(path) if path.is_dir() else list_archive(path)))
        elif is_picture(path.name):
            found.append(Picture(name=str(path), read=path.read_bytes))
        else:
            raise UnsupportedFormat("this is no picture and no text", where=str(path), expected=_LOOSE + _FORMS)
    source = ", ".join(str(path) for path in paths)
    examples = _pictures(source, [(picture, "") for picture in found], skip_bad, progress)
    return replace(examples, labels=np.full(len(examples), -1), classes=())


def workers() -> int:
    """How many threads work at a time, each on a picture or a cut of its own."""
    return min(8, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


def _existing(path: Path | str) -> Path:
    path = Path(path)
    if not path.exists():
        raise MissingFile("there is no such file or folder", where=str(path))
    return path


def _ending(path: Path) -> str:
    name = "" if path.is_dir() else path.name.lower()
    return next((ending for ending in ENDINGS if name.endswith(ending)), os.path.splitext(name)[1])


def _under(path: Path, listing: Listing) -> list[Picture]:
    return [Picture(name=f"{path}/{picture.name}", read=picture.read) for picture in pictures(listing)]


def _rows(path: Path, columns: Columns, progress: Progress) -> Examples:
    return open_rows(path)


def _lines(path: Path, columns: Columns, progress: Progress) -> Examples:
    lines = Lines(path)
    _say_encoding(path, lines.unfit, progress)
    return unlabelled_texts(str(path), lines)


def _column(path: Path, columns: Columns, progress: Progress) -> Examples:
    sheet = _sheet(path, progress)
    texts = read_texts(sheet, columns)
    if len(texts) < len(sheet.rows):
        progress.say(f"note: {len(sheet.rows) - len(texts)} rows of {path} have no text and are left out")
    return unlabelled_texts(str(path), texts)


def _words(path: Path, columns: Columns, progress: Progress) -> Examples:
    return _tagged(path, read_sentences(path), progress)


# What holds all examples by itself, by its ending.
_ALONE: Mapping[str, Callable[[Path, Columns, Progress], Examples]] = {
    **dict.fromkeys((".npz", ".npy"), _rows),
    **dict.fromkeys(TEXT_ENDINGS, _lines),
    **dict.fromkeys(SHEETS, _column),
    **dict.fromkeys(TAGGED_ENDINGS, _words),
}


Kind = tuple[Task, tuple[str, ...]]  # what labels are, and the columns they stand in


def _sheet(path: Path, progress: Progress) -> Sheet:
    sheet = read_sheet(path)
    _say_encoding(path, sheet.unfit, progress)
    return sheet


def _say_encoding(path: Path, unfit: int | None, progress: Progress) -> None:
    if unfit:
        progress.say(f"note: {path} is read as latin-1 (Windows-1252): its line {unfit} is no UTF-8")


def _require_table(path: Path, ending: str, columns: Columns) -> None:
    if columns.text is not None and ending not in SHEETS:
        raise BadArgument("only tables have a column of texts", where=str(path), expected=", ".join(SHEETS))
    if columns.label is not None and ending not in (*SHEETS, *TAGGED_ENDINGS):
        expected = ", ".join((*SHEETS, *TAGGED_ENDINGS))
        raise BadArgument(
            "only tables and tagged sentences have a column of labels", where=str(path), expected=expected
        )


def unlabelled_texts(source: str, texts: Sequence[Text]) -> Examples:
    """Texts, or pairs of them, without labels."""
    labels = np.broadcast_to(np.int64(-1), len(texts))  # one number, however many texts there are
    return Examples(source=source, items=texts, labels=labels, classes=(), hashes=Made(digest, texts))


def _texts(source: str, table: Table, kind: Kind) -> Examples:
    labels, classes = as_labels(table.labels, *kind)
    return Examples(
        source=source,
        items=table.texts,
        labels=labels,
        classes=classes,
        hashes=tuple(map(digest, table.texts)),
        skipped=table.skipped,
    )


def _tagged(path: Path, found: Tagged, progress: Progress) -> Examples:
    """Sentences with the tags of their words, where they have some."""
    for note in found.notes:
        progress.say(f"note: {note}")
    numbers, classes = number([tag for tags in found.tags for tag in tags])
    ends = np.cumsum([len(words) for words in found.sentences])
    return Examples(
        source=str(path),
        items=found.sentences,
        labels=np.full(len(found.sentences), -1),
        classes=classes,
        hashes=tuple(digest("\0".join(words)) for words in found.sentences),
        tags=Tags(flat=numbers, ends=ends) if classes else None,
    )


def _pictures(
    source: str,
    members: Sequence[tuple[Picture, Label]],
    skip_bad: bool,
    progress: Progress | None,
    kind: Kind = ("classify", ("",)),
) -> Examples:
    """Every picture looked at and hashed; the unreadable ones refused, or left out and listed."""
    looked = _look([picture for picture, _ in members], skip_bad, progress or Progress(silent=True))
    bad = [f"{picture.name}: {why}" for (picture, _), (_, why) in zip(members, looked, strict=True) if why]
    if bad and not skip_bad:
        raise BadData(
            f"{len(bad)} picture{'s' if len(bad) > 1 else ''} cannot be read",
            where=source,
            got="; ".join(bad[:5]) + ("; ..." if len(bad) > 5 else ""),
            fix="mend or remove them, or leave such ones out: --skip-bad",
        )
    good = [(member, key) for member, (key, why) in zip(members, looked, strict=True) if not why]
    numbers, classes = as_labels([label for (_, label), _ in good], *kind)
    lost = sorted({label for _, label in members if isinstance(label, str)} - set(classes))
    if lost or not good:
        of = f" of {', '.join(lost)}" if any(lost) else ""
        raise BadData(f"no picture{of} can be read", where=source, got="; ".join(bad[:5]))
    return Examples(
        source=source,
        items=tuple(picture for (picture, _), _ in good),
        labels=numbers,
        classes=classes,
        hashes=tuple(key for _, key in good),
        skipped=tuple(bad),
    )


def _look(found: Sequence[Picture], thorough: bool, progress: Progress) -> list[tuple[bytes, str | None]]:
    """For each picture the hash of its content, and what is wrong with it."""

    def look(picture: Picture) -> tuple[bytes, str | None]:
        try:
            data = picture.read()
        except (UnreadableFile, OSError) as error:
            return b"", str(error).replace("\n", ";")
        return hashlib.blake2b(data, digest_size=16).digest(), problem(data, thorough=thorough)

    looked: list[tuple[bytes, str | None]] = []
    with ThreadPoolExecutor(workers()) as pool, progress.task("reading pictures", len(found)) as advance:
        for result in pool.map(look, found):
            looked.append(result)
            advance(1)
    return looked
