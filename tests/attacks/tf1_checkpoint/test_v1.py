"""V1 checkpoints that are broken, or whole by every checksum and lie."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from regraft.errors import MissingFile, UnreadableFile, UnsupportedFormat
from regraft.formats.tf1.checkpoint import open_checkpoint
from regraft.formats.tf1.checkpoint.table import write_table
from regraft.protobuf.wire import bytes_field, number_field

GOLDEN = Path(__file__).parents[2] / "formats/tf1/golden"
FLOATS, INTS, STRINGS = 5, 7, 8  # fields of TensorProto
WHOLE = b"\0w\0\1\1\1\x80\x7f"  # the key of all of w, which has one dimension
EVERYTHING = bytes_field(1, b"")


def tensor(shape: tuple[int, ...], dtype: int, *parts: bytes) -> bytes:
    """What the header says of w."""
    dimensions = b"".join(bytes_field(2, number_field(1, size)) for size in shape)
    described = bytes_field(1, b"w") + bytes_field(2, dimensions) + number_field(3, dtype)
    return bytes_field(1, described + b"".join(bytes_field(4, part) for part in parts or (EVERYTHING,)))


def values(field: bytes) -> bytes:
    return bytes_field(2, bytes_field(1, b"w") + bytes_field(2, EVERYTHING) + bytes_field(3, field))


def refusal(folder: Path, header: bytes, items: dict[bytes, bytes], kind: type = UnreadableFile) -> str:
    (folder / "x").write_bytes(write_table([(b"", bytes_field(1, header)), *sorted(items.items())]))
    return message(folder / "x", kind)


def message(path: Path, kind: type = UnreadableFile) -> str:
    """The error without its last line, the paths cut to names."""
    with pytest.raises(kind) as caught:
        open_checkpoint(path)
    return str(caught.value).replace(f"{path.parent}/", "").partition("\n  to do: ")[0]


def lie(place: str, expected: str, got: str) -> str:
    return f"the file breaks its own format\n  where: {place}\n  expected: {expected}\n  got: {got}"


def test_an_honest_one(tmp_path: Path) -> None:
    header = bytes_field(1, tensor((2,), 1))
    (tmp_path / "x").write_bytes(write_table([(b"", header), (WHOLE, values(bytes_field(FLOATS, bytes(8))))]))
    assert open_checkpoint(tmp_path / "x")["w"].tolist() == [0, 0]


def test_numbers_in_pieces(tmp_path: Path) -> None:
    pieces = bytes_field(FLOATS, bytes(4)) + bytes_field(FLOATS, b"\0\0\x80\x3f")
    (tmp_path / "x").write_bytes(write_table([(b"", bytes_field(1, tensor((2,), 1))), (WHOLE, values(pieces))]))
    assert open_checkpoint(tmp_path / "x")["w"].tolist() == [0, 1]


def test_shapes_that_lie(tmp_path: Path) -> None:
    where, eight = "x, entry 'w'", {WHOLE: values(bytes_field(FLOATS, bytes(8)))}
    assert refusal(tmp_path, tensor((1 << 40,), 1), eight) == lie(
        where, "1099511627776 values of type float32", "2 values"
    )
    assert refusal(tmp_path, tensor((1 << 40,), 3), {WHOLE: values(bytes_field(INTS, b"\1\2"))}) == lie(
        where, "1099511627776 values of type int32", "2 values"
    )
    assert refusal(tmp_path, tensor((1 << 40,), 7), {WHOLE: values(bytes_field(STRINGS, b"ab"))}) == lie(
        where, "1099511627776 values of type string", "1 values"
    )
    assert refusal(tmp_path, tensor((1,), 1), {WHOLE: values(bytes_field(FLOATS, bytes(5)))}) == lie(
        where, "1 values of type float32", "1.25 values"
    )
    assert refusal(tmp_path, tensor((2,), 3), {WHOLE: values(bytes_field(INTS, b"\1\x82"))}) == lie(
        where, "2 values of type int32", "1 values"
    )
    assert refusal(tmp_path, tensor((2,), 3), {WHOLE: values(number_field(INTS, 1) * 2)}) == lie(
        where, "bytes in field 7", "a number"
    )


def test_a_number_that_never_ends(tmp_path: Path) -> None:
    endless = values(bytes_field(INTS, b"\xff" * 20 + b"\1"))
    (tmp_path / "x").write_bytes(write_table([(b"", bytes_field(1, tensor((1,), 3))), (WHOLE, endless)]))
    checkpoint = open_checkpoint(tmp_path / "x")
    with pytest.raises(UnreadableFile, match="expected: 1 numbers of at most 10 bytes\n  got: 0 in 0 bytes"):
        checkpoint["w"]


def test_slices_that_lie(tmp_path: Path) -> None:
    where = "x, entry 'w'"
    row = bytes_field(1, number_field(1, 5) + number_field(2, 3))
    assert refusal(tmp_path, tensor((2,), 1), {}) == lie(where, "its slice -", "none")
    assert refusal(tmp_path, tensor((6,), 1, row), {b"\0w\0\1\1\1\x85\x83": b""}) == lie(
        where, "a slice inside 6 rows", "3 rows from row 5 on"
    )
    assert refusal(tmp_path, tensor((1 << 50,), 1, row), {b"\0w\0\1\1\1\x85\x83": b""}) == lie(
        where, "slices of 1125899906842624 elements together", "3 elements"
    )


def test_headers_that_lie(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(write_table([(b"w", b"")]))
    assert message(tmp_path / "x") == lie("x, header", "a header under the empty key", "none")
    assert refusal(tmp_path, tensor((2,), 99), {}) == lie("x, header", "a type from 1 to 32", "type 99")
    twice = tensor((1,), 1) + tensor((2,), 1)
    assert refusal(tmp_path, twice, {WHOLE: values(bytes_field(FLOATS, bytes(4)))}) == lie(
        "x, header", "w: float32 of shape (1,)", "w: float32 of shape (2,)"
    )


def test_types_that_v1_does_not_have(tmp_path: Path) -> None:
    assert refusal(tmp_path, tensor((2,), 21), {WHOLE: values(b"")}, UnsupportedFormat) == (
        "V1 checkpoints with variant are not known.\n  where: x, entry 'w'"
    )


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    shutil.copytree(GOLDEN / "v1_sharded", tmp_path / "x")
    return tmp_path / "x"


def test_a_missing_shard(shards: Path) -> None:
    (shards / "model.ckpt-5-00000-of-00002").unlink()
    with pytest.raises(MissingFile) as caught:
        open_checkpoint(shards)
    assert str(caught.value) == (
        "The checkpoint is not one whole set of files.\n"
        f"  where: {shards / 'model.ckpt-5'}\n"
        "  expected: model.ckpt-5-00000-of-00002\n"
        "  got: model.ckpt-5-00001-of-00002\n"
        f"  to do: Copy what is missing into {shards}, or move away what is of another checkpoint."
    )


def test_a_damaged_shard(shards: Path) -> None:
    path = shards / "model.ckpt-5-00001-of-00002"
    path.write_bytes(path.read_bytes()[:-10])
    assert message(path) == (
        "model.ckpt-5-00001-of-00002 is damaged.\n"
        "  where: model.ckpt-5-00001-of-00002, end of 538 bytes\n"
        "  expected: the last bytes 57fb808b247547db\n"
        "  got: 0000000000000000"
    )


def test_shards_of_two_checkpoints(shards: Path) -> None:
    shutil.copy(GOLDEN / "v1", shards / "model.ckpt-5-00002-of-00003")
    with pytest.raises(MissingFile) as caught:
        open_checkpoint(shards)
    assert str(caught.value) == (
        "The checkpoint is not one whole set of files.\n"
        f"  where: {shards / 'model.ckpt-5'}\n"
        "  expected: files of one set, -of-00002\n"
        "  got: model.ckpt-5-00000-of-00002, model.ckpt-5-00001-of-00002, model.ckpt-5-00002-of-00003\n"
        f"  to do: Copy what is missing into {shards}, or move away what is of another checkpoint."
    )


def test_bytes_everywhere_are_checked(tmp_path: Path) -> None:
    data = (GOLDEN / "v1").read_bytes()
    footer = len(data) - 48
    for place in range(0, footer, 7):
        (tmp_path / "x").write_bytes(data[:place] + bytes([data[place] ^ 4]) + data[place + 1 :])
        with pytest.raises(UnreadableFile):
            open_checkpoint(tmp_path / "x")
