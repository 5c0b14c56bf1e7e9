"""Reductions, and look-ups by index."""

from __future__ import annotations

from regraft.formats.onnx.building import Call, Handler, plain
from regraft.formats.onnx.ops.shaping import axes
from regraft.network.building import Unsupported

_REDUCTIONS = {
    "ReduceL1": "reduce_l1", "ReduceL2": "reduce_l2", "ReduceLogSum": "reduce_log_sum",
    "ReduceLogSumExp": "reduce_log_sum_exp", "ReduceMax": "reduce_max", "ReduceMean": "reduce_mean",
    "ReduceMin": "reduce_min", "ReduceProd": "reduce_prod", "ReduceSum": "reduce_sum",
    "ReduceSumSquare": "reduce_sum_square",
}  # fmt: skip


def reduction(call: Call) -> None:
    """Nothing is refused."""
    options = {
        "keepdims": call.attribute("keepdims"),
        "noop_with_empty_axes": call.attribute("noop_with_empty_axes", 0),
    }
    call.give(_REDUCTIONS[call.operation.type], call.input(), axes(call), **options)


def top_k(call: Call) -> None:
    """Nothing is refused."""
    options = {name: call.attribute(name) for name in call.known if name != "k"}
    k = call.attribute("k") if call.opset < 10 else call.input(1)
    call.give_all("onnx_top_k", call.input(), k, **options)


def cumulated(call: Call) -> None:
    """Nothing is refused."""
    function = {"CumSum": "cumsum", "CumProd": "cumprod"}[call.operation.type]
    flags = {name: bool(call.attribute(name)) for name in ("exclusive", "reverse")}
    call.give(function, call.input(), call.input(1), **flags)


def scattered(call: Call) -> None:
    """Refused: a reduction that is not none, add, mul, max or min."""
    reduction = call.attribute("reduction", "none")
    if reduction not in ("none", "add", "mul", "max", "min"):
        raise Unsupported(f"its reduction is {reduction}")
    call.give("scatter_elements", *call.inputs(), axis=call.attribute("axis", 0), reduction=reduction)


def scattered_nd(call: Call) -> None:
    """Refused: a reduction that is not none, add, mul, max or min."""
    reduction = call.attribute("reduction", "none")
    if reduction not in ("none", "add", "mul", "max", "min"):
        raise Unsupported(f"its reduction is {reduction}")
    call.give("onnx_scatter_nd", *call.inputs(), reduction=reduction)


OPS: dict[str, Handler] = {
    **dict.fromkeys(_REDUCTIONS, reduction),
    "ArgMax": plain("onnx_arg_max"),
    "ArgMin": plain("onnx_arg_min"),
    "Compress": plain("compress"),
    "CumProd": cumulated,
    "CumSum": cumulated,
    "Gather": plain("onnx_gather"),
    "GatherElements": plain("gather_elements"),
    "GatherND": plain("onnx_gather_nd"),
    "NonMaxSuppression": plain("non_max_suppression"),
    "NonZero": plain("non_zero"),
    "OneHot": plain("onnx_one_hot"),
    "ReverseSequence": plain("onnx_reverse_sequence"),
    "Scatter": scattered,
    "ScatterElements": scattered,
    "ScatterND": scattered_nd,
    "TensorScatter": plain("tensor_scatter"),
    "TopK": top_k,
    "Unique": plain("onnx_unique", outputs="all"),
    "Where": plain("onnx_where"),
}
