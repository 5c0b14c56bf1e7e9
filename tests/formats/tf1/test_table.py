from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import pytest
from formats.tf1.tables import SNAPPY, block, entry, number, table
from hypothesis import given

from regraft.errors import UnreadableFile
from regraft.formats.tf1.checkpoint.mapped import MappedFile
from regraft.formats.tf1.checkpoint.table import BLOCK, is_table, read_table, write_table

GOLDEN = Path(__file__).parent / "golden"


def read(path: Path, data: bytes) -> dict[bytes, bytes]:
    path.write_bytes(data)
    return {key: bytes(value) for key, value in read_table(MappedFile(path))}


def error(path: Path, data: bytes) -> list[str]:
    """The lines of the error that reading gives, without what all of them have."""
    with pytest.raises(UnreadableFile) as caught:
        read(path, data)
    first, *rest = str(caught.value).splitlines()
    assert first in ("x is damaged.", "the file breaks its own format")
    return [line.strip().replace(f"{path}, ", "") for line in rest if "to do" not in line]


@given(st.dictionaries(st.binary(max_size=40), st.binary(max_size=40), max_size=60))
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, items: dict[bytes, bytes]) -> None:
    path = tmp_path_factory.mktemp("table") / "x"
    assert read(path, write_table(sorted(items.items()))) == items


def test_several_blocks(tmp_path: Path) -> None:
    items = {b"%06d" % n: bytes(1000) for n in range(3 * BLOCK // 1000)}
    data = write_table(items.items())
    assert read(tmp_path / "x", data) == items
    assert len(data) < 3.1 * BLOCK


def test_tables_of_tensorflow_are_written_the_same_way(tmp_path: Path) -> None:
    # All but the keys of the index block, which TensorFlow shortens: the data block and its checksum.
    wanted = (GOLDEN / "v2.index").read_bytes()
    items = [(key, bytes(value)) for key, value in read_table(MappedFile(GOLDEN / "v2.index"))]
    found = write_table(items)
    size = wanted.index(b"\0\0\0\0\1\0\0\0\0")
    assert found[: size + 13] == wanted[: size + 13]


def test_what_a_table_is(tmp_path: Path) -> None:
    assert is_table(GOLDEN / "v1")
    assert is_table(GOLDEN / "v2.index")
    assert not is_table(GOLDEN / "v2.data-00000-of-00001")
    assert not is_table(GOLDEN)
    assert not is_table(tmp_path / "nothing")
    assert not is_table(Path("a\0b"))


def test_hand_made(tmp_path: Path) -> None:
    first, second = block(entry(b"ab", b"1"), entry(b"c", b"2", shared=1)), block(entry(b"b", b""))
    assert read(tmp_path / "x", table(first, second)) == {b"ab": b"1", b"ac": b"2", b"b": b""}


def test_compressed(tmp_path: Path) -> None:
    plain = block(entry(b"ab", b"1" * 50))
    packed = number(len(plain)) + bytes([60 << 2, len(plain) - 1]) + plain
    assert read(tmp_path / "x", table(packed, kind=SNAPPY)) == {b"ab": b"1" * 50}


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        (b"", ["where: end of 0 bytes", "expected: the last bytes 57fb808b247547db", "got: nothing"]),
        (
            write_table([(b"a", b"1")])[:-3],
            [
                "where: end of 95 bytes",
                "expected: the last bytes 57fb808b247547db",
                "got: 00000057fb808b24",
            ],
        ),
        (
            table(b""),
            [
                "where: block at byte 0",
                "expected: at most 0 restarts",
                "got: 0 restarts",
            ],
        ),
        (
            table(block(restarts=9)),
            [
                "where: block at byte 0",
                "expected: at most 1 restarts",
                "got: 9 restarts",
            ],
        ),
        (
            table(block(entry(b"a", b""), entry(b"b", b"", shared=2))),
            [
                "where: block at byte 0",
                "expected: a key and a value inside the block",
                "got: 2 + 1 and 0 bytes",
            ],
        ),
        (
            table(block(number(0) + number(1) + number(1 << 40) + b"a")),
            [
                "where: block at byte 0",
                "expected: a key and a value inside the block",
                "got: 0 + 1 and 1099511627776 bytes",
            ],
        ),
        (
            table(block(entry(b"b", b""), entry(b"a", b""))),
            [
                "where: block at byte 0",
                "expected: a key after b'b'",
                "got: b'a'",
            ],
        ),
        (
            table(block(entry(b"a", b"")), handles=[(0, 12), (0, 12)]),
            [
                "where: block at byte 0",
                "expected: a block between bytes 17 and 30",
                "got: bytes 0 to 12",
            ],
        ),
        (
            table(block(entry(b"a", b"")), handles=[(0, 1 << 40)]),
            [
                "where: block at byte 0",
                "expected: a block between bytes 0 and 30",
                "got: bytes 0 to 1099511627776",
            ],
        ),
        (
            table(block(entry(b"a", b"")), kind=7),
            [
                "where: block at byte 0",
                "expected: compression 0 (none) or 1 (snappy)",
                "got: compression 7",
            ],
        ),
        (
            table(block(entry(b"k" * 4000, b""), *(entry(b"x", b"", shared=4000 + n) for n in range(400)))),
            [
                "where: block at byte 0",
                "expected: keys of at most 384768 bytes together",
                "got: 388560 bytes",
            ],
        ),
    ],
)
def test_errors(tmp_path: Path, data: bytes, wanted: list[str]) -> None:
    assert error(tmp_path / "x", data) == wanted


def test_every_flipped_bit_is_found_or_harmless(tmp_path: Path) -> None:
    data = write_table([(b"", b"head"), (b"a", b"1"), (b"ab", b"22")])
    wanted = read(tmp_path / "x", data)
    harmless = 0
    for bit in range(8 * len(data)):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            found = read(tmp_path / "x", bytes(changed))
        except UnreadableFile:
            continue
        assert found == wanted
        harmless += 1
    assert harmless <= 8 * 36 + 1  # the padding of the footer, and the number before it may go on into its zeros


def test_every_cut_is_found(tmp_path: Path) -> None:
    data = write_table([(b"", b"head"), (b"a", b"1")])
    for size in range(len(data)):
        with pytest.raises(UnreadableFile):
            read(tmp_path / "x", data[:size])
