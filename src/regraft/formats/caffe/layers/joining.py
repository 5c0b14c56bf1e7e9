"""Layers of several blobs: joined, divided, added."""

from __future__ import annotations

from itertools import pairwise

from regraft.formats.caffe.building import Call, Shape


def concat(call: Call) -> None:
    """Blobs one after the other along `axis`, which is that of the channels where none is given."""
    options = call.options("concat_param")
    axis = call.axis(options.concat_dim if options.HasField("concat_dim") else options.axis)
    shapes = [call.shape(place) for place in range(len(call.bottoms()))]
    rest = {len(shape) for shape in shapes}
    sizes = [shape[axis] if axis < len(shape) else None for shape in shapes]
    if len(rest) > 1 or any(not _alike(shape, shapes[0], axis) for shape in shapes):
        raise call.wrong("the blobs do not fit together", f"the same sizes, but along {axis}", _listed(shapes))
    total = None if None in sizes else sum(size or 0 for size in sizes)
    result = (*shapes[0][:axis], total, *shapes[0][axis + 1 :])
    call.give(result, "concat_v2", *call.bottoms(), call.constant("axis", axis))


def eltwise(call: Call) -> None:
    """The sum (each times its `coeff`), the product or the greatest of blobs of one shape, value by value."""
    options, bottoms = call.options("eltwise_param"), call.bottoms()
    shapes = [call.shape(place) for place in range(len(bottoms))]
    if any(not _alike(shape, shapes[0]) for shape in shapes):
        raise call.wrong("the blobs do not fit together", "one shape", _listed(shapes))
    coefficients = tuple(options.coeff)
    if coefficients and (len(coefficients) != len(bottoms) or options.operation != 1):
        raise call.wrong("the coefficients do not fit", f"{len(bottoms)}, for a sum", f"{len(coefficients)}")
    if options.operation == 1:
        if any(value != 1 for value in coefficients):
            call.give(shapes[0], "weighted_sum", *bottoms, weights=coefficients)
        else:
            call.give(shapes[0], "add_n", *bottoms)
        return
    function = "mul" if options.operation == 0 else "maximum"
    value = bottoms[0]
    for place, other in enumerate(bottoms[1:-1], start=1):
        value = call.inner(f"first_{place + 1}", function, value, other)
    if len(bottoms) == 1:
        call.give(shapes[0], "identity", value)
    else:
        call.give(shapes[0], function, value, bottoms[-1])


def slice(call: Call) -> None:
    """Parts of a blob along `axis`: equal ones, or divided at the `slice_point`s."""
    options, shape, count = call.options("slice_param"), call.shape(), len(call.layer.tops)
    axis = call.axis(options.slice_dim if options.HasField("slice_dim") else options.axis)
    length = shape[axis]
    sizes = _parts(call, list(options.slice_point), length, count)
    where = call.constant("axis", axis)
    if sizes is None:
        parts = call.inner("parts", "split", where, call.bottom(), num_split=count)
        sizes = [None if length is None else length // count] * count
    else:
        lengths = call.constant("sizes", tuple(-1 if size is None else size for size in sizes))
        parts = call.inner("parts", "split_v", call.bottom(), lengths, where, num_split=count)
    for top, size in enumerate(sizes):
        call.give((*shape[:axis], size, *shape[axis + 1 :]), "item", parts, top, top=top)


def _parts(call: Call, points: list[int], length: int | None, count: int) -> list[int | None] | None:
    """The length of each part; None where all are equal."""
    if not points:
        if length is not None and (count < 1 or length % count):
            raise call.wrong("the blob cannot be divided into equal parts", f"a multiple of {count}", str(length))
        return None
    bounds = [0, *points]
    steps = [after - before for before, after in pairwise(bounds)]
    last = None if length is None else length - points[-1]
    if len(points) != count - 1 or min(steps) < 1 or (last is not None and last < 1):
        raise call.wrong(
            "the slice points do not fit", f"{count - 1}, growing, below {length or 'the size'}", str(points)
        )
    return [*steps, last]


def split(call: Call) -> None:
    """The same blob under several names."""
    for top in range(len(call.layer.tops)):
        call.give(call.shape(), "identity", call.bottom(), top=top)


def _alike(one: Shape, other: Shape, but: int | None = None) -> bool:
    if len(one) != len(other):
        return False
    pairs = enumerate(zip(one, other, strict=True))
    return all(place == but or None in (a, b) or a == b for place, (a, b) in pairs)


def _listed(shapes: list[Shape]) -> str:
    return ", ".join(str(tuple("?" if size is None else size for size in shape)) for shape in shapes[:5])


LAYERS = {"Concat": concat, "Eltwise": eltwise, "Slice": slice, "Split": split}
