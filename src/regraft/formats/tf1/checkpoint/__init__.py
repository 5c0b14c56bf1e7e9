"""TensorFlow checkpoints, V1 and V2: found, checked, read as arrays, written.

Needs numpy only, so that looking into a checkpoint starts at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from regraft.errors import UnknownName, nearest_names
from regraft.formats.tf1.checkpoint.bundle import Bundle
from regraft.formats.tf1.checkpoint.bundle_writer import write_checkpoint
from regraft.formats.tf1.checkpoint.locate import file_of, is_checkpoint, locate
from regraft.formats.tf1.checkpoint.mapped import Array
from regraft.formats.tf1.checkpoint.objects import GRAPH_KEY, names_of
from regraft.formats.tf1.checkpoint.partitions import Entry
from regraft.formats.tf1.checkpoint.v1 import SlicedTables

__all__ = [
    "Checkpoint",
    "Entry",
    "file_of",
    "is_checkpoint",
    "locate",
    "open_checkpoint",
    "write_checkpoint",
]


class Checkpoint(Mapping[str, Array]):
    """The tensors of a checkpoint by name, in the order of the file. Each is read when it is asked for.

    The arrays are read-only: where numpy's bytes are the file's, they are views of the mapped file. Half of
    bfloat16's numbers numpy does not have: it comes as float32. Strings come as arrays of objects (bytes). Partitioned
    variables come whole, under their own name; so do those of TensorFlow 2's object-based checkpoints.

    Attributes:
        prefix: where it lies, as `locate` gives it.
        version: "v1" or "v2".
        entries: shape and type of each tensor, known without reading it.
    """

    def __init__(self, prefix: Path) -> None:
        index = file_of(prefix, ".index")
        self.prefix = prefix
        self._reader = Bundle(prefix) if index.is_file() else SlicedTables(prefix)
        self.version = self._reader.version
        own = self._own_names()
        self._keys = {own.get(key, key): key for key in self._reader.entries}
        self.entries: Mapping[str, Entry] = MappingProxyType(
            {name: self._reader.entries[key] for name, key in self._keys.items()}
        )

    def _own_names(self) -> Mapping[str, str]:
        """The names of the variables that stand under keys of another form."""
        if GRAPH_KEY not in self._reader.entries:
            return {}
        graph = self._reader.read(GRAPH_KEY)
        if graph.dtype != object or graph.shape:
            return {}  # a variable of that name
        return names_of(graph.item(), self._reader.entries, f"{self.prefix}, {GRAPH_KEY}")

    def verify(self) -> None:
        """Check the checksum of every tensor, those that nobody wants too.

        Raises:
            UnreadableFile: one does not agree.
        """
        self._reader.verify()

    def __getitem__(self, name: str) -> Array:
        if name not in self.entries:
            raise UnknownName(
                f"There is no tensor {name!r} in the checkpoint.",
                where=str(self.prefix),
                nearest=nearest_names(name, self.entries),
            )
        values = self._reader.read(self._keys[name])
        values.flags.writeable = False
        return values

    def get(self, key: str, default: Any = None) -> Any:
        """The tensor of that name, or `default`."""
        return self[key] if key in self.entries else default

    def __contains__(self, name: object) -> bool:
        return name in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def open_checkpoint(path: Path) -> Checkpoint:
    """Open the checkpoint that `path` means (see `locate`) and check all of it.

    Raises:
        MissingFile: there is none, or one of its data files is missing.
        UnreadableFile: it is damaged.
        UnsupportedFormat: it is none, or of a newer format.
        BadArgument: the folder holds several.
    """
    checkpoint = Checkpoint(locate(path))
    checkpoint.verify()
    return checkpoint
