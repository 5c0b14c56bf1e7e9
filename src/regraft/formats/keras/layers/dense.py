"""Layers that are a product with a matrix, or rows of one."""

from __future__ import annotations

from regraft.formats.keras.building import Call
from regraft.formats.keras.layers.activations import activated
from regraft.formats.keras.model import Layer
from regraft.formats.keras.weights import Weight
from regraft.network.building import Unsupported
from regraft.network.graph import Ref


def dense(call: Call) -> None:
    """A product with a matrix along the last dimension, a bias, and an activation function."""
    value = call.value()
    if value.rank < 2:
        raise call.wrong("a dense layer is called with too little", "two dimensions", str(value.rank))
    stored = call.shape_of("kernel")
    kernel = call.parameter("kernel", (value.shape[-1], call.option("units")))
    made = call.inner("product", "mat_mul" if value.rank == 2 else "batch_mat_mul", value.ref, kernel)
    units = stored[1] if stored else None
    made = biased(call, made, units)
    call.give(activated(call, made, value.rank), (*value.shape[:-1], units), call.mask(value))


def biased(call: Call, value: Ref, width: int | None, *, channels_first: bool = False) -> Ref:
    """A value with the bias of its layer, if it has one."""
    if not call.option("use_bias", True):
        return value
    bias = call.parameter("bias", (width,))
    return call.inner("bias_add", "bias_add", value, bias, data_format="NCHW" if channels_first else "NHWC")


def embedding(call: Call) -> None:
    """The row of a table for each index; with `mask_zero` index 0 is left out by what follows."""
    value = call.value()
    if call.option("lora_rank") or call.option("quantization_config"):
        raise Unsupported("an embedding that is quantised")
    table = call.parameter("embeddings", (call.option("input_dim"), call.option("output_dim")))
    mask = value.mask
    if call.option("mask_zero", False):
        mask = call.inner("mask", "not_equal", value.ref, call.constant("zero", 0))
    width = call.option("output_dim")
    call.give(call.inner("rows", "embedding", value.ref, table), (*value.shape, width), mask)


def kernel_and_bias(layer: Layer, keras: int) -> list[Weight]:
    """The kernel, and the bias where there is one."""
    bias = [Weight(name="bias", path="vars/1")] if layer.config.get("use_bias", True) else []
    return [Weight(name="kernel", path="vars/0"), *bias]


def embedding_weights(layer: Layer, keras: int) -> list[Weight]:
    """The table."""
    return [Weight(name="embeddings", path="vars/0")]


LAYERS = {"Dense": dense, "Embedding": embedding}
WEIGHTS = {"Dense": kernel_and_bias, "Embedding": embedding_weights}
