"""An exported program as plain data: the steps of a forward pass, whether from a module or from a `.pt2` file."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

# A size that depends on the batch or a length, as the values it takes in three samples; else a number.
Size = int | tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """What a step or an input of the program gives, by its name in the program."""

    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a module: `key` tells it from the other calls of the same module, "" is the whole model."""

    key: str
    path: str
    kind: str  # its class


@dataclass(kw_only=True, slots=True)
class Step:
    """One operation: `target` is "aten.conv2d.default", "operator.mul" or "operator.getitem".

    `calls` are the module calls it happens in, the outermost first.
    """

    name: str
    target: str
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    calls: tuple[Call, ...] = ()

    def reads(self) -> Iterator[Value]:
        """The values it reads."""
        return values_in((*self.args, *self.kwargs.values()))


def values_in(items: Iterable[Any]) -> Iterator[Value]:
    """All values among arguments, and in tuples of them."""
    for item in items:
        if isinstance(item, Value):
            yield item
        elif isinstance(item, tuple):
            yield from values_in(item)


def first_names(keys: Mapping[str, Hashable]) -> dict[str, str]:
    """For each name the first one that has the same key."""
    owners: dict[Hashable, str] = {}
    return {name: owners.setdefault(key, name) for name, key in keys.items()}


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """What an input of the program is: a weight under its name in the module, or something fed."""

    kind: Literal["parameter", "buffer", "constant", "input"]
    name: str
    trainable: bool = False


@dataclass(kw_only=True)
class Program:
    """A forward pass.

    Attributes:
        sources: by the names steps read them under.
        outputs: what the pass gives: Values; the names, where the pass gives named ones.
        sizes: of each tensor, by name.
        wholes: the numbers that steps compute: sizes that depend on those of the inputs.
        dtypes: numpy names of the tensors' types.
        weights: the values of parameters, buffers and constants, by the names they have in the module.
        aliases: second name of a weight -> first.
        names: of values that have one of their own, whatever module they come from.
    """

    sources: dict[str, Source]
    steps: list[Step]
    outputs: list[Value]
    sizes: dict[str, tuple[Size, ...]]
    wholes: dict[str, Size]
    dtypes: dict[str, str]
    weights: dict[str, np.ndarray]
    aliases: dict[str, str] = field(default_factory=dict[str, str])
    names: dict[str, str] = field(default_factory=dict[str, str])
