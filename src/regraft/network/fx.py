"""From the graph as data to a `torch.fx.GraphModule` that runs and trains."""

from __future__ import annotations

import inspect
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from itertools import chain, count
from keyword import iskeyword
from typing import Any

import numpy as np
import torch
from torch import fx, nn

from regraft.errors import UnsupportedOp, nearest_names
from regraft.network.flow import ancestors
from regraft.network.functions import FUNCTIONS
from regraft.network.functions.tensor_arrays import Rows
from regraft.network.graph import Body, Node, Ref
from regraft.network.loops import read_by_rows, stepped


def build(
    nodes: Sequence[Node], weights: Mapping[str, torch.Tensor], inputs: Sequence[str], to: Sequence[str]
) -> fx.GraphModule:
    """A module that computes `to` from `inputs`.

    Args:
        nodes: specialised for one mode, in running order.
        weights: the network's parameters; the module shares them.

    Returns:
        `forward(*inputs) -> tuple`: one tensor for each name of `to`.
    """
    graph, root = fx.Graph(), nn.Module()
    made: dict[str, fx.Node] = {name: graph.placeholder(identifier(name)) for name in inputs}
    attributes: dict[str, str] = {}
    for node in nodes:
        if node.name in made:
            continue
        if node.function == "parameter":
            made[node.name] = _attribute(graph, root, attributes, node.args[0], weights[node.args[0]])
        elif node.function == "constant":
            made[node.name] = _attribute(graph, root, attributes, node.name, constant(node))
        else:
            function = function_of(node)
            args = substituted(node.args, made.__getitem__)
            made[node.name] = graph.create_node(
                "call_function", function, args, _attributes(node), identifier(node.name)
            )
    graph.output(tuple(made[name] for name in to))
    return fx.GraphModule(root, graph)


def call(node: Node, value_of: Callable[[str], Any]) -> Any:
    """The value of one node, given the values of the nodes it reads."""
    if node.function == "constant":
        return constant(node)
    return function_of(node)(*substituted(node.args, value_of), **_attributes(node))


def constant(node: Node) -> torch.Tensor:
    """The tensor a constant node holds."""
    return torch.from_numpy(np.array(node.args[0], dtype=node.kwargs["dtype"]))


def select(predicate: torch.Tensor, on_true: torch.Tensor, on_false: torch.Tensor) -> torch.Tensor:
    """The side a scalar predicate chooses; gradients flow through that side only."""
    if predicate.is_meta:  # shapes are asked for, not values
        return on_true
    return on_true if bool(predicate) else on_false


def rows(x: torch.Tensor, *, times: int, plus: int) -> int:
    """A size that grows with the batch, the first dimension of x; literals.py puts it into graphs to be traced."""
    return x.shape[0] * times + plus


def copy(x: torch.Tensor) -> torch.Tensor:
    """The same values as a tensor of its own."""
    return x.clone()


def normalising_filters(
    filters: torch.Tensor,
    biases: torch.Tensor | None,
    scale: torch.Tensor | None,
    offset: torch.Tensor | None,
    mean: torch.Tensor,
    variance: torch.Tensor,
    *,
    epsilon: float,
    channels: tuple[int, ...],
) -> tuple[torch.Tensor, torch.Tensor]:
    """Filters and biases that let a convolution give what its batch norm by given statistics makes of its result.

    Args:
        channels: the axes of filters that are channels of the result.
    """
    factor = torch.rsqrt(variance.detach() + epsilon)
    factor = factor if scale is None else factor * scale
    centre = mean.detach() if biases is None else mean.detach() - biases
    shift = -centre * factor if offset is None else offset - centre * factor
    shape = [size if axis in channels else 1 for axis, size in enumerate(filters.shape)]
    return (filters * factor.view(shape)).to(filters.dtype), shift.to(filters.dtype)


_BUILT_IN: dict[str, Callable[..., Any]] = {
    "item": operator.getitem,
    "select": select,
    "rows": rows,
    "copy": copy,
    "normalising_filters": normalising_filters,
}


def function_of(node: Node) -> Callable[..., Any]:
    """The function a node calls.

    Raises:
        UnsupportedOp: there is none of that name, or it does not take these attributes. A model.json may
            come from anywhere, and torch.fx writes attribute names into the code it generates.
    """
    if node.function == "loop":
        return _looped(node.kwargs["body"])
    function = _BUILT_IN.get(node.function) or FUNCTIONS.get(node.function)
    if function is None:
        raise UnsupportedOp(
            f"there is no function {node.function!r}",
            where=f"node {node.name}",
            nearest=nearest_names(node.function, FUNCTIONS),
        )
    known = set() if function is operator.getitem else set(inspect.signature(function).parameters)
    strange = sorted(set(node.kwargs) - known)
    if strange:
        raise UnsupportedOp(
            f"{node.function} has no attribute {', '.join(strange)}",
            where=f"node {node.name}",
            expected=", ".join(sorted(known)),
        )
    return function


def _attributes(node: Node) -> dict[str, Any]:
    """The keywords a node's function is called with; that of a loop was made of its body."""
    return {} if node.function == "loop" else dict(node.kwargs)


def _looped(body: Body) -> Callable[..., tuple[torch.Tensor, ...]]:
    """The function of a loop: its states and what is given to it -> the last states."""
    names, count = [*body.variables, *body.given], len(body.variables)
    nodes, by_rows = {node.name: node for node in body.nodes}, read_by_rows(body)

    def part(to: Sequence[str]) -> fx.GraphModule:
        below = ancestors(nodes, to, stop=names)
        return build([node for node in body.nodes if node.name in below], {}, names, to)

    holds, step = part([body.condition]), part(body.following)

    def loop(*values: torch.Tensor) -> tuple[torch.Tensor, ...]:
        given = [Rows.of(one) if name in by_rows else one for name, one in zip(names, values, strict=True)]
        return stepped(holds, step, values[:count], given[count:])

    return loop


def identifier(name: str) -> str:
    """A name torch.fx may put into code: source names may hold anything."""
    word = re.sub(r"\W", "_", name, flags=re.ASCII)
    return word if word.isidentifier() and not iskeyword(word) else f"_{word}"


def _attribute(
    graph: fx.Graph, root: nn.Module, attributes: dict[str, str], name: str, tensor: torch.Tensor
) -> fx.Node:
    if name not in attributes:
        readable = re.sub(r"[^0-9A-Za-z_/]", "_", name)
        numbered = chain([readable], (f"{readable}_{number}" for number in count(2)))
        # a weight may be called "half" or "type", a constant "and"
        attribute = next(free for free in numbered if not hasattr(root, free) and not iskeyword(free))
        attributes[name] = attribute
        if isinstance(tensor, nn.Parameter):
            root.register_parameter(attribute, tensor)
        else:
            root.register_buffer(attribute, tensor)
    return graph.get_attr(attributes[name])


def substituted(args: Any, value_of: Callable[[str], Any]) -> Any:
    """The arguments of a node with the values of the nodes they name."""
    if isinstance(args, Ref):
        return value_of(args.name)
    if isinstance(args, tuple):
        return tuple(substituted(item, value_of) for item in args)
    return args
