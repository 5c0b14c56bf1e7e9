from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from regraft.errors import UnreadableFile
from regraft.protobuf.wire import Message, bytes_field, fixed32_field, number_field, read_varint, varint


def message(data: bytes) -> Message:
    return Message(memoryview(data), "here")


@given(st.integers(0, 2**64 - 1))
def test_numbers_come_back(value: int) -> None:
    data = varint(value)
    assert read_varint(memoryview(b"-" + data + b"-"), 1, "here") == (value, 1 + len(data))
    assert message(number_field(3, value)).number(3) == (value if value < 2**63 else value - 2**64)


def test_fields() -> None:
    found = message(
        number_field(1, 7)
        + number_field(1, 8)
        + bytes_field(2, b"ab")
        + bytes_field(2, b"")
        + fixed32_field(9, 2**32 - 1)
    )
    assert found.number(1) == 8
    assert found.all_bytes(2) == [b"ab", b""]
    assert found.number(9) == 2**32 - 1
    assert (found.number(5), found.text(5), found.all_bytes(5), found.messages(5)) == (0, "", [], [])
    assert found.message(5).number(1) == 0
    assert found.holds(1)
    assert not found.holds(5)


def test_unknown_fields_are_passed_over() -> None:
    assert message(b"\x99\x06" + bytes(8) + number_field(1, 5)).number(1) == 5


@pytest.mark.parametrize(
    ("data", "expected", "got"),
    [
        (b"\x08", "a number", "the end of the data"),
        (b"\x08" + b"\xff" * 10, "a number of at most 10 bytes", "more bytes"),
        (b"\x12\x05abc", "at most 3 bytes in field 2", "5 bytes"),
        (b"\x15abc", "at most 3 bytes in field 2", "4 bytes"),
        (b"\x13", "a field of wire type 0, 1, 2 or 5", "wire type 3"),
    ],
)
def test_errors(data: bytes, expected: str, got: str) -> None:
    with pytest.raises(UnreadableFile) as caught:
        message(data)
    assert str(caught.value) == (
        "the file breaks its own format\n"
        "  where: here\n"
        f"  expected: {expected}\n"
        f"  got: {got}\n"
        "  to do: copy the file again from where it came, or write it again with the program that made it"
    )


def test_the_wrong_kind_of_field() -> None:
    with pytest.raises(UnreadableFile, match="expected: a number in field 1\n  got: bytes"):
        message(bytes_field(1, b"")).number(1)
    with pytest.raises(UnreadableFile, match="expected: bytes in field 1\n  got: a number"):
        message(number_field(1, 5)).text(1)
    with pytest.raises(UnreadableFile, match="expected: UTF-8 text in field 1\n  got: other bytes"):
        message(bytes_field(1, b"\xff")).text(1)
