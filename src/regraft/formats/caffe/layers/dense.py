"""Layers that read all values of an example at once, and Embed."""

from __future__ import annotations

from math import prod

from regraft.formats.caffe.building import Call


def inner_product(call: Call) -> None:
    """A product with a matrix (outputs, inputs), what lies from `axis` on taken as one vector, and a bias."""
    options, shape = call.options("inner_product_param"), call.shape()
    axis, outputs = call.axis(options.axis), options.num_output
    if not outputs:
        raise call.wrong("the layer has no width", "num_output from 1 on", "0")
    inputs = None if None in shape[axis:] else prod(size or 0 for size in shape[axis:])
    sizes = (inputs, outputs) if options.transpose else (outputs, inputs)
    weight = call.parameter(0, sizes, options.weight_filler)
    result = (*shape[:axis], outputs)
    if not options.bias_term:
        call.give(result, "inner_product", call.bottom(), weight, axis=axis, transpose=options.transpose)
        return
    bias = call.parameter(1, (outputs,), options.bias_filler if options.HasField("bias_filler") else 0.0)
    product = call.inner("product", "inner_product", call.bottom(), weight, axis=axis, transpose=options.transpose)
    call.give(result, "bias_add", product, bias, data_format="NHWC")


def embed(call: Call) -> None:
    """The row of a table for each number, and a bias."""
    options, shape = call.options("embed_param"), call.shape()
    table = call.parameter(0, (options.input_dim, options.num_output), options.weight_filler)
    places = call.inner("places", "cast", call.bottom(), DstT="int64")
    result = (*shape, options.num_output)
    if not options.bias_term:
        call.give(result, "gather", table, places)
        return
    bias = call.parameter(1, (options.num_output,), options.bias_filler if options.HasField("bias_filler") else 0.0)
    call.give(result, "bias_add", call.inner("rows", "gather", table, places), bias, data_format="NHWC")


LAYERS = {"InnerProduct": inner_product, "Embed": embed}
