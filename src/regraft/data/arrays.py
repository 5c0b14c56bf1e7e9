"""Examples in numpy files: an .npz with inputs and labels by their usual names, or an .npy and a file of labels."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from regraft.data.examples import Examples, Task
from regraft.data.labels import from_array, read_labels
from regraft.data.listing import PARTS
from regraft.data.npy import npz_keys, read_npy, read_npz
from regraft.errors import BadArgument, BadData

_INPUTS = ("x", "images", "image", "data", "features", "inputs")
_LABELS = ("y", "labels", "label", "target", "targets", "classes")
_BLOCK = 2**24  # bytes looked at in one go


def open_arrays(
    path: Path, labels: Path | str | np.ndarray | Sequence[object] | None, task: Task = "classify"
) -> dict[str, Examples]:
    """The parts of a .npz or .npy file; one, named "", where it is not in parts.

    Raises:
        BadData: no array goes by a usual name, the labels do not fit, or a value is not finite.
        BadArgument: labels are missing, or given twice.
    """
    if path.suffix.lower() == ".npy":
        if labels is None:
            raise BadArgument(
                "an .npy file holds no labels",
                where=str(path),
                fix="give them: --labels FILE (.npy, or text with one a line), or save both: np.savez(path, x=x, y=y)",
            )
        return {"": labelled(read_npy(path), _given(labels), str(path), task)}
    found = _pairs(path)
    if labels is not None and any(y for _, y in found.values()):
        raise BadArgument("the labels are in the file already", where=str(path), fix="leave out labels=")
    if labels is not None and len(found) > 1:
        raise BadArgument("one file of labels cannot serve several parts", where=str(path), got=", ".join(found))
    parts: dict[str, Examples] = {}
    for part, (x, y) in found.items():
        if y is None and labels is None:
            raise BadData(
                f"the file holds {x}, but no labels for it",
                where=str(path),
                expected=" or ".join(_LABELS[:2]),
                got=", ".join(npz_keys(path)),
                fix="save both: np.savez(path, x=x, y=y), or give --labels FILE",
            )
        values = read_npz(path, y) if y is not None else _given(labels)
        parts[part] = labelled(read_npz(path, x), values, str(path), task)
    return parts


def open_rows(path: Path) -> Examples:
    """The rows of a .npz or .npy file, whatever their labels."""
    if path.suffix.lower() == ".npy":
        return unlabelled(read_npy(path), str(path))
    keys = npz_keys(path)
    found: dict[str, tuple[str, str | None]] = {"": (keys[0], None)} if len(keys) == 1 else _pairs(path)
    if len(found) > 1:
        raise BadData(
            "the file holds several parts", where=str(path), got=", ".join(found), fix="save one in a file of its own"
        )
    x, _ = next(iter(found.values()))
    return unlabelled(read_npz(path, x), str(path))


def labelled(rows: np.ndarray, labels: np.ndarray, source: str, task: Task = "classify") -> Examples:
    """Examples from an array (n ...) and its labels."""
    plain = unlabelled(rows, source)
    numbers, classes = from_array(labels, len(plain), source, task)
    return Examples(source=source, items=plain.items, labels=numbers, classes=classes, hashes=plain.hashes)


def unlabelled(rows: np.ndarray, source: str) -> Examples:
    """Examples from an array (n ...) without labels.

    Raises:
        BadData: there are no rows, they are no numbers, or some are not finite.
    """
    if rows.ndim < 2 or not rows.size or rows.dtype.kind not in "biuf":
        raise BadData(
            "this array holds no examples",
            where=source,
            expected="numbers, one example a row: (n, 784) or (n, 28, 28, 1)",
            got=f"{rows.dtype} {rows.shape}",
        )
    step = max(1, _BLOCK // max(1, rows[0].nbytes))
    hashes: list[bytes] = []
    for start in range(0, len(rows), step):
        block = np.ascontiguousarray(rows[start : start + step])
        _refuse_infinite(block, start, source)
        hashes.extend(hashlib.blake2b(row.data, digest_size=16).digest() for row in block)
    return Examples(source=source, items=rows, labels=np.full(len(rows), -1), classes=(), hashes=tuple(hashes))


def _given(labels: Path | str | np.ndarray | Sequence[object] | None) -> np.ndarray:
    return read_labels(Path(labels)) if isinstance(labels, (str, Path)) else np.asarray(labels)


def _refuse_infinite(block: np.ndarray, start: int, source: str) -> None:
    if block.dtype.kind != "f":
        return
    fine = np.isfinite(block).reshape(len(block), -1).all(axis=1)
    if not fine.all():
        raise BadData(
            "a value is not finite",
            where=f"{source}, row {start + int(fine.argmin())}",
            fix="remove the row, or mend it",
        )


def _pairs(path: Path) -> dict[str, tuple[str, str | None]]:
    """For each part the names of its inputs and of its labels: x and y, x_train and y_train, train_images and ..."""
    inputs: dict[str, str] = {}
    labels: dict[str, str] = {}
    for key in npz_keys(path):
        stem, part = _name(key)
        if stem in _INPUTS:
            inputs.setdefault(part, key)
        elif stem in _LABELS:
            labels.setdefault(part, key)
    if not inputs:
        raise BadData(
            "no array of this file goes by a name that says it holds the examples",
            where=str(path),
            expected=", ".join(_INPUTS) + "; also in parts, as x_train and x_test",
            got=", ".join(npz_keys(path)) or "no array at all",
        )
    return {part: (key, labels.get(part)) for part, key in inputs.items()}


def _name(key: str) -> tuple[str, str]:
    """What an array is, and of which part: "x_train" -> ("x", "train"), "test_images" -> ("images", "test")."""
    words = key.lower().split("_")
    part = next((PARTS[word] for word in words if word in PARTS), "")
    return "_".join(word for word in words if word not in PARTS), part
