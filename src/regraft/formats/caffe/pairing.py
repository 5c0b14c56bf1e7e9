"""Which prototxt and which weights belong together, where only one of the two is named."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from regraft.errors import BadArgument, RegraftError
from regraft.formats.caffe.netfile import Layer, NetFile, read_file

_WITH_WEIGHTS = frozenset(
    {"Convolution", "ConvolutionDepthwise", "DepthwiseConvolution", "Deconvolution", "InnerProduct", "Embed", "PReLU"}
    | {"BatchNorm", "Parameter"}
)


@dataclass(frozen=True, kw_only=True)
class Pair:
    """A network's definition and its weights; `weights` is None where there are none."""

    definition: NetFile
    weights: NetFile | None


def has_parameters(layer: Layer) -> bool:
    """Whether a layer has weights."""
    if layer.type == "Scale":
        return len(layer.bottoms) < 2 or layer.message.scale_param.bias_term
    return layer.type in _WITH_WEIGHTS or (layer.type == "Bias" and len(layer.bottoms) < 2)


def paired(path: Path, weights: Path | None = None) -> Pair:
    """Definition and weights of the network a path means. What is chosen is said.

    Args:
        path: a .prototxt or a .caffemodel.
        weights: the .caffemodel for a .prototxt; None: the one beside it.

    Raises:
        RegraftError: a file cannot be read; or several beside a prototxt fit it.
    """
    file = read_file(path)
    if weights is not None:
        return Pair(definition=file, weights=read_file(weights))
    if file.weighted:
        return Pair(definition=_definition_for(file), weights=file)
    return Pair(definition=file, weights=_weights_for(file))


def _definition_for(weights: NetFile) -> NetFile:
    """The prototxt of the same stem; else the only one called deploy; else the weights' own layers."""
    path = weights.path
    same = path.with_suffix(".prototxt")
    if same.is_file() and same != path:
        _say(f"{path.name} is opened with {same.name}, which has its name")
        return read_file(same)
    deploys = [other for other in _beside(path, ".prototxt") if "deploy" in other.name.lower()]
    found = _readable(deploys)
    if len(found) == 1 and len(deploys) == 1 and _fits(found[0], weights):
        _say(f"{path.name} is opened with {found[0].path.name}, the only deploy prototxt beside it")
        return found[0]
    names = ", ".join(other.name for other in deploys[:5])
    why = "no deploy prototxt is beside it" if not deploys else f"it cannot be told that one of {names} is meant"
    if len(deploys) == 1:
        why = f"{names} has layers it knows no weights of" if found else f"{names} cannot be read"
    _say(f"{path.name} is opened with its own list of layers: {why}")
    return weights


def _weights_for(definition: NetFile) -> NetFile | None:
    """The .caffemodel of the same stem, with or without words such as _deploy; else the only one that fits."""
    path = definition.path
    stem = path.stem
    for ending in ("_deploy", "-deploy", ".deploy", "_train_val", "_train_test"):
        stem = stem.removesuffix(ending)
    for same in dict.fromkeys((path.with_suffix(".caffemodel"), path.with_name(f"{stem}.caffemodel"))):
        if same.is_file() and same != path:
            _say(f"{path.name} is opened with the weights {same.name}, which has its name")
            return read_file(same)
    fitting = [file for file in _readable(_beside(path, ".caffemodel")) if _fits(definition, file)]
    if len(fitting) > 1:
        raise BadArgument(
            f"{len(fitting)} files beside {path.name} hold weights for it",
            where=str(path),
            got=", ".join(file.path.name for file in fitting[:5]),
            fix=f"open the one you mean: {fitting[-1].path}",
        )
    if fitting:
        _say(f"{path.name} is opened with the weights {fitting[0].path.name}, the only ones beside it that fit")
    return fitting[0] if fitting else None


def _fits(definition: NetFile, weights: NetFile) -> bool:
    needed = [layer for layer in definition.layers if has_parameters(layer)]
    return bool(needed) and all(_knows(weights, layer) for layer in needed)


def _knows(weights: NetFile, layer: Layer) -> bool:
    """Whether a file has weights for a layer: under its name, and for as many outputs."""
    stored = weights.weighted.get(layer.name)
    if stored is None:
        return False
    if layer.type == "InnerProduct" and not layer.message.inner_product_param.transpose:
        return stored.blobs[0].shape[-2:-1] == (layer.message.inner_product_param.num_output,)
    if layer.type == "Convolution":
        return stored.blobs[0].shape[:1] == (layer.message.convolution_param.num_output,)
    return True


def _beside(path: Path, ending: str) -> list[Path]:
    return sorted(other for other in path.parent.glob(f"*{ending}") if other != path and other.is_file())


def _readable(paths: Sequence[Path]) -> list[NetFile]:
    found: list[NetFile] = []
    for path in paths:
        try:
            found.append(read_file(path))
        except RegraftError:
            continue  # a solver, or another program's file
    return found


def _say(what: str) -> None:
    warnings.warn(what, stacklevel=5)
