"""torch's own operations, called as `torch.export` writes them: "aten.conv2d.default", on torch's layouts.

A function takes what the operation's schema lists, by position and in the schema's order, without what says where and
how the result is stored (device, layout, memory format). Types are numpy names. Only the operations named here can be
called: none opens a file, runs code, or hands out memory that it has not filled.
"""

from __future__ import annotations

import inspect
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from regraft.errors import UnsupportedOp
from regraft.network.functions.operands import dtype_named, sizes, together

_NAMES = """
relu relu6 hardtanh hardswish hardsigmoid silu gelu elu celu selu leaky_relu prelu mish softplus sigmoid tanh
softmax log_softmax log_sigmoid softshrink hardshrink glu threshold clamp clamp_min clamp_max clip erf exp expm1 log
log2 log1p sqrt rsqrt pow abs neg sign sin cos tan atan floor ceil round trunc reciprocal square add sub rsub
subtract mul multiply div divide true_divide floor_divide remainder fmod addcmul addcdiv lerp where maximum minimum
eq ne lt le gt ge logical_and logical_or logical_not logical_xor bitwise_and bitwise_or bitwise_not __and__ __or__
isnan isinf nan_to_num any all sum mean amax amin max min argmax argmin var std var_mean prod cumsum norm
linalg_vector_norm logsumexp topk sort argsort cumprod conv1d conv2d conv3d conv_transpose1d conv_transpose2d
conv_transpose3d convolution linear matmul mm bmm addmm baddbmm einsum outer mv dot scaled_dot_product_attention
bilinear batch_norm layer_norm native_layer_norm group_norm native_group_norm instance_norm rms_norm max_pool1d
max_pool2d max_pool3d max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d
adaptive_avg_pool2d adaptive_avg_pool3d adaptive_max_pool1d adaptive_max_pool2d _adaptive_avg_pool2d view reshape
_unsafe_view view_as reshape_as flatten unflatten permute transpose t numpy_T mT mH swapaxes movedim squeeze unsqueeze
expand expand_as broadcast_to repeat repeat_interleave tile cat concat stack split split_with_sizes chunk unbind
select slice narrow index index_select gather scatter scatter_add masked_fill index_put roll flip tril triu pad
constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d unfold im2col col2im
pixel_shuffle pixel_unshuffle channel_shuffle contiguous clone detach alias lift_fresh_copy lift_fresh to _to_copy
type_as copy fill zero select_scatter slice_scatter diagonal meshgrid bucketize upsample_nearest1d
upsample_nearest2d upsample_bilinear2d upsample_bicubic2d _upsample_bilinear2d_aa _upsample_bicubic2d_aa
upsample_linear1d grid_sampler grid_sampler_2d affine_grid_generator embedding one_hot arange zeros ones full
zeros_like ones_like full_like new_zeros new_ones new_full scalar_tensor linspace eye
""".split()  # noqa: SIM905 - a hundred lines less

# Where a result is stored is no business of a graph, and random numbers come from torch's own generator.
UNSAID = frozenset({"device", "layout", "pin_memory", "generator", "memory_format"})
# Their numbers say how large the result becomes.
_SIZED = frozenset(
    """
arange zeros ones full new_zeros new_ones new_full linspace eye expand broadcast_to repeat repeat_interleave tile
pad constant_pad_nd reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d one_hot im2col col2im
upsample_nearest1d upsample_nearest2d upsample_bilinear2d upsample_bicubic2d _upsample_bilinear2d_aa
_upsample_bicubic2d_aa upsample_linear1d adaptive_avg_pool1d adaptive_avg_pool2d adaptive_avg_pool3d
adaptive_max_pool1d adaptive_max_pool2d _adaptive_avg_pool2d affine_grid_generator conv1d conv2d conv3d
conv_transpose1d conv_transpose2d conv_transpose3d convolution max_pool1d max_pool2d max_pool3d
max_pool2d_with_indices avg_pool1d avg_pool2d avg_pool3d pixel_shuffle pixel_unshuffle
""".split()  # noqa: SIM905
)


def said(overload: Any) -> list[Any]:
    """The arguments of an operation a graph has something to say about, in the order of its schema."""
    return [argument for argument in overload._schema.arguments if argument.name not in UNSAID]


def _overloads(name: str) -> Iterator[tuple[str, Any]]:
    """The forms of an operation that change nothing in place and know no names of dimensions."""
    packet = getattr(torch.ops.aten, name)
    for form in packet.overloads():
        overload = getattr(packet, form)
        written = any(a.alias_info is not None and a.alias_info.is_write for a in overload._schema.arguments)
        gives = [str(result.type) for result in overload._schema.returns]
        if "Tensor" in "".join(gives) and not written and "Dimname" not in str(overload._schema):
            yield f"aten.{name}.{form}", overload


def _function(name: str, overload: Any) -> Callable[..., Any]:
    """The operation, as a function of what a graph says by position."""
    arguments = said(overload)
    sized = name.split(".")[1] in _SIZED

    def function(*values: Any) -> Any:
        if len(values) > len(arguments):
            raise UnsupportedOp(f"{name} takes {len(arguments)} values", got=str(len(values)))
        if sized:
            _check_sizes(values)
        taken = [_value(argument, value) for argument, value in zip(arguments, values, strict=False)]
        taken = _on_one_device(taken)
        pairs = list(zip(arguments, taken, strict=False))
        return overload(
            *(value for argument, value in pairs if not argument.kwarg_only),
            **{argument.name: value for argument, value in pairs if argument.kwarg_only},
        )

    return _called(function, name)


def _called(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    function.__name__ = function.__qualname__ = name.replace(".", "_")
    function.__doc__ = f"As torch's `{name}`."
    setattr(function, "__signature__", inspect.Signature())  # noqa: B010 - it takes nothing by name
    return function


def _value(argument: Any, value: Any) -> Any:
    if argument.name in ("dtype", "output_dtype") and isinstance(value, str):
        return dtype_named(value)
    if isinstance(value, str) and "str" not in str(argument.type):
        return float(value)  # "-inf", as JSON keeps it
    return list(value) if isinstance(value, tuple) else value


def _check_sizes(values: Sequence[Any]) -> None:
    for value in values:
        whole = [v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, int | float)]
        sizes([abs(int(v)) for v in whole if v == v and abs(v) != float("inf")])


def _on_one_device(values: list[Any]) -> list[Any]:
    tensors = [t for v in values for t in (v if isinstance(v, list) else (v,)) if isinstance(t, Tensor)]
    if len({tensor.device for tensor in tensors}) < 2:
        return values
    moved = iter(together(*tensors))

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(item) for item in value]
        return next(moved) if isinstance(value, Tensor) else value

    return [put(value) for value in values]


# --- whole numbers: the sizes of what flows ---------------------------------------------------------


def sym_size(tensor: Tensor, dim: int) -> int:
    """The size of a dimension, as a Python number."""
    return tensor.shape[dim]


def _number(compute: Callable[..., Any], name: str) -> Callable[..., Any]:
    """Arithmetic on sizes."""

    def function(*values: Any) -> Any:
        if not all(isinstance(value, int | float | torch.SymInt) for value in values):
            raise UnsupportedOp(f"{name} is for numbers", got=", ".join(type(value).__name__ for value in values))
        return compute(*values)

    return _called(function, name)


# --- what runs otherwise in training ----------------------------------------------------------------


def batch_norm_in_training(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, mean: Tensor, variance: Tensor, momentum: float, eps: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Batch norm by the batch's own statistics: the result, and the next moving mean and variance."""
    following = mean.detach().clone(), variance.detach().clone()
    result = functional.batch_norm(x, *following, weight, bias, training=True, momentum=momentum, eps=eps)
    return result, *following


def attention_dropout(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, rate: float, causal: bool, scale: float | None
) -> Tensor:
    """Scaled dot product attention, some of whose weights are dropped."""
    return functional.scaled_dot_product_attention(
        query, key, value, mask, dropout_p=rate, is_causal=causal, scale=scale
    )


def channel_dropout(x: Tensor, *, rate: float) -> Tensor:
    """Whole channels set to 0 with probability `rate`, the others made larger so that the mean stays."""
    return torch.feature_dropout(x, rate, True)


def copied(x: Tensor, source: Tensor) -> Tensor:
    """The source in the shape and type of another tensor; torch's own `copy` has no gradient."""
    return source.to(x.dtype).expand(x.shape)


OPERATORS: Mapping[str, Callable[..., Any]] = {
    "operator.add": operator.add,
    "operator.sub": operator.sub,
    "operator.mul": operator.mul,
    "operator.floordiv": operator.floordiv,
    "operator.truediv": operator.truediv,
    "operator.mod": operator.mod,
    "operator.neg": operator.neg,
    "sym.max": max,
    "sym.min": min,
    "sym.float": float,
}

FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    **{name: _function(name, overload) for family in _NAMES for name, overload in _overloads(family)},
    **{name: _number(compute, name) for name, compute in OPERATORS.items()},
    "aten.sym_size.int": sym_size,
    "aten.copy.default": copied,
    "batch_norm_in_training": batch_norm_in_training,
    "attention_dropout": attention_dropout,
    "channel_dropout": channel_dropout,
}
