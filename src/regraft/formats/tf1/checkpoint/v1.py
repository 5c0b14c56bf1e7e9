"""Reads V1 checkpoints: tables in which every value is a protocol buffer, and numbers are packed inside it.

See tensorflow/core/util/saved_tensor_slice.proto. A tensor's type and shape stand in the header, under the empty
key; the messages with the numbers leave their own type out.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from regraft.errors import MissingFile, UnsupportedFormat
from regraft.formats.tf1.checkpoint.dtypes import as_values, dtype_name, stored_dtype, value_dtype
from regraft.formats.tf1.checkpoint.locate import v1_files
from regraft.formats.tf1.checkpoint.mapped import Array, MappedFile
from regraft.formats.tf1.checkpoint.partitions import (
    Entry,
    Region,
    assemble,
    check_cover,
    read_part,
    read_shape,
    region_shape,
)
from regraft.formats.tf1.checkpoint.slice_keys import slice_key
from regraft.formats.tf1.checkpoint.table import read_table
from regraft.protobuf.varints import Bytes, count_varints, read_varints
from regraft.protobuf.wire import Message, malformed

# Type -> the field of TensorProto its numbers are packed in: as they lie in memory, or as varints.
_PLAIN = {"float32": 5, "float64": 6, "complex64": 9, "complex128": 12}
_VARINTS = {
    **dict.fromkeys(("int32", "uint8", "int16", "int8", "qint8", "quint8", "qint32", "qint16", "quint16", "uint16"), 7),
    "int64": 10,
    "bool": 11,
    "float16": 13,
    "bfloat16": 13,
    "uint32": 16,
    "uint64": 17,
}
_STRINGS = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Stored:
    """One slice of a tensor: the SavedTensorSlices message that holds it."""

    file: MappedFile
    region: Region
    value: memoryview
    where: str

    def numbers(self) -> Message:
        """The TensorProto inside."""
        return Message(self.value, self.where).message(2).message(3)


class SlicedTables:
    """A V1 checkpoint, all of whose blocks have been read and checked."""

    version = "v1"

    def __init__(self, prefix: Path) -> None:
        self.entries: dict[str, Entry] = {}
        self._stored: dict[str, list[Stored]] = {}
        paths = v1_files(prefix)
        _check_shards(prefix, paths)
        for path in paths:
            self._read_file(MappedFile(path))
        for name, entry in self.entries.items():
            check_cover(entry, [stored.region for stored in self._stored[name]], f"{prefix}, entry {name!r}")

    def verify(self) -> None:
        """Check that every slice holds as many values as its shape says; checksums were checked on reading."""
        for name, slices in self._stored.items():
            for stored in slices:
                _check_count(self.entries[name].dtype, stored)
                stored.file.release()

    def read(self, name: str) -> Array:
        """A tensor by name."""
        entry, slices = self.entries[name], self._stored[name]
        if len(slices) == 1:
            return _values(entry, slices[0]).reshape(entry.shape)
        return assemble(entry, value_dtype(entry.dtype, slices[0].where), _part_values(entry, slices))

    def _read_file(self, file: MappedFile) -> None:
        values = dict(read_table(file))
        where = f"{file.path}, header"
        if b"" not in values:
            raise malformed(where, "a header under the empty key", "none")
        for tensor in Message(values[b""], where).message(1).messages(1):
            entry = Entry(
                name=tensor.text(1), shape=read_shape(tensor.message(2)), dtype=dtype_name(tensor.number(3), where)
            )
            # A partitioned variable may lie in several files; each says all of it.
            if self.entries.setdefault(entry.name, entry) != entry:
                raise malformed(where, f"{entry.name}: {self.entries[entry.name]}", f"{entry.name}: {entry}")
            slices = self._stored.setdefault(entry.name, [])
            slices += (_find_slice(file, entry, part, values) for part in tensor.messages(4))


def _find_slice(file: MappedFile, entry: Entry, message: Message, values: dict[bytes, memoryview]) -> Stored:
    part, where = read_part(message), f"{file.path}, entry {entry.name!r}"
    value = values.get(slice_key(entry.name, part))
    if value is None:
        raise malformed(where, f"its slice {part}", "none")
    return Stored(file=file, region=part.region(entry.shape, where), value=value, where=where)


def _part_values(entry: Entry, slices: list[Stored]) -> Iterator[tuple[Region, Array]]:
    for stored in slices:
        yield stored.region, _values(entry, stored).reshape(region_shape(stored.region))
        stored.file.release()  # the part has been copied into the whole


def _values(entry: Entry, stored: Stored) -> Array:
    """The values of one slice, in one row."""
    dtype, numbers = stored_dtype(entry.dtype, stored.where), stored.numbers()
    count = _check_count(entry.dtype, stored)
    if entry.dtype == "string":
        strings = np.empty(count, object)
        strings[:] = [bytes(string) for string in numbers.all_bytes(_STRINGS)]
        return strings
    if entry.dtype in _PLAIN:
        return stored.file.settle(_packed(numbers, _PLAIN[entry.dtype]).view(dtype.newbyteorder("<")))
    # Half precision comes as the number its bits make; the others are cut to their width, which keeps the sign.
    bits = np.empty(count, f"u{dtype.itemsize}")
    read_varints(_packed(numbers, _VARINTS[entry.dtype]), bits, stored.where)
    return stored.file.settle(as_values(entry.dtype, bits.view(dtype)))


def _check_count(dtype: str, stored: Stored) -> int:
    """How many values the slice holds, which must be as many as its shape says."""
    numbers, wanted = stored.numbers(), math.prod(region_shape(stored.region))
    if dtype == "string":
        found = len(numbers.all_bytes(_STRINGS))
    elif dtype in _PLAIN:
        found = _packed(numbers, _PLAIN[dtype]).size / stored_dtype(dtype, stored.where).itemsize
    elif dtype in _VARINTS:
        found = count_varints(_packed(numbers, _VARINTS[dtype]))
    else:
        raise UnsupportedFormat(f"V1 checkpoints with {dtype} are not known.", where=stored.where)
    if found != wanted:
        raise malformed(stored.where, f"{wanted} values of type {dtype}", f"{found:g} values")
    return wanted


def _packed(numbers: Message, field: int) -> Bytes:
    """The bytes of a packed field; writers may split it."""
    parts = [np.frombuffer(part, np.uint8) for part in numbers.all_bytes(field)]
    return parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, np.uint8), *parts])


def _check_shards(prefix: Path, paths: list[Path]) -> None:
    """Fail unless the files are one whole set: "x-00000-of-00002" and "x-00001-of-00002"."""
    if paths == [prefix]:
        return
    counts = sorted({path.name.rpartition("-of-")[2] for path in paths})
    expected = [f"{prefix.name}-{number:05d}-of-{counts[0]}" for number in range(min(int(counts[0]), len(paths) + 1))]
    got = [path.name for path in paths]
    if expected != got:
        missing = [name for name in expected if name not in got]
        raise MissingFile(
            "The checkpoint is not one whole set of files.",
            where=str(prefix),
            expected=", ".join(missing) or f"files of one set, -of-{counts[0]}",
            got=", ".join(got),
            fix=f"Copy what is missing into {prefix.parent}, or move away what is of another checkpoint.",
        )
