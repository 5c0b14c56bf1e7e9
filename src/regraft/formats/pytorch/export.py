"""Writing a network as an exported program of torch (.pt2)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.network import GraphNetwork
from regraft.network.proof import Written, prove_values
from regraft.run.atomic import writing

if TYPE_CHECKING:
    import numpy as np

NAMES = "regraft.json"  # the file inside the archive with the names of the source


def write(network: GraphNetwork, path: Path) -> Written:
    """Write a network in evaluation mode as a program that `torch.export.load` opens without regraft.

    torch's programs take their inputs by position and allow few characters in the names of parameters. The names of
    the source lie beside the program, in the extra file `regraft.json`: {"inputs": [...], "outputs": [...],
    "parameters": {name in the program: name}}, the lists in the order of the program's own.

    Raises:
        UnsupportedOp: some nodes cannot be traced; they are named.
        OutOfSpace: the disk is full.
    """
    import torch

    from regraft.network.program import program, quiet

    traced = program(network)
    names = {"inputs": traced.inputs, "outputs": traced.outputs, "parameters": traced.parameters}
    held = BytesIO()  # on a full disk torch's own writer ends the whole program
    with quiet():
        torch.export.save(traced.exported, held, extra_files={NAMES: json.dumps(names)})
    with writing(path) as file:
        file.write(held.getbuffer())
        file.flush()
        with quiet(), open(file.name, "rb") as written:
            again: Any = torch.export.load(written).module()

        def run(x: dict[str, np.ndarray]) -> Sequence[Any]:
            with quiet():
                values = again(*(torch.from_numpy(x[name]) for name in traced.inputs))
            given = dict(zip(traced.outputs, values, strict=True))
            return [given[name].numpy() for name in network.outputs]

        found = prove_values(network, run, str(path))
    return Written(format="pt2", files=(path,), difference=found)
