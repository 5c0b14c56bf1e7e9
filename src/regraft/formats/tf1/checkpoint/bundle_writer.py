"""Writes V2 checkpoints that TensorFlow's Saver restores: one data file, an index, the `checkpoint` file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import IO

import numpy as np

from regraft.errors import BadArgument
from regraft.formats.tf1.checkpoint.dtypes import dtype_number
from regraft.formats.tf1.checkpoint.locate import NAMELESS, file_of
from regraft.formats.tf1.checkpoint.mapped import CHUNK, Array, extend, masked
from regraft.formats.tf1.checkpoint.packed import write_strings
from regraft.formats.tf1.checkpoint.state import STATE_FILE, state_text
from regraft.formats.tf1.checkpoint.table import write_table
from regraft.protobuf.wire import bytes_field, fixed32_field, number_field

HEADER = number_field(1, 1) + bytes_field(3, number_field(1, 1))  # one data file, version 1 of the format

ALIGNMENT = 8  # bytes: where every tensor begins, so that none has to be copied when it is read


def write_checkpoint(prefix: Path, arrays: Mapping[str, Array]) -> None:
    """Write arrays as a V2 checkpoint at `prefix` and name it in the folder's `checkpoint` file.

    All files are written beside their places first and then moved there. Where a checkpoint of that name stands, its
    index is removed before: whoever opens it meanwhile, or after a kill between the moves, finds none, never new
    values under an old index. Whoever needs the old one until the new one is whole writes to another name.

    Args:
        prefix: where to, such as "out/model.ckpt-100"; the folder is made if need be.
        arrays: by parameter name, without ":0"; arrays of objects or of text hold strings.

    Raises:
        BadArgument: a name or a type that TensorFlow has no word for, or a place that cannot be written to.
        OutOfSpace: the disk is full; nothing is left behind.
    """
    from regraft.run.atomic import writing  # the room brings a progress display along, which reading has no use for

    tensors = {name.encode(): _storable(name, array) for name, array in arrays.items()}
    data, index = file_of(prefix, ".data-00000-of-00001"), file_of(prefix, ".index")
    name = "." if prefix.name == NAMELESS else prefix.name
    # The files take their places from the last named to the first, the index after the data.
    with writing(prefix.with_name(STATE_FILE)) as state_file, writing(index) as index_file, writing(data) as data_file:
        entries = [(key, _write_tensor(data_file, tensors[key])) for key in sorted(tensors)]
        index_file.write(write_table([(b"", HEADER), *entries]))
        state_file.write(state_text(name).encode())
        for file in (data_file, index_file, state_file):
            file.flush()  # a disk that is full must be found out before the first file has taken its place
        if index.is_file():
            index.unlink()


def _storable(name: str, array: Array) -> Array:
    """The array in a form whose bytes TensorFlow understands."""
    if not name or name.startswith("\0"):
        raise BadArgument("A tensor needs a name.", expected="a name that is not empty", got=repr(name))
    if dtype_number(array.dtype) is None:
        raise BadArgument(
            "TensorFlow has no type for this array.",
            where=repr(name),
            expected="numbers, truth values or strings",
            got=str(array.dtype),
        )
    if array.dtype.kind in "OSU":
        return _strings(name, array)
    return np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(array.shape)


def _strings(name: str, array: Array) -> Array:
    found = np.empty(array.shape, object)
    for place, item in enumerate(array.reshape(-1).tolist()):
        if not isinstance(item, str | bytes):
            raise BadArgument(
                "An array of objects is written as strings.",
                where=repr(name),
                expected="bytes or text",
                got=type(item).__name__,
            )
        found.flat[place] = item.encode() if isinstance(item, str) else item
    return found


def _write_tensor(file: IO[bytes], array: Array) -> bytes:
    """Append the array's bytes; returns its BundleEntryProto."""
    file.write(bytes(-file.tell() % ALIGNMENT))
    offset = file.tell()
    if array.dtype == object:
        data, checksum = write_strings(array.reshape(-1).tolist())
        file.write(data)
    else:
        raw, checksum = array.reshape(-1).view(np.uint8), 0
        for start in range(0, raw.size, CHUNK):
            file.write(raw[start : start + CHUNK].data)
            checksum = extend(checksum, raw[start : start + CHUNK])
        checksum = masked(checksum)
    shape = b"".join(bytes_field(2, number_field(1, size)) for size in array.shape)
    return (
        number_field(1, dtype_number(array.dtype) or 0)
        + bytes_field(2, shape)
        + number_field(4, offset)
        + number_field(5, file.tell() - offset)
        + fixed32_field(6, checksum)
    )
