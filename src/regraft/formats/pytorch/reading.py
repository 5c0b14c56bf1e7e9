"""From a module or a program to a network."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from regraft.errors import BadArgument
from regraft.files.tokenizers import filler_of
from regraft.formats.pytorch.archive import Archive
from regraft.formats.pytorch.conversion import to_graph
from regraft.formats.pytorch.document import read_archive
from regraft.formats.pytorch.exported import read_exported
from regraft.formats.pytorch.lost import attention_dropouts, lost_in_evaluation
from regraft.formats.pytorch.program import Program
from regraft.formats.pytorch.sources import Native
from regraft.formats.pytorch.tracing import exported
from regraft.network.graph import Ref
from regraft.network.network import GraphNetwork
from regraft.network.texts import reading_tokens, with_outputs, with_sentence
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
        network = reading_tokens(
            network, native.tokenizer, filler_of(native.tokenizer), native.separator, causal=bool(native.outputs)
        )
    if native.outputs:
        named = zip(native.outputs, network.outputs, strict=True)
        return with_outputs(network, [(name, "identity", (Ref(old),)) for name, old in named], native.outputs)
    return network if native.pooling is None else with_sentence(network, native.pooling)


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
