from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from regraft.errors import UnreadableFile
from regraft.protobuf.varints import CHUNK, count_varints, read_varints
from regraft.protobuf.wire import varint


def packed(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    return np.frombuffer(b"".join(varint(value) for value in values), np.uint8)


@given(st.lists(st.integers(0, 2**64 - 1)), st.binary(max_size=5))
def test_numbers_come_back(values: list[int], behind: bytes) -> None:
    data = packed(values)
    found = np.empty(len(values), np.uint64)
    used = read_varints(np.concatenate([data, np.frombuffer(behind, np.uint8)]), found, "here")
    assert found.tolist() == values
    assert used == data.size
    assert count_varints(data) == len(values)


def test_numbers_across_the_pieces() -> None:
    values = [2**64 - 1, 1, 2**35] * (CHUNK // 8)
    found = np.empty(len(values), np.uint64)
    used = read_varints(packed(values), found, "here")
    assert found.tolist() == values
    assert used > 2 * CHUNK
    assert count_varints(packed(values)) == len(values)


@pytest.mark.parametrize(
    ("data", "count", "text"),
    [
        (b"\1\xff", 2, "expected: 2 numbers of at most 10 bytes\n  got: 1 in 1 bytes"),
        (b"\xff" * 11 + b"\1", 1, "expected: 1 numbers of at most 10 bytes\n  got: 0 in 0 bytes"),
    ],
)
def test_errors(data: bytes, count: int, text: str) -> None:
    with pytest.raises(UnreadableFile, match=text):
        read_varints(np.frombuffer(data, np.uint8), np.empty(count, np.uint64), "here")


def test_numbers_are_cut_to_the_type_they_go_to() -> None:
    found = np.empty(3, np.uint8)
    read_varints(packed([2**64 - 1, 2**64 - 128, 5]), found, "here")
    assert found.view(np.int8).tolist() == [-1, -128, 5]
