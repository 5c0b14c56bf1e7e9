"""Layers that give the same values in another shape or order."""

from __future__ import annotations

from math import prod

from regraft.formats.caffe.building import Call, Shape


def flatten(call: Call) -> None:
    """The dimensions from `axis` to `end_axis` as one."""
    options, shape = call.options("flatten_param"), call.shape()
    axis, end = call.axis(options.axis), call.axis(options.end_axis)
    if end < axis:
        raise call.wrong("the layer flattens nothing", f"an end_axis from {axis} on", str(end))
    middle = shape[axis : end + 1]
    size = None if None in middle else prod(one or 0 for one in middle)
    call.give((*shape[:axis], size, *shape[end + 1 :]), "flatten", call.bottom(), axis=axis, end_axis=end)


def reshape(call: Call) -> None:
    """Another shape: 0 keeps a dimension, -1 is what is left. A batch that is written out is freed."""
    options, shape = call.options("reshape_param"), call.shape()
    axis = options.axis if options.axis >= 0 else len(shape) + 1 + options.axis
    dims = list(options.shape.dim)
    end = len(shape) if options.num_axes == -1 else axis + options.num_axes
    if (
        not 0 <= axis <= end <= len(shape)
        or min(dims, default=0) < -1
        or dims.count(-1) > 1
        or max(dims, default=0) > 1 << 31
    ):
        raise call.wrong(
            "the new shape cannot be used", "sizes from 0 on, one -1, dimensions that are there", str(dims)
        )
    inside = shape[axis:end]
    if any(size == 0 and place >= len(inside) for place, size in enumerate(dims)):
        raise call.wrong("a size is to be kept that is not there", f"{len(inside)} dimensions at most", str(dims))
    if not axis and dims and inside and inside[0] is None and dims[0] == call.net.batch:
        dims[0] = 0
    new = _sizes(call, dims, inside)
    result = (*shape[:axis], *new, *shape[end:])
    call.give(result, "reshape_part", call.bottom(), shape=tuple(dims), axis=axis, num_axes=end - axis)


def _sizes(call: Call, dims: list[int], inside: Shape) -> list[int | None]:
    """The new sizes, of which those that depend on the batch are None."""
    new: list[int | None] = [inside[place] if size == 0 else size for place, size in enumerate(dims)]
    # What is kept in its place takes no part in the account.
    kept = [place for place, size in enumerate(dims) if size == 0]
    before = [size for place, size in enumerate(inside) if place not in kept]
    after = [size for size in dims if size not in (0, -1)]
    known = None if None in before else prod(size or 0 for size in before)
    if -1 not in dims:
        if known is not None and known != prod(after):
            raise call.wrong("the new shape holds another count of values", f"{known:,}", f"{prod(after):,}")
        return new
    if known is not None and (not prod(after) or known % prod(after)):
        raise call.wrong("the new shape does not fit", f"a divisor of {known:,}", f"{prod(after):,}")
    new[dims.index(-1)] = None if known is None else known // prod(after)
    return new


def permute(call: Call) -> None:
    """The dimensions in another `order`; those that are not named come last, as they stand."""
    order, shape = list(call.options("permute_param").order), call.shape()
    if len(set(order)) < len(order) or any(place >= len(shape) for place in order):
        raise call.wrong("the order names no dimensions", f"some of 0 to {len(shape) - 1}, each once", str(order))
    order += [place for place in range(len(shape)) if place not in order]
    call.give([shape[place] for place in order], "transpose", call.bottom(), call.constant("order", tuple(order)))


def tile(call: Call) -> None:
    """The blob repeated along `axis`."""
    options, shape = call.options("tile_param"), call.shape()
    axis = call.axis(options.axis)
    if not 1 <= options.tiles <= 1 << 16:
        raise call.wrong("tiles cannot be used", f"1 to {1 << 16}", str(options.tiles))
    multiples = tuple(options.tiles if place == axis else 1 for place in range(len(shape)))
    size = shape[axis]
    result = (*shape[:axis], None if size is None else size * options.tiles, *shape[axis + 1 :])
    call.give(result, "tile", call.bottom(), call.constant("multiples", multiples))


def parameter(call: Call) -> None:
    """A blob that is trained itself."""
    options = call.options("parameter_param")
    shape = tuple(options.shape.dim)
    call.give(shape, "identity", call.parameter(0, shape, 0.0))


LAYERS = {"Flatten": flatten, "Reshape": reshape, "Permute": permute, "Tile": tile, "Parameter": parameter}
