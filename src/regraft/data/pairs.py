"""Two texts that are judged together, as a premise and what may follow from it."""

from __future__ import annotations

from typing import NamedTuple

BETWEEN = b"\xff"  # stands between the bytes of two texts: UTF-8 has no such byte


class Pair(NamedTuple):
    """Two texts, in this order."""

    first: str
    second: str

    def __str__(self) -> str:
        """Both in one line."""
        return " | ".join(self)


Text = str | Pair  # whatever a network reads as one example of texts


def as_bytes(text: Text, length: int | None) -> bytes:
    """The UTF-8 of a text, or of two with a byte between that is in no text.

    Args:
        length: so many bytes are kept at most, of a pair by shortening the longer one first; None: all.
    """
    if isinstance(text, str):
        return text.encode()[:length]
    first, second = text.first.encode(), text.second.encode()
    if length is None:
        return first + BETWEEN + second
    room = length - len(BETWEEN)
    shorter = min(len(first), len(second), room // 2)
    if len(first) <= len(second):
        return first[:shorter] + BETWEEN + second[: room - shorter]
    return first[: room - shorter] + BETWEEN + second[:shorter]
