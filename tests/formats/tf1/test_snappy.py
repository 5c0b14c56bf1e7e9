from __future__ import annotations

import pytest

from regraft.errors import UnreadableFile
from regraft.formats.tf1.checkpoint.snappy import unpack


def test_literals_and_copies() -> None:
    # From the examples of the format: a literal, then copies with one, two and four bytes of offset.
    assert unpack(memoryview(b"\x05\x10hello"), "x") == b"hello"
    assert unpack(memoryview(b"\x08\x00a" + b"\x0d\x01"), "x") == b"a" * 8
    assert unpack(memoryview(b"\x0d\x08xyz" + b"\x26\x03\x00"), "x") == b"xyzxyzxyzxyzx"
    assert unpack(memoryview(b"\x07\x08abc" + b"\x0f\x02\x00\x00\x00"), "x") == b"abcbcbc"
    assert unpack(memoryview(b"\x2c\x08abc\xf0\x28" + b"d" * 41), "x") == b"abc" + b"d" * 41
    assert unpack(memoryview(b"\x00"), "x") == b""


@pytest.mark.parametrize(
    ("data", "expected", "got"),
    [
        (b"\x05\x10hell", "5 more bytes in a packed block", "4 bytes"),
        (b"\x04\x10hello", "4 bytes from a packed block", "5 bytes"),
        (b"\x06\x10hello", "6 bytes from a packed block", "5 bytes"),
        (b"\x05\x00a\x01\x02", "a copy from within the last 1 bytes", "from 2 bytes back"),
        (b"\x05\x00a\x01\x00", "a copy from within the last 1 bytes", "from 0 bytes back"),
        (b"\xff\xff\xff\xff\x0f\x00a", "at most 154 bytes from 7 packed ones", "4294967295 bytes"),
        (b"\xff", "a number", "the end of the data"),
    ],
)
def test_errors(data: bytes, expected: str, got: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        unpack(memoryview(data), "x.index, block at byte 0")
    assert str(caught.value) == (
        "the file breaks its own format\n"
        "  where: x.index, block at byte 0\n"
        f"  expected: {expected}\n"
        f"  got: {got}\n"
        "  to do: copy the file again from where it came, or write it again with the program that made it"
    )
