"""Layers that make one number of many, or say which is the greatest."""

from __future__ import annotations

from math import prod

from regraft.formats.caffe.building import Call


def softmax(call: Call) -> None:
    """e^x over the sum of e^x along `axis`, which is that of the channels where none is given."""
    shape, axis = call.shape(), call.axis(call.options("softmax_param").axis)
    attributes = {} if axis == len(shape) - 1 else {"axis": axis}
    call.give(shape, "softmax", call.bottom(), **attributes)


def arg_max(call: Call) -> None:
    """The places of the `top_k` greatest values of each example, or along `axis`; with `out_max_val` the values."""
    options, shape = call.options("argmax_param"), call.shape()
    along = call.axis(options.axis) if options.HasField("axis") else None
    among = (shape[1:] if along is None else shape[along : along + 1]) or (1,)
    count = None if None in among else prod(size or 0 for size in among)
    if options.top_k < 1 or (count is not None and options.top_k > count):
        raise call.wrong("top_k cannot be used", f"1 to {count or 'the count of values'}", str(options.top_k))
    top_k, values = options.top_k, options.out_max_val
    flat = (shape[0], 2 if values else 1, top_k, *[1] * (len(shape) - 3))
    result = flat if along is None else (*shape[:along], top_k, *shape[along + 1 :])
    call.give(result, "arg_max_k", call.bottom(), top_k=top_k, axis=along, out_max_val=values)


_CHANGES = {2: "abs", 3: "square"}  # of ASUM and SUMSQ


def reduction(call: Call) -> None:
    """The sum, that of absolute values or of squares, or the mean over all from `axis` on, times `coeff`."""
    options, shape = call.options("reduction_param"), call.shape()
    axis = call.axis(options.axis)
    value = call.bottom()
    if options.operation in _CHANGES:
        value = call.inner("changed", _CHANGES[options.operation], value)
    axes = call.constant("axes", tuple(range(axis, len(shape))))
    function = "mean" if options.operation == 4 else "sum"
    if options.coeff == 1:
        call.give(shape[:axis], function, value, axes, keep_dims=False)
        return
    reduced = call.inner("reduced", function, value, axes, keep_dims=False)
    call.give(shape[:axis], "affine_pow", reduced, power=1.0, scale=options.coeff, shift=0.0)


LAYERS = {"Softmax": softmax, "ArgMax": arg_max, "Reduction": reduction}
