"""Damage done to the files of a zoo."""

from __future__ import annotations

from pathlib import Path

from regraft.zoo import Zoo


def large(zoo: Zoo) -> list[Path]:
    """The files of large weights."""
    return [path for path in sorted((zoo.path / "tensors").rglob("*")) if path.is_file()]


def flip(path: Path, bit: int) -> None:
    """Turn one bit of a file round."""
    data = bytearray(path.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path.write_bytes(data)
