"""Layers that change shapes, and sizes of pictures."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from regraft.formats.keras.building import Call, Shape, Value
from regraft.formats.keras.layers.convolution import spread
from regraft.network.building import Unsupported
from regraft.network.graph import Ref

_RESIZED = {
    "bilinear": "resize_bilinear",
    "nearest": "resize_nearest_neighbor",
    "bicubic": "resize_bicubic",
    "area": "resize_area",
}


def flatten(call: Call) -> None:
    """All dimensions but the batch as one, channels last."""
    value = call.value()
    ref, sizes = value.ref, value.shape[1:]
    if call.channels_first and value.rank > 2:
        order = call.constant("order", (0, *range(2, value.rank), 1))
        ref = call.inner("channels_last", "transpose", ref, order)
    if value.rank == 1:
        call.give(call.inner("flat", "expand_dims", ref, call.constant("axis", 1)), (value.shape[0], 1))
        return
    known = [size for size in sizes if size is not None]
    width = prod(known) if len(known) == len(sizes) else None
    call.give(call.inner("flat", "flatten", ref, axis=1), (value.shape[0], width))


def reshape(call: Call) -> None:
    """The same values of each example in another shape."""
    value = call.value()
    target = call.option("target_shape", [])
    if not isinstance(target, list) or not all(isinstance(one, int) and one != 0 for one in target):
        raise Unsupported(f"the shape {str(target)[:60]}")
    made = call.inner("shaped", "reshape_part", value.ref, shape=tuple(target), axis=1)
    call.give(made, (value.shape[0], *filled(target, value.shape[1:])))


def filled(target: list[int], sizes: Shape) -> Shape:
    """A shape with what is left in the place of -1, None where it cannot be told."""
    known = [size for size in sizes if size is not None]
    rest = prod(known) // max(1, prod(size for size in target if size != -1)) if len(known) == len(sizes) else None
    return tuple(rest if size == -1 else size for size in target)


def permute(call: Call) -> None:
    """The dimensions of each example in another order."""
    value, dims = call.value(), call.option("dims", [])
    if sorted(dims) != list(range(1, value.rank)):
        raise call.wrong("dims is no order of the dimensions", f"1 to {value.rank - 1}", str(dims)[:60])
    order = (0, *dims)
    made = call.inner("turned", "transpose", value.ref, call.constant("order", order))
    call.give(made, [value.shape[axis] for axis in order])


def repeat_vector(call: Call) -> None:
    """Each example so many times along a new dimension."""
    value, count = call.value(2), call.option("n")
    if not isinstance(count, int) or not 0 < count < 1 << 24:
        raise call.wrong("n cannot be used", "a number from 1", str(count)[:60])
    wide = call.inner("wide", "expand_dims", value.ref, call.constant("axis", 1))
    made = call.inner("repeated", "tile", wide, call.constant("multiples", (1, count, 1)))
    call.give(made, (value.shape[0], count, value.shape[1]))


def _sides(call: Call, key: str, count: int) -> list[tuple[int, int]]:
    """What lies before and after each place: one number for all, one for each, or two for each."""
    setting: Any = call.option(key, 1)
    if isinstance(setting, int):
        setting = [setting] * count if count > 1 else [[setting, setting]]
    if count == 1 and isinstance(setting, list) and len(setting) == 2 and all(isinstance(one, int) for one in setting):
        setting = [setting]
    listed: list[Any] = setting if isinstance(setting, list) else []
    sides: list[Any] = [[one, one] if isinstance(one, int) else one for one in listed]
    fits = len(sides) == count and all(isinstance(one, list) and len(one) == 2 for one in sides)
    if not fits or not all(isinstance(number, int) and 0 <= number < 1 << 24 for one in sides for number in one):
        raise call.wrong(f"{key} cannot be used", f"{count} pairs of numbers", str(setting)[:60])
    return [(one[0], one[1]) for one in sides]


def _places(call: Call, value: Value, count: int) -> list[int]:
    first = 2 if call.channels_first else 1
    return list(range(first, first + count))


def _padded(count: int) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        value = call.value(count + 2)
        sides = dict(zip(_places(call, value, count), _sides(call, "padding", count), strict=True))
        paddings = tuple(sides.get(axis, (0, 0)) for axis in range(value.rank))
        shape = [None if size is None else size + sum(pair) for size, pair in zip(value.shape, paddings, strict=True)]
        call.give(call.inner("padded", "pad", value.ref, call.constant("paddings", paddings)), shape)

    handler.__doc__ = "Zeros put around."
    return handler


def _cropped(count: int) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        value = call.value(count + 2)
        sides = dict(zip(_places(call, value, count), _sides(call, "cropping", count), strict=True))
        pairs = [sides.get(axis, (0, 0)) for axis in range(value.rank)]
        ends = tuple(-after if after else 0 for _, after in pairs)
        shape = [None if size is None else size - sum(pair) for size, pair in zip(value.shape, pairs, strict=True)]
        if any(size is not None and size < 1 for size in shape[1:]):
            raise call.wrong("more is cut off than there is", f"less than {value.shape}", str(pairs))
        mask = sum(1 << axis for axis, end in enumerate(ends) if not end)
        made = call.inner(
            "cropped",
            "strided_slice",
            value.ref,
            call.constant("begin", tuple(before for before, _ in pairs)),
            call.constant("end", ends),
            call.constant("strides", (1,) * value.rank),
            end_mask=mask,
        )
        call.give(made, shape)

    handler.__doc__ = "Rows cut off at the sides."
    return handler


def _upsampled(count: int) -> Callable[[Call], None]:
    def handler(call: Call) -> None:
        value = call.value(count + 2)
        factors = call.sizes("size", count, 2)
        kind = str(call.option("interpolation", "nearest")) if count == 2 else "nearest"
        if kind not in ("nearest", "bilinear", "bicubic"):
            raise Unsupported(f"the interpolation {kind[:40]}")
        form = "channels_first" if call.channels_first else "channels_last"
        made = call.inner("larger", "upsample", value.ref, factors=factors, kind=kind, data_format=form)
        wide = spread(call, factors) if count > 1 else (1, factors[0], 1)
        shape = [None if size is None else size * factor for size, factor in zip(value.shape, wide, strict=True)]
        call.give(made, shape)

    handler.__doc__ = "Each place repeated" + (", or a bilinear or bicubic mix." if count == 2 else ".")
    return handler


def resizing(call: Call) -> None:
    """Pictures brought to one size."""
    value = call.value(4)
    kind = str(call.option("interpolation", "bilinear"))
    strange = [key for key in ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias") if call.option(key, False)]
    if kind not in _RESIZED or strange:
        raise Unsupported(", ".join(strange) or f"the interpolation {kind[:40]}")
    size = call.option("height"), call.option("width")
    if not all(isinstance(one, int) and 0 < one < 1 << 20 for one in size):
        raise call.wrong("height and width cannot be used", "numbers from 1", str(size)[:60])
    ref: Ref = value.ref
    if call.channels_first:
        ref = call.inner("channels_last", "transpose", ref, call.constant("order", (0, 2, 3, 1)))
    flags: dict[str, Any] = {} if kind == "area" else {"half_pixel_centers": True}
    made = call.inner("resized", _RESIZED[kind], ref, call.constant("size", size), **flags)
    if call.channels_first:
        made = call.inner("turned", "transpose", made, call.constant("back", (0, 3, 1, 2)))
        call.give(made, (*value.shape[:2], *size))
        return
    call.give(made, (value.shape[0], *size, value.shape[3]))


LAYERS = {
    "Flatten": flatten,
    "Reshape": reshape,
    "Permute": permute,
    "RepeatVector": repeat_vector,
    "Resizing": resizing,
    **{f"ZeroPadding{count}D": _padded(count) for count in (1, 2, 3)},
    **{f"Cropping{count}D": _cropped(count) for count in (1, 2, 3)},
    **{f"UpSampling{count}D": _upsampled(count) for count in (1, 2, 3)},
}
