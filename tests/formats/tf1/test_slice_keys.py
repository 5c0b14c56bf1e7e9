"""The examples are those in tensorflow/core/lib/strings/ordered_code.cc and what TensorFlow's files hold."""

from __future__ import annotations

import pytest

from regraft.formats.tf1.checkpoint.partitions import EVERYTHING, Part
from regraft.formats.tf1.checkpoint.slice_keys import slice_key


@pytest.mark.parametrize(
    ("start", "length", "code"),
    [
        (0, EVERYTHING, "80 7f"),
        (3, 63, "83 bf"),
        (64, -0x800, "c040 3800"),
        (0x424242, 8191, "f0424242 dfff"),
        (8192, 2**55 - 1, "e02000 ff7fffffffffffff"),
        (2**55, 2**62, "ff8080000000000000 ffc04000000000000000"),
    ],
)
def test_numbers(start: int, length: int, code: str) -> None:
    assert slice_key("w", Part(((start, length),))) == b"\0w\0\1\1\1" + bytes.fromhex(code)


def test_names() -> None:
    assert slice_key("", Part(())) == b"\0\0\1\0"
    assert slice_key("a\0b", Part(())) == b"\0a\0\xffb\0\1\0"
    assert slice_key("ÿ", Part(())) == b"\0\xc3\xbf\0\1\0"
