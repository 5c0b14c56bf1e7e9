"""Writing a network's weights by name: a safetensors file, or a state dict of PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

import numpy as np

from regraft.errors import BadArgument, UnsupportedOp
from regraft.formats.arrays.reading import read_network
from regraft.network import GraphNetwork
from regraft.network.layers import as_torch
from regraft.network.proof import Written, prove_weights
from regraft.run.atomic import writing


def write_safetensors(network: GraphNetwork, path: Path) -> Written:
    """Write the parameters as safetensors, under the names and in the layout of the source.

    The file says of itself what the source was ("format") and how its weights lie ("layout": tensorflow, torch, mixed).

    Raises:
        BadArgument: there are no parameters.
        UnsupportedOp: an array is of a type the format does not have.
        OutOfSpace: the disk is full.
    """
    import safetensors.numpy

    arrays = _arrays(network)
    try:
        data = safetensors.numpy.save(arrays, {"format": network.format, "layout": _layout(network)})
    except (KeyError, TypeError, ValueError, safetensors.SafetensorError) as error:
        raise _no_type("safetensors", arrays) from error
    return _written("safetensors", path, arrays, data)


def write_torch(network: GraphNetwork, path: Path) -> Written:
    """Write the parameters as a state dict, which `torch.load(path, weights_only=True)` opens; they are not turned.

    Raises: what `write_safetensors` does.
    """
    import torch

    arrays = _arrays(network)
    try:
        tensors = {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}
    except TypeError as error:
        raise _no_type("torch", arrays) from error
    held = BytesIO()  # on a full disk torch's own writer ends the whole program
    torch.save(tensors, held)
    return _written("torch", path, arrays, held.getbuffer())


def _written(format: str, path: Path, arrays: Mapping[str, np.ndarray], data: bytes | memoryview) -> Written:
    with writing(path) as file:
        file.write(data)
        file.flush()
        found = prove_weights(arrays, read_network(Path(file.name)).values, str(path))
    return Written(format=format, files=(path,), difference=found)


def _arrays(network: GraphNetwork) -> dict[str, np.ndarray]:
    if not network.parameters:
        raise BadArgument("the network has no parameters: there is nothing a file of weights could hold")
    return {name: np.asarray(p.value, order="C") for name, p in network.parameters.items()}


def _layout(network: GraphNetwork) -> str:
    """How the weights of layers lie: as TensorFlow's, as torch's, or some so and some so."""
    turned = as_torch(network.graph.nodes)
    weights = {name for name, p in network.parameters.items() if len(p.shape) > 1}
    if not weights & turned:
        return "tensorflow"
    return "torch" if weights <= turned else "mixed"


def _no_type(format: str, arrays: Mapping[str, np.ndarray]) -> UnsupportedOp:
    types = ", ".join(sorted({str(array.dtype) for array in arrays.values()}))
    return UnsupportedOp(f"{format} has no word for the type of some parameters", got=types)
