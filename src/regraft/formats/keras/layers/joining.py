"""Layers that make one value of several."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from regraft.formats.keras.building import Call, Shape, Value
from regraft.network.building import Unsupported
from regraft.network.graph import Ref

_SKIPPING = ("mul", "maximum", "minimum")  # in Keras 3, where steps are masked


def _chained(function: str, doc: str) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        given = _alike(call)
        if function in _SKIPPING and call.net.keras > 2 and any(value.mask is not None for value in given):
            raise Unsupported("masked values, of which Keras 3 leaves out the masked steps")
        made = given[0].ref
        for number, value in enumerate(given[1:], 1):
            made = call.inner(f"{function}_{number}", function, made, value.ref)
        call.give(made, joint_shape(call, given), _joint_mask(call, given))

    handler.__doc__ = doc
    return handler


def subtract(call: Call) -> None:
    """The first value less the second."""
    given = _alike(call)
    if len(given) != 2:
        raise call.wrong("the layer subtracts two values", "2", str(len(given)))
    made = call.inner("difference", "sub", given[0].ref, given[1].ref)
    call.give(made, joint_shape(call, given), _joint_mask(call, given))


def average(call: Call) -> None:
    """The mean of the values."""
    given = _alike(call)
    total = call.inner("total", "add_n", *(value.ref for value in given))
    share = call.constant("share", 1 / len(given), "float32")
    call.give(call.inner("mean", "mul", total, share), joint_shape(call, given), _joint_mask(call, given))


def concatenate(call: Call) -> None:
    """The values one after the other along a dimension."""
    given = call.values()
    rank, axis = given[0].rank, call.option("axis", -1)
    if not isinstance(axis, int) or not -rank <= axis < rank or any(value.rank != rank for value in given):
        raise call.wrong("the values cannot be put one after the other", "the same number of dimensions",
                         f"axis {axis}, {[value.rank for value in given]}")  # fmt: skip
    axis %= rank
    lengths = [value.shape[axis] for value in given]
    known = [length for length in lengths if length is not None]
    shape = list(given[0].shape)
    shape[axis] = sum(known) if len(known) == len(lengths) else None
    if len(given) == 1:
        call.give(given[0].ref, shape)
        return
    where = call.constant("axis", axis)
    call.give(call.inner("joined", "concat_v2", *(value.ref for value in given), where), shape, _joined(call, given))


def dot(call: Call) -> None:
    """The product of two values summed along a dimension of each, scaled to length 1 before with `normalize`."""
    given = call.values()
    axes = call.option("axes", -1)
    axes = axes if isinstance(axes, list) else [axes, axes]
    if len(given) != 2 or len(axes) != 2 or not all(isinstance(axis, int) for axis in axes):
        raise Unsupported("axes that are not one for each of two values")
    pairs = list(zip(given, axes, strict=True))
    if any(not -value.rank <= axis < value.rank or axis % value.rank == 0 for value, axis in pairs):
        raise call.wrong("the layer speaks of dimensions that are not there", "from 1", str(axes))
    places = tuple(axis % value.rank for value, axis in pairs)
    rests = [[s for k, s in enumerate(v.shape) if k not in (0, p)] for v, p in zip(given, places, strict=True)]
    made = call.inner(
        "product",
        "dot_axes",
        given[0].ref,
        given[1].ref,
        axes=places,
        normalize=bool(call.option("normalize", False)),
    )
    call.give(made, (given[0].shape[0], *(rests[0] + rests[1] or [1])))


def joint_shape(call: Call, given: Sequence[Value]) -> Shape:
    """What several shapes broadcast to.

    Raises:
        UnreadableFile: they do not.
    """
    rank = max(value.rank for value in given)
    made: list[int | None] = []
    for place in range(-rank, 0):
        sizes = {value.shape[place] for value in given if value.rank >= -place} - {1}
        known = sizes - {None}
        if len(known) > 1:
            raise call.wrong("the values do not fit together", "the same shapes",
                             ", ".join(str(value.shape) for value in given))  # fmt: skip
        made.append(next(iter(known)) if known else None if sizes else 1)
    return tuple(made)


def _alike(call: Call) -> list[Value]:
    given = call.values()
    if len({value.rank for value in given}) > 1:
        raise Unsupported("values of several numbers of dimensions")
    return given


def _joint_mask(call: Call, given: Sequence[Value]) -> Ref | None:
    """In Keras 2 a step is left out where any value leaves it out, in Keras 3 where all of them do."""
    masks = [value.mask for value in given if value.mask is not None]
    if not masks or (call.net.keras > 2 and len(masks) < len(given)):
        return None
    made = masks[0]
    for number, mask in enumerate(masks[1:], 1):
        made = call.inner(f"mask_{number}", "logical_or" if call.net.keras > 2 else "logical_and", made, mask)
    return made


def _joined(call: Call, given: Sequence[Value]) -> Ref | None:
    """The mask of values joined along their last dimension; along another, a mask is not known here."""
    if any(value.mask is not None for value in given) and call.option("axis", -1) not in (-1, given[0].rank - 1):
        call.say("the mask of the joined values is left out")
        return None
    return _joint_mask(call, given)


LAYERS = {
    "Add": _chained("add", "The sum of the values."),
    "Multiply": _chained("mul", "The product of the values."),
    "Maximum": _chained("maximum", "The greatest of the values."),
    "Minimum": _chained("minimum", "The smallest of the values."),
    "Subtract": subtract,
    "Average": average,
    "Concatenate": concatenate,
    "Dot": dot,
}
