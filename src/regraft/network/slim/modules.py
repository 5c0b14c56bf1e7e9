"""Weights of TF-slim in a torch module that the user made: which model it is, and whether it was made rightly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod

import numpy as np
from torch import nn

from regraft.errors import BadArgument, ShapeMismatch
from regraft.network.axes import turned
from regraft.network.loading import Loaded, load_into
from regraft.network.matching import Match, Pair
from regraft.network.renames import Place, Renames
from regraft.network.slim.maps import Net, SlimMap, nets, refusals_of

_BATCH_NORMS = (nn.BatchNorm2d, nn.SyncBatchNorm)


def slim_map_of(values: Mapping[str, np.ndarray], module: nn.Module) -> SlimMap | None:
    """Where the weights of a file go in a module, if their names are TF-slim's and the module's those of a known model.

    Args:
        values: by name.
        module: told by the names of its parameters, not by its class; its head may be missing.

    Returns:
        The map; None where the file or the module is none that is known.

    Raises:
        UnsupportedFormat: the module resembles slim's net, but would give other results.
        BadArgument: it would give the same if it had been created otherwise.
    """
    places = set(_shapes(module))
    for net in nets():
        if _is_model(net, places) and net.is_in(values):
            found = net.of(values)
            _check_made(net, found, module)
            return found
    for scope, refusal in refusals_of(values):
        if refusal.marks and places.issuperset(refusal.marks):
            raise refusal.error(scope, f"this module, which looks like {refusal.models[0]}")
    return None


def load_slim(module: nn.Module, found: SlimMap) -> Loaded:
    """Copy the weights into the module.

    Raises:
        ShapeMismatch: it tells another number of classes apart, or is wider or narrower; it is then unchanged.
    """
    _check_classes(module, found)
    # Nothing but what the map says may find a place by its name.
    nowhere = dict.fromkeys((name for name in found.given if name not in found.places), Place(None))
    loaded = load_into(module, {**found.given, **found.ones}, Renames({**found.places, **nowhere}), layout=None)
    return replace(loaded, notes=(*found.notes, *loaded.notes))


def match_slim(module: nn.Module, found: SlimMap) -> Match:
    """The weights of the file that fit the module, as a proposal; a head of another width is left out."""
    shapes = _shapes(module)
    pairs = tuple(_pairs(found, shapes))
    paired, filled = {pair.source for pair in pairs}, {pair.target for pair in pairs}
    return Match(
        pairs=pairs,
        undecided={},
        unused=tuple(name for name in found.given if name not in paired),
        untouched=tuple(name for name in shapes if name not in filled),
        notes=found.notes,
        values=found.given,
        missing=sum(prod(shape) for name, shape in shapes.items() if name not in filled),
    )


def _pairs(found: SlimMap, shapes: Mapping[str, tuple[int, ...]]) -> Iterator[Pair]:
    for name, place in found.places.items():
        target = place.to or ""
        if name not in found.given or target not in shapes:
            continue
        value = found.given[name]
        fitted = turned(value, place.turn) if place.turn else value
        if fitted.shape == shapes[target]:
            yield Pair(
                source=name,
                shape=value.shape,
                target=target,
                target_shape=fitted.shape,
                turn=place.turn or "",
                confidence="certain",
                why="shipped map",
            )


def _shapes(module: nn.Module) -> dict[str, tuple[int, ...]]:
    """Of the parameters and averages that make up a model."""
    state = module.state_dict()
    return {name: tuple(value.shape) for name, value in state.items() if not name.endswith("num_batches_tracked")}


def _is_model(net: Net, places: set[str]) -> bool:
    body = {place.to for name, place in net.places.items() if not net.of_head(name)}
    return places in (body, {place.to for place in net.places.values()})


def _check_made(net: Net, found: SlimMap, module: nn.Module) -> None:
    """The weights do not tell what a module was created with."""
    wrong: list[str] = []
    for name, layer in module.named_modules():
        if isinstance(layer, _BATCH_NORMS) and net.epsilon is not None and layer.eps != net.epsilon:
            wrong.append(f"{name} has eps {layer.eps:g}, slim's {net.epsilon:g}")
        if net.padding == "same" and isinstance(layer, nn.Conv2d) and max(layer.stride) > 1 and any(layer.padding):
            wrong.append(f"{name} is padded on both sides alike, slim's more at the end (SAME)")
    if wrong:
        package, _, model = net.model.partition(":")
        said = "".join(f", {key}={value!r}" for key, value in found.create.items())
        raise BadArgument(
            f"results of TF-slim's {net.scope} would change in this module",
            expected="a module that computes what slim's net does",
            got="; ".join(wrong[:2]) + f"; ... ({len(wrong)})" * (len(wrong) > 2),
            fix=f"create it as {package}.create_model({model!r}{said})",
        )


def _check_classes(module: nn.Module, found: SlimMap) -> None:
    place = found.places.get(found.head)
    shape = _shapes(module).get(place.to or "") if place else None
    if place and shape and shape != (found.classes,):
        raise ShapeMismatch(
            f"TF-slim's {found.net} in the file and the module tell different numbers of classes apart",
            expected=f"{found.classes} classes" + ", number 0 the background" * (found.classes == 1001),
            got=f"{place.to} {shape}",
            fix=f"create the module with num_classes={found.classes}, load, then give it a head of your own",
        )
