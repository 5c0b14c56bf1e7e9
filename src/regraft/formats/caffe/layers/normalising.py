"""Layers that bring values to a common scale, and those that scale and shift what these give."""

from __future__ import annotations

from typing import Any

from regraft.formats.caffe.building import Call
from regraft.network.building import Unsupported
from regraft.network.graph import Ref


def lrn(call: Call) -> None:
    """Local response normalisation across channels, or with WITHIN_CHANNEL over places."""
    options, shape = call.options("lrn_param"), call.picture()
    size = options.local_size
    if not size % 2 or size > 1 << 12:
        raise call.wrong("local_size cannot be used", "an odd number", str(size))
    if options.norm_region == 1:
        call.give(shape, "lrn_within", call.bottom(), size=size, alpha=options.alpha, beta=options.beta)
        return
    numbers = {"depth_radius": size // 2, "bias": options.k, "alpha": options.alpha / size, "beta": options.beta}
    call.give(shape, "lrn", call.bottom(), **numbers, data_format="NCHW")


def batch_norm(call: Call) -> None:
    """Mean 0 and variance 1 in each channel: by the stored sums over their stored factor, in training by the batch.

    With `use_global_stats: true` by the stored ones in training too. Where it is false, Caffe takes the batch's in a
    deployed network as well; here what a picture is told to be never hangs on those beside it. There is no scale and
    shift in it: Caffe has a Scale layer for them.
    """
    options, shape = call.options("batch_norm_param"), call.shape()
    if len(shape) < 2:
        raise Unsupported("it reads one dimension, and so no channels")
    mean = call.parameter(0, (shape[1],), 0.0, trained=False)
    variance = call.parameter(1, (shape[1],), 1.0, trained=False)
    factor = call.parameter(2, (1,), 1.0, trained=False)
    one = call.constant("one", (1.0,), "float32")
    share = call.inner("share", "div_no_nan", one, factor)
    moving = call.inner("mean", "mul", mean, share), call.inner("variance", "mul", variance, share)
    scale, offset = call.inner("scale", "ones_like", mean), call.inner("offset", "zeros_like", mean)
    shared: dict[str, Any] = {"epsilon": options.eps, "data_format": "NCHW"}
    stored = call.inner(
        "stored", "fused_batch_norm", call.bottom(), scale, offset, *moving, is_training=False, **shared
    )
    if options.HasField("use_global_stats") and options.use_global_stats:
        call.give(shape, "item", stored, 0)
        return
    empty = call.constant("empty", (), "float32")
    batch = call.inner(
        "batch", "fused_batch_norm", call.bottom(), scale, offset, empty, empty, is_training=True, **shared
    )
    sides = call.inner("batch/0", "item", batch, 0), call.inner("stored/0", "item", stored, 0)
    call.give(shape, "select", call.net.switch(), *sides)
    keep = call.constant("keep", (options.moving_average_fraction,), "float32")
    nexts = (
        (mean, call.inner("batch/1", "item", batch, 1)),
        (variance, call.inner("batch/2", "item", batch, 2)),
        (factor, one),
    )
    for index, (old, added) in enumerate(nexts):
        _follow(call, index, old, keep, added)


def _follow(call: Call, index: int, old: Ref, keep: Ref, added: Ref) -> None:
    """The next value of a stored sum: what is kept of it, and the batch's own."""
    parameter = call.net.nodes[old.name].args[0]
    kept = call.inner(f"kept/{index}", "mul", old, keep)
    call.net.updates[parameter] = call.inner(f"next/{index}", "add", kept, added).name


def scale(call: Call) -> None:
    """A product with a second blob, or with trained numbers for each channel, and with `bias_term` a sum."""
    options = call.options("scale_param")
    if not options.bias_term:
        _along(call, options, "mul_along", 0)
        return
    product = _along(call, options, "mul_along", 0, inner="product")
    axis, sizes = _sizes(call, options)
    index = 0 if len(call.step.reads) > 1 else 1
    filler = options.bias_filler if options.HasField("bias_filler") else 0.0
    call.give(call.shape(), "add_along", product, call.parameter(index, sizes, filler), axis=axis)


def bias(call: Call) -> None:
    """A sum with a second blob, or with trained numbers for each channel."""
    _along(call, call.options("bias_param"), "add_along", 0)


def _along(call: Call, options: Any, function: str, index: int, inner: str = "") -> Ref:
    axis, sizes = _sizes(call, options)
    if len(call.step.reads) > 1:
        other = call.bottom(1)
    else:
        start = 1.0 if function == "mul_along" else 0.0
        other = call.parameter(index, sizes, options.filler if options.HasField("filler") else start)
    if inner:
        return call.inner(inner, function, call.bottom(), other, axis=axis)
    call.give(call.shape(), function, call.bottom(), other, axis=axis)
    return call.bottom()


def _sizes(call: Call, options: Any) -> tuple[int, tuple[int | None, ...]]:
    """The first dimension that is scaled, and the sizes of all that are."""
    shape = call.shape()
    if len(call.step.reads) > 1:
        count = len(call.shape(1))
        axis = 0 if not count else call.axis(options.axis)
    else:
        axis = call.axis(options.axis)
        count = len(shape) - axis if options.num_axes == -1 else options.num_axes
    if not 0 <= count <= len(shape) - axis:
        raise call.wrong("the layer scales more dimensions than there are", f"at most {len(shape) - axis}", str(count))
    return axis, shape[axis : axis + count]


def mvn(call: Call) -> None:
    """Mean 0 and, unless told otherwise, variance 1 in each channel of each example, or over all of the example."""
    options = call.options("mvn_param")
    first = 1 if options.across_channels else 2
    call.give(
        call.picture(),
        "mean_variance_norm",
        call.bottom(),
        first_axis=first,
        variance=options.normalize_variance,
        epsilon=options.eps,
    )


LAYERS = {"LRN": lrn, "BatchNorm": batch_norm, "Scale": scale, "Bias": bias, "MVN": mvn}
