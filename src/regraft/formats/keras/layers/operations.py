"""Operations between layers: Keras 3's own (`x + y`, keras.ops.mean) and TensorFlow's in a Keras 2 model.

Both end in one table: an operation is a function of the call and of its arguments by name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from regraft.formats.keras.building import Call, Shape, Value
from regraft.formats.keras.layers.arguments import LAMBDAS, arguments, named
from regraft.formats.keras.layers.joining import joint_shape
from regraft.formats.keras.layers.shaping import filled
from regraft.formats.keras.model import Layer, Made, values
from regraft.network.building import Unsupported

_Operation = Callable[[Call, dict[str, Any]], None]

# By the names of both: what is left of "keras.src.ops.numpy.TrueDivide" and "tf.math.truediv", in small letters.
_BINARY = {
    "add": "add",
    "subtract": "sub",
    "sub": "sub",
    "multiply": "mul",
    "mul": "mul",
    "divide": "real_div",
    "truediv": "real_div",
    "truedivide": "real_div",
    "power": "pow",
    "pow": "pow",
    "maximum": "maximum",
    "minimum": "minimum",
    "equal": "equal",
    "notequal": "not_equal",
    "not_equal": "not_equal",
    "greater": "greater",
    "greaterequal": "greater_equal",
    "less": "less",
    "lessequal": "less_equal",
    "logicaland": "logical_and",
    "logical_and": "logical_and",
    "logicalor": "logical_or",
    "logical_or": "logical_or",
    "squared_difference": "squared_difference",
}
_UNARY = {
    "negative": "neg",
    "neg": "neg",
    "absolute": "abs",
    "abs": "abs",
    "sqrt": "sqrt",
    "rsqrt": "rsqrt",
    "square": "square",
    "exp": "exp",
    "log": "log",
    "log1p": "log1p",
    "sin": "sin",
    "cos": "cos",
    "floor": "floor",
    "ceil": "ceil",
    "round": "round",
    "sign": "sign",
    "reciprocal": "reciprocal",
    "erf": "erf",
    "tanh": "tanh",
    "sigmoid": "sigmoid",
    "relu": "relu",
    "relu6": "relu6",
    "softplus": "softplus",
    "softsign": "softsign",
    "selu": "selu",
    "logicalnot": "logical_not",
    "logical_not": "logical_not",
    "identity": "identity",
    "stopgradient": "stop_gradient",
    "stop_gradient": "stop_gradient",
}
_CURVES = {"silu": "silu", "swish": "silu", "hardsigmoid": "hard_sigmoid", "hardsilu": "hard_silu"}
_REDUCED = {
    "mean": "mean", "reduce_mean": "mean", "sum": "sum", "reduce_sum": "sum", "max": "max", "reduce_max": "max",
    "min": "min", "reduce_min": "min", "prod": "prod", "reduce_prod": "prod", "any": "any", "all": "all",
}  # fmt: skip


def is_operation(layer: Layer, args: Sequence[Any]) -> bool:
    """Whether what a config calls a layer is an operation. A .h5 file of Keras 3 leaves open which `Add` is meant."""
    if layer.kind in LAMBDAS or layer.module.startswith(("keras.src.ops", "keras.ops")):
        return True
    known = layer.kind.lower() in OPERATIONS and not layer.module
    return known and (len(args) > 1 or "trainable" not in layer.config)


def operation(call: Call) -> None:
    """An operation on tensors.

    Raises:
        Unsupported: it is none of those known here.
    """
    name, full = named(call)
    found = OPERATIONS.get(name)
    if found is None:
        raise Unsupported(f"the operation {full}")
    found(call, arguments(call, name))


def _tensor(call: Call, value: Any, detail: str) -> Value:
    """A value, or a constant as one."""
    if isinstance(value, Value):
        return value
    if isinstance(value, list) and not any(True for _ in values(Made, value)):
        shape, rest = [], value
        while isinstance(rest, list):
            shape.append(len(rest))
            rest = rest[0] if rest else None
        return Value(ref=call.constant(detail, _nested(value), "float32"), shape=tuple(shape))
    if not isinstance(value, bool | int | float):
        raise Unsupported(f"the operation {named(call)[1]} on something that is no tensor")
    dtype = "bool" if isinstance(value, bool) else "int32" if isinstance(value, int) else "float32"
    return Value(ref=call.constant(detail, value, dtype), shape=())


def _nested(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_nested(one) for one in value)
    if not isinstance(value, int | float):
        raise Unsupported("a constant that is no number")
    return float(value)


def _binary(function: str) -> _Operation:
    def build(call: Call, given: dict[str, Any]) -> None:
        x, y = (_tensor(call, given.get(key), key) for key in ("x", "y"))
        if function == "real_div" and not isinstance(given.get("y"), Value):
            y = _tensor(call, float(given["y"]) if isinstance(given.get("y"), int) else given.get("y"), "divisor")
        call.give(call.inner("result", function, x.ref, y.ref), joint_shape(call, [x, y]))

    return build


def _unary(function: str, **settings: Any) -> _Operation:
    def build(call: Call, given: dict[str, Any]) -> None:
        x = _tensor(call, given.get("x"), "x")
        call.give(call.inner("result", function, x.ref, **settings), x.shape)

    return build


def _gelu(call: Call, given: dict[str, Any]) -> None:
    """Exactly, or by tanh: Keras does so where nothing is said, TensorFlow where it is asked to."""
    by_tanh = given.get("approximate", call.layer.kind not in LAMBDAS)
    _unary("activation", kind="gelu_tanh" if by_tanh else "gelu")(call, given)


def _axes(call: Call, given: Any, rank: int) -> tuple[int, ...]:
    axes = given if isinstance(given, list) else list(range(rank)) if given is None else [given]
    if not all(isinstance(axis, int) and -rank <= axis < rank for axis in axes):
        raise call.wrong("the operation speaks of dimensions that are not there", f"of {rank}", str(given)[:60])
    return tuple(axis % rank for axis in axes)


def _reduced(function: str) -> _Operation:
    def build(call: Call, given: dict[str, Any]) -> None:
        x = _tensor(call, given.get("x"), "x")
        axes, keep = _axes(call, given.get("axis"), x.rank), bool(given.get("keepdims", False))
        made = call.inner("result", function, x.ref, call.constant("axes", axes), keep_dims=keep)
        call.give(made, [1 if axis in axes else size for axis, size in enumerate(x.shape) if keep or axis not in axes])

    return build


def _matmul(call: Call, given: dict[str, Any]) -> None:
    x, y = (_tensor(call, given.get(key), key) for key in ("x", "y"))
    if min(x.rank, y.rank) < 2:
        raise Unsupported("a product with a vector")
    turned = bool(given.get("transpose_a", False)), bool(given.get("transpose_b", False))
    made = call.inner("result", "batch_mat_mul", x.ref, y.ref, adj_x=turned[0], adj_y=turned[1])
    outer = joint_shape(call, [Value(ref=one.ref, shape=one.shape[:-2]) for one in (x, y)])
    call.give(made, (*outer, x.shape[-1 if turned[0] else -2], y.shape[-2 if turned[1] else -1]))


def _reshape(call: Call, given: dict[str, Any]) -> None:
    x, target = _tensor(call, given.get("x"), "x"), given.get("newshape")
    target = [-1 if one is None else one for one in target] if isinstance(target, list) else target
    if not isinstance(target, list) or not all(isinstance(one, int) for one in target):
        raise Unsupported("a shape that is computed")
    made = call.inner("result", "reshape", x.ref, call.constant("shape", tuple(target)))
    call.give(made, filled(target, x.shape))


def _transpose(call: Call, given: dict[str, Any]) -> None:
    x = _tensor(call, given.get("x"), "x")
    axes = given.get("axes")
    order = tuple(range(x.rank))[::-1] if axes is None else _axes(call, axes, x.rank)
    call.give(call.inner("result", "transpose", x.ref, call.constant("order", order)), [x.shape[a] for a in order])


def _expanded(call: Call, given: dict[str, Any]) -> None:
    x = _tensor(call, given.get("x"), "x")
    axes = sorted(_axes(call, given.get("axis", 0), x.rank + 1))
    made, shape = x.ref, list(x.shape)
    for number, axis in enumerate(axes):
        made = call.inner(f"result_{number}", "expand_dims", made, call.constant(f"axis_{number}", axis))
        shape.insert(axis, 1)
    call.give(made, shape)


def _squeezed(call: Call, given: dict[str, Any]) -> None:
    x, axis = _tensor(call, given.get("x"), "x"), given.get("axis")
    axes = tuple(a for a, size in enumerate(x.shape) if size == 1) if axis is None else _axes(call, axis, x.rank)
    made = call.inner("result", "squeeze", x.ref, squeeze_dims=axes) if axes else x.ref
    call.give(made, [size for axis, size in enumerate(x.shape) if axis not in axes])


def _joined(call: Call, given: dict[str, Any]) -> None:
    parts = [_tensor(call, one, f"part_{n}") for n, one in enumerate(given.get("xs") or [])]
    if not parts:
        raise Unsupported("joining nothing")
    axis = _axes(call, given.get("axis", -1), parts[0].rank)[0]
    lengths = [one.shape[axis] for one in parts if one.rank == parts[0].rank]
    total = sum(one for one in lengths if one is not None) if None not in lengths else None
    made = call.inner("result", "concat_v2", *(one.ref for one in parts), call.constant("axis", axis))
    call.give(made, [total if place == axis else size for place, size in enumerate(parts[0].shape)])


def _stacked(call: Call, given: dict[str, Any]) -> None:
    parts = [_tensor(call, one, f"part_{n}") for n, one in enumerate(given.get("xs") or [])]
    if not parts:
        raise Unsupported("stacking nothing")
    axis = _axes(call, given.get("axis", 0), parts[0].rank + 1)[0]
    shape = list(parts[0].shape)
    shape.insert(axis, len(parts))
    call.give(call.inner("result", "pack", *(one.ref for one in parts), axis=axis), shape)


def _cast(call: Call, given: dict[str, Any]) -> None:
    x = _tensor(call, given.get("x"), "x")
    call.give(call.inner("result", "cast", x.ref, DstT=_dtype(given)), x.shape)


def _dtype(given: dict[str, Any]) -> str:
    dtype = str(given.get("dtype"))
    if dtype not in ("float32", "float64", "float16", "bfloat16", "int32", "int64", "bool", "uint8", "int8", "int16"):
        raise Unsupported(f"the type {dtype[:40]}")
    return dtype


def _filled(function: str) -> _Operation:
    def build(call: Call, given: dict[str, Any]) -> None:
        x = _tensor(call, given.get("x"), "x")
        made = call.inner("same", function, x.ref)
        if given.get("dtype"):
            made = call.inner("result", "cast", made, DstT=_dtype(given))
        call.give(made, x.shape)

    return build


def _clipped(call: Call, given: dict[str, Any]) -> None:
    x = _tensor(call, given.get("x"), "x")
    bounds = [_tensor(call, float(given[key]) if isinstance(given.get(key), int) else given.get(key), key).ref
              for key in ("x_min", "x_max")]  # fmt: skip
    call.give(call.inner("result", "clip_by_value", x.ref, *bounds), x.shape)


def _softmax(call: Call, given: dict[str, Any]) -> None:
    x = _tensor(call, given.get("x"), "x")
    axis = _axes(call, given.get("axis", -1), x.rank)[0]
    call.give(call.inner("result", "softmax", x.ref, axis=axis), x.shape)


def _where(call: Call, given: dict[str, Any]) -> None:
    parts = [_tensor(call, given.get(key), key) for key in ("condition", "x", "y")]
    made = call.inner("result", "select_v2", *(one.ref for one in parts))
    call.give(made, joint_shape(call, parts))


def _leaky(call: Call, given: dict[str, Any]) -> None:
    x = _tensor(call, given.get("x"), "x")
    call.give(call.inner("result", "leaky_relu", x.ref, alpha=float(given.get("negative_slope", 0.2))), x.shape)


def _item(call: Call, given: dict[str, Any]) -> None:
    """What Python writes as x[1:, ..., None]."""
    x, key = _tensor(call, given.get("x"), "x"), given.get("key")
    parts: list[Any] = key if isinstance(key, list) else [key]
    masks = dict.fromkeys(("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask"), 0)
    rows: list[tuple[int, int, int]] = []
    for number, part in enumerate(parts):
        bit = 1 << number
        row = (0, 0, 1)
        if part is None:
            masks["new_axis_mask"] |= bit
        elif part is ... or part == {"class_name": "__ellipsis__"}:
            masks["ellipsis_mask"] |= bit
        elif isinstance(part, int):
            masks["shrink_axis_mask"] |= bit
            row = (part, part + 1, 1)
        elif isinstance(part, slice):
            masks["begin_mask"] |= bit if part.start is None else 0
            masks["end_mask"] |= bit if part.stop is None else 0
            row = (part.start or 0, part.stop or 0, part.step or 1)
        else:
            raise Unsupported("an index that is computed")
        rows.append(row)
    tables = [
        call.constant(name, column)
        for name, column in zip(("begin", "end", "strides"), zip(*rows, strict=True), strict=True)
    ]
    made = call.inner("result", "strided_slice", x.ref, *tables, **masks)
    call.give(made, _indexed(call, parts, x.shape))


def _indexed(call: Call, parts: Sequence[Any], shape: Shape) -> Shape:
    named = sum(isinstance(part, int | slice) for part in parts)
    if named > len(shape):
        raise call.wrong("an index speaks of dimensions that are not there", str(len(shape)), str(named))
    rest, made = list(shape), list[int | None]()
    for part in parts:
        if part is None:
            made.append(1)
        elif isinstance(part, int):
            rest.pop(0)
        elif isinstance(part, slice):
            size = rest.pop(0)
            made.append(None if size is None else len(range(*part.indices(size))))
        else:
            count = len(rest) - (named - sum(isinstance(one, int | slice) for one in parts[: parts.index(part)]))
            made += rest[:count]
            rest = rest[count:]
    return (*made, *rest)


OPERATIONS: dict[str, _Operation] = {
    **{name: _binary(function) for name, function in _BINARY.items()},
    **{name: _unary(function) for name, function in _UNARY.items()},
    **{name: _unary("activation", kind=kind) for name, kind in _CURVES.items()},
    **{name: _reduced(function) for name, function in _REDUCED.items()},
    "gelu": _gelu,
    "matmul": _matmul,
    "reshape": _reshape,
    "transpose": _transpose,
    "expanddims": _expanded,
    "expand_dims": _expanded,
    "squeeze": _squeezed,
    "concatenate": _joined,
    "concat": _joined,
    "stack": _stacked,
    "cast": _cast,
    "zeroslike": _filled("zeros_like"),
    "oneslike": _filled("ones_like"),
    "clip": _clipped,
    "clip_by_value": _clipped,
    "softmax": _softmax,
    "where": _where,
    "leakyrelu": _leaky,
    "leaky_relu": _leaky,
    "getitem": _item,
}
