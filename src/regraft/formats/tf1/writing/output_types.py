"""The type of every tensor of a graph, known without running it: TensorFlow wants it written at each operation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from regraft.network.graph import Graph, Node

# Functions whose result has another type than their first input.
_ALWAYS = {
    **dict.fromkeys(
        (
            "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or",
            "logical_not", "is_nan", "is_inf", "is_finite", "all", "any", "in_top_k",
        ),
        "bool",
    ),
    "rank": "int32",
    "where": "int64",
    "resize_area": "float32",
    "resize_bicubic": "float32",
    "resize_bilinear": "float32",
    "crop_and_resize": "float32",
}  # fmt: skip
_BY_ATTRIBUTE = {
    "cast": ("DstT", ""),
    "shape": ("out_type", "int32"),
    "shape_n": ("out_type", "int32"),
    "size": ("out_type", "int32"),
    "arg_max": ("output_type", "int64"),
    "arg_min": ("output_type", "int64"),
    "random_uniform": ("dtype", ""),
    "random_standard_normal": ("dtype", ""),
    "truncated_normal": ("dtype", ""),
    "multinomial": ("output_dtype", "int64"),
}
_BY_INPUT = {
    "conv2d_backprop_input": 1, "concat": 1, "split": 1, "fill": 1, "scatter_nd": 1, "one_hot": 2,
    "conv3d_backprop_input": 1, "sparse_to_dense": 2, "sparse_tensor_dense_mat_mul": 1, "dynamic_stitch": -1,
    "select": 1, "select_v1": 1, "select_v2": 1, "random_uniform_int": 1,
}  # fmt: skip


def tensor_types(graph: Graph, parameters: Mapping[str, str]) -> dict[str, str]:
    """The numpy type name of every tensor, an operation of several outputs counted as its first.

    Args:
        parameters: the types of the parameters.
    """
    nodes = {node.name: node for node in graph.nodes}
    types = {spec.name: spec.dtype for spec in graph.inputs}
    types |= {s.name: "bool" if isinstance(s.evaluation, bool) else "float32" for s in graph.switches}
    for node in graph.nodes:
        inputs = [types[name] for name in node.refs()]
        if node.function == "parameter":
            types[node.name] = parameters[node.args[0]]
        elif node.function == "constant":
            types[node.name] = node.kwargs["dtype"]
        elif node.function == "item":
            source = nodes[node.args[0].name]
            types[node.name] = output_type(source, [types[name] for name in source.refs()], node.args[1])
        elif node.function != "input":
            types[node.name] = output_type(node, inputs)
    return types


def output_type(node: Node, inputs: Sequence[str], index: int = 0) -> str:
    """The type of an output of a node that calls a function on inputs of these types."""
    function, attributes = node.function, node.kwargs
    if function in _ALWAYS:
        return _ALWAYS[function]
    if function in _BY_ATTRIBUTE:
        return _attribute(attributes, *_BY_ATTRIBUTE[function])
    if function == "top_k" and index:
        return _attribute(attributes, "index_type", "int32")
    if function == "max_pool_with_argmax" and index:
        return _attribute(attributes, "Targmax", "int64")
    if function == "unique" and index:
        return _attribute(attributes, "out_idx", "int32")
    if function == "identity_n":
        return inputs[index]
    if function == "fused_batch_norm":
        return inputs[min(index, 1)]
    position = _BY_INPUT.get(function, 0)
    return inputs[position] if position < len(inputs) else "float32"  # a function TensorFlow does not have


def _attribute(attributes: Mapping[str, Any], name: str, default: str) -> str:
    return str(attributes.get(name, default))
