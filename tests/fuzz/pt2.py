"""PyTorch's exported programs."""

from __future__ import annotations

import json
import random
import warnings
from pathlib import Path

import torch
from fuzz.fuzzing import Kind
from fuzz.mutations import mutate
from fuzz.zips import inside_zip
from torch import nn

from regraft.formats import pytorch


def exported(folder: Path) -> Path:
    """An exported program; its tensors are few, so that damage meets its documents."""
    module = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(8, 2))
    with warnings.catch_warnings(action="ignore"):
        batch = {0: torch.export.Dim("batch")}
        program = torch.export.export(module.eval(), (torch.zeros(2, 3, 4, 4),), dynamic_shapes=(batch,))
        torch.export.save(program, folder / "model.pt2")
    return folder / "model.pt2"


def other_document(data: bytes, random: random.Random) -> bytes:
    """Damage to the bytes of a JSON document, or to the values in it."""
    return mutate(data, random) if random.random() < 0.3 else _other_values(data, random)


def _other_values(data: bytes, random: random.Random) -> bytes:
    """A JSON document with one to three of its values replaced."""
    document = json.loads(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        place = document
        while isinstance(place, dict | list) and place:
            key = random.choice(list(place)) if isinstance(place, dict) else random.randrange(len(place))
            if not isinstance(place[key], dict | list) or not place[key] or random.random() < 0.1:
                place[key] = random.choice(
                    (None, -1, 0, 7, 1 << 40, 1 << 70, "x", "", [], {}, True, 1e300, [None], {"a": 1})
                )
                break
            place = place[key]
    return json.dumps(document).encode()


def read_exported(path: Path) -> None:
    """The network, the shape of every tensor and the value of every parameter."""
    network = pytorch.read(path)
    list(network.tensors.values())
    network.cuts()
    for parameter in network.parameters.values():
        parameter.value.sum()


KINDS = (
    Kind(name="pt2", make=exported, read=read_exported, slow=True),
    Kind(
        name="pt2, documents changed",
        make=exported,
        read=read_exported,
        damage=inside_zip(".json", damage=other_document),
        slow=True,
    ),
)
