"""V2 checkpoints that are broken, or whole by every checksum and lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from regraft.errors import MissingFile, UnreadableFile, UnsupportedFormat
from regraft.formats.tf1.checkpoint import open_checkpoint, write_checkpoint
from regraft.formats.tf1.checkpoint.table import write_table
from regraft.protobuf.wire import bytes_field, fixed32_field, number_field

GOLDEN = Path(__file__).parents[2] / "formats/tf1/golden"
DATA = ".data-00000-of-00001"
COPY_AGAIN = "\n  to do: Copy the file again from where it came from; no part of it has been used."
WRITE_AGAIN = "\n  to do: copy the file again from where it came, or write it again with the program that made it"


def header(shards: int = 1, order: int = 0, needed: int = 0) -> bytes:
    return (
        number_field(1, shards) + number_field(2, order) + bytes_field(3, number_field(1, 1) + number_field(2, needed))
    )


def entry(
    shape: tuple[int, ...], *, dtype: int = 1, shard: int = 0, offset: int = 0, size: int = 0, parts: bytes = b""
) -> bytes:
    dimensions = b"".join(bytes_field(2, number_field(1, length)) for length in shape)
    place = number_field(3, shard) + number_field(4, offset & (1 << 64) - 1) + number_field(5, size & (1 << 64) - 1)
    return number_field(1, dtype) + bytes_field(2, dimensions) + place + fixed32_field(6, 0) + parts


def part(*extents: tuple[int, int]) -> bytes:
    return bytes_field(7, b"".join(bytes_field(1, number_field(1, at) + number_field(2, size)) for at, size in extents))


def refusal(
    folder: Path,
    items: dict[bytes, bytes],
    data: bytes = bytes(24),
    head: bytes | None = None,
    kind: type = UnreadableFile,
) -> str:
    """The error for an index that holds `items`, without its last line, the paths cut to names."""
    (folder / "x.index").write_bytes(write_table([(b"", header() if head is None else head), *sorted(items.items())]))
    (folder / f"x{DATA}").write_bytes(data)
    return message(folder, kind)


def message(path: Path, kind: type = UnreadableFile) -> str:
    with pytest.raises(kind) as caught:
        open_checkpoint(path)
    folder = path if path.is_dir() else path.parent
    return str(caught.value).replace(f"{folder}/", "").replace(WRITE_AGAIN, "").replace(COPY_AGAIN, "")


def lie(place: str, expected: str, got: str) -> str:
    return f"the file breaks its own format\n  where: {place}\n  expected: {expected}\n  got: {got}"


@pytest.fixture
def golden(tmp_path: Path) -> Path:
    """A prefix: a copy of TensorFlow's own checkpoint."""
    for ending in (".index", DATA):
        shutil.copy(GOLDEN / f"v2{ending}", tmp_path / f"x{ending}")
    return tmp_path / "x"


def test_a_missing_shard(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "v2_sharded", tmp_path / "x")
    (tmp_path / "x/model.ckpt-5.data-00001-of-00002").unlink()
    assert message(tmp_path / "x", MissingFile) == (
        "The checkpoint lacks 1 of its 2 data files.\n"
        "  where: model.ckpt-5.index\n"
        "  expected: model.ckpt-5.data-00001-of-00002\n"
        "  got: model.ckpt-5.data-00000-of-00002\n"
        f"  to do: Copy what is missing into {tmp_path / 'x'}"
    )


def test_a_billion_missing_shards(tmp_path: Path) -> None:
    assert refusal(tmp_path, {}, head=header(shards=2**31 - 1), kind=MissingFile) == (
        "The checkpoint lacks 2147483647 of its 2147483647 data files.\n"
        "  where: x.index\n"
        "  expected: x.data-00000-of-2147483647, x.data-00001-of-2147483647, x.data-00002-of-2147483647, "
        "x.data-00003-of-2147483647, x.data-00004-of-2147483647\n"
        f"  got: x{DATA}\n"
        f"  to do: Copy what is missing into {tmp_path}"
    )


def test_truncated_data(golden: Path) -> None:
    path = golden.with_name(f"x{DATA}")
    path.write_bytes(path.read_bytes()[:1000])
    assert message(golden) == (
        f"x{DATA} is damaged.\n"
        f"  where: x{DATA}, tensor 'bool/matrix'\n"
        "  expected: at least 1368 bytes\n"
        "  got: 1000 bytes"
    )


def test_a_flipped_bit_in_the_data_of_any_tensor(golden: Path) -> None:
    path = golden.with_name(f"x{DATA}")
    data = bytearray(path.read_bytes())
    data[3] ^= 16
    path.write_bytes(data)
    assert message(golden) == (
        f"x{DATA} is damaged.\n"
        f"  where: x{DATA}, tensor 'uint8/matrix' at byte 0\n"
        "  expected: checksum 29c6ee66\n"
        "  got: checksum dd688d99"
    )


def test_bytes_everywhere_in_the_data_are_checked(golden: Path) -> None:
    path = golden.with_name(f"x{DATA}")
    data = path.read_bytes()
    for place in range(0, len(data), 7):
        path.write_bytes(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])
        with pytest.raises(UnreadableFile):
            open_checkpoint(golden)


def test_a_truncated_index(golden: Path) -> None:
    path = golden.with_suffix(".index")
    path.write_bytes(path.read_bytes()[:300])
    assert message(golden).startswith(
        "x.index is damaged.\n  where: x.index, end of 300 bytes\n  expected: the last bytes 57fb808b247547db\n  got: "
    )


def test_a_flipped_bit_in_the_index(golden: Path) -> None:
    path = golden.with_suffix(".index")
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    assert message(golden) == (
        "x.index is damaged.\n"
        "  where: x.index, block at byte 0\n"
        "  expected: checksum cd62e20f\n"
        "  got: checksum cf798b0e"
    )


def test_shapes_and_sizes_that_lie(tmp_path: Path) -> None:
    where = "x.index, entry 'w'"
    assert refusal(tmp_path, {b"w": entry((1 << 30, 6), size=24)}) == lie(
        where, "the bytes of float32 of shape (1073741824, 6)", "24 bytes from 0 on"
    )
    assert refusal(tmp_path, {b"w": entry((6,), size=24, offset=-8)}) == lie(
        where, "the bytes of float32 of shape (6,)", "24 bytes from -8 on"
    )
    assert refusal(tmp_path, {b"w": entry((1 << 60,), size=1 << 62)}) == lie(
        where, "a shape that an array can have", "shape (1152921504606846976,)"
    )
    assert refusal(tmp_path, {b"w": entry((1 << 38,), size=1 << 40)}) == (
        f"x{DATA} is damaged.\n  where: x{DATA}, tensor 'w'\n  expected: at least 1099511627776 bytes\n  got: 24 bytes"
    )
    assert refusal(tmp_path, {b"w": entry((1 << 40,), dtype=7, size=24)}) == lie(
        where, "the bytes of string of shape (1099511627776,)", "24 bytes from 0 on"
    )
    assert refusal(tmp_path, {b"w": entry((24,), dtype=7, size=24)}) == lie(
        where, "strings of -4 bytes together", "0 bytes"
    )
    assert refusal(tmp_path, {b"w": entry((2,), dtype=21, size=-1)}) == lie(
        where, "the bytes of variant of shape (2,)", "-1 bytes from 0 on"
    )


def test_many_tensors_in_the_same_bytes(tmp_path: Path) -> None:
    # Each alone is possible; together they would make an hour's work of a small file.
    items = {b"%03d" % number: entry((5,), offset=number, size=20) for number in range(5)}
    assert refusal(tmp_path, items) == lie(
        "x.index", f"at most the 24 bytes of x{DATA}", "tensors of 100 bytes that lie over each other"
    )


def test_headers_that_lie(tmp_path: Path) -> None:
    assert refusal(tmp_path, {b"w": entry(())}, head=header(shards=0)) == lie(
        "x.index, header", "at least 1 data file, byte order 0 or 1", "0 data files, byte order 0"
    )
    assert refusal(tmp_path, {}, head=header(order=2)) == lie(
        "x.index, header", "at least 1 data file, byte order 0 or 1", "1 data files, byte order 2"
    )
    assert refusal(tmp_path, {b"w": entry((6,), size=24, shard=7)}) == lie(
        "x.index, entry 'w'", "a data file below 1", "number 7"
    )
    assert refusal(tmp_path, {}, head=header(needed=2), kind=UnsupportedFormat) == (
        "x.index is of a newer format.\n  where: x.index, header\n  expected: version 1\n  got: version 2"
    )
    (tmp_path / "x.index").write_bytes(write_table([(b"w", entry((6,), size=24))]))
    assert message(tmp_path) == lie("x.index, header", "a header under the empty key", "key b'w'")
    (tmp_path / "x.index").write_bytes(write_table([]))
    assert message(tmp_path) == lie("x.index, header", "a header under the empty key", "none")


def test_names_and_types_that_do_not_exist(tmp_path: Path) -> None:
    assert refusal(tmp_path, {b"w": entry((6,), dtype=77, size=24)}) == lie(
        "x.index, entry 'w'", "a type from 1 to 32", "type 77"
    )
    assert refusal(tmp_path, {b"\xff": entry((6,), size=24)}) == lie(
        r"x.index, entry '\xff'", "a name in UTF-8", "other bytes"
    )
    assert refusal(tmp_path, {b"w": b"\x0b"}) == lie(
        "x.index, entry 'w'", "a field of wire type 0, 1, 2 or 5", "wire type 3"
    )


def test_partitions_that_lie(tmp_path: Path) -> None:
    top, low = b"\0w\0\1\1\1\x80\x83", b"\0w\0\1\1\1\x82\x83"  # rows 0-2 and 2-4 of w
    where = "x.index, entry 'w'"
    parts = part((0, 3)) + part((2, 3))
    assert refusal(tmp_path, {b"w": entry((1 << 50,), parts=parts), top: entry((3,), size=12)}) == lie(
        where, "its part 2,3", "none"
    )
    both = {top: entry((3,), size=12), low: entry((3,), size=12, offset=12)}
    assert refusal(tmp_path, both | {b"w": entry((1 << 50,), parts=parts)}) == lie(
        where, "slices of 1125899906842624 elements together", "6 elements"
    )
    assert refusal(tmp_path, both | {b"w": entry((4,), parts=parts)}) == lie(
        where, "a slice inside 4 rows", "3 rows from row 2 on"
    )
    assert refusal(tmp_path, both | {b"w": entry((6,), dtype=3, parts=parts)}) == lie(
        r"x.index, entry b'\x00w\x00\x01\x01\x01\x80\x83'", "int32 of shape (3,)", "float32 of shape (3,)"
    )
    nested = {top: entry((3,), parts=part((0, 3)))}
    assert refusal(tmp_path, nested | {b"w": entry((3,), parts=part((0, 3)))}) == lie(
        r"x.index, entry b'\x00w\x00\x01\x01\x01\x80\x83'", "parts of a whole variable", "parts of a part"
    )


def test_partitions_that_overlap(tmp_path: Path) -> None:
    keys = b"\0w\0\1\1\1\x80\x83", b"\0w\0\1\1\1\x82\x83"
    checksum = fixed32_field(6, masked(bytes(12)))
    parts = {key: entry((3,), size=12, offset=12 * place) + checksum for place, key in enumerate(keys)}
    whole = {b"w": entry((6,), parts=part((0, 3)) + part((2, 3)))}
    (tmp_path / "x.index").write_bytes(write_table([(b"", header()), *sorted((parts | whole).items())]))
    (tmp_path / f"x{DATA}").write_bytes(bytes(24))
    assert message(tmp_path / "x") == lie("x.index, entry 'w'", "slices that do not overlap", "two that do")


def masked(data: bytes) -> int:
    checksum = google_crc32c.value(data)
    return ((checksum >> 15 | checksum << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_a_foreign_data_file(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "x", {"w": np.ones(6)})
    write_checkpoint(tmp_path / "y", {"w": np.zeros(6)})
    (tmp_path / f"y{DATA}").replace(tmp_path / f"x{DATA}")
    assert message(tmp_path / "x").startswith(f"x{DATA} is damaged.\n  where: x{DATA}, tensor 'w' at byte 0\n")
