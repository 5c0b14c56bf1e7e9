from __future__ import annotations

import os
from pathlib import Path

import google_crc32c
import numpy as np
import pytest

from regraft.errors import MissingFile, UnreadableFile
from regraft.formats.tf1.checkpoint.mapped import CHUNK, MappedFile, extend, masked


def test_bytes_and_checksums(tmp_path: Path) -> None:
    data = np.random.default_rng(0).bytes(2 * CHUNK + 5)
    (tmp_path / "x").write_bytes(data)
    file = MappedFile(tmp_path / "x")
    assert (file.size, file.bytes[3:9].tobytes()) == (len(data), data[3:9])
    assert file.checksum(0, len(data)) == google_crc32c.value(data)
    assert file.checksum(7, CHUNK + 1, start=5) == google_crc32c.extend(5, data[7 : CHUNK + 8])
    assert extend(0, np.frombuffer(b"123456789", np.uint8)) == 0xE3069283  # the check value of CRC-32C
    assert masked(0) == 0xA282EAD8
    assert masked(0x00008001) == 0xA284EAD9


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "x").touch()
    file = MappedFile(tmp_path / "x")
    file.release()
    assert (file.size, file.checksum(0, 0)) == (0, 0)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(MissingFile) as caught:
        MappedFile(tmp_path / "x")
    assert str(caught.value) == f"There is no file x.\n  where: {tmp_path / 'x'}"
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(UnreadableFile) as caught:
            MappedFile(path)
        assert str(caught.value) == (
            f"{path.name} cannot be opened.\n  where: {path}\n  expected: a file\n  got: a folder or a device"
        )


def test_numbers_are_copied_where_they_must_be(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"-" + np.arange(4.0).tobytes())
    file = MappedFile(tmp_path / "x")
    assert file.settle(file.bytes[:8]) is not None
    moved = file.settle(file.bytes[1:33].view("float64"))
    assert moved.flags.aligned
    np.testing.assert_array_equal(moved, np.arange(4.0))
