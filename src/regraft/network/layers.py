"""Layers: the nodes of a graph grouped as their author named them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import prod

from regraft.network.flow import WEIGHTED, data_refs
from regraft.network.graph import Node
from regraft.network.shapes import Tensor

# PyTorch's name of a tensor in ONNX: the module, then the operation ("/layer1/layer1.0/conv1/Conv_output_0").
_OF_MODULE = re.compile(r"(/.*)?/(\w+)_output_\d+")
# A parameter of a module ("layer1.0.conv1.weight") or of a layer of Keras ("dense/kernel:0").
_OF_LAYER = re.compile(r"(.+)(?:\.\w+|/\w+:\d+)")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """A group of operations under one name ("dnn/hidden1"): usually a weighted one and what follows it.

    `shape` is that of the output, with the batch; `flops` are for one example.
    """

    name: str
    kind: str  # functions in running order: "mat_mul bias_add relu"
    output: str
    shape: tuple[int | None, ...] | None
    parameters: tuple[str, ...]
    parameter_count: int
    flops: int


def group(
    nodes: Sequence[Node],
    tensors: Mapping[str, Tensor],
    sizes: Mapping[str, tuple[int, ...]],
    named: Collection[str] = (),
) -> dict[str, Layer]:
    """The layers of the nodes on the data path, in running order.

    Args:
        sizes: shape of each parameter.
        named: the names of layers where the source says them (the collection `NAMED`).
    """
    known = frozenset(named)
    table = {node.name: node for node in nodes}
    weighted = {_scope(n.name) for n in nodes if n.function in WEIGHTED and (":" in n.name or n.function == "loop")}
    scopes = sorted(weighted - {""}, key=len, reverse=True)
    several = {name for node in nodes if node.function == "item" for name in node.refs()}
    members: dict[str, list[Node]] = {}
    fed = {node.name for node in nodes if node.function == "input"}
    for node in nodes:
        if any(name in fed for name in data_refs(node)):
            fed.add(node.name)
        if node.function not in ("input", "parameter", "constant"):
            own = _named(node.name, known) or _named_by(node, table)
            members.setdefault(own or _layer_of(node.name, scopes, several), []).append(node)
    return {
        name: _layer(name, inside, table, tensors, sizes)
        for name, inside in members.items()
        if any(node.name in fed for node in inside)  # what only reads a variable is no layer
    }


def parameters_of(node: Node, table: Mapping[str, Node]) -> list[str]:
    """Names of the parameters a node reads, looking through `identity` reads."""
    found: list[str] = []
    for name in node.refs():
        source = table.get(name)
        while source is not None and source.function == "identity":
            source = table.get(next(source.refs()))
        if source is not None and source.function == "parameter":
            found.append(source.args[0])
    return found


def as_torch(nodes: Sequence[Node]) -> set[str]:
    """The parameters that lie as torch's own layers hold theirs: filters (out in h w), matrices (out in)."""
    table = {node.name: node for node in nodes}
    return {name for node in nodes if _reads_as_torch(node) for name in parameters_of(node, table)}


def _reads_as_torch(node: Node) -> bool:
    if node.function == "inner_product":
        return not node.kwargs.get("transpose", False)
    return (
        node.function == "deconvolution"
        or node.function.startswith("aten.")
        or node.kwargs.get("filter_format") == "OIHW"
    )


def _scope(tensor: str) -> str:
    return tensor.rpartition("/")[0]


def _named_by(node: Node, table: Mapping[str, Node]) -> str:
    """The layer of an ONNX tensor: the module its name tells or, where it is a number, that of its parameters."""
    tensor = node.name.partition("@")[0]
    told = _OF_MODULE.fullmatch(tensor)
    if told:
        return told[1] or f"/{told[2]}"
    if "/" in tensor or ":" in tensor:
        return ""
    scopes = {found[1] for name in parameters_of(node, table) if (found := _OF_LAYER.fullmatch(name))}
    return scopes.pop() if len(scopes) == 1 else ""


def _named(tensor: str, known: Collection[str]) -> str | None:
    """The longest name of a known layer that a tensor's begins with; a second use of a layer is one of its own."""
    place = len(tensor)
    while place > 0:
        if tensor[:place] in known:
            return tensor[:place]
        place = max(tensor.rfind(mark, 0, place) for mark in "/:@")
    return None


def _layer_of(tensor: str, scopes: Sequence[str], several: Collection[str]) -> str:
    """The layer of a tensor, or of an operation of `several` outputs."""
    if ":" not in tensor and ("@" in tensor or tensor not in several):
        return tensor.partition("@")[0]  # Caffe's way of naming: "conv5@relu5" is the blob conv5 after the layer relu5
    for scope in scopes:
        if tensor.startswith(f"{scope}/"):
            return scope
    return _scope(tensor) or tensor.partition(":")[0]


def _layer(
    name: str,
    nodes: Sequence[Node],
    table: Mapping[str, Node],
    tensors: Mapping[str, Tensor],
    sizes: Mapping[str, tuple[int, ...]],
) -> Layer:
    parameters = tuple(dict.fromkeys(p for node in nodes for p in parameters_of(node, table)))
    output = nodes[-1].name
    kinds = dict.fromkeys(node.function for node in nodes if node.function not in ("identity", "item"))
    return Layer(
        name=name,
        kind=" ".join(kinds) or "identity",
        output=output,
        shape=tensors[output].shape if output in tensors else None,
        parameters=parameters,
        parameter_count=sum(prod(sizes[p]) for p in parameters),
        flops=sum(tensors[node.name].flops for node in nodes if node.name in tensors),
    )
