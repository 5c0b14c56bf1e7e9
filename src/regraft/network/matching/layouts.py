"""The layouts files keep weights in, and how one of them turns into a model's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod

from regraft.network.matching.slots import Slot

_ORDERS = ("c h w", "h w c", "c w h", "w h c")


@dataclass(frozen=True)
class Layout:
    """How a file keeps its weights: one way for the whole file.

    Attributes:
        conv: the axes of convolutions.
        dense: the axes of dense layers.
        rows: the order in which the picture was flattened that a dense layer reads.
        flipped: whether kernels lie from their end, as Theano's `conv2d` wants them.
    """

    conv: str
    dense: str
    rows: str
    flipped: bool = False

    @property
    def swapped(self) -> bool:
        """Whether its kernels have width before height."""
        return self.conv.index("w") < self.conv.index("h")

    @property
    def usual(self) -> bool:
        """Whether rows go the way the kernels do."""
        return self.rows.replace("c", "").split() == [axis for axis in self.conv if axis in "hw"] and (
            self.rows.startswith("c") == self.conv.startswith("o")
        )


# The likeliest first: torch and Caffe, TensorFlow, Theano (dense layers the other way round); then Theano's flipped
# kernels; then with the sides of kernels swapped; then rows in another order than the kernels'.
LAYOUTS = sorted(
    (
        Layout(conv, dense, rows, flipped)
        for conv, dense, rows, flipped in product(
            ("o i h w", "h w i o", "o i w h", "w h i o"), ("o i", "i o"), _ORDERS, (False, True)
        )
        if conv == "o i h w" or not flipped
    ),
    key=lambda layout: (layout.swapped, layout.flipped, not layout.usual),
)


def turn(shape: tuple[int, ...], slot: Slot, layout: Layout) -> str | None:
    """How an array of a file of that layout goes into a place; "" as it is; None: it does not fit."""
    for before, after, sizes in _forms(len(shape), slot, layout):
        if fits(shape, before, after, sizes, slot.shape):
            said = " ".join(f"{axis}={size}" for axis, size in sizes.items()) if "(" in before else ""
            return f"{before} -> {after}" + (f", {said}" if said else "")
    if slot.role in (None, "bias", "gamma", "beta", "mean", "var", "alpha"):
        return _vector(shape, slot)
    return None


def fits(shape: tuple[int, ...], before: str, after: str, sizes: dict[str, int], wanted: tuple[int, ...]) -> bool:
    """Whether an array of that shape and form gives one of the wanted shape."""
    groups, known = _groups(before), dict(sizes)
    if len(groups) != len(shape):
        return False
    for group, size in zip(groups, shape, strict=True):
        unknown = [axis for axis in group if axis not in known]
        if len(unknown) == 1:
            rest = prod(known[axis] for axis in group if axis in known)
            known[unknown[0]] = size // rest if rest else 0
        if len(unknown) > 1 or prod(known[axis] for axis in group) != size:
            return False
    return tuple(prod(known[axis] for axis in group) for group in _groups(after)) == wanted


def _groups(form: str) -> list[list[str]]:
    """The axes of a form that is well formed: "o (c h w)" -> [[o], [c, h, w]]."""
    groups: list[list[str]] = []
    inside = False
    for word in form.replace("(", "( ").replace(")", " )").replace("-", "").split():
        if word in "()":
            inside = word == "("
            groups += [[]] if inside else []
        elif inside:
            groups[-1].append(word)
        else:
            groups.append([] if word == "1" else [word])
    return groups


def _forms(rank: int, slot: Slot, layout: Layout) -> Iterator[tuple[str, str, dict[str, int]]]:
    """The forms (in the file, in the model, sizes) in which a file of a layout may keep what goes into a place."""
    sides = " ".join(axis for axis in layout.conv if axis in "hw")
    first = layout.conv.startswith("o")
    own = _flipped(slot) if layout.flipped else slot.axes
    if slot.role == "conv" and rank == len(slot.shape):
        yield _ranked(layout.conv, slot.axes), own, {}
        if slot.axes == "o i h w" and slot.shape[1] == 1 and not first:
            yield f"{sides} c m", "(c m) 1 h w", {}
    elif slot.role == "transposed":
        yield (f"i o {sides}" if first else f"{sides} o i"), own, {}
    elif slot.role == "depthwise":
        sizes = dict(slot.sizes)
        yield (f"(c m) 1 {sides}" if first else f"{sides} c m"), own, sizes
        if not first:
            yield f"{sides} 1 (c m)", slot.axes, sizes
    elif slot.role == "dense":
        yield from _dense(slot, layout)


def _flipped(slot: Slot) -> str:
    """The axes of a place that is filled from the end of its sides; a side of a single number has no other end."""
    groups = re.findall(r"\([^)]*\)|\S+", slot.axes)
    return " ".join(
        f"-{axis}" if axis in ("d", "h", "w") and size > 1 else axis
        for axis, size in zip(groups, slot.shape, strict=True)
    )


def _ranked(form: str, axes: str) -> str:
    """The form for convolutions of one or three dimensions: their places are those of the model."""
    if "h" in axes and "d" not in axes:
        return form
    places = " ".join(axis for axis in axes.split() if axis in "dhw")
    return f"o i {places}" if form.startswith("o") else f"{places} i o"


def _dense(slot: Slot, layout: Layout) -> Iterator[tuple[str, str, dict[str, int]]]:
    if slot.rows:
        sizes = dict(slot.rows)
        own = "(" + " ".join(axis for axis, _ in slot.rows) + ")"
        after = slot.axes.replace("i", own)
        yield layout.dense.replace("i", f"({layout.rows})"), after, sizes
        # a dense layer that the file keeps as a convolution over the whole picture
        yield layout.conv.replace("i", "c"), after, sizes
    else:
        yield layout.dense, slot.axes, {}
        places = "1 1"
        yield (f"o i {places}" if layout.conv.startswith("o") else f"{places} i o"), slot.axes, {}


def _vector(shape: tuple[int, ...], slot: Slot) -> str | None:
    """A turn that only drops or adds axes of a single number; a matrix nobody knows stays as it is."""
    if shape == slot.shape:
        return ""
    long = [size for size in shape if size != 1]
    if long != [size for size in slot.shape if size != 1] or len(long) > 1:
        return None
    before = " ".join("1" if size == 1 else "o" for size in shape)
    after = " ".join("1" if size == 1 else "o" for size in slot.shape)
    return f"{before} -> {after}"
