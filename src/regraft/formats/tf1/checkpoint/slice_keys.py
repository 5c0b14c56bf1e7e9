"""Under which key a table keeps one slice of a partitioned variable.

The keys are OrderedCode, in which byte order is the order of the values: tensorflow/core/lib/strings/ordered_code.cc
and EncodeTensorNameSlice in tensorflow/core/util/saved_tensor_slice_util.cc.
"""

from __future__ import annotations

from regraft.formats.tf1.checkpoint.partitions import Part


def slice_key(name: str, part: Part) -> bytes:
    """The key of `part` of the variable `name`; it starts with a zero byte, which no name does."""
    extents = b"".join(_signed(number) for extent in part.extents for number in extent)
    return _unsigned(0) + _text(name) + _unsigned(len(part.extents)) + extents


def _text(text: str) -> bytes:
    # Zero and 255 are what the format itself is made of, so they are escaped; 0 1 ends the text.
    return (
        b"".join(bytes([byte, 255 - byte]) if byte in (0, 255) else bytes([byte]) for byte in text.encode()) + b"\0\1"
    )


def _unsigned(number: int) -> bytes:
    digits = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return bytes([len(digits)]) + digits


def _signed(number: int) -> bytes:
    """The number in n bytes, 7 n bits wide at most, its uppermost n bits turned over."""
    size = 1
    while not -(1 << 7 * size - 1) <= number < 1 << 7 * size - 1:
        size += 1
    bits = number & (1 << 8 * size) - 1
    return (bits ^ ((1 << size) - 1) << 7 * size).to_bytes(size, "big")
