"""Strings in V2 checkpoints: all lengths, a checksum of the lengths, then all bytes.

The checksum of the whole runs over the lengths as 32-bit numbers, not over the bytes in the file that hold them;
see WriteStringTensor and WriteVariantTensor in tensorflow/core/util/tensor_bundle/tensor_bundle.cc.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from regraft.formats.tf1.checkpoint.mapped import Array, extend, masked
from regraft.protobuf.varints import Bytes, read_varints
from regraft.protobuf.wire import malformed, read_varint, varint

LONG = 1 << 32  # a string of so many bytes has its length written with 64 bits in the checksum


def read_strings(data: Bytes, count: int, where: str) -> Array:
    """The strings, as objects of bytes. (n)."""
    lengths, start = _layout(data, count, where)
    out = np.empty(count, object)
    for place, length in enumerate(lengths.tolist()):
        out[place] = data[start : start + length].tobytes()
        start += length
    return out


def strings_checksum(data: Bytes, count: int, where: str) -> int:
    """The masked checksum of the strings in `data`; that of their lengths, which lies within, is checked."""
    lengths, start = _layout(data, count, where)
    checksum = _lengths_checksum(lengths)
    stored = data[start - 4 : start]
    if stored.tobytes() != masked(checksum).to_bytes(4, "little"):
        found = int.from_bytes(stored.tobytes(), "little")
        raise malformed(where, f"checksum {found:08x} of the lengths", f"checksum {masked(checksum):08x}")
    return masked(extend(extend(checksum, stored), data[start:]))


def write_strings(strings: Iterable[bytes]) -> tuple[bytes, int]:
    """The strings as they lie in the file, and their masked checksum."""
    strings = list(strings)
    checksum = _lengths_checksum(np.array([len(string) for string in strings], np.int64))
    trailer = masked(checksum).to_bytes(4, "little")
    content = trailer + b"".join(strings)
    checksum = masked(extend(checksum, np.frombuffer(content, np.uint8)))
    return b"".join(varint(len(string)) for string in strings) + content, checksum


def variants_checksum(data: Bytes, count: int, where: str) -> int:
    """The masked checksum of serialised variants: each with its length, 64 bits in the sum, and the sum so far."""
    view, position, checksum = data.data, 0, 0
    for _ in range(count):
        length, position = read_varint(view, position, where)
        end = position + length
        if end + 4 > len(view):
            raise malformed(where, f"at most {len(view) - position - 4} bytes", f"{length} bytes")
        checksum = extend(checksum, np.frombuffer(length.to_bytes(8, "little"), np.uint8))
        checksum = extend(extend(checksum, data[position:end]), data[end : end + 4])
        position = end + 4
    return masked(checksum)


def _layout(data: Bytes, count: int, where: str) -> tuple[npt.NDArray[np.int64], int]:
    """The length of each string, and where their bytes begin."""
    if count > data.size:
        raise malformed(where, f"{count} strings", f"{data.size} bytes")
    lengths = np.empty(count, np.uint64)
    used = read_varints(data, lengths, where)
    room = data.size - used - 4
    # In two steps, because a sum of lying lengths may run over 64 bits.
    honest = count == 0 or (int(lengths.max()) <= data.size and lengths.sum(dtype=np.float64) <= 2.0 * data.size)
    total = int(lengths.sum()) if honest else None
    if total != room:
        raise malformed(where, f"strings of {room} bytes together", f"{'more' if total is None else total} bytes")
    return lengths.astype(np.int64), used + 4


def _lengths_checksum(lengths: npt.NDArray[np.int64]) -> int:
    if lengths.size and lengths.max() >= LONG:
        words = b"".join(length.to_bytes(4 if length < LONG else 8, "little") for length in lengths.tolist())
        return extend(0, np.frombuffer(words, np.uint8))
    return extend(0, lengths.astype("<u4").view(np.uint8))
