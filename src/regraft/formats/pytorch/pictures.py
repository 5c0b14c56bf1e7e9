"""How a model's package says pictures are fed to it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from math import floor
from typing import Any, Literal

import torch

from regraft.network.graph import InputSpec

_RESIZE: Mapping[str, Literal["bilinear", "bicubic"]] = {"bilinear": "bilinear", "bicubic": "bicubic"}
USUAL = 224  # pixels a side, where a model does not say


def timm_picture(config: Mapping[str, Any]) -> InputSpec:
    """The input of a timm model, from its pretrained_cfg; the shorter side is made as long as timm makes it."""
    channels, height, width = config["input_size"]
    longer = floor(height / config.get("crop_pct", 1.0))
    return InputSpec(
        name="",
        shape=(None, channels, height, width),
        layout="NCHW",
        channels="rgb" if channels == 3 else "grey" if channels == 1 else None,
        range=(0.0, 1.0),
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
        crop=height / longer,
        resize=interpolation(str(config.get("interpolation"))),
        origin="file",
    )


def torchvision_picture(transforms: Any) -> tuple[InputSpec | None, torch.Tensor]:
    """The input of a torchvision model, from the transforms of its weights, and a sample of it."""
    size = getattr(transforms, "crop_size", [USUAL])[0]
    sample = torch.zeros(2, 3, size, size)
    if not hasattr(transforms, "resize_size"):
        return None, sample
    shorter = (transforms.resize_size or [size])[0]
    spec = InputSpec(
        name="",
        shape=(None, 3, size, size),
        layout="NCHW",
        channels="rgb",
        range=(0.0, 1.0),
        mean=tuple(transforms.mean),
        std=tuple(transforms.std),
        crop=size / shorter,
        resize=interpolation(transforms.interpolation.value),
        origin="file",
    )
    return spec, sample


def interpolation(name: str) -> Literal["bilinear", "bicubic"]:
    """How pictures are made smaller, as near to that of the name as there is; another one is said."""
    if name not in _RESIZE:
        warnings.warn(f"pictures are resized by bicubic interpolation: {name} is not known", stacklevel=2)
    return _RESIZE.get(name, "bicubic")
