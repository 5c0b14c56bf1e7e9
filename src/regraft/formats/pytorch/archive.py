"""The archive an exported program is saved in (.pt2), read without unpickling and without running anything.

`torch.export.load` unpickles sample inputs and whatever the archive says is pickled, and hands expressions to an
evaluator. Here only the JSON documents and the raw numbers of the weights are read; pickles are passed over where
nothing depends on them, and refused where weights do.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from regraft.errors import RegraftError, UnreadableFile, UnsafeFile, UnsupportedFormat
from regraft.files.mapped import mapped
from regraft.files.zips import MAGIC, Zip

_MODEL = re.compile(r"[^/]+/models/([^/]+)\.json")
_OLD = "serialized_exported_program.json"
# torch's numbers for types in the schema of exported programs (torch/_export/serde/schema.py, ScalarType).
DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32", 8: "float64",
    10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16", 28: "uint16",
}  # fmt: skip


def is_archive(path: Path) -> bool:
    """Whether the file is a zip file with an exported program in it."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            return False
    try:
        names = Zip(mapped(path), str(path)).members
    except RegraftError:  # the other rooms that read zip files refuse it with the reason
        return False
    return any(_MODEL.fullmatch(name) for name in names) or _OLD in names


class Archive:
    """The documents and weights of an archive.

    Raises:
        UnreadableFile: it is damaged.
        UnsafeFile: it claims more than it holds.
        UnsupportedFormat: it holds several programs, or is of a form before torch 2.8.
    """

    def __init__(self, path: Path) -> None:
        self.where = str(path)
        self._zip = Zip(mapped(path), self.where)
        self._found: dict[str, memoryview] = {}
        packed = [name for name, member in self._zip.members.items() if member.method]
        if packed:
            raise UnsupportedFormat(
                "members of the archive are compressed, which torch never does",
                where=self.where,
                got=", ".join(packed[:3]),
                fix="save it with torch.export.save",
            )
        models = [found for name in self._zip.members if (found := _MODEL.fullmatch(name))]
        if not models:
            raise UnsupportedFormat(
                "this program was saved by a torch before 2.8",
                where=self.where,
                fix="torch.export.save(torch.export.load(FILE), NEW), if you trust the file: loading it unpickles",
            )
        if len(models) > 1:
            raise UnsupportedFormat("the archive holds several programs", where=self.where, got=str(len(models)))
        self.root, self._name = models[0][0].partition("/")[0], models[0][1]

    def program(self) -> dict[str, Any]:
        """The program's document."""
        return self.document(f"models/{self._name}.json")

    def document(self, name: str) -> dict[str, Any]:
        """A JSON document of the archive."""
        try:
            found = json.loads(bytes(self._bytes(name)))
        except (ValueError, RecursionError) as error:
            raise self.damaged(f"{name}: {error}") from error
        if not isinstance(found, dict):
            raise self.damaged(f"{name} holds no object")
        return found

    def has(self, name: str) -> bool:
        """Whether there is such a member."""
        return f"{self.root}/{name}" in self._zip.members

    def arrays(self, kind: str) -> dict[str, np.ndarray]:
        """The "weights" or the "constants" by name; those that share their numbers are views of the same bytes."""
        config = self.document(f"data/{kind}/{self._name}_{kind}_config.json").get("config")
        if not isinstance(config, dict):
            raise self.damaged(f"{kind}: no table")
        return {str(name): self._array(kind, str(name), entry) for name, entry in config.items()}

    def damaged(self, got: str) -> UnreadableFile:
        """The error for a program that is not as torch writes it."""
        return UnreadableFile("the exported program is damaged", where=self.where, got=got[:300])

    def _array(self, kind: str, name: str, entry: Any) -> np.ndarray:
        if not isinstance(entry, Mapping) or not isinstance(entry.get("path_name"), str):
            raise self.damaged(f"{kind}: {name}")
        if entry.get("use_pickle") or not isinstance(entry.get("tensor_meta"), Mapping):
            raise UnsafeFile(
                "the archive holds a pickle in place of a tensor, which could run code",
                where=f"{self.where}, {name}",
                fix="torch.export.save it anew, if you trust the file: loading it unpickles",
            )
        meta = entry["tensor_meta"]
        dtype = DTYPES.get(meta.get("dtype"), "an unknown type")
        if dtype == "bfloat16" or dtype not in np.sctypeDict:
            raise UnsupportedFormat(f"numpy has no numbers of type {dtype}", where=f"{self.where}, {name}")
        sizes, strides = (_numbers(meta.get(key)) for key in ("sizes", "strides"))
        offset = _numbers([meta.get("storage_offset")])
        data = self._bytes(f"data/{kind}/{entry['path_name']}")
        if sizes is None or strides is None or offset is None or len(sizes) != len(strides):
            raise self.damaged(f"{kind}: the shape of {name}")
        return self._strided(name, data, np.dtype(dtype), (sizes, strides, offset[0]))

    def _strided(
        self, name: str, data: memoryview, dtype: np.dtype[Any], where: tuple[list[int], list[int], int]
    ) -> np.ndarray:
        sizes, strides, offset = where
        flat = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
        if not prod(sizes):
            return np.empty(sizes, dtype)
        last = offset + sum((size - 1) * stride for size, stride in zip(sizes, strides, strict=True))
        if prod(sizes) > flat.size or last >= flat.size:
            raise UnsafeFile(
                "a tensor claims more numbers than the archive holds",
                where=f"{self.where}, {name}",
                expected=f"at most {flat.size}",
                got=f"shape {tuple(sizes)}",
            )
        steps = [stride * dtype.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(flat[offset:], sizes, steps, writeable=False)

    def _bytes(self, name: str) -> memoryview:
        whole = f"{self.root}/{name}"
        if whole not in self._zip.members:
            raise self.damaged(f"no member {name}")
        if whole not in self._found:  # several weights may lie in one member
            self._found[whole] = self._zip.read(whole)
        return self._found[whole]


def _numbers(sizes: Any) -> list[int] | None:
    """The numbers of [{"as_int": 3}, ...]; None where one is none, or negative."""
    if not isinstance(sizes, list):
        return None
    found: list[Any] = [size.get("as_int") if isinstance(size, Mapping) else None for size in sizes]
    return found if all(type(n) is int and 0 <= n < 1 << 62 for n in found) else None
