"""A network as a program of torch.export: the one form from which ONNX and .pt2 files are written."""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim, ExportedProgram
from torch.utils._pytree import tree_structure

from regraft.errors import UnsupportedOp
from regraft.network.flow import ancestors
from regraft.network.fx import build, identifier
from regraft.network.graph import InputSpec, Node, Ref
from regraft.network.lengths import free_size
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
        exported: its inputs and outputs stand in the order of `inputs` and `outputs`; what is free in the source is.
        outputs: those of the network, each once, and behind them what else was asked for.
        same: other tensors that were asked for -> the output that is the same value.
        parameters: attribute of the program -> name of the parameter.
        nodes: what was traced, in running order.
    """

    exported: ExportedProgram
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    same: Mapping[str, str]
    parameters: Mapping[str, str]
    nodes: Sequence[Node]


def program(network: GraphNetwork, *, every: bool = False) -> Program:
    """Trace a network in evaluation mode.

    Args:
        every: whether all tensors that are computed on the way are given too, behind the outputs.

    Raises:
        BadArgument: there is no graph.
        UnsupportedOp: something in it cannot be traced; all nodes in the way are named.
    """
    network.require_graph()
    wanted = tuple(dict.fromkeys(network.outputs))
    below = ancestors(network.nodes, wanted)
    specs = [spec for spec in network.graph.inputs if spec.name in below]
    parameters = {p.name: (p.shape, p.dtype) for p in network.parameters.values()}
    nodes = specialise(network.graph, wanted, [spec.name for spec in specs], training=False)
    nodes = with_literals(nodes, specs, parameters, wanted)
    given = [*wanted, *(name for name in _computed(nodes) if name not in wanted)] if every else list(wanted)
    # what no training changes becomes a buffer of the program, not a parameter
    trained = {p.name: p.trainable for p in network.parameters.values()}
    weights = {name: weight if trained[name] else weight.detach() for name, weight in network.weights.items()}
    with quiet():
        try:
            exported = _traced(weights, nodes, specs, given)
            twice = _aliases(exported, given)
            if copied := [name for name in wanted if name in twice]:
                copies = [Node(name=f"{name}@copy", function="copy", args=(Ref(name),)) for name in copied]
                renamed = [f"{name}@copy" if name in copied else name for name in given]
                exported = _traced(weights, [*nodes, *copies], specs, renamed)
        except Exception as error:
            raise refused(network, nodes, "torch.export", lambda _: None, error) from error
    values = dict(zip(given, _given(exported), strict=True))
    kept = {name: value for name, value in values.items() if name in wanted or name not in twice}
    _keep(exported, [given.index(name) for name in kept])
    named = {value: name for name, value in kept.items()}
    names = {id(weight): name for name, weight in weights.items()}
    return Program(
        exported=exported,
        inputs=tuple(spec.name for spec in specs),
        outputs=tuple(kept),
        same={name: named[value] for name, value in values.items() if name not in kept and value in named},
        parameters={place: names[id(held)] for place, held in exported.state_dict.items() if id(held) in names},
        nodes=nodes,
    )


def _computed(nodes: Sequence[Node]) -> list[str]:
    """The tensors that are computed: no inputs, no weights, no sizes, no operations of several outputs."""
    several = {name for node in nodes if node.function == "item" for name in node.refs()}
    return [
        node.name
        for node in nodes
        if node.function not in ("input", "parameter", "constant", "rows", "aten.sym_size.int")
        and not node.function.startswith("operator.")
        and node.name not in several
    ]


def _keep(exported: ExportedProgram, places: Sequence[int]) -> None:
    """Leave out the other outputs of a program."""
    specs, output = exported.graph_signature.output_specs, exported.graph.output_node()
    if len(places) < len(specs):
        values: Any = output.args[0]
        output.args = (tuple(values[place] for place in places),)
        specs[:] = [specs[place] for place in places]
        exported.module_call_graph[0].signature.out_spec = tree_structure(tuple(places))  # pyright: ignore[reportOptionalMemberAccess]
        exported.graph_module.recompile()


@contextmanager
def quiet() -> Generator[None]:
    """What torch's tracers print, log and warn of concerns their own code; what is wrong is in their errors too."""
    disabled = logging.root.manager.disable
    nowhere = StringIO()
    with warnings.catch_warnings(), torch.no_grad(), redirect_stdout(nowhere), redirect_stderr(nowhere):
        warnings.simplefilter("ignore")
        logging.disable(logging.CRITICAL)
        try:
            yield
        finally:
            logging.disable(disabled)


def _aliases(exported: ExportedProgram, to: Sequence[str]) -> list[str]:
    """The outputs that are nothing but an input, a parameter or another output: ONNX wants values of their own."""
    fed = {spec.arg.name for spec in exported.graph_signature.input_specs}  # pyright: ignore[reportAttributeAccessIssue]
    given = _given(exported)
    return [name for k, (name, value) in enumerate(zip(to, given, strict=True)) if value in fed or value in given[:k]]


def _given(exported: ExportedProgram) -> list[str]:
    """What the outputs are called inside the program."""
    return [spec.arg.name for spec in exported.graph_signature.output_specs]  # pyright: ignore[reportAttributeAccessIssue]


def _traced(
    weights: Mapping[str, Tensor], nodes: Sequence[Node], specs: Sequence[InputSpec], to: Sequence[str]
) -> ExportedProgram:
    module = build(nodes, weights, [spec.name for spec in specs], to)
    size = free_size(specs, _SIZE)
    example = tuple(torch.zeros_like(sample(spec, _BATCH, size), device="cpu") for spec in specs)
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
        key = (node.function, repr(sorted(node.kwargs.items())))
        if key not in tried:
            tried[key] = _is_in_the_way(network, nodes, node, attempt)
        if tried[key]:
            in_the_way.setdefault(node.function, []).append(node.name)
    lines = [
        f"{function} ({len(names)}): {', '.join(names[:_MOST_NAMED])}{', ...' if len(names) > _MOST_NAMED else ''}"
        for function, names in sorted(in_the_way.items())
    ]
    return UnsupportedOp(
        f"the network cannot be written: {by} does not take it",
        where=f"{network.format} network",
        got="; ".join(lines) or _said(nodes, error),
        fix="write what lies below (--at TENSOR, or net.towards(TENSOR)), or keep the network as a regraft model",
    )


def _said(nodes: Sequence[Node], error: BaseException) -> str:
    """What was wrong at first, and at which node, where no node is in the way by itself."""
    while error.__cause__ is not None:
        error = error.__cause__
    text = re.sub(r"\x1b\[\d*m", "", str(error))  # without colours
    place = re.search(r"While executing %(\w+) :", text)
    at = next((f"{node.name}: " for node in nodes if place and identifier(node.name) == place[1]), "")
    return f"{at}{type(error).__name__}: {(text.strip().splitlines() or [''])[0]}"


def _is_in_the_way(
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
        attempt(_traced(network.weights, pieces, fed, to))
    except Exception:  # whatever it is, it is in the way
        return True
    return False
