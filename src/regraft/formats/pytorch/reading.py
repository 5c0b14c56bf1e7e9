"""From a module or a program to a network."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from regraft.errors import BadArgument
from regraft.formats.pytorch.conversion import to_graph
from regraft.formats.pytorch.exported import read_exported
from regraft.formats.pytorch.exporting import exported
from regraft.formats.pytorch.program import Program
from regraft.formats.pytorch.sources import Native
from regraft.network.network import GraphNetwork


def network_of(module: nn.Module, sample: Any, *, free: int = 1, format: str = "module") -> GraphNetwork:
    """See `regraft.formats.pytorch.read_module`."""
    where = type(module).__name__
    inputs = _inputs(sample, where)
    program = read_exported(exported(module, inputs, where, free), where)
    return from_program(program, where, format)


def network_of_native(native: Native, format: str) -> GraphNetwork:
    """See `regraft.formats.pytorch.read_native`."""
    network = network_of(native.module, native.sample, free=native.free, format=format)
    if native.picture is not None:
        spec = next(iter(network.inputs.values()))
        network = network.with_input(replace(native.picture, name=spec.name, shape=spec.shape))
    return network


def from_program(program: Program, where: str, format: str) -> GraphNetwork:
    """The network of a program."""
    for second, first in program.aliases.items():
        warnings.warn(f"{where}: {second} is the same weight as {first}; it goes by that name", stacklevel=2)
    return GraphNetwork(to_graph(program, where), program.weights, format=format)


def _inputs(sample: Any, where: str) -> Mapping[str, torch.Tensor] | tuple[torch.Tensor, ...]:
    if sample is None:
        raise BadArgument(
            "the shape of the module's input is not known", where=where, fix="give one: sample=torch.zeros(2, 3, 224, 224)"
        )
    if isinstance(sample, Mapping):
        return {str(name): torch.as_tensor(value) for name, value in sample.items()}
    return tuple(map(torch.as_tensor, sample if isinstance(sample, tuple | list) else (sample,)))
