"""A network as a program of torch.export: the one form from which ONNX and .pt2 files are written."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from regraft.errors import UnsupportedOp
from regraft.network.flow import ancestors
from regraft.network.fx import build
from regraft.network.graph import InputSpec, Node, Ref
from regraft.network.literals import with_literals
from regraft.network.modes import specialise
from regraft.network.network import GraphNetwork
from regraft.network.shapes import sample

_BATCH, _SIZE = 3, 224  # of the example that is traced, where dimensions are free
_MOST_NAMED = 5


@dataclass(frozen=True, kw_only=True)
class Program:
    """What was traced, and what its parts are called in the source.

    Attributes:
        exported: its inputs and outputs stand in the order of `inputs` and `outputs`; the batch is free.
        parameters: attribute of the program -> name of the parameter.
        nodes: what was traced, in running order.
    """

    exported: ExportedProgram
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    parameters: Mapping[str, str]
    nodes: Sequence[Node]


def program(network: GraphNetwork, to: Sequence[str] | None = None) -> Program:
    """Trace a network in evaluation mode.

    Args:
        to: the tensors wanted; None: the outputs.

    Raises:
        BadArgument: there is no graph, or an input of which nothing is known.
        UnsupportedOp: something in it cannot be traced; all nodes in the way are named.
    """
    network.require_graph()
    wanted = tuple(network.outputs if to is None else to)
    below = ancestors(network.nodes, wanted)
    specs = [spec for spec in network.graph.inputs if spec.name in below]
    parameters = {p.name: (p.shape, p.dtype) for p in network.parameters.values()}
    nodes = specialise(network.graph, wanted, [spec.name for spec in specs], training=False)
    nodes = with_literals(nodes, specs, parameters, wanted)
    with quiet():
        try:
            exported = _traced(network, nodes, specs, wanted)
            if aliases := _aliases(exported, wanted):
                copies = [Node(name=f"{name}@copy", function="copy", args=(Ref(name),)) for name in aliases]
                renamed = [f"{name}@copy" if name in aliases else name for name in wanted]
                exported = _traced(network, [*nodes, *copies], specs, renamed)
        except Exception as error:
            raise refused(network, nodes, "torch.export", lambda _: None, error) from error
    names = {id(weight): name for name, weight in network.weights.items()}
    return Program(
        exported=exported,
        inputs=tuple(spec.name for spec in specs),
        outputs=wanted,
        parameters={place: names[id(held)] for place, held in exported.state_dict.items() if id(held) in names},
        nodes=nodes,
    )


@contextmanager
def quiet() -> Generator[None]:
    """What torch's tracers warn of concerns their own code, not the caller's."""
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        yield


def _aliases(exported: ExportedProgram, to: Sequence[str]) -> list[str]:
    """The outputs that are nothing but an input, a parameter or another output: ONNX wants values of their own."""
    signature = exported.graph_signature
    fed = {spec.arg.name for spec in signature.input_specs}  # pyright: ignore[reportAttributeAccessIssue]
    given = [spec.arg.name for spec in signature.output_specs]  # pyright: ignore[reportAttributeAccessIssue]
    return [name for k, (name, value) in enumerate(zip(to, given, strict=True)) if value in fed or value in given[:k]]


def _traced(
    network: GraphNetwork, nodes: Sequence[Node], specs: Sequence[InputSpec], to: Sequence[str]
) -> ExportedProgram:
    module = build(nodes, network.weights, [spec.name for spec in specs], to)
    example = tuple(torch.zeros_like(sample(spec, _BATCH, _SIZE), device="cpu") for spec in specs)
    free = tuple({k: Dim.DYNAMIC for k, size in enumerate(spec.shape) if size is None} for spec in specs)
    return torch.export.export(module, example, dynamic_shapes=free)


def refused(
    network: GraphNetwork,
    nodes: Sequence[Node],
    by: str,
    attempt: Callable[[ExportedProgram], Any],
    error: Exception,
) -> UnsupportedOp:
    """The error for a network that cannot be written; each of its nodes is tried by itself, to name those in the way.

    Args:
        by: what refused the whole.
        attempt: what is done with a traced program; raises where it cannot be.
        error: what was said to the whole.
    """
    in_the_way: dict[str, list[str]] = {}
    tried: dict[Any, bool] = {}
    for node in nodes:
        if node.function in ("input", "parameter", "constant", "item", "rows"):
            continue
        key = (node.function, repr(node.args and [type(arg) for arg in node.args]), repr(sorted(node.kwargs.items())))
        if key not in tried:
            tried[key] = _is_alone_in_the_way(network, nodes, node, attempt)
        if tried[key]:
            in_the_way.setdefault(node.function, []).append(node.name)
    lines = [
        f"{function} ({len(names)}): {', '.join(names[:_MOST_NAMED])}{', ...' if len(names) > _MOST_NAMED else ''}"
        for function, names in sorted(in_the_way.items())
    ]
    first = str(error).strip().splitlines()
    return UnsupportedOp(
        f"the network cannot be written: {by} does not take it",
        where=f"{network.format} network",
        got="; ".join(lines) or f"{type(error).__name__}: {first[0] if first else ''}",
        fix="write what lies below them (--at TENSOR, or net.towards(TENSOR)), or keep the network as a regraft model",
    )


def _is_alone_in_the_way(
    network: GraphNetwork, nodes: Sequence[Node], node: Node, attempt: Callable[[ExportedProgram], Any]
) -> bool:
    """Whether a node cannot be written by itself, what it reads being fed."""
    table = {one.name: one for one in nodes}
    fed: list[InputSpec] = []
    around: list[Node] = []
    for name in dict.fromkeys(node.refs()):
        other, tensor = table[name], network.tensors.get(name)
        if other.function in ("constant", "parameter"):
            around.append(other)
        elif other.function == "rows" or tensor is None or tensor.shape is None or tensor.dtype is None:
            return False  # it cannot be told
        else:
            fed.append(InputSpec(name=name, shape=tensor.shape, dtype=tensor.dtype))
            around.append(Node(name=name, function="input"))
    pieces = [*around, node]
    to = [node.name]
    if any(node.name in one.refs() and one.function == "item" for one in nodes):
        pieces += (items := [one for one in nodes if one.function == "item" and node.name in one.refs()])
        to = [one.name for one in items]
    try:
        attempt(_traced(network, pieces, fed, to))
    except Exception:  # whatever it is, it is in the way
        return True
    return False
