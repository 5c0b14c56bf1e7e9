"""Labels in any of their usual forms, turned into positions in a list of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from regraft.data.npy import read_npy
from regraft.errors import BadData, MissingFile, UnreadableFile


def number(names: Sequence[str]) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (n) as positions int64, and the classes in order: numbers by value, words by the alphabet."""
    unique = set(names)
    whole = all(name.isascii() and name.isdigit() for name in unique)
    classes = tuple(sorted(unique, key=lambda name: (int(name), name) if whole else (0, name)))
    position = {name: index for index, name in enumerate(classes)}
    return np.array([position[name] for name in names], dtype=np.int64), classes


def from_array(labels: np.ndarray, count: int, where: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """The labels of `count` rows: whole numbers (n) or (n 1), words, or one-hot rows (n c).

    Raises:
        BadData: there are more or fewer of them, or they are no labels.
    """
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
