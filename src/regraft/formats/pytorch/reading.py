"""From a module or a program to a network."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from regraft.errors import BadArgument
from regraft.formats.pytorch.archive import Archive
from regraft.formats.pytorch.conversion import to_graph
from regraft.formats.pytorch.document import read_archive
from regraft.formats.pytorch.exported import read_exported
from regraft.formats.pytorch.lost import attention_dropouts, lost_in_evaluation
from regraft.formats.pytorch.program import Program
from regraft.formats.pytorch.sources import MASK, TOKENS, TYPES, Native
from regraft.formats.pytorch.tokenizers import filler_of
from regraft.formats.pytorch.tracing import exported
from regraft.network.graph import CODE, NAMED, SENTENCE, Node, Ref
from regraft.network.network import GraphNetwork
from regraft.network.weights import Weights


def network_of(
    module: nn.Module,
    sample: Any,
    *,
    free: int = 1,
    format: str = "module",
    side: Collection[str] = (),
    together: bool = True,
) -> GraphNetwork:
    """See `regraft.formats.pytorch.read_module`.

    Args:
        side: inputs that go to every layer beside the data.
        together: whether all inputs have one batch.
    """
    where = type(module).__name__
    inputs = _inputs(sample, where)
    program = read_exported(exported(module, inputs, where, free, together=together), where)
    graph = to_graph(program, where, dropped=attention_dropouts(module), side=side)
    for note in (*shared_weights(program), *lost_in_evaluation(module, graph)):
        warnings.warn(f"{where}: {note}", stacklevel=2)
    return GraphNetwork(graph, program.weights, format=format)


def network_of_native(native: Native, format: str) -> GraphNetwork:
    """See `regraft.formats.pytorch.read_native`."""
    network = network_of(
        native.module, native.sample, free=native.free, format=format, side=native.side, together=native.together
    )
    if native.picture is not None:
        spec = next(iter(network.inputs.values()))
        network = network.with_input(replace(native.picture, name=spec.name, shape=spec.shape))
    if native.tokenizer:
        network = _reading_texts(network, native)
    if native.outputs:
        named = zip(native.outputs, network.outputs, strict=True)
        return _with_outputs(network, [(name, "identity", (Ref(old),)) for name, old in named], native.outputs)
    return network if native.pooling is None else _sentence(network, native.pooling)


def _reading_texts(network: GraphNetwork, native: Native) -> GraphNetwork:
    """A text encoder whose one input of texts is their tokens: they tell where texts stand, and which of two is which.

    Where no word looks at later ones, what fills up may also end texts, as in CLIP; of another encoder that would tell
    nothing, and it keeps all inputs.
    """
    filler, causal = filler_of(native.tokenizer), bool(native.outputs)
    if filler is None and not causal:
        return network
    tokens = replace(network.inputs[TOKENS], layout="tokens", tokenizer=native.tokenizer)
    told = [node for node in _told_by_tokens(filler, native.separator) if node.name in network.inputs]
    replaced = {TOKENS, *(node.name for node in told)}
    first = [node for node in network.graph.nodes if node.name == TOKENS]
    nodes = (*first, *told, *(node for node in network.graph.nodes if node.name not in replaced))
    inputs = tuple(
        tokens if spec.name == TOKENS else spec
        for spec in network.graph.inputs
        if spec.name == TOKENS or spec.name not in replaced
    )
    return GraphNetwork(replace(network.graph, nodes=nodes, inputs=inputs), network.values, format=network.format)


def _told_by_tokens(filler: int | None, separator: int | None) -> Iterator[Node]:
    """What is computed of tokens in place of a further input."""
    tokens = (Ref(TOKENS),)
    if filler is None:
        yield Node(name=MASK, function="aten.ones_like.default", args=tokens)
        return
    yield Node(name=MASK, function="token_mask", args=tokens, kwargs={"filler": filler})
    if separator is not None:
        said = {"separator": separator, "filler": filler}
        yield Node(name=TYPES, function="token_types", args=tokens, kwargs=said)


def _sentence(network: GraphNetwork, pooling: str) -> GraphNetwork:
    """A text encoder with one more output, the vector of a sentence: the mean of its words' or that of the first."""
    words = Ref(network.outputs[0])
    if pooling == "cls":
        new = [(SENTENCE, "aten.select.int", (words, 1, 0))]
    else:
        new = [
            ("sentence/mask", "aten.unsqueeze.default", (Ref(MASK), -1)),
            ("sentence/weights", "aten.type_as.default", (Ref("sentence/mask"), words)),
            ("sentence/weighted", "aten.mul.Tensor", (words, Ref("sentence/weights"))),
            ("sentence/sum", "aten.sum.dim_IntList", (Ref("sentence/weighted"), (1,))),
            ("sentence/count", "aten.sum.dim_IntList", (Ref("sentence/weights"), (1,))),
            ("sentence/least", "aten.clamp.default", (Ref("sentence/count"), 1e-9)),
            (SENTENCE, "aten.div.Tensor", (Ref("sentence/sum"), Ref("sentence/least"))),
        ]
    found = _with_outputs(network, new, (*network.outputs, SENTENCE))
    collections = {**found.collections, CODE: (SENTENCE,)}
    return GraphNetwork(replace(found.graph, collections=collections), found.values, format=found.format)


def _with_outputs(
    network: GraphNetwork, new: Sequence[tuple[str, str, tuple[Any, ...]]], outputs: tuple[str, ...]
) -> GraphNetwork:
    """The network with more nodes, each a name, a function and its arguments, and with these outputs."""
    nodes = [Node(name=name, function=function, args=args) for name, function, args in new]
    known = set(network.outputs)
    layers = {NAMED: (*network.collections[NAMED], *(name for name in outputs if name not in known))}
    graph = replace(network.graph, nodes=(*network.graph.nodes, *nodes), outputs=outputs, collections=layers)
    return GraphNetwork(graph, network.values, format=network.format)


def network_of_file(path: Path) -> GraphNetwork:
    """See `regraft.formats.pytorch.read`."""
    program = read_archive(Archive(path))
    for note in shared_weights(program):
        warnings.warn(f"{path}: {note}", stacklevel=2)
    return GraphNetwork(to_graph(program, str(path)), program.weights, format="pt2")


def weights_of_file(path: Path) -> Weights:
    """See `regraft.formats.pytorch.read_weights`."""
    return Weights(values=read_archive(Archive(path)).weights, layout="torch")


def shared_weights(program: Program) -> Iterator[str]:
    """What is to be said of weights that have two names."""
    for second, first in program.aliases.items():
        yield f"{second} is the same weight as {first} and goes by that name"


def _inputs(sample: Any, where: str) -> Mapping[str, torch.Tensor] | tuple[torch.Tensor, ...]:
    if sample is None:
        raise BadArgument(
            "the shape of the module's input is not known",
            where=where,
            fix="give one: regraft.open(module, sample=torch.zeros(2, 3, 224, 224))",
        )
    if isinstance(sample, Mapping):
        return {str(name): _batch(value) for name, value in sample.items()}
    return tuple(map(_batch, sample if isinstance(sample, tuple | list) else (sample,)))


def _batch(value: Any) -> torch.Tensor:
    """A tensor of two examples or more: `torch.export` would take a batch of one for a constant."""
    tensor = torch.as_tensor(value)
    return torch.cat([tensor, tensor]) if tensor.ndim and len(tensor) == 1 else tensor
