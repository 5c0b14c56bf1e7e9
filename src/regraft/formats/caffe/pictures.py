"""What a network's data layers say of its input: size, channels, mean and scale."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from regraft.files.mapped import mapped
from regraft.formats.caffe.blobs import read_blob
from regraft.formats.caffe.netfile import Layer
from regraft.network.graph import InputSpec

_OWN = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}


@dataclass(frozen=True, kw_only=True)
class Preparation:
    """How Caffe prepares pictures of values 0..255: (value - mean) * scale, in the order blue, green, red."""

    scale: float = 1.0
    mean: tuple[float, ...] | None = ()  # None: a file that is not there
    crop: int = 0
    channels: int | None = None


def preparation(layers: Iterable[Layer], folder: Path) -> Preparation | None:
    """What the first layer says that gives pictures, those for evaluation first; None where none does."""
    found = [layer for layer in layers if not layer.bottoms and layer.tops and layer.type in (*_OWN, "MemoryData")]
    found.sort(key=lambda layer: not _is_for_test(layer))
    return _of_layer(found[0], folder) if found else None


def _is_for_test(layer: Layer) -> bool:
    return any(rule.phase for rule in layer.message.include)


def _of_layer(layer: Layer, folder: Path) -> Preparation:
    message = layer.message
    # Files of 2013 and 2014 say it in the options of the layer itself.
    options = [message.transform_param, *([getattr(message, _OWN[layer.type])] if layer.type in _OWN else [])]
    scale = next((one.scale for one in options if one.HasField("scale")), 1.0)
    crop = next((one.crop_size for one in options if one.crop_size), 0)
    file = next((one.mean_file for one in options if one.mean_file), "")
    mean = tuple(message.transform_param.mean_value)
    return Preparation(
        scale=scale,
        mean=mean if mean or not file else _mean_of(folder / Path(file.replace("\\", "/")).name, layer),
        crop=crop,
        channels=_channels(layer, len(mean)),
    )


def _channels(layer: Layer, means: int) -> int | None:
    transform = layer.message.transform_param
    if transform.force_gray:
        return 1
    if transform.force_color or means == 3:
        return 3
    if layer.type == "ImageData":
        return 3 if layer.message.image_data_param.is_color else 1
    return None


def _mean_of(path: Path, layer: Layer) -> tuple[float, ...] | None:
    """The mean colour of a .binaryproto beside the network; None where there is none, which is said."""
    if not path.is_file():
        warnings.warn(
            f"{layer.where}: the mean picture {path.name} is not beside it: how pictures are prepared is not known",
            stacklevel=2,
        )
        return None
    picture = read_blob(mapped(path), str(path)).shaped((None, None, None))
    return tuple(float(value) for value in picture.mean((1, 2), dtype=np.float64))


def size_of(layer: Layer, known: Preparation | None) -> tuple[int | None, ...]:
    """Channels, height and width of what a data layer gives, as far as it says them."""
    message = layer.message
    if layer.type == "MemoryData":
        options = message.memory_data_param
        return options.channels or None, options.height or None, options.width or None
    crop = (known.crop if known else 0) or None
    if layer.type == "ImageData" and crop is None:
        options = message.image_data_param
        return _channels(layer, 0), options.new_height or None, options.new_width or None
    return (known.channels if known else None), crop, crop


def described(spec: InputSpec, known: Preparation | None) -> InputSpec:
    """An input with what is known of its pictures. Caffe's channels are blue, green, red."""
    if spec.layout != "NCHW":
        return spec
    count = spec.shape[1]
    channels: Any = {1: "grey", 3: "bgr"}.get(count or 0)
    spec = replace(spec, channels=channels)
    if known is None or known.mean is None or channels is None or not known.scale > 0:
        return spec
    if not known.mean:
        return replace(spec, range=(0.0, 255.0 * known.scale), origin="file")
    if len(known.mean) not in (1, count):
        return spec
    std = () if known.scale == 1 else (1 / known.scale,) * len(known.mean)
    return replace(spec, range=(0.0, 255.0), mean=known.mean, std=std, origin="file")
