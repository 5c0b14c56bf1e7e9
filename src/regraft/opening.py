"""From a source to a network: a path, an address such as `timm:resnet18`, a torch module; with weights of another file.

Only here is an address told from a path. The rooms below take paths, modules and networks.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.errors import BadArgument

if TYPE_CHECKING:
    from torch import nn

    from regraft.formats.pytorch.sources import Native
    from regraft.network.matching import Match
    from regraft.network.network import GraphNetwork
    from regraft.network.weights import Weights

Address = str | PathLike[str]

_PACKAGES = ("timm", "torchvision", "hf")
RANDOM = "random"


def opened(
    source: Address | nn.Module,
    *,
    to: str | list[str] | None = None,
    weights: Address | None = None,
    sample: Any = None,
) -> GraphNetwork:
    """See `regraft.open`."""
    wanted = [to] if isinstance(to, str) else to
    if isinstance(source, str | PathLike):
        network = _native_network(source, weights) if _package(source) else _from_file(Path(source), wanted, weights)
    else:
        from regraft.formats import read_weights
        from regraft.formats.pytorch import read_module

        module = source
        if weights is not None:
            module = copy.deepcopy(source)
            _put_in(module, read_weights(Path(weights)), weights)
        network = read_module(module, sample)
    return network if wanted is None or network.outputs == tuple(wanted) else network.towards(*wanted)


def as_network(
    source: Address | GraphNetwork | nn.Module,
    to: str | None = None,
    *,
    weights: Address | None = None,
    sample: Any = None,
) -> GraphNetwork:
    """A source opened; a network as it is, or with the weights of a file."""
    from regraft.network.network import GraphNetwork

    if not isinstance(source, GraphNetwork):
        return opened(source, to=to, weights=weights, sample=sample)
    network = source if weights is None else _filled(source, weights)
    return network if to is None else network.towards(to)


def fresh_module(address: Any) -> nn.Module | None:
    """The module at an address with random weights, for its names and shapes; None where it is no address."""
    if not isinstance(address, str | PathLike) or not _package(address):
        return None
    return _native(address, pretrained=False).module


def classes_of(model: Any, labels: Address | None, network: GraphNetwork) -> Sequence[str] | None:
    """The names of a model's classes: those of the file given, or the ones saved or published with it.

    Args:
        network: the model opened; with weights of a file it may tell other classes apart than the published ones.
    """
    if labels is not None:
        from regraft.tasks.judging import read_names

        return read_names(Path(labels))
    if known := _classes_of_task(network):
        return known
    if not isinstance(model, str | PathLike):
        return None
    if not (package := _package(model)):
        from regraft.formats import class_names

        return class_names(Path(model))
    from regraft.formats import pytorch

    published = pytorch.class_names(package, str(model).partition(":")[2])
    return _fitting(published, network) if published else None


def _classes_of_task(network: GraphNetwork) -> Sequence[str]:
    """The classes of the one task that a network of several is asked for; empty where it is no such network."""
    from regraft.network.uniting import classes_of_task

    (output, *others) = network.outputs or ("",)
    return () if others else network.collections.get(classes_of_task(output), ())


def _fitting(published: list[str], network: GraphNetwork) -> list[str] | None:
    """The published names, with the background that TensorFlow's ImageNet has as number 0; None: not these classes."""
    from regraft.tasks.judging import class_names

    width = len(class_names(network, None))
    return {len(published): published, len(published) + 1: ["background", *published]}.get(width)


def _package(source: Address) -> str:
    """The package an address names, such as `timm:resnet18`; "" for a path."""
    package = str(source).partition(":")[0]
    return (
        package if str(source).startswith(f"{package}:") and package in _PACKAGES and not Path(source).exists() else ""
    )


def _native(address: Address, *, pretrained: bool, create: Mapping[str, Any] | None = None) -> Native:
    from regraft.formats import pytorch

    name = str(address).partition(":")[2]
    return pytorch.native(_package(address), name, pretrained=pretrained, create=create or {})


def _native_network(address: Address, weights: Address | None) -> GraphNetwork:
    from regraft.formats import pytorch, read_weights
    from regraft.network.slim import slim_map

    if weights is None or str(weights) == RANDOM:
        return pytorch.read_native(_native(address, pretrained=weights is None), format=_package(address))
    read = read_weights(Path(weights))
    slim = slim_map(read.values, str(address))
    native = _native(address, pretrained=False, create=slim.create if slim else {})
    if slim:
        from regraft.network.slim.modules import load_slim

        warnings.warn(f"{weights}: {load_slim(native.module, slim)}", stacklevel=2)
        native = replace(native, picture=slim.picture)
    else:
        _put_in(native.module, read, weights)
    return pytorch.read_native(native, format=_package(address))


def _from_file(path: Path, to: list[str] | None, weights: Address | None) -> GraphNetwork:
    from regraft.formats import read, takes_weights

    if weights is None:
        return read(path, to=to)
    if str(weights) == RANDOM:
        raise BadArgument(
            "a file has its own weights: random ones are for timm:NAME, torchvision:NAME and hf:NAME", where=str(path)
        )
    if takes_weights(path):
        return read(path, to=to, weights=Path(weights))
    return _filled(read(path, to=to), weights)


def _filled(network: GraphNetwork, weights: Address) -> GraphNetwork:
    """A network with the weights of a file, paired as `match` proposes."""
    from regraft.formats import read_weights
    from regraft.network.matching import match_network

    found = match_network(read_weights(Path(weights)).values, network)
    _refuse_undecided(found, weights)
    warnings.warn(f"{weights}: {found.summary}", stacklevel=2)
    return network.assign(found.weights)


def _put_in(module: nn.Module, read: Weights, weights: Address) -> None:
    """Load a file's weights into a module: by name, or where no name is the same, as `match` pairs them."""
    from regraft.network.loading import load_into, none_matches
    from regraft.network.matching import match_module

    rename = None
    if none_matches(module, read.values):
        found = match_module(read.values, module)
        _refuse_undecided(found, weights)
        rename = found.rename()
    loaded = load_into(module, read.values, rename, layout=read.layout, as_torch=read.as_torch)
    paired = "\nnote: no name is the same; paired as `regraft match` proposes" if rename else ""
    warnings.warn(f"{weights}: {loaded}{paired}", stacklevel=2)


def _refuse_undecided(found: Match, weights: Address) -> None:
    if found.undecided:
        name, places = next(iter(found.undecided.items()))
        raise BadArgument(
            f"{len(found.undecided)} of the file's weights fit several places of the model",
            where=str(weights),
            got=f"{name} fits {', '.join(places[:3])}",
            fix="`regraft match FILE MODEL` shows all; regraft.load_weights takes the pairs you decide on",
        )
