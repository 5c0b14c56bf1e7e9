"""Layers with weights: products, convolutions, recurrent layers, and pooling."""

from __future__ import annotations

from typing import Any

from regraft.errors import UnreadableFile
from regraft.formats.onnx.building import Call, Handler, integers, plain


def mat_mul(call: Call) -> None:
    """Nothing is refused."""
    weight = call.value(1)
    function = "mat_mul" if weight is not None and weight.ndim == 2 else "batch_mat_mul"
    call.give(function, call.input(), call.input(1))


def gemm(call: Call) -> None:
    """Nothing is refused."""
    alpha, beta = call.attribute("alpha"), call.attribute("beta")
    turned = {"transpose_a": bool(call.attribute("transA")), "transpose_b": bool(call.attribute("transB"))}
    call.attribute("broadcast")
    added = call.optional(2)
    if alpha == 1 and added is None:
        call.give("mat_mul", call.input(), call.input(1), **turned)
        return
    product = call.inner("product", "mat_mul", call.input(), call.input(1), **turned)
    if alpha != 1:
        product = call.inner("scaled", "weighted_sum", product, weights=(alpha,))
    if added is None:
        call.give("identity", product)
        return
    if beta != 1:
        added = call.inner("bias", "weighted_sum", added, weights=(beta,))
    value = call.value(2)
    if beta == 1 and value is not None and value.ndim == 1 and value.size > 1:
        call.give("bias_add", product, added, data_format="NHWC")
    else:
        call.give("onnx_add", product, added)


def conv(call: Call) -> None:
    """Refused: more than 3 spatial dimensions."""
    filters = call.value(1)
    attributes = {name: call.attribute(name) for name in ("strides", "dilations", "pads", "auto_pad", "group")}
    kernel = call.attribute("kernel_shape")
    if filters is not None:
        _check_groups(call, attributes["group"], filters.shape)
    if filters is None or filters.ndim != 4 or attributes["auto_pad"] == "SAME_LOWER":
        call.give("onnx_conv", *call.inputs(), **attributes)
        return
    _check_kernel(call, kernel, filters.shape[2:])
    given = _as_tensorflow(call, attributes)
    if not call.has(2):
        call.give("conv2d", call.input(), call.input(1), **given)
        return
    product = call.inner("product", "conv2d", call.input(), call.input(1), **given)
    call.give("bias_add", product, call.input(2), data_format="NCHW")


def _as_tensorflow(call: Call, attributes: dict[str, Any]) -> dict[str, Any]:
    """The attributes in the words of `conv2d`."""
    top, left, bottom, right = _of(call, "pads", attributes["pads"], 4, 0)
    padding = {"SAME_UPPER": "SAME", "VALID": "VALID"}.get(attributes["auto_pad"], "EXPLICIT")
    given: dict[str, Any] = {
        "strides": (1, 1, *_of(call, "strides", attributes["strides"], 2, 1)),
        "dilations": (1, 1, *_of(call, "dilations", attributes["dilations"], 2, 1)),
        "padding": padding,
        "data_format": "NCHW",
        "filter_format": "OIHW",
        "groups": attributes["group"],
    }
    if padding == "EXPLICIT":
        given["explicit_paddings"] = (0, 0, 0, 0, top, bottom, left, right)
    return given


def _of(call: Call, name: str, values: Any, count: int, otherwise: int) -> tuple[int, ...]:
    found = integers(values) if values is not None else (otherwise,) * count
    if len(found) != count:
        raise UnreadableFile(f"{name} cannot be used", where=call.where, expected=f"{count} numbers", got=str(found))
    return found


def _check_kernel(call: Call, said: Any, shape: tuple[int, ...]) -> None:
    if said is not None and integers(said) != shape:
        raise UnreadableFile(
            "the filters are not of the size the operation says",
            where=call.where, expected=str(integers(said)), got=str(shape),
        )  # fmt: skip


def _check_groups(call: Call, groups: int, shape: tuple[int, ...]) -> None:
    if groups < 1 or any(count % groups for count in shape[:1]):
        raise UnreadableFile(
            "the filters cannot be shared out among the groups the operation says",
            where=call.where, expected="as many for each of 1 group or more", got=f"{shape}, {groups} groups",
        )  # fmt: skip


def max_pool(call: Call) -> None:
    """Refused: more than 3 spatial dimensions."""
    attributes = {name: call.attribute(name) for name in call.known}
    if call.gives(1):
        call.give_all("onnx_max_pool_places", call.input(), **attributes)
    else:
        call.give("onnx_max_pool", call.input(), **attributes)


def recurrent(call: Call) -> None:
    """Nothing is refused."""
    attributes = {name: call.attribute(name) for name in call.known if name != "output_sequence"}
    call.attribute("output_sequence")
    functions = {"LSTM": "onnx_lstm", "GRU": "onnx_gru", "RNN": "onnx_rnn"}
    call.give_all(functions[call.operation.type], *call.inputs(), **attributes)


def einsum(call: Call) -> None:
    """Nothing is refused."""
    equation = "".join(call.attribute("equation").split())
    call.give("einsum", *call.inputs(), equation=equation)


def deformed(call: Call) -> None:
    """Nothing is refused."""
    attributes = {name: call.attribute(name) for name in call.known}
    attributes.pop("kernel_shape", None)
    call.give("deform_conv", *call.inputs(), **attributes)


_POOLED = "Refused: more than 3 spatial dimensions."
OPS: dict[str, Handler] = {
    "AveragePool": plain("onnx_average_pool", refused=_POOLED),
    "CausalConvWithState": plain("causal_conv_with_state", outputs="all"),
    "Col2Im": plain("col2im", refused=_POOLED),
    "Conv": conv,
    "ConvTranspose": plain("onnx_conv_transpose", refused=_POOLED),
    "DeformConv": deformed,
    "Det": plain("det"),
    "Einsum": einsum,
    "GRU": recurrent,
    "Gemm": gemm,
    "GlobalAveragePool": plain("global_average_pool"),
    "GlobalLpPool": plain("global_lp_pool"),
    "GlobalMaxPool": plain("global_max_pool"),
    "LSTM": recurrent,
    "LpPool": plain("lp_pool", refused=_POOLED),
    "MatMul": mat_mul,
    "MaxPool": max_pool,
    "MaxUnpool": plain("max_unpool", refused=_POOLED),
    "RNN": recurrent,
}
