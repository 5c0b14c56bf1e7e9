"""The arguments of operations, under the names of Keras 3 whoever gives them: a Keras 2 model has TensorFlow's."""

from __future__ import annotations

from typing import Any

from regraft.formats.keras.building import Call
from regraft.network.building import Unsupported

LAMBDAS = ("TFOpLambda", "SlicingOpLambda")
_NAMES = {
    "transpose": ("x", "axes"),
    "reshape": ("x", "newshape"),
    "concatenate": ("xs", "axis"),
    "concat": ("xs", "axis"),
    "stack": ("xs", "axis"),
    "matmul": ("x", "y"),
    "expanddims": ("x", "axis"),
    "expand_dims": ("x", "axis"),
    "squeeze": ("x", "axis"),
    "getitem": ("x", "key"),
    "cast": ("x", "dtype"),
    "clip": ("x", "x_min", "x_max"),
    "clip_by_value": ("x", "x_min", "x_max"),
    "softmax": ("x", "axis"),
    "where": ("condition", "x", "y"),
    "leakyrelu": ("x", "negative_slope"),
}
_SAME = {
    "perm": "axes", "a": "x", "b": "y", "shape": "newshape", "values": "xs", "slice_spec": "key", "t": "x",
    "clip_value_min": "x_min", "clip_value_max": "x_max", "x1": "x", "x2": "y", "input": "x", "input_tensor": "x",
    "tensor": "x", "features": "x", "logits": "x", "keep_dims": "keepdims", "alpha": "negative_slope", "target_dtype":
    "dtype", "arrays": "xs", "a_min": "x_min", "a_max": "x_max", "clip_min": "x_min", "clip_max": "x_max",
}  # fmt: skip
# What changes an operation's result, and is known here only as it usually is.
_USUAL = {"decimals": 0, "adjoint_a": False, "adjoint_b": False, "beta": 1.0}


def operation_name(kind: str, config: Any) -> str:
    """What an operation is called in errors."""
    return str(config.get("function", kind)) if kind in LAMBDAS else kind


def named(call: Call) -> tuple[str, str]:
    """What an operation is called in small letters without its place, and in full."""
    full = operation_name(call.layer.kind, call.layer.config)
    return full.rpartition(".")[2].lower(), full


def arguments(call: Call, name: str) -> dict[str, Any]:
    """The arguments by name: of the call, and of the operation's own settings.

    Raises:
        Unsupported: one asks for what no operation here does.
    """
    order = _NAMES.get(name, ("x", "y"))
    found: dict[str, Any] = {} if call.layer.kind in LAMBDAS else dict(call.layer.config)
    found.pop("name", None)
    given = {**call.kwargs, **dict(zip(order, call.args, strict=False))}
    found.update({key: value for key, value in given.items() if value is not None})
    changed = [f"{word} {found[word]}" for word, usual in _USUAL.items() if found.get(word, usual) != usual]
    if changed:
        raise Unsupported(f"the operation {named(call)[1]} with {', '.join(changed)}")
    return {_SAME.get(key, key): value for key, value in found.items()}
