"""Labels in any of their usual forms, turned into positions in a list of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.data.npy import read_npy
from regraft.errors import BadData, MissingFile, UnreadableFile

if TYPE_CHECKING:
    from regraft.data.examples import Task


# A class; the names of all labels that an example has; or numbers, 1 and 0 for labels that it has and has not.
Label = str | tuple[str, ...] | tuple[float, ...]


def as_labels(labels: Sequence[Any], task: Task, names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels as `Examples` has them, and the classes.

    Args:
        labels: one for each example.
        names: the columns they stand in.
    """
    if task == "regress":
        return np.array(labels, np.float64).reshape(len(labels), len(names)), tuple(names)
    if task != "multilabel":
        return number(labels)
    if len(names) > 1:
        return np.array(labels, bool).reshape(len(labels), len(names)), tuple(names)
    classes = number([name for own in labels for name in own])[1]
    return np.array([[name in own for name in classes] for own in labels], bool), classes


def number(names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (n) as positions int64, and the classes in order: numbers by value, words by the alphabet."""
    unique = set(names)
    whole = all(name.isascii() and name.isdigit() for name in unique)
    classes = tuple(sorted(unique, key=lambda name: (int(name), name) if whole else (0, name)))
    position = {name: index for index, name in enumerate(classes)}
    return np.array([position[name] for name in names], dtype=np.int64), classes


def from_array(
    labels: np.ndarray, count: int, where: str, task: Task = "classify"
) -> tuple[np.ndarray, tuple[str, ...]]:
    """The labels of `count` rows: whole numbers (n) or (n 1), words, or one-hot rows (n c).

    For "regress" they are numbers (n) or (n m), for "multilabel" ones and zeros (n k).

    Raises:
        BadData: there are more or fewer of them, or they are no labels.
    """
    if task != "classify":
        return _several(labels, count, where, task)
    if labels.ndim != 1 and labels.shape[:1] == (count,) and labels.size == count:
        labels = labels.reshape(count)
    if labels.ndim == 2 and labels.shape[0] == count and _one_hot(labels):
        labels = labels.argmax(axis=1)
    if labels.shape != (count,):
        raise BadData(
            "the labels do not fit the examples",
            where=where,
            expected=f"one label for each of the {count} examples",
            got=f"labels of shape {labels.shape}",
        )
    if labels.dtype.kind in "US":
        return number([value.decode() if isinstance(value, bytes) else str(value) for value in labels.tolist()])
    numbers = labels.astype(np.float64) if labels.dtype.kind in "iubf" else np.full(count, np.nan)
    bad = ~((numbers >= 0) & (numbers == np.floor(numbers)) & (numbers < 2**53))
    if bad.any():
        raise BadData(
            "the labels are no classes",
            where=where,
            expected="whole numbers from 0, or words",
            got=f"{labels[bad][0]} of type {labels.dtype}",
        )
    return number([str(int(value)) for value in numbers])


def _several(labels: np.ndarray, count: int, where: str, task: Task) -> tuple[np.ndarray, tuple[str, ...]]:
    rows = labels[:, None] if labels.ndim == 1 else labels
    numbers = rows.astype(np.float64) if rows.dtype.kind in "iubf" else np.full((1, 1), np.nan)
    fits = rows.ndim == 2 and len(rows) == count and bool(np.isfinite(numbers).all())
    if not fits or (task == "multilabel" and not ((numbers == 0) | (numbers == 1)).all()):
        what = "ones and zeros" if task == "multilabel" else "numbers"
        raise BadData(
            "the labels do not fit the examples",
            where=where,
            expected=f"{what}, a row for each of the {count} examples",
            got=f"{labels.dtype} {labels.shape}",
        )
    return numbers if task == "regress" else numbers == 1, tuple(map(str, range(rows.shape[1])))


def read_labels(path: Path) -> np.ndarray:
    """The labels in a .npy file, or in a text file with one a line.

    Raises:
        MissingFile: there is no such file.
        UnreadableFile: it is not text.
    """
    if not path.is_file():
        raise MissingFile("there is no such file of labels", where=str(path))
    if path.suffix.lower() == ".npy":
        return np.asarray(read_npy(path))
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except ValueError as error:
        raise UnreadableFile("the file of labels is not text", where=str(path), got=str(error)) from error
    return np.array([line.strip() for line in lines if line.strip()])


def _one_hot(labels: np.ndarray) -> bool:
    numbers = labels.dtype.kind in "iubf" and bool(((labels == 0) | (labels == 1)).all())
    return numbers and bool((labels.sum(axis=1) == 1).all())
