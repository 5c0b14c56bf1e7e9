"""Small damages to files, all from one random generator, so that a case can be made again from its seed."""

from __future__ import annotations

import random
from collections.abc import Callable

# Numbers that programs stumble over, in one to eight bytes.
EDGES = (
    0,
    1,
    0x7F,
    0x80,
    0xFF,
    0x7FFF,
    0xFFFF,
    0x7FFFFFFF,
    0x80000000,
    0xFFFFFFFF,
    1 << 40,
    (1 << 63) - 1,
    (1 << 64) - 1,
)


def mutate(data: bytes, random: random.Random) -> bytes:
    """The data with one to three damages."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        data = random.choice(DAMAGES)(data, random)
    return data


def flip_bits(data: bytes, random: random.Random) -> bytes:
    """One to eight bits turned over."""
    out = bytearray(data)
    for _ in range(random.randint(1, 8) if data else 0):
        out[random.randrange(len(out))] ^= 1 << random.randrange(8)
    return bytes(out)


def truncate(data: bytes, random: random.Random) -> bytes:
    """The end cut off."""
    return data[: random.randint(0, len(data))]


def insert(data: bytes, random: random.Random) -> bytes:
    """Some bytes more."""
    place = random.randint(0, len(data))
    return data[:place] + random.randbytes(random.choice((1, 2, 4, 8, 100))) + data[place:]


def delete(data: bytes, random: random.Random) -> bytes:
    """Some bytes less."""
    place = random.randint(0, len(data))
    return data[:place] + data[place + random.choice((1, 2, 4, 8, 100)) :]


def splice(data: bytes, random: random.Random) -> bytes:
    """A piece copied over another place, or in between."""
    start, place = random.randint(0, len(data)), random.randint(0, len(data))
    piece = data[start : start + random.choice((4, 16, 64, 1000))]
    return data[:place] + piece + data[place + random.choice((0, len(piece))) :]


def lie(data: bytes, random: random.Random) -> bytes:
    """A number written over another: as bytes, low or high end first, or seven bits a byte."""
    value, place = random.choice(EDGES), random.randint(0, len(data))
    form = random.choice(("little", "big", "varint"))
    if form == "varint":
        number = bytes((value >> shift & 0x7F) | (0x80 if value >> shift > 0x7F else 0) for shift in _shifts(value))
        return data[:place] + number + data[place + random.choice((1, len(number))) :]
    size = random.choice((1, 2, 4, 8))
    number = (value & (1 << 8 * size) - 1).to_bytes(size, "little" if form == "little" else "big")
    return data[:place] + number + data[place + size :]


def _shifts(value: int) -> range:
    return range(0, max(value.bit_length(), 1), 7)


DAMAGES: tuple[Callable[[bytes, random.Random], bytes], ...] = (flip_bits, truncate, insert, delete, splice, lie)
