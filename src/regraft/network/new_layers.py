"""New layers on top of a trunk, built of the same operations a TensorFlow graph has."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from regraft.errors import BadArgument, ShapeMismatch
from regraft.network.chains import CHAINED
from regraft.network.graph import VECTOR, Node, Ref, Switch
from regraft.network.plan import New

# Keras's defaults, which tf.layers shared.
_BATCH_NORM_MOMENTUM = 0.99
_BATCH_NORM_EPSILON = 1e-3

_BYTES = 256

TRAINING = Switch(name="regraft/training:0", evaluation=False, training=True)


@dataclass
class Stack:
    """Layers being put on top of each other.

    `top` is the tensor reached so far, `shape` its dimensions without the batch, `dtype` its numpy type,
    `channels_first` whether a spatial tensor is (b c h w) instead of (b h w c), a sequence (b d t) instead of (b t d),
    `mask` the tensor (b t) that tells where the texts stand which a sequence is of, if there is one, `each_place`
    whether there shall be an answer for each place of the sequence, `vector` the first tensor (b d) on the way.
    """

    top: str
    shape: tuple[int | None, ...]
    dtype: str
    channels_first: bool
    seed: int
    mask: str | None = None
    each_place: bool = False
    vector: str | None = None
    nodes: list[Node] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    updates: dict[str, str] = field(default_factory=dict)
    uses_switch: bool = False

    def add(self, name: str, function: str, *args: Any, **attributes: Any) -> Ref:
        """A node that reads `args`; arguments that are strings name tensors."""
        refs = tuple(Ref(arg) if isinstance(arg, str) else arg for arg in args)
        self.nodes.append(Node(name=name, function=function, args=refs, kwargs=attributes))
        return Ref(name)

    def parameter(self, name: str, value: np.ndarray, *, trainable: bool = True) -> Ref:
        """A new parameter; numbers with fractions are of the stack's type."""
        self.values[name] = value.astype(self.dtype) if value.dtype.kind == "f" else value
        self.nodes.append(Node(name=f"{name}:0", function="parameter", args=(name,), kwargs={"trainable": trainable}))
        return Ref(f"{name}:0")

    def constant(self, name: str, value: Any, dtype: str | None = None) -> Ref:
        """A constant tensor."""
        self.nodes.append(Node(name=name, function="constant", args=(value,), kwargs={"dtype": dtype or self.dtype}))
        return Ref(name)

    def switch(self) -> Ref:
        """The predicate that is true in training."""
        if not self.uses_switch:
            self.nodes.append(Node(name=TRAINING.name, function="input"))
            self.uses_switch = True
        return Ref(TRAINING.name)

    @property
    def vectors(self) -> dict[str, tuple[str]]:
        """What a graph notes of where texts are vectors."""
        return {VECTOR + self.top: (self.vector,)} if self.vector else {}

    @property
    def data_format(self) -> str:
        """The layout of spatial tensors, in TensorFlow's word."""
        return "NCHW" if self.channels_first else "NHWC"


def glorot_uniform(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray:
    """Fresh weights (Glorot and Bengio 2010), the same for the same name and seed whatever else is drawn."""
    receptive = int(np.prod(shape[:-2]))
    limit = np.sqrt(6 / (receptive * shape[-2] + receptive * shape[-1]))
    return np.random.default_rng([seed, zlib.crc32(name.encode())]).uniform(-limit, limit, shape)


def put(stack: Stack, layer: New, name: str) -> None:
    """Put one layer on the stack."""
    _BUILDERS[layer.kind](stack, layer, name)
    if layer.activation:
        stack.top = stack.add(f"{name}/{layer.activation.capitalize()}:0", layer.activation, stack.top).name


def _dense(stack: Stack, layer: New, name: str) -> None:
    width = layer.width
    if width is None:
        raise BadArgument(f"the dense layer {name} has no width", fix="give it one: dense:64")
    if stack.each_place:
        require_sequence(stack, name)
    else:
        average(stack, name)
        stack.vector = stack.vector or stack.top
    *places, units = stack.shape
    kernel = stack.parameter(f"{name}/kernel", glorot_uniform(f"{name}/kernel", (units or 0, width), stack.seed))
    bias = stack.parameter(f"{name}/bias", np.zeros(width))
    product = stack.add(f"{name}/MatMul:0", "mat_mul", stack.top, kernel, transpose_a=False, transpose_b=False)
    stack.top = stack.add(f"{name}/BiasAdd:0", "bias_add", product, bias, data_format="NHWC").name
    stack.shape = (*places, width)


def _crf(stack: Stack, layer: New, name: str) -> None:
    """A dense layer, and beside it how each tag is rated after each other, and which of them never follow each other.

    What lies outside of a sentence is the last row, before its first tag, and the last column, behind its last.
    """
    if not stack.each_place:
        raise BadArgument(
            f"the crf {name} stands on words in a row",
            expected="sentences whose words are tagged",
            got="one answer for each example",
            fix="take a dense layer: --new dense",
        )
    if layer.activation:
        raise BadArgument(f"the crf {name} has no activation", got=layer.activation, fix="leave it out")
    _dense(stack, layer, name)
    size = (stack.shape[-1] or 0) + 1
    transitions = stack.parameter(f"{name}/transitions", np.zeros((size, size)))
    possible = stack.parameter(f"{name}/possible", np.ones((size, size), bool), trainable=False)
    stack.top = stack.add(f"{name}/chained:0", CHAINED, stack.top, transitions, possible).name


def require_sequence(stack: Stack, name: str) -> None:
    """A dense layer that answers for each place reads a sequence (b t d).

    Raises:
        ShapeMismatch: it is none.
    """
    if len(stack.shape) != 2 or not stack.shape[-1]:
        expected = "a sequence (b t d): there is an answer for each word"
        raise _misplaced(stack, f"dense layer {name}", expected, "cut at the words of a layer: --at NAME")
    if stack.channels_first:
        turn = stack.constant(f"{name}/transpose/perm:0", (0, 2, 1), "int32")
        stack.top = stack.add(f"{name}/transpose:0", "transpose", stack.top, turn).name
        stack.shape, stack.channels_first = stack.shape[::-1], False


def average(stack: Stack, name: str) -> None:
    """Average a picture or a sequence over its places: a dense layer reads one vector an example.

    What texts are filled up with does not count.

    Raises:
        ShapeMismatch: it is none of these.
    """
    if stack.mask and len(stack.shape) == 2 and not stack.channels_first:
        stack.top = stack.add(f"{name}/Mean:0", "masked_mean", stack.top, stack.mask).name
        stack.shape = stack.shape[1:]
    _over_places(stack, "mean", name)
    if len(stack.shape) != 1 or not stack.shape[0]:
        expected = "one vector an example (b d), or a picture (b h w c) or a sequence (b t d) to average over"
        raise _misplaced(stack, f"dense layer {name}", expected, "cut at another tensor: --at NAME")


def _over_places(stack: Stack, function: str, name: str) -> None:
    """One number of all places of a picture or a sequence for each of its channels; a vector stays as it is."""
    if len(stack.shape) in (2, 3):
        axes = tuple(place + stack.channels_first for place in range(1, len(stack.shape)))
        word = function.capitalize()
        where = stack.constant(f"{name}/{word}/reduction_indices:0", axes, "int32")
        stack.top = stack.add(f"{name}/{word}:0", function, stack.top, where, keep_dims=False).name
        stack.shape = (stack.shape[0] if stack.channels_first else stack.shape[-1],)


def _embedding(stack: Stack, layer: New, name: str) -> None:
    """A vector for each byte."""
    if len(stack.shape) != 1 or not stack.dtype.startswith("int") or not layer.width:
        raise _misplaced(
            stack, f"embedding {name}", "bytes of texts (b t), and a width", "put it below all other layers"
        )
    stack.dtype = "float32"
    table = stack.parameter(f"{name}/table", glorot_uniform(f"{name}/table", (_BYTES, layer.width), stack.seed))
    axis = stack.constant(f"{name}/axis:0", 0, "int32")
    stack.top = stack.add(f"{name}/Gather:0", "gather", table, stack.top, axis, batch_dims=0).name
    stack.shape = (*stack.shape, layer.width)


def _along_sequences(build: Callable[[Stack, New, str], None]) -> Callable[[Stack, New, str], None]:
    """The layer on pictures also for a sequence (b t d): it is a picture of one row, as in tf.layers.conv1d.

    What texts are filled up with is 0 for it, as what lies beyond the ends is.
    """

    def built(stack: Stack, layer: New, name: str) -> None:
        if len(stack.shape) != 2:
            build(stack, layer, name)
            return
        _without_filler(stack, 0.0, name)
        row = 1 if stack.channels_first else 0  # the axis of the row, not counting the batch
        axis = stack.constant(f"{name}/ExpandDims/dim:0", row + 1, "int32")
        stack.top = stack.add(f"{name}/ExpandDims:0", "expand_dims", stack.top, axis).name
        stack.shape = (*stack.shape[:row], 1, *stack.shape[row:])
        build(stack, layer, name)
        stack.top = stack.add(f"{name}/Squeeze:0", "squeeze", stack.top, squeeze_dims=(row + 1,)).name
        stack.shape = (*stack.shape[:row], *stack.shape[row + 1 :])

    return built


def _without_filler(stack: Stack, value: float, name: str) -> None:
    """A value in the places where a sequence's texts are filled up."""
    if stack.mask:
        stack.top = stack.add(f"{name}/texts:0", "filled_beyond", stack.top, stack.mask, value=value).name


def _height(stack: Stack, wanted: int) -> int:
    """The height of a kernel or a window: on a single row all but one of its own would meet nothing."""
    return 1 if stack.shape[1 if stack.channels_first else 0] == 1 else wanted


def _conv(stack: Stack, layer: New, name: str) -> None:
    if len(stack.shape) != 3 or not layer.width:
        expected = "a picture (b h w c) or a sequence (b t d), and a width"
        fix = "cut below the layer that flattens, or use dense:WIDTH"
        raise _misplaced(
            stack, f"conv layer {name}", expected, fix, f"{len(stack.shape) + 1} dimensions, width {layer.width}"
        )
    channels = stack.shape[0] if stack.channels_first else stack.shape[-1]
    shape = (_height(stack, layer.kernel), layer.kernel, channels or 0, layer.width)
    kernel = stack.parameter(f"{name}/kernel", glorot_uniform(f"{name}/kernel", shape, stack.seed))
    bias = stack.parameter(f"{name}/bias", np.zeros(layer.width))
    data_format = stack.data_format
    attributes = {"strides": (1, 1, 1, 1), "padding": "SAME", "dilations": (1, 1, 1, 1), "data_format": data_format}
    product = stack.add(f"{name}/Conv2D:0", "conv2d", stack.top, kernel, **attributes)
    stack.top = stack.add(f"{name}/BiasAdd:0", "bias_add", product, bias, data_format=data_format).name
    spatial = stack.shape[1:] if stack.channels_first else stack.shape[:-1]
    stack.shape = (layer.width, *spatial) if stack.channels_first else (*spatial, layer.width)


def _max_pool(stack: Stack, layer: New, name: str) -> None:
    """The greatest of each two by two places; a last row or column that is left over stands alone."""
    if len(stack.shape) != 3:
        expected = "a picture (b h w c) or a sequence (b t d)"
        raise _misplaced(stack, f"layer {name}", expected, "cut below the layer that flattens")
    if stack.mask:
        expected = "a sequence whose texts are not filled up"
        raise _misplaced(stack, f"layer {name}", expected, "use conv, or global_max_pool")
    height = _height(stack, 2)
    window = (1, 1, height, 2) if stack.channels_first else (1, height, 2, 1)
    attributes = {"ksize": window, "strides": window, "padding": "SAME", "data_format": stack.data_format}
    stack.top = stack.add(f"{name}/MaxPool:0", "max_pool", stack.top, **attributes).name
    halved = [size if size is None else -(-size // 2) for size in stack.shape]
    stack.shape = (stack.shape[0], *halved[1:]) if stack.channels_first else (*halved[:2], stack.shape[2])


def _global_max_pool(stack: Stack, layer: New, name: str) -> None:
    if len(stack.shape) not in (2, 3):
        expected = "a picture (b h w c) or a sequence (b t d)"
        raise _misplaced(stack, f"layer {name}", expected, "leave it out: there is one place")
    _without_filler(stack, -np.inf, name)
    _over_places(stack, "max", name)


def _flatten(stack: Stack, layer: New, name: str) -> None:
    count = prod(size or 0 for size in stack.shape)
    if not count:
        fix = "say the size of the input: --input size=224"
        raise _misplaced(stack, f"layer {name}", "a tensor whose sizes are known", fix)
    into(stack, (count,), name)


def into(stack: Stack, shape: tuple[int, ...], name: str) -> None:
    """The same numbers of each example in another shape."""
    sizes = stack.constant(f"{name}/shape:0", (-1, *shape), "int32")
    stack.top = stack.add(f"{name}/Reshape:0", "reshape", stack.top, sizes).name
    stack.shape = shape


def _misplaced(stack: Stack, layer: str, expected: str, fix: str, got: str | None = None) -> ShapeMismatch:
    sizes = f"(b, {', '.join(str(size or '?') for size in stack.shape)})"
    return ShapeMismatch(f"the {layer} cannot stand on {stack.top}", expected=expected, got=got or sizes, fix=fix)


def _dropout(stack: Stack, layer: New, name: str) -> None:
    dropped = stack.add(f"{name}/random:0", "dropout", stack.top, rate=layer.rate)
    stack.top = stack.add(f"{name}/dropout:0", "select", stack.switch(), dropped, stack.top).name


def _batch_norm(stack: Stack, layer: New, name: str) -> None:
    """Batch statistics in training, moving averages in evaluation; a vector is a picture of one place."""
    flat = len(stack.shape) == 1
    channels = stack.shape[0] if flat or stack.channels_first else stack.shape[-1]
    source = stack.top
    if flat:
        source = _unsqueezed(stack, name)
    gamma = stack.parameter(f"{name}/gamma", np.ones(channels or 0))
    beta = stack.parameter(f"{name}/beta", np.zeros(channels or 0))
    mean = stack.parameter(f"{name}/moving_mean", np.zeros(channels or 0), trainable=False)
    variance = stack.parameter(f"{name}/moving_variance", np.ones(channels or 0), trainable=False)
    shared: dict[str, Any] = {"epsilon": _BATCH_NORM_EPSILON, "data_format": "NHWC" if flat else stack.data_format}
    empty = stack.constant(f"{name}/empty:0", ())
    trained = stack.add(
        f"{name}/batch", "fused_batch_norm", source, gamma, beta, empty, empty, is_training=True, **shared
    )
    batch = [stack.add(f"{name}/batch:{k}", "item", trained, k) for k in range(3)]
    stored = stack.add(
        f"{name}/moving", "fused_batch_norm", source, gamma, beta, mean, variance, is_training=False, **shared
    )
    moving = stack.add(f"{name}/moving:0", "item", stored, 0)
    stack.top = stack.add(f"{name}/normal:0", "select", stack.switch(), batch[0], moving).name
    if flat:
        stack.top = stack.add(f"{name}/Squeeze:0", "squeeze", stack.top, squeeze_dims=(1, 2)).name
    _follow(stack, f"{name}/moving_mean", mean, batch[1])
    _follow(stack, f"{name}/moving_variance", variance, batch[2])


def _unsqueezed(stack: Stack, name: str) -> str:
    top = stack.top
    for k in (1, 2):
        axis = stack.constant(f"{name}/ExpandDims_{k}/dim:0", 1, "int32")
        top = stack.add(f"{name}/ExpandDims_{k}:0", "expand_dims", top, axis).name
    return top


def _follow(stack: Stack, name: str, old: Ref, batch: Ref) -> None:
    """The next value of a moving average: momentum * old + (1 - momentum) * batch."""
    keep = stack.constant(f"{name}/momentum:0", _BATCH_NORM_MOMENTUM)
    rest = stack.constant(f"{name}/rest:0", 1 - _BATCH_NORM_MOMENTUM)
    kept = stack.add(f"{name}/kept:0", "mul", old, keep)
    added = stack.add(f"{name}/added:0", "mul", batch, rest)
    stack.updates[name] = stack.add(f"{name}/next:0", "add", kept, added).name


_BUILDERS: Mapping[str, Callable[[Stack, New, str], None]] = {
    "dense": _dense,
    "conv": _along_sequences(_conv),
    "max_pool": _along_sequences(_max_pool),
    "global_max_pool": _global_max_pool,
    "flatten": _flatten,
    "embedding": _embedding,
    "dropout": _dropout,
    "batch_norm": _batch_norm,
    "crf": _crf,
}
