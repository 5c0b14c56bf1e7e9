"""Batch norm by stored statistics, taken into the convolution below it: a training then goes through one, not two.

Scaling filters takes hardly any time; scaling maps, and going back through that, takes a fifth to a half of a step.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from regraft.network.graph import Node, Ref

_Made = Mapping[str, Sequence[Node]]  # by the name of the node whose place they take


def fused(nodes: Sequence[Node], to: Collection[str]) -> list[Node]:
    """The nodes, each batch norm by stored statistics and the convolution that only it reads made one.

    Args:
        nodes: specialised for one mode, in running order.
        to: the tensors wanted; they stay.
    """
    table = {node.name: node for node in nodes}
    readers: dict[str, list[Node]] = {name: [] for name in table}
    for node in nodes:
        for name in node.refs():
            readers[name].append(node)
    made: dict[str, Sequence[Node]] = {}
    for norm in nodes:
        if norm.function not in _JOINED:
            continue
        convolution = table[norm.args[0].name]
        if readers[convolution.name] == [norm] and convolution.name not in to:
            made |= _JOINED[norm.function](norm, convolution, readers[norm.name])
    return [one for node in nodes for one in made.get(node.name, [node])]


def _torchs(norm: Node, convolution: Node, _: Sequence[Node]) -> _Made:
    """Both as torch has them: its convolution adds what is left of the batch norm."""
    scale, offset, mean, variance, by_batch, _, epsilon = norm.args[1:8]
    if by_batch or mean is None or variance is None or convolution.function not in _TORCHS_CONVOLUTIONS:
        return {}
    source, filters, *rest = convolution.args
    biases, *rest = rest or [None]
    both, *parts = _scaled(norm, filters, biases, scale, offset, mean, variance, epsilon=epsilon, channels=(0,))
    joined = replace(convolution, name=norm.name, args=(source, *map(_ref, parts), *rest))
    return {convolution.name: [], norm.name: [both, *parts, joined]}


def _tensorflows(norm: Node, convolution: Node, read: Sequence[Node]) -> _Made:
    """Both as TensorFlow has them. Of what its batch norm gives nothing but the first item may be read."""
    settings = {"data_format": "NHWC", "is_training": True, "epsilon": 1e-4, **norm.kwargs}
    same = settings["data_format"] == convolution.kwargs.get("data_format", "NHWC")
    channels = _tensorflows_channels(convolution)
    if settings["is_training"] or not same or not channels or any(node.args[1:] != (0,) for node in read):
        return {}
    source, filters = convolution.args
    both, *parts = _scaled(norm, filters, None, *norm.args[1:], epsilon=settings["epsilon"], channels=channels)
    filters, shift = map(_ref, parts)
    form = {"data_format": settings["data_format"]}
    added = {
        item.name: [Node(name=item.name, function="bias_add", args=(_ref(convolution), shift), kwargs=form)]
        for item in read
    }
    joined = replace(convolution, args=(source, filters))
    return {convolution.name: [], norm.name: [both, *parts, joined], **added}


def _tensorflows_channels(convolution: Node) -> tuple[int, ...]:
    """The axes of filters that are channels of the result; none of what is no convolution."""
    if convolution.function == "depthwise_conv2d_native":
        return (2, 3)
    if convolution.function != "conv2d":
        return ()
    return (0,) if convolution.kwargs.get("filter_format") == "OIHW" else (3,)


def _scaled(norm: Node, *given: Any, **settings: Any) -> tuple[Node, Node, Node]:
    """What gives filters and biases that normalise, and each of both."""
    both = Node(name=f"{norm.name}@scaled", function="normalising_filters", args=given, kwargs=settings)
    filters, biases = (Node(name=f"{both.name}:{k}", function="item", args=(_ref(both), k)) for k in range(2))
    return both, filters, biases


def _ref(node: Node) -> Ref:
    return Ref(node.name)


_TORCHS_CONVOLUTIONS = frozenset(f"aten.conv{places}d.default" for places in (1, 2, 3))
_JOINED = {"aten.batch_norm.default": _torchs, "fused_batch_norm": _tensorflows}
