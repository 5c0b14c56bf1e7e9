from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from regraft.errors import UnreadableFile
from regraft.formats.tf1.checkpoint.packed import read_strings, strings_checksum, variants_checksum, write_strings
from regraft.protobuf.wire import varint


def raw(data: bytes) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(data, np.uint8)


@given(st.lists(st.binary(max_size=300)))
def test_strings_come_back(strings: list[bytes]) -> None:
    data, checksum = write_strings(strings)
    assert read_strings(raw(data), len(strings), "here").tolist() == strings
    assert strings_checksum(raw(data), len(strings), "here") == checksum


def test_a_changed_length_or_string_is_seen() -> None:
    data, checksum = write_strings([b"abc", b"de"])
    assert strings_checksum(raw(data[:-1] + b"f"), 2, "here") != checksum
    with pytest.raises(UnreadableFile, match=r"expected: checksum [0-9a-f]{8} of the lengths\n  got: checksum"):
        strings_checksum(raw(b"\2\3" + data[2:]), 2, "here")


@pytest.mark.parametrize(
    ("data", "count", "text"),
    [
        (b"\3\0\0\0\0ab", 1, "expected: strings of 2 bytes together\n  got: 3 bytes"),
        (b"\1\0\0\0\0ab", 1, "expected: strings of 2 bytes together\n  got: 1 bytes"),
        (b"\1", 1, "expected: strings of -4 bytes together\n  got: 1 bytes"),
        (varint(2**63) * 2 + bytes(9), 2, "expected: strings of 5 bytes together\n  got: more bytes"),
        (b"", 3, "expected: 3 strings\n  got: 0 bytes"),
    ],
)
def test_lengths_that_lie(data: bytes, count: int, text: str) -> None:
    with pytest.raises(UnreadableFile, match=text):
        read_strings(raw(data), count, "here")


@pytest.mark.parametrize(
    ("data", "count", "text"),
    [
        (b"\5abc\0\0\0\0", 1, "expected: at most 3 bytes\n  got: 5 bytes"),
        (b"\0\0\0\0\0", 2, "expected: a number\n  got: the end of the data"),
    ],
)
def test_variants_that_lie(data: bytes, count: int, text: str) -> None:
    with pytest.raises(UnreadableFile, match=text):
        variants_checksum(raw(data), count, "here")
