"""How data flow through a graph: ancestors, what depends on an input, where one tensor carries everything."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from regraft.network.graph import Graph, Node, refs

# How long each text is, and where the second of two begins.
TOLD_BY_TOKENS = ("token_mask", "token_types")

# These read a tensor's shape, or how texts lie in it, not its values: counted as data flow they would hide most cuts.
SHAPE_READS = frozenset(
    {
        "shape", "shape_n", "size", "rank", "zeros_like", "ones_like", "onnx_shape", "eye_like", "aten.sym_size.int",
        "aten.zeros_like.default", "aten.ones_like.default", "aten.full_like.default", "aten.new_zeros.default",
        "aten.new_ones.default", "aten.new_full.default", *TOLD_BY_TOKENS,
    }
)  # fmt: skip

# These read the values of their first argument, and only the type of the others.
TYPE_READS = frozenset({"cast_like"})

# Operations that carry the weights of a layer.
WEIGHTED = frozenset(
    {
        "conv2d",
        "depthwise_conv2d_native",
        "conv2d_backprop_input",
        "conv3d",
        "conv3d_backprop_input",
        "deconvolution",
        "mat_mul",
        "batch_mat_mul",
        "inner_product",
        "onnx_conv",
        "onnx_conv_transpose",
        "onnx_lstm",
        "onnx_gru",
        "onnx_rnn",
        "conv1d",
        "depthwise_conv1d",
        "conv_transpose",
        "embedding",
        "lstm",
        "gru",
        "simple_rnn",
        "loop",
        "heads",
        "joined_heads",
        *(f"aten.conv{places}d.default" for places in (1, 2, 3)),
        *(
            f"aten.conv_transpose{places}.{form}"
            for places, form in (("1d", "default"), ("2d", "input"), ("3d", "input"))
        ),
        "aten.linear.default",
        "aten.addmm.default",
        "aten.embedding.default",
    }
)

# Convolutions that always read (b c h w), where they are over two axes.
_OF_PICTURES = ("aten.conv2d.default", "aten.conv_transpose2d.input", "onnx_conv", "onnx_conv_transpose")

# Layers of which each output ends a block.
RECURRENT = frozenset({"onnx_lstm", "onnx_gru", "onnx_rnn"})

# What only hands on or turns what a loop gives, which belongs to it.
_HANDING = frozenset({"item", "identity", "tensor_array_gather", "transpose", "strided_slice"})

# Operations that give something else each time.
RANDOM = frozenset(
    {
        "dropout", "dropout_by", "spatial_dropout", "channel_dropout", "alpha_dropout", "attention_dropout",
        "dropped_path", "gaussian_noise", "gaussian_dropout", "multinomial", "random_uniform", "random_uniform_int",
        "random_standard_normal", "truncated_normal",
    }
)  # fmt: skip

# Operations after which a block may end.
BLOCK_ENDS = frozenset(
    {
        "relu", "relu6", "elu", "prelu", "selu", "leaky_relu", "sigmoid", "tanh", "softplus", "softsign",
        "add", "add_v2", "add_n", "concat", "concat_v2", "max_pool", "avg_pool", "mean", "max_pool_padded",
        "avg_pool_padded", "weighted_sum", "lrn", "maximum", "activation", "bent_relu", "sloped_relu", "max_pool1d",
        "avg_pool1d", "masked_mean", "layer_norm", "onnx_layer_norm", "onnx_add", "onnx_concat", "concat_rows",
        "onnx_prelu", "onnx_selu",
        "onnx_max_pool", "onnx_average_pool", "global_average_pool", "global_max_pool", "onnx_clip", "hard_sigmoid",
        "hard_swish", "celu", "swish", "thresholded_relu",
    }
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A tensor through which all data flow, at the end of a block.

    `shape` is with the batch (None where free); `parameters` counts the numbers in the weights below it,
    `layers` the weighted layers below it, `flops` what computing it takes for one example.
    """

    tensor: str
    shape: tuple[int | None, ...] | None
    layers: int
    parameters: int
    flops: int


def by_name(graph: Graph) -> dict[str, Node]:
    """The nodes of a graph under their names."""
    return {node.name: node for node in graph.nodes}


def channels_first(node: Node) -> bool | None:
    """Whether what a node gives has its channels before the places; None where the node does not say it."""
    if "data_format" in node.kwargs:
        return node.kwargs["data_format"] == "NCHW"
    turned: dict[tuple[int, ...], bool] = {(0, 2, 3, 1): False, (0, 3, 1, 2): True}
    return turned.get(node.kwargs.get("perm") or ()) if node.function == "onnx_transpose" else None


def convolves_first(graph: Graph, tensor: str) -> bool:
    """Whether the first layer with weights that reads a tensor convolves it as pictures (b c h w)."""
    above = {tensor}
    for node in graph.nodes:
        if above.isdisjoint(node.refs()):
            continue
        above.add(node.name)
        if node.function in WEIGHTED:
            return node.function in _OF_PICTURES or (node.function == "conv2d" and bool(channels_first(node)))
    return False


def ancestors(nodes: Mapping[str, Node], wanted: Iterable[str], stop: Collection[str] = ()) -> set[str]:
    """Names of the wanted tensors and of all they are computed from, not looking behind `stop`."""
    seen: set[str] = set()
    waiting = list(wanted)
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in stop:
            waiting.extend(nodes[name].refs())
    return seen


def data_refs(node: Node) -> Iterator[str]:
    """The tensors whose values (not only shapes or types) a node reads."""
    if node.function in TYPE_READS:
        yield from refs(node.args[:1])
    elif node.function not in SHAPE_READS:
        yield from node.refs()


def data_path(nodes: Sequence[Node], inputs: Collection[str], output: str) -> list[Node]:
    """The nodes on some way from an input to the output along values, in running order."""
    fed = set(inputs)
    for node in nodes:
        if any(name in fed for name in data_refs(node)):
            fed.add(node.name)
    table = {node.name: node for node in nodes}
    needed: set[str] = set()
    waiting = [output]
    while waiting:
        name = waiting.pop()
        if name in needed or name not in fed:
            continue
        needed.add(name)
        waiting.extend(data_refs(table[name]))
    return [node for node in nodes if node.name in needed]


def narrow_points(path: Sequence[Node]) -> list[Node]:
    """The nodes of a data path through which all of it flows."""
    position = {node.name: index for index, node in enumerate(path)}
    last_use = [0] * len(path)
    for index, node in enumerate(path):
        for name in data_refs(node):
            if name in position:
                last_use[position[name]] = index
    points: list[Node] = []
    open_until = 0
    for index, node in enumerate(path):
        if open_until <= index and node.function != "input" and not _is_tuple(node, path, index):
            points.append(node)
        open_until = max(open_until, last_use[index])
    return points


def below_noise(nodes: Sequence[Node], path: Sequence[Node], tensor: str) -> str:
    """The last narrow point at or below a tensor of a data path with nothing random between it and the tensor.

    Dropout in front of a layer belongs to that layer: what is cut off below both is not noisy. Noise of earlier
    layers stays below.
    """
    names = [node.name for node in path]
    below = path[: names.index(tensor) + 1] if tensor in names else []
    start = max((k for k, node in enumerate(below) if node.function in WEIGHTED), default=0)
    drawn: set[str] = set()  # random numbers, and what is made of them beside the path
    for node in nodes:
        if node.function in RANDOM or (node.name not in names and any(name in drawn for name in node.refs())):
            drawn.add(node.name)
    noisy = [node.name in drawn or any(name in drawn for name in node.refs()) for node in below]
    quiet = names[start : start + noisy[start:].index(True)] if any(noisy[start:]) else []
    return next((node.name for node in reversed(narrow_points(path)) if node.name in quiet), tensor)


def _is_tuple(node: Node, path: Sequence[Node], index: int) -> bool:
    """Whether the node is an operation of several outputs, which is no tensor itself."""
    return any(later.function == "item" and node.name in later.refs() for later in path[index + 1 : index + 10])


def block_ends(path: Sequence[Node]) -> list[Node]:
    """Of the narrow points before each weighted layer, the last one that ends a block."""
    points = {node.name for node in narrow_points(path)}
    recurrent = {node.name for node in path if node.function in RECURRENT}
    looped = {node.name for node in path if node.function == "loop"}
    ends: list[Node] = []
    candidate: Node | None = None
    started = False
    for node in path:
        if node.function in WEIGHTED:
            if candidate and started:
                ends.append(candidate)
            candidate, started = None, True
        ends_block = node.function in BLOCK_ENDS or (node.function == "item" and not recurrent.isdisjoint(node.refs()))
        if node.function in _HANDING and not looped.isdisjoint(node.refs()):
            looped.add(node.name)
            ends_block = True
        if node.name in points and ends_block:
            candidate = node
    if candidate and started and candidate is not path[-1]:
        ends.append(candidate)
    return ends
