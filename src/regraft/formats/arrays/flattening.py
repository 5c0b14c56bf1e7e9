"""Nested lists and dictionaries of arrays, as a pickle or msgpack builds them, to arrays by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from regraft.errors import UnreadableFile, UnsafeFile

_LONGEST, _LETTERS = 1_000, 40  # letters in a name, at most and for each of the most things there may be
_DEPTH = 100


class Flat:
    """What was found in a nest.

    Attributes:
        arrays: by name: the keys and places on the way, joined by "/".
        left_out: names of what is no array of numbers, with its kind.
    """

    def __init__(self, value: Any, where: str, *, alone: str, most: int) -> None:
        """Flatten a value.

        Args:
            alone: the name of an array that stands by itself.
            most: things that may be in it; one that contains another twice, and so on, has no end in practice.

        Raises:
            UnsafeFile: it contains itself, or holds too much.
        """
        self.arrays: dict[str, Any] = {}
        self.left_out: dict[str, str] = {}
        self._where = where
        self._alone = alone
        self._most = most
        self._seen = self._letters = 0
        self._walk(value, "", [])

    def _walk(self, value: Any, name: str, above: list[int]) -> None:
        self._seen += 1
        self._letters += len(name)
        endless = self._seen > self._most or self._letters > _LETTERS * self._most or len(name) > _LONGEST
        if endless or id(value) in above or len(above) > _DEPTH:
            raise UnsafeFile(
                "the file's lists contain themselves, or hold more than weights ever do",
                where=self._where,
                got=f"{name[:40] or 'the outermost'}, {len(above)} deep, {self._seen} things seen",
            )
        if isinstance(value, Mapping | list | tuple):
            inside = [*above, id(value)]
            for key, item in _items(value):
                self._walk(item, f"{name}/{key}" if name else str(key), inside)
        else:
            self._keep(value, name or self._alone)

    def _keep(self, value: Any, name: str) -> None:
        if not is_weight(value):
            self.left_out[name] = kind_of_value(value)
        elif name in self.arrays:
            raise UnreadableFile("two arrays have one name", where=self._where, got=name)
        else:
            self.arrays[name] = value


def is_weight(value: Any) -> bool:
    """Whether a value is an array of numbers, or stands for one that is made later."""
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "biufc" and value.dtype.itemsize <= 16
    return not isinstance(value, str | bytes | int | float | complex | memoryview | None) and hasattr(value, "shape")


def kind_of_value(value: Any) -> str:
    """What a value is, in a word."""
    return f"{value.dtype} array" if isinstance(value, np.ndarray) else type(value).__name__


def _items(value: Mapping[Any, Any] | Sequence[Any]) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield "/".join(map(str, key)) if isinstance(key, tuple) else str(key), item
    else:
        for place, item in enumerate(value):
            yield str(place), item
