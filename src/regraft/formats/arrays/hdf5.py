"""MATLAB's .mat of version 7.3: HDF5 behind a header of MATLAB's own, read with h5py."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import RegraftError, UnsafeFile, UnsupportedFormat
from regraft.files.hdf5 import attribute, check_heaps, library, names, numbers
from regraft.files.mapped import damaged, mapped

_OWN = "#"  # MATLAB's own groups: #refs#, #subsystem#
_DEPTH = 20
_MOST = 10_000  # things in the file


def read_hdf5(path: Path) -> dict[str, Any]:
    """Its variables by name, as `matlab.read_matlab` gives them; HDF5 keeps their axes in the opposite order.

    Raises:
        MissingExtra: h5py is not installed.
        UnreadableFile: it is damaged.
        UnsafeFile: a variable lies in another file, or claims more than it holds.
        UnsupportedFormat: a variable is sparse.
    """
    h5py = library("a .mat of version 7.3", str(path))
    check_heaps(mapped(path), str(path))
    try:
        with h5py.File(path, "r") as file:
            return _Reader(h5py, file, path).group(file, 0)
    except RegraftError:
        raise
    except Exception as error:  # h5py breaks in many ways on a damaged file
        raise damaged(
            str(path), expected="a .mat of version 7.3", got=f"{type(error).__name__}: {error}"[:200]
        ) from error


class _Reader:
    def __init__(self, h5py: Any, file: Any, path: Path) -> None:
        self.h5py = h5py
        self.file = file
        self.where = str(path)
        self.things = 0

    def group(self, group: Any, depth: int) -> dict[str, Any]:
        """The variables or fields of a group."""
        if depth > _DEPTH:
            raise UnsafeFile("the file's groups contain themselves, or lie too deep", where=self.where)
        if "MATLAB_sparse" in group.attrs:
            raise UnsupportedFormat(
                "a variable of the file is sparse", where=f"{self.where}, {group.name}", fix="in MATLAB: save full(x)"
            )
        found: dict[str, Any] = {}
        for name in names(group, self.where, skip=_OWN):
            found[name] = self.thing(group[name], depth + 1)
        return found

    def thing(self, thing: Any, depth: int) -> Any:
        """A variable."""
        self.things += 1
        if self.things > _MOST:
            raise UnsafeFile("the file holds more things than weights need", where=self.where)
        if isinstance(thing, self.h5py.Group):
            return self.group(thing, depth)
        if thing.dtype == self.h5py.ref_dtype:
            return self._cells(thing, depth)
        return self._array(thing)

    def _cells(self, data: Any, depth: int) -> list[Any]:
        if depth > _DEPTH or data.size > _MOST:
            raise UnsafeFile("the file's cells contain themselves, or lie too deep", where=self.where)
        return [self.thing(self.file[reference], depth + 1) for reference in numbers(data, self.where).ravel()]

    def _array(self, data: Any) -> Any:
        if attribute(data, "MATLAB_empty", self.where):
            return np.empty((0, 0))
        if data.dtype.fields and set(data.dtype.fields) == {"real", "imag"} and not data.dtype.hasobject:
            parts = numbers(data, self.where)
            return (parts["real"] + 1j * parts["imag"]).T
        if data.dtype.kind not in "biuf" or attribute(data, "MATLAB_class", self.where) == b"char":
            return str(data.dtype)
        return numbers(data, self.where).T
