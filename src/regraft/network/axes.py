"""How the axes of an array go to other places, in words: "o i h w -> h w i o", "o (c h w) -> (h w c) o, c=64 h=3"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from regraft.errors import BadArgument, ShapeMismatch

_AXIS = re.compile(r"\(|\)|-?[a-z]\w*|1|(\S)")
_SIZE = re.compile(r"([a-z]\w*)=(\d{1,9})")


def turned(value: np.ndarray, turn: str) -> np.ndarray:
    """The array with its axes where the words say; a view where it can be.

    A letter is an axis, `1` one of a single number, `(c h w)` several in one, the last running fastest; `-h` is the
    axis from its end, as Theano's kernels need it. Sizes that the shape does not tell stand behind a comma:
    "(c h w) o -> (h w c) o, c=64 h=3 w=3".

    Raises:
        BadArgument: the words make no sense.
        ShapeMismatch: the array is not of that form.
    """
    before, after, sizes = parsed(turn)
    sizes = _sizes(before, value.shape, sizes, turn)
    flat_before = [axis for group in before for axis in group]
    flat_after = [axis for group in after for axis in group]
    apart = value.reshape([sizes[axis] for axis in flat_before])
    moved = apart.transpose([flat_before.index(axis.lstrip("-")) for axis in flat_after])
    moved = np.flip(moved, tuple(place for place, axis in enumerate(flat_after) if axis.startswith("-")))
    return moved.reshape([prod(sizes[axis.lstrip("-")] for axis in group) for group in after])


def parsed(turn: str) -> tuple[list[list[str]], list[list[str]], dict[str, int]]:
    """The axes before and after, grouped, and the sizes said.

    Raises:
        BadArgument: the words make no sense.
    """
    form, _, said = turn.partition(",")
    sides = form.split("->")
    words = said.replace(",", " ").split()
    if len(sides) != 2 or not all(_SIZE.fullmatch(word) for word in words):
        raise _nonsense(turn)
    before, after = (_groups(side, turn) for side in sides)
    axes = sorted(axis for group in before for axis in group)
    if axes != sorted(axis.lstrip("-") for group in after for axis in group) or len(set(axes)) != len(axes):
        raise _nonsense(turn)
    return before, after, {axis: int(size) for axis, size in (word.split("=") for word in words)}


def _groups(side: str, turn: str) -> list[list[str]]:
    groups: list[list[str]] = []
    inside: list[str] | None = None
    for found in _AXIS.finditer(side):
        word = found[0]
        if found[1] or (word == "(" and inside is not None) or (word == ")" and inside is None):
            raise _nonsense(turn)
        if word == "(":
            inside = []
        elif word == ")":
            groups.append(inside or [])
            inside = None
        elif inside is not None:
            inside += [] if word == "1" else [word]
        else:
            groups.append([] if word == "1" else [word])
    if inside is not None:
        raise _nonsense(turn)
    return groups


def _sizes(
    before: Sequence[Sequence[str]], shape: tuple[int, ...], said: Mapping[str, int], turn: str
) -> dict[str, int]:
    sizes = dict(said)
    fits = len(before) == len(shape)
    for group, size in zip(before, shape, strict=False):
        unknown = [axis for axis in group if axis not in sizes]
        known = prod(sizes[axis] for axis in group if axis in sizes)
        if len(unknown) == 1 and known and size % known == 0:
            sizes[unknown[0]] = size // known
        elif unknown or known != size:
            fits = False
    if not fits:
        raise ShapeMismatch("an array is not of the form its turn says", expected=turn, got=f"shape {shape}")
    return sizes


def _nonsense(turn: str) -> BadArgument:
    return BadArgument(
        "this says nothing about axes",
        expected="such as 'o i h w -> h w i o' or '(c h w) o -> (h w c) o, c=64 h=3 w=3'",
        got=turn[:200],
    )
