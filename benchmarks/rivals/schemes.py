"""Schemes, read from the file that `regraft search --schemes` takes, and built by hand of torchvision's modules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import nn
from torchvision.models import mobilenet_v2
from torchvision.models.mobilenetv2 import InvertedResidual

from benchmarks.rivals.photos import WEIGHTS

_PLAN = {"at", "freeze", "freeze_below", "freeze_statistics", "new"}
_SETTINGS = {"optimizer", "lr", "epochs", "batch"}


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """A plan and the settings of its training, in regraft's words."""

    name: str
    plan: Mapping[str, Any]
    settings: Mapping[str, Any]

    def __post_init__(self) -> None:
        """Refuse what the loops written by hand would leave out."""
        unknown = sorted({*self.plan} - _PLAN | {*self.settings} - _SETTINGS)
        if unknown:
            raise SystemExit(f"scheme {self.name}: the rivals know no {', '.join(unknown)}")

    @property
    def epochs(self) -> int:
        """How often the training photos are seen."""
        return self.settings["epochs"]


def read_schemes(path: Path) -> tuple[Scheme, ...]:
    """The schemes of a YAML file."""
    return tuple(Scheme(**scheme) for scheme in yaml.safe_load(path.read_text(encoding="utf-8")))


def halves(scheme: Scheme, classes: int, seed: int) -> tuple[nn.Module, nn.Module]:
    """The part of MobileNetV2 that stays as it is, and the part that is trained, the new layers on it."""
    blocks = trunk()
    names = [_output(number, block) for number, block in enumerate(blocks)]
    top = names.index(scheme.plan["at"]) + 1
    bottom = _frozen(scheme.plan, names, top)
    torch.manual_seed(seed)
    head = _head(scheme.plan["new"], _width(blocks[top - 1]), classes)
    return blocks[:bottom].eval().requires_grad_(False), nn.Sequential(*blocks[bottom:top], *head)


def trunk() -> nn.Sequential:
    """The blocks of MobileNetV2 with their ImageNet weights."""
    network = mobilenet_v2()
    network.load_state_dict(torch.load(WEIGHTS, weights_only=True))
    return network.features


def _frozen(plan: Mapping[str, Any], names: list[str], top: int) -> int:
    """How many blocks stay as they are."""
    if "freeze_below" in plan:
        return names.index(plan["freeze_below"]) + 1
    return 0 if plan.get("freeze", ".*") is None else top


def _output(number: int, block: nn.Module) -> str:
    """The tensor a block ends in: its last layer's, or its own where it adds what went in."""
    if not isinstance(block, InvertedResidual):
        return f"features.{number}.{len(block) - 1}"
    return f"features.{number}" if block.use_res_connect else f"features.{number}.conv.{len(block.conv) - 1}"


def _width(block: nn.Module) -> int:
    return block.out_channels


_ACTIVATIONS: Mapping[str, type[nn.Module]] = {"relu": nn.ReLU, "elu": nn.ELU, "sigmoid": nn.Sigmoid, "tanh": nn.Tanh}


def _head(new: list[Mapping[str, Any]], width: int, classes: int) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    for layer in new:
        if layer["kind"] == "dropout":
            layers.append(nn.Dropout(layer.get("rate", 0.5)))
            continue
        if layer["kind"] != "dense":
            raise SystemExit(f"the rivals know no new layer {layer['kind']}")
        units = layer.get("width") or classes
        layers.append(nn.Linear(width, units))
        if layer.get("activation"):
            layers.append(_ACTIVATIONS[layer["activation"]]())
        width = units
    return layers
