"""What a Keras file holds, whichever of its forms it has: a description of the layers, and datasets of weights."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from regraft.errors import RegraftError, UnreadableFile, UnsafeFile, UnsupportedFormat
from regraft.files import hdf5
from regraft.files.mapped import COPY_AGAIN, damaged, mapped
from regraft.files.zips import MAGIC as ZIP
from regraft.files.zips import Zip

_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_ASSETS = "assets/"
_MOST_TEXT = 32 << 20  # bytes of a description of layers
_MOST_THINGS = 200_000  # groups and datasets
_DEPTH = 64
_LAYERS = ("layers", "_layer_checkpoint_dependencies")  # where Keras 3, and the first .keras files, keep weights
_CUT = "the file is damaged, or was cut short"

Kind = Literal["keras-h5", "keras", "keras-weights"]


@dataclass(kw_only=True)
class Content:
    """What a file holds.

    Attributes:
        version: of the Keras that wrote it, () where the file does not say.
        config: of the model; None where the file has weights only.
        groups: attributes of the groups, by path ("layers/dense/vars").
        arrays: by path, as in the file.
        texts: of layers that keep words, by path.
    """

    path: Path
    kind: Kind
    version: tuple[int, ...] = ()
    config: Any = None
    groups: dict[str, dict[str, Any]]
    arrays: dict[str, np.ndarray]
    texts: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def by_layer(self) -> bool:
        """Whether weights lie under the names of their layers, as Keras 2 had it."""
        return "layer_names" in self.groups.get("", {})


def opens(path: Path) -> bool:
    """Whether a file is one of Keras's, or another HDF5 file that no other room opens."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(len(hdf5.MAGIC))
    except OSError:
        return False
    return head == hdf5.MAGIC or (head.startswith(ZIP) and _is_archive(path))


def _is_archive(path: Path) -> bool:
    return {_CONFIG, _WEIGHTS} <= set(Zip(mapped(path), str(path)).members)


def content(path: Path) -> Content:
    """All of a file but its optimizer.

    Raises:
        UnreadableFile: it is damaged.
        UnsafeFile: it points elsewhere, or claims more than it holds.
        UnsupportedFormat: it is HDF5, but none of Keras's.
        MissingExtra: h5py is not installed.
    """
    where = str(path)
    with path.open("rb") as start:
        head = start.read(len(ZIP))
    if head == ZIP:
        archive = Zip(mapped(path), where)
        config, metadata = (_json(_text(archive, name, where), f"{where}, {name}") for name in (_CONFIG, _METADATA))
        weights = archive.read(_WEIGHTS)
        hdf5.check_heaps(weights, f"{where}, {_WEIGHTS}")
        with _opened(_Window(weights), where) as file:
            found = _content(file, path, "keras")
        found.config, found.version = config, _version(metadata.get("keras_version"))
        found.texts = _texts(archive, where)
        return found
    hdf5.check_heaps(mapped(path), where)
    with _opened(where, where) as file:
        return _content(file, path, "keras-weights")


def _content(file: Any, path: Path, kind: Kind) -> Content:
    where = str(path)
    attributes = _attributes(file, where)
    config = attributes.get("model_config")
    root = "model_weights" if config is not None else ""
    found = Content(path=path, kind=kind, groups={}, arrays={})
    if config is not None:
        if len(config) > _MOST_TEXT:
            raise _too_long(where, len(config))
        found.kind, found.config = "keras-h5", _json(config, where)
        if root not in set(hdf5.names(file, where)):
            raise UnreadableFile("the file describes layers but holds no weights", where=where, fix=COPY_AGAIN)
    walk = _Walk(file if not root else file[root], where)
    found.groups, found.arrays = walk.groups, walk.arrays
    inside = found.groups.get("", {})
    found.version = _version(attributes.get("keras_version") or inside.get("keras_version"))
    if kind != "keras" and not found.by_layer and not any(name in found.groups for name in _LAYERS):
        raise UnsupportedFormat(
            "the file is HDF5, but none that Keras writes",
            where=where,
            expected="a model_config, layer_names or layers",
            got=", ".join(list(found.groups)[1:6] + list(found.arrays)[:5]) or "nothing",
        )
    return found


class _Walk:
    """Everything in a group, its optimizer left out."""

    def __init__(self, top: Any, where: str) -> None:
        self.where = where
        self.groups: dict[str, dict[str, Any]] = {}
        self.arrays: dict[str, np.ndarray] = {}
        self._group(top, "", 0)

    def _group(self, group: Any, path: str, depth: int) -> None:
        if depth > _DEPTH or len(self.groups) + len(self.arrays) > _MOST_THINGS:
            raise UnsafeFile("the file's groups contain themselves, or lie too deep", where=self.where)
        self.groups[path] = _attributes(group, self.where)
        for name in hdf5.names(group, self.where, skip="optimizer"):
            inner, thing = f"{path}/{name}" if path else name, group[name]
            if hasattr(thing, "keys"):
                self._group(thing, inner, depth + 1)
            elif hasattr(thing, "shape") and thing.dtype.kind in "biuf":
                array = hdf5.numbers(thing, self.where)
                self.arrays[inner] = np.asarray(array, array.dtype.newbyteorder("="))


class _Window(io.RawIOBase):
    """Bytes as a file that h5py reads from, without another copy of them."""

    def __init__(self, data: memoryview) -> None:
        self._data, self._place = data, 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = 0, /) -> int:
        """Go to a place."""
        self._place = max(0, (0, self._place, len(self._data))[whence] + offset)
        return self._place

    def tell(self) -> int:
        """The place."""
        return self._place

    def readinto(self, buffer: Any, /) -> int:
        """Fill a buffer from the place on."""
        part = self._data[self._place : self._place + len(buffer)]
        memoryview(buffer)[: len(part)] = part
        self._place += len(part)
        return len(part)


@contextmanager
def _opened(source: Any, where: str) -> Generator[Any]:
    h5py = hdf5.library("a Keras model", where)
    try:
        with h5py.File(source, "r") as file:
            yield file
    except RegraftError:
        raise
    except Exception as error:  # h5py breaks in many ways on a damaged file
        raise damaged(where, expected="HDF5", got=f"{type(error).__name__}: {error}"[:200]) from error


def _attributes(group: Any, where: str) -> dict[str, Any]:
    """The attributes of Keras; long lists of names are cut into pieces "weight_names0", "weight_names1", ..."""
    found: dict[str, Any] = {}
    for key in ("model_config", "keras_version", "backend", "name", "layer_names", "weight_names"):
        if key in group.attrs:
            found[key] = _plain(hdf5.attribute(group, key, where))
        elif f"{key}0" in group.attrs:
            pieces = (hdf5.attribute(group, f"{key}{number}", where) for number in range(len(group.attrs)))
            found[key] = [one for piece in pieces if piece is not None for one in _plain(piece)]
    return found


def _plain(value: Any) -> Any:
    """Text, or a list of texts."""
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value.ravel().tolist()]
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _text(archive: Zip, name: str, where: str) -> bytes:
    if name not in archive.members:
        return b"{}"
    size = archive.members[name].size
    if size > _MOST_TEXT:
        raise _too_long(f"{where}, {name}", size)
    return bytes(archive.read(name))


def _texts(archive: Zip, where: str) -> dict[str, str]:
    """What layers keep in text files of their own, by path."""
    names = [name for name in archive.members if name.startswith(_ASSETS) and name.endswith(".txt")]
    try:
        return {name.removeprefix(_ASSETS): str(_text(archive, name, where), "utf-8") for name in names}
    except UnicodeDecodeError as error:
        raise damaged(where, expected="UTF-8", got=str(error)) from error


def _too_long(where: str, size: int) -> UnsafeFile:
    return UnsafeFile(
        "the description of the layers is longer than any network needs",
        where=where,
        expected=f"at most {_MOST_TEXT} bytes",
        got=f"{size} bytes",
    )


def _json(text: str | bytes, where: str) -> Any:
    try:
        value = json.loads(text)
    except RecursionError:
        raise UnsafeFile("the description of the layers is nested too deep", where=where) from None
    except (ValueError, TypeError) as error:
        raise UnreadableFile(_CUT, where=where, expected="JSON", got=str(error)[:200], fix=COPY_AGAIN) from error
    if not isinstance(value, dict):
        raise UnreadableFile(_CUT, where=where, expected="a JSON object", got=type(value).__name__, fix=COPY_AGAIN)
    return value


def _version(text: Any) -> tuple[int, ...]:
    parts = str(text or "").split("-")[0].split(".")
    return tuple(int(part) for part in parts if part.isdigit() and len(part) < 6)
