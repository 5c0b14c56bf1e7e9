"""Inputs and the outputs a model should give for them: what decides where shapes cannot."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.errors import BadArgument, MissingFile, UnreadableFile

if TYPE_CHECKING:
    from torch import nn

    from regraft.network.network import GraphNetwork

TOLERANCE = 1e-4  # of the largest expected number
_INPUT, _OUTPUT = "input", "output"
Sample = Mapping[str, np.ndarray]


def read(path: Path) -> Sample:
    """The arrays of an .npz file: `input` (`input1`, ...) and `output` (`output1`, ...), or names of tensors.

    Raises:
        MissingFile: there is none.
        UnreadableFile: it is no .npz file of plain arrays.
    """
    if not path.is_file():
        raise MissingFile(f"there is no file {path.name}", where=str(path))
    try:
        with np.load(path, allow_pickle=False) as file:
            return {name: file[name] for name in file}
    except Exception as error:  # numpy breaks in many ways on what is no .npz
        raise UnreadableFile(
            "the sample is no .npz file of arrays", where=str(path), got=f"{type(error).__name__}: {error}"[:200]
        ) from error


def network_error(network: GraphNetwork, weights: Mapping[str, np.ndarray], sample: Sample) -> float:
    """The largest difference between a network's outputs and the sample's, relative to these.

    Raises:
        BadArgument: the sample has no input or no output.
        UnknownName: a name in it is none of the network's.
    """
    changed = network.assign({n: v.astype(network.parameters[n].value.dtype) for n, v in weights.items()})
    names = {name: _tensor(network, name) for name in sample}
    wanted = {tensor: sample[name] for name, tensor in names.items() if tensor and tensor not in network.inputs}
    _require_both(len(sample) > len(wanted), wanted, [_INPUT, _OUTPUT, *network.inputs, *network.outputs])
    others = {name: tensor for name, tensor in names.items() if tensor not in wanted}
    fed = {tensor or _only_input(network, list(wanted)): sample[name] for name, tensor in others.items()}
    return _difference(changed.run(fed, list(wanted)), list(wanted.values()))


def module_error(module: nn.Module, weights: Mapping[str, np.ndarray], sample: Sample) -> float:
    """The same for a copy of a torch module."""
    import torch

    changed = copy.deepcopy(module).eval()
    state = changed.state_dict()
    with torch.no_grad():
        for name, value in weights.items():
            state[name].copy_(torch.from_numpy(np.array(value)))
        fed = [torch.from_numpy(np.array(v)) for n, v in sorted(sample.items()) if n.startswith(_INPUT)]
        wanted = [value for name, value in sorted(sample.items()) if name.startswith(_OUTPUT)]
        _require_both(fed, wanted, [_INPUT, _OUTPUT])
        results = changed(*fed)
    results = [results] if isinstance(results, torch.Tensor) else list(results)
    return _difference([value.numpy() for value in results[: len(wanted)]], wanted)


def _require_both(fed: Any, wanted: Any, known: list[str]) -> None:
    if not fed or not wanted:
        raise BadArgument(
            "the sample does not hold both an input and the output expected for it",
            expected=f"arrays `{_INPUT}` and `{_OUTPUT}`, or names of tensors: {', '.join(known[:6])}",
        )


def _tensor(network: GraphNetwork, name: str) -> str | None:
    """The tensor of the network a name of the sample means; None: its only input."""
    if name in network.nodes or f"{name}:0" in network.nodes:
        return network.resolve(name)
    number = name.removeprefix(_OUTPUT) or "0"
    if name.startswith(_OUTPUT) and number.isdigit() and int(number) < len(network.outputs):
        return network.outputs[int(number)]
    return None if name == _INPUT else network.resolve(name)


def _only_input(network: GraphNetwork, wanted: list[str]) -> str:
    """The input that is meant by `input`: the only one the wanted tensors need."""
    needed = network.towards(*wanted).inputs
    if len(needed) != 1:
        raise BadArgument(
            "the sample's `input` could be several", expected="the names of the inputs", got=", ".join(needed)
        )
    return next(iter(needed))


def _difference(results: list[np.ndarray], wanted: list[np.ndarray]) -> float:
    largest = 0.0
    for result, value in zip(results, wanted, strict=True):
        if result.shape != value.shape:
            raise BadArgument(
                "the sample's output has another shape than the model's",
                expected=str(result.shape),
                got=str(value.shape),
            )
        scale = float(np.max(np.abs(value), initial=0.0)) or 1.0
        largest = max(largest, float(np.max(np.abs(result - value), initial=0.0)) / scale)
    return largest if np.isfinite(largest) else float("inf")
