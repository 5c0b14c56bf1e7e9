"""From a source to a network: a path, an address (`timm:resnet18`, `zoo:NAME`), a torch module; with weights of a file.

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

PACKAGES = ("timm", "torchvision", "hf")
_ZOO = "zoo"
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
        network = _addressed(source, wanted, weights)
    else:
        from regraft.formats.pytorch import read_module

        module = source
        if weights is not None:
            module = copy.deepcopy(source)
            _put_in(module, weights_of(weights), weights)
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
    if not isinstance(address, str | PathLike) or not package_of(address):
        return None
    return _native(address, pretrained=False).module


def weights_of(address: Address) -> Weights:
    """The weights of a file, or of a model in the zoo, whether or not there is a graph."""
    if not (name := zoo_name(address)):
        from regraft.formats import read_weights

        return read_weights(Path(address))
    from regraft.formats.saved import weights_of as kept
    from regraft.zoo import Zoo

    return kept(Zoo().open(name))


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
    if name := zoo_name(model):
        from regraft.zoo import Zoo

        return Zoo().details(name).classes or None
    if not (package := package_of(model)):
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


def package_of(source: Address) -> str:
    """The package an address names, such as `timm:resnet18`; "" for another address, or a path."""
    scheme = _scheme(source)
    return scheme if scheme in PACKAGES else ""


def zoo_name(source: Address) -> str:
    """The name of the model in the user's zoo that an address means, `zoo:NAME`; "" for another address, or a path."""
    return str(source).partition(":")[2] if _scheme(source) == _ZOO else ""


def _scheme(source: Address) -> str:
    scheme, colon, _ = str(source).partition(":")
    return scheme if colon and scheme in (*PACKAGES, _ZOO) and not Path(source).exists() else ""


def _addressed(source: Address, to: list[str] | None, weights: Address | None) -> GraphNetwork:
    if package_of(source):
        return _native_network(source, weights)
    if str(weights) == RANDOM:
        raise BadArgument(
            "a file has its own weights: random ones are for timm:NAME, torchvision:NAME and hf:NAME", where=str(source)
        )
    if not (name := zoo_name(source)):
        return _from_file(Path(source), to, weights)
    from regraft.zoo import Zoo

    network = Zoo().open(name)
    return network if weights is None else _filled(network, weights)


def _native(address: Address, *, pretrained: bool, create: Mapping[str, Any] | None = None) -> Native:
    from regraft.formats import pytorch

    name = str(address).partition(":")[2]
    return pytorch.native(package_of(address), name, pretrained=pretrained, create=create or {})


def _native_network(address: Address, weights: Address | None) -> GraphNetwork:
    from regraft.formats import pytorch
    from regraft.network.slim import slim_map

    if weights is None or str(weights) == RANDOM:
        return pytorch.read_native(_native(address, pretrained=weights is None), format=package_of(address))
    read = weights_of(weights)
    slim = slim_map(read.values, str(address))
    native = _native(address, pretrained=False, create=slim.create if slim else {})
    if slim:
        from regraft.network.slim.modules import load_slim

        warnings.warn(f"{weights}: {load_slim(native.module, slim)}", stacklevel=2)
        native = replace(native, picture=slim.picture)
    else:
        _put_in(native.module, read, weights)
    return pytorch.read_native(native, format=package_of(address))


def _from_file(path: Path, to: list[str] | None, weights: Address | None) -> GraphNetwork:
    from regraft.formats import read, takes_weights

    if weights is None:
        return read(path, to=to)
    if takes_weights(path):
        return read(path, to=to, weights=Path(weights))
    return _filled(read(path, to=to), weights)


def _filled(network: GraphNetwork, weights: Address) -> GraphNetwork:
    """A network with the weights of a file, paired as `match` proposes."""
    from regraft.network.matching import match_network

    found = match_network(weights_of(weights).values, network)
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
