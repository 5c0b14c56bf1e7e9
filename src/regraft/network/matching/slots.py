"""The places of a model that weights can go to: their shapes, and what each axis is."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isqrt, prod
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from regraft.network.flow import channels_first, data_refs

if TYPE_CHECKING:
    from torch import nn

    from regraft.network.graph import Node
    from regraft.network.network import GraphNetwork

Role = Literal["conv", "depthwise", "transposed", "dense", "bias", "gamma", "beta", "mean", "var", "alpha"]

# What the last word of a name says of a weight, whoever wrote it.
WORDS: Mapping[str, str] = {
    **dict.fromkeys(("weight", "weights", "kernel", "w", "filters", "filter"), "weight"),
    **dict.fromkeys(("depthwise_weights", "depthwise_kernel", "pointwise_weights", "pointwise_kernel"), "weight"),
    **dict.fromkeys(("bias", "biases", "b"), "bias"),
    **dict.fromkeys(("gamma", "scale"), "gamma"),
    "beta": "beta",
    **dict.fromkeys(("alpha", "alphas", "slope"), "alpha"),
    **dict.fromkeys(("running_mean", "moving_mean", "mean"), "mean"),
    **dict.fromkeys(("running_var", "moving_variance", "moving_var", "variance", "var"), "var"),
    "inv_std": "inv_std",
}
_RANKED: tuple[Role, ...] = ("conv", "depthwise", "transposed", "dense")
# Which places a word allows; a word that is not here allows every one.
_ALLOWED: Mapping[str, frozenset[str]] = {
    "weight": frozenset((*_RANKED, "gamma", "alpha")),
    "bias": frozenset(("bias", "beta")),
    "beta": frozenset(("beta", "bias")),
    "gamma": frozenset(("gamma",)),
    "alpha": frozenset(("alpha",)),
    "mean": frozenset(("mean",)),
    "var": frozenset(("var",)),
    "inv_std": frozenset(),
}
# Operations of a graph whose argument of that number is a weight: its role, and its axes.
_READ: Mapping[tuple[str, int], tuple[Role, str]] = {
    ("conv2d", 1): ("conv", "h w i o"),
    ("depthwise_conv2d_native", 1): ("depthwise", "h w c m"),
    ("conv2d_backprop_input", 1): ("transposed", "h w o i"),
    ("deconvolution", 1): ("transposed", "i o h w"),
    ("mat_mul", 1): ("dense", "i o"),
    ("bias_add", 1): ("bias", "o"),
    **{("fused_batch_norm", n): (r, "o") for n, r in enumerate(("gamma", "beta", "mean", "var"), 1)},
    **{
        ("batch_norm_with_global_normalization", n): (r, "o") for n, r in enumerate(("mean", "var", "beta", "gamma"), 1)
    },
    **{(f"aten.conv{d}d.default", 1): ("conv", axes) for d, axes in ((1, "o i w"), (2, "o i h w"), (3, "o i d h w"))},
    ("aten.conv_transpose2d.input", 1): ("transposed", "i o h w"),
    ("aten.linear.default", 1): ("dense", "o i"),
    **{("aten.batch_norm.default", n): (r, "o") for n, r in enumerate(("gamma", "beta", "mean", "var"), 1)},
    **{("aten.layer_norm.default", n): (r, "o") for n, r in enumerate(("gamma", "beta"), 1)},
}
_PASSING = ("identity", "select", "cast", "dequantize")
_FLATTENING = ("reshape", "squeeze")
_COUNTERS = re.compile(r"(^|[./])(num_batches_tracked|global_step|beta[12]_power|step|epoch)(_\d+)?$")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A parameter of a model.

    Attributes:
        axes: what they are, in the words of `regraft.network.axes`; "" where nobody knows.
        sizes: of the axes that the shape does not tell: c and m of a depthwise kernel.
        rows: of a dense layer that reads a flattened picture: the order in which it was flattened, and the sizes.
        value: the model's own numbers.
    """

    name: str
    shape: tuple[int, ...]
    role: Role | None
    axes: str
    value: np.ndarray
    sizes: tuple[tuple[str, int], ...] = ()
    rows: tuple[tuple[str, int], ...] = ()


def split(name: str) -> list[str]:
    """The parts of a name; the number of a layer's weight ("conv1/0") is none."""
    parts = re.split(r"[./:]|__", name)
    return [*parts[:-1], ""] if len(parts) > 1 and parts[-1].isdigit() else parts


def word_of(name: str) -> str | None:
    """What the name of a weight says it is: "weight", "bias", "gamma", ...; None: nothing."""
    *scope, last = split(name)
    word = WORDS.get(last.lower())
    if word == "weight" and scope and "prelu" in scope[-1].lower():
        return "alpha"
    return word


def allows(word: str | None, role: str | None) -> bool:
    """Whether a weight that is called so may be of that role."""
    return word is None or word not in _ALLOWED or role is None or role in _ALLOWED[word]


def is_counter(name: str) -> bool:
    """Whether the name is that of a counter, which no network computes with."""
    return bool(_COUNTERS.search(name))


def slots_of_module(module: nn.Module) -> list[Slot]:
    """The places of a torch module, in the order of its state dict."""
    slots: list[Slot] = []
    channels: int | None = None
    for name, tensor in module.state_dict().items():
        if is_counter(name):
            continue
        scope, _, last = name.rpartition(".")
        owner = module.get_submodule(scope)
        role, axes, sizes = _in_module(owner, last, tuple(tensor.shape))
        rows: tuple[tuple[str, int], ...] = ()
        if role == "dense":
            rows, channels = _guessed_rows(tensor.shape[1], channels), None
        elif role is not None and role in _RANKED:
            channels = tensor.shape[0] if role != "transposed" else tensor.shape[1]
        value = tensor.detach().cpu().float().numpy() if tensor.is_floating_point() else tensor.detach().cpu().numpy()
        slots.append(
            Slot(name=name, shape=tuple(tensor.shape), role=role, axes=axes, sizes=sizes, rows=rows, value=value)
        )
    return slots


def _in_module(owner: Any, last: str, shape: tuple[int, ...]) -> tuple[Role | None, str, tuple[tuple[str, int], ...]]:
    from torch import nn
    from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage]

    if last == "weight" and isinstance(owner, nn.Linear):
        return "dense", "o i", ()
    places = {nn.Conv1d: "w", nn.Conv2d: "h w", nn.Conv3d: "d h w", nn.ConvTranspose2d: "h w"}
    kind = next((kind for kind in places if isinstance(owner, kind)), None)
    if last == "weight" and kind is nn.ConvTranspose2d:
        return "transposed", "i o h w", ()
    if last == "weight" and kind is not None:
        if kind is nn.Conv2d and owner.groups > 1 and shape[1] == 1:
            return "depthwise", "(c m) 1 h w", (("c", owner.groups), ("m", shape[0] // owner.groups))
        return "conv", f"o i {places[kind]}", ()
    if len(shape) == 1 and isinstance(owner, nn.PReLU):
        return "alpha", "o", ()
    if isinstance(owner, _BatchNorm | nn.LayerNorm | nn.GroupNorm):
        role = {"weight": "gamma", "bias": "beta", "running_mean": "mean", "running_var": "var"}.get(last)
        return role, "o" if len(shape) == 1 else "", ()  # pyright: ignore[reportReturnType]
    return ("bias" if last == "bias" else None), "o" if len(shape) == 1 else "", ()


def _guessed_rows(width: int, channels: int | None) -> tuple[tuple[str, int], ...]:
    """How a torch module flattened a picture of so many channels, if it was a square one."""
    if not channels or width % channels or width == channels:
        return ()
    side = isqrt(width // channels)
    return (("c", channels), ("h", side), ("w", side)) if side * side * channels == width else ()


def slots_of_network(network: GraphNetwork) -> list[Slot]:
    """The places of a network, in the order its graph first uses them."""
    read = dict(_readers(network))
    slots: list[Slot] = []
    for parameter in network.parameters.values():
        reader, number = read.get(parameter.name, (None, 0))
        role, axes = _READ.get((reader.function, number), (None, "")) if reader else (None, "")
        word = word_of(parameter.name)
        if is_counter(parameter.name) or (role is None and word is None and not parameter.trainable):
            continue
        rows: tuple[tuple[str, int], ...] = ()
        own = reader is not None and reader.function.startswith("aten.")
        if role == "conv" and reader is not None and not own:
            axes = " ".join(reader.kwargs.get("filter_format", "HWIO").lower())
        if role == "dense" and reader is not None:
            axes = "o i" if own or reader.kwargs.get("transpose_b") else "i o"
            rows = _rows(network, reader)
        if role is None and len(parameter.shape) == 1:
            role, axes = _role_of_word(word), "o"
        value, name = parameter.value, parameter.name
        sizes = tuple(zip("cm", value.shape[2:], strict=True)) if role == "depthwise" else ()
        if own and axes == "o i h w" and value.shape[1] == 1 and value.shape[0] > 1:
            role, axes, sizes = "depthwise", "(c m) 1 h w", (("c", value.shape[0]), ("m", 1))
        slots.append(Slot(name=name, shape=value.shape, role=role, axes=axes, sizes=sizes, rows=rows, value=value))
    return slots


def _role_of_word(word: str | None) -> Role | None:
    roles: dict[str, Role] = {
        "bias": "bias", "gamma": "gamma", "beta": "beta", "mean": "mean", "var": "var", "alpha": "alpha",
    }  # fmt: skip
    return roles.get(word or "")


def _readers(network: GraphNetwork) -> Iterator[tuple[str, tuple[Node, int]]]:
    """The operation that reads each parameter as a weight, and as its which argument."""
    passed: dict[str, str] = {}  # tensor -> the parameter it is
    seen: set[str] = set()
    for node in network.graph.nodes:
        refs = list(node.refs())
        if node.function == "parameter":
            passed[node.name] = node.args[0]
        elif node.function in _PASSING and any(name in passed for name in refs):
            passed[node.name] = next(passed[name] for name in refs if name in passed)
        else:
            for number, name in enumerate(refs):
                if (node.function, number) in _READ and name in passed and passed[name] not in seen:
                    seen.add(passed[name])
                    yield passed[name], (node, number)


def _rows(network: GraphNetwork, reader: Node) -> tuple[tuple[str, int], ...]:
    """How the picture was flattened that a dense layer reads, if it reads one."""
    name = next(data_refs(reader))
    while network.nodes[name].function in (*_FLATTENING, *_PASSING):
        name = next(iter(network.nodes[name].refs()))
        shape = network.tensors[name].shape
        if shape and len(shape) == 4:
            sizes = [size or 0 for size in shape[1:]]
            order = "c h w" if _is_channels_first(network, name) else "h w c"
            rows = tuple(zip(order.split(), sizes, strict=True))
            spread = prod(size for axis, size in rows if axis != "c")
            return rows if prod(sizes) and spread > 1 else ()
    return ()


def _is_channels_first(network: GraphNetwork, name: str) -> bool:
    """Whether a picture inside of the network has its channels first: the last operation that says so."""
    while True:
        node = network.nodes[name]
        told = channels_first(node)
        if told is not None:
            return told
        refs = list(data_refs(node))
        if not refs:
            return any(spec.name == name and spec.layout == "NCHW" for spec in network.graph.inputs)
        name = refs[0]
