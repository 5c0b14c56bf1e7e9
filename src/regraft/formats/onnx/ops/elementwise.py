"""Operations on each value by itself: arithmetic, activations, comparisons, types."""

from __future__ import annotations

from typing import Any

import numpy as np

from regraft.formats.onnx.building import Call, Handler, plain
from regraft.formats.onnx.tensors import DTYPES, type_name
from regraft.network.building import Unsupported
from regraft.network.graph import Node, Ref

# Operations that are functions TensorFlow has too, for numbers with fractions; ONNX's name -> ours.
_SAME = {
    "Acos": "acos", "Acosh": "acosh", "And": "logical_and", "Asin": "asin", "Asinh": "asinh", "Atan": "atan",
    "Atanh": "atanh", "Ceil": "ceil", "Cos": "cos", "Cosh": "cosh", "Erf": "erf", "Exp": "exp", "Floor": "floor",
    "IsNaN": "is_nan", "Log": "log", "Neg": "neg", "Not": "logical_not", "Or": "logical_or", "Reciprocal": "reciprocal",
    "Relu": "relu", "Round": "round", "Sigmoid": "sigmoid", "Sin": "sin", "Sinh": "sinh", "Softplus": "softplus",
    "Softsign": "softsign", "Sqrt": "sqrt", "Sum": "add_n", "Tan": "tan", "Tanh": "tanh", "Identity": "identity",
}  # fmt: skip
_OWN = {
    "Abs": "onnx_abs", "BitwiseAnd": "bitwise_and", "BitwiseNot": "bitwise_not", "BitwiseOr": "bitwise_or",
    "BitwiseXor": "bitwise_xor", "BitShift": "bit_shift", "Celu": "celu", "Div": "onnx_div",
    "Elu": "elu", "Equal": "onnx_equal", "Greater": "onnx_greater",
    "GreaterOrEqual": "onnx_greater_equal", "HardSigmoid": "hard_sigmoid", "HardSwish": "hard_swish",
    "IsInf": "onnx_is_inf", "LeakyRelu": "leaky_relu", "Less": "onnx_less", "LessOrEqual": "onnx_less_equal",
    "Max": "onnx_max", "Mean": "onnx_mean", "Min": "onnx_min", "Mod": "onnx_mod", "Mul": "onnx_mul",
    "Pow": "onnx_pow", "PRelu": "onnx_prelu", "Selu": "onnx_selu", "Shrink": "shrink", "Sign": "onnx_sign",
    "Sub": "onnx_sub", "SwiGLU": "swiglu", "Swish": "swish", "ThresholdedRelu": "thresholded_relu", "Add": "onnx_add",
}  # fmt: skip


def exclusive_or(call: Call) -> None:
    """Nothing is refused."""
    call.give("not_equal", *call.inputs())


def clip(call: Call) -> None:
    """Nothing is refused."""
    low, high = _bounds(call)
    values = [_number(bound) for bound in (low, high)]
    if values == [0.0, 6.0]:
        call.give("relu6", call.input())
        return
    names = ("low", "high")
    args = [
        bound if isinstance(bound, Ref) or bound is None else call.constant(name, bound.item(), bound.dtype.name)
        for bound, name in zip((low, high), names, strict=True)
    ]
    call.give("onnx_clip", call.input(), *args)


def _bounds(call: Call) -> tuple[Any, Any]:
    """The bounds: an array of one number where the file says it, else a Ref, or None."""
    if call.opset < 11:
        given = (call.attribute("min"), call.attribute("max"))
        return tuple(None if one is None else np.array(one, "f4") for one in given)  # pyright: ignore[reportReturnType]
    found: list[Any] = []
    for place in (1, 2):
        value = call.value(place)
        found.append(value.reshape(()) if value is not None and value.size == 1 else call.optional(place))
    return found[0], found[1]


def _number(bound: Any) -> float | None:
    return float(bound) if isinstance(bound, np.ndarray) and bound.dtype.kind == "f" else None


def cast(call: Call) -> None:
    """Refused: strings, bfloat16, and numbers of fewer than 8 bits or of 8 bits with fractions."""
    to = _type(call, "to")
    call.attribute("saturate")
    call.attribute("round_mode")
    call.give("onnx_cast", call.input(), to=to)


def cast_like(call: Call) -> None:
    """As Cast."""
    call.attribute("saturate")
    call.attribute("round_mode")
    call.give("cast_like", call.input(), call.input(1))


def bit_cast(call: Call) -> None:
    """As Cast."""
    call.give("bit_cast", call.input(), to=_type(call, "to"))


def _type(call: Call, attribute: str) -> str:
    code = call.attribute(attribute)
    if code not in DTYPES:
        raise Unsupported(f"numbers of type {type_name(code)} cannot be used")
    return DTYPES[code]


def softmax(call: Call) -> None:
    """Before opset 13 over all dimensions from `axis` on."""
    _along(call, {"Softmax": "softmax", "LogSoftmax": "log_softmax", "Hardmax": "hardmax"})


def _along(call: Call, functions: dict[str, str]) -> None:
    function, axis = functions[call.operation.type], call.attribute("axis")
    if call.opset >= 13:
        call.give(function, call.input(), axis=axis)
        return
    rows = call.inner("rows", "flat_rows", call.input(), axis=axis)
    call.give("shaped_like", call.inner("row", function, rows, axis=1), call.input())


def gelu(call: Call) -> None:
    """Nothing is refused."""
    call.give("activation", call.input(), kind="gelu_tanh" if call.attribute("approximate") == "tanh" else "gelu")


def dropout(call: Call) -> None:
    """Active in training, whatever `training_mode` says. Refused: the mask before opset 12."""
    call.attribute("seed")
    if call.opset < 12:
        call.only_first()
    if call.opset >= 12 and call.has(1) and call.value(1) is None:
        dropped = call.inner("dropped", "dropout_by", call.input(), call.input(1))
    else:
        dropped = call.inner("dropped", "dropout", call.input(), rate=_rate(call))
    call.give("select", call.net.switch(), dropped, call.input())
    if call.gives(1):
        whole = call.inner("whole", "ones_like", call.input())
        call.net.add(Node(name=call.operation.outputs[1], function="onnx_cast", args=(whole,), kwargs={"to": "bool"}))


def _rate(call: Call) -> float:
    ratio = call.value(1) if call.opset >= 12 else call.attribute("ratio", 0.5)
    numbers = np.reshape(0.5 if ratio is None else ratio, -1)
    if numbers.size != 1 or not 0 <= numbers[0] < 1:
        raise call.wrong("the ratio cannot be used", "a number from 0, below 1", str(ratio))
    return float(numbers[0])


OPS: dict[str, Handler] = {
    **{name: plain(function) for name, function in {**_SAME, **_OWN}.items()},
    "BitCast": bit_cast,
    "Cast": cast,
    "CastLike": cast_like,
    "Clip": clip,
    "Dropout": dropout,
    "Gelu": gelu,
    "Hardmax": softmax,
    "LogSoftmax": softmax,
    "Mish": plain("activation", kind="mish"),
    "Softmax": softmax,
    "Xor": exclusive_or,
}
