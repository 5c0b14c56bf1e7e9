"""ONNX models."""

from __future__ import annotations

import random
import warnings
from pathlib import Path

from formats.onnx.fuzzed import fuzzed_onnx
from fuzz.fuzzing import Kind
from fuzz.messages import damage_message
from onnx import ModelProto

from regraft.formats import onnx


def inside_onnx(data: bytes, random: random.Random) -> bytes:
    """Damage to one to three fields of a model, which stays one."""
    parsed = ModelProto.FromString(data)
    for _ in range(random.choice((1, 1, 2, 3))):
        damage_message(parsed, random)
    return parsed.SerializeToString()


def read_onnx(path: Path) -> None:
    """The network, the shape of every tensor and the value of every parameter."""
    if not onnx.opens(path):
        return
    with warnings.catch_warnings(action="ignore"):  # that a batch stays fixed is said
        network = onnx.read(path)
    list(network.tensors.values())
    for parameter in network.parameters.values():
        parameter.value.sum()


KINDS = (
    Kind(name="onnx", make=fuzzed_onnx, read=read_onnx, slow=True),
    Kind(name="onnx, fields changed", make=fuzzed_onnx, read=read_onnx, damage=inside_onnx, slow=True),
)
