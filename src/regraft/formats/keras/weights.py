"""Which weights a layer has, and where the file keeps them.

Keras 2 writes a list for each layer, trainable ones first, as do the .h5 files of Keras 3. Its .keras and .weights.h5
files have a group for each layer, called after its class and numbered, with the weights as "vars/0", "vars/1", ...
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from regraft.errors import UnreadableFile
from regraft.files.mapped import COPY_AGAIN
from regraft.formats.keras.container import Content
from regraft.formats.keras.model import MODELS, Layer, Model

_CONTAINERS = ("layers", "_layer_checkpoint_dependencies")


@dataclass(frozen=True, kw_only=True)
class Weight:
    """A weight of a layer.

    Attributes:
        name: in regraft ("conv1/kernel").
        path: its place under the layer's group in Keras 3's files.
    """

    name: str
    path: str
    trainable: bool = True


def declared(layer: Layer, kinds: Mapping[str, Any], keras: int) -> list[Weight]:
    """The weights of a layer, in Keras's order but with those not trained in their place; names begin with its own."""
    if layer.kind in MODELS and layer.model:
        inner = [
            replace(weight, path=f"{place}/{weight.path}")
            for one, place in placed(layer.model)
            for weight in declared(one, kinds, keras)
        ]
        found = [replace(weight, name=f"{layer.name}/{weight.name}") for weight in inner]
    elif layer.kind == "TimeDistributed" and layer.model:
        inner = declared(layer.model.layers[0], kinds, keras)
        place = layer.model.layers[0].name
        found = [
            replace(one, name=f"{layer.name}/{one.name.removeprefix(place + '/')}", path=f"layer/{one.path}")
            for one in inner
        ]
    elif layer.kind in kinds:
        found = [replace(one, name=f"{layer.name}/{one.name}") for one in kinds[layer.kind](layer, keras)]
    else:
        found = []
    return found if layer.config.get("trainable", True) else [replace(one, trainable=False) for one in found]


def placed(model: Model) -> Iterator[tuple[Layer, str]]:
    """The layers of a model and the groups that Keras 3 keeps them in."""
    used: dict[str, int] = {}
    for layer in model.layers:
        if layer.module.startswith(("keras.src.ops", "keras.ops")):
            continue  # no layer: it has no group
        name = _snake(layer.kind)
        number = used.get(name, -1) + 1
        used[name] = number
        yield layer, f"{_CONTAINERS[0]}/{name}_{number}" if number else f"{_CONTAINERS[0]}/{name}"


def _snake(kind: str) -> str:
    name = re.sub(r"\W+", "", kind)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def assigned(content: Content, model: Model, kinds: Mapping[str, Any], keras: int) -> dict[str, np.ndarray]:
    """The value of each declared weight that the file holds, by name."""
    if content.by_layer:
        return _by_layer(content, model, kinds, keras)
    return _by_group(content, model, kinds, keras)


def _by_layer(content: Content, model: Model, kinds: Mapping[str, Any], keras: int) -> dict[str, np.ndarray]:
    values: dict[str, np.ndarray] = {}
    for layer in model.layers:
        wanted = declared(layer, kinds, keras)
        stored = listed(content, layer.name)
        if not wanted:
            continue
        ordered = [one for one in wanted if one.trainable] + [one for one in wanted if not one.trainable]
        if len(stored) == len(ordered):
            values.update(zip((one.name for one in ordered), stored.values(), strict=True))
            continue
        if layer.kind not in MODELS:
            raise UnreadableFile(
                f"the layer {layer.name} ({layer.kind}) does not have the weights it needs",
                where=str(content.path),
                expected=", ".join(one.name for one in ordered),
                got=", ".join(stored) or "none",
                fix=COPY_AGAIN,
            )
        # a layer of a class that nobody knows lies among them: what has a name of its own is found by it
        tails = {"/".join(name.split("/")[-2:]): value for name, value in stored.items()}
        for one in ordered:
            tail = "/".join(one.name.split("/")[-2:])
            if tail in tails:
                values[one.name] = tails[tail]
    return values


def listed(content: Content, layer: str) -> dict[str, np.ndarray]:
    """The weights that a Keras 2 file keeps for a layer, by their names there without the ":0"."""
    found: dict[str, np.ndarray] = {}
    names = content.groups.get(layer, {}).get("weight_names", [])
    if not isinstance(names, list):
        raise UnreadableFile(f"the list of the layer {layer}'s weights is damaged", where=str(content.path))
    for number, name in enumerate(names):
        path = f"{layer}/{name}"
        if path not in content.arrays:
            raise UnreadableFile(
                f"the weight {name} of the layer {layer} is not in the file",
                where=str(content.path),
                expected=path,
                got=", ".join(one for one in content.arrays if one.startswith(f"{layer}/"))[:200] or "none",
                fix=COPY_AGAIN,
            )
        key = str(name).removesuffix(":0")
        found[key if key not in found else f"{key}#{number}"] = content.arrays[path]
    return found


def _by_group(content: Content, model: Model, kinds: Mapping[str, Any], keras: int) -> dict[str, np.ndarray]:
    values: dict[str, np.ndarray] = {}
    outer = _CONTAINERS[0] if _CONTAINERS[0] in content.groups else _CONTAINERS[1]
    for layer, place in placed(model):
        for weight in declared(layer, kinds, keras):
            path = f"{place}/{weight.path}"
            if outer != _CONTAINERS[0]:
                path = "/".join(outer if part == _CONTAINERS[0] else part for part in path.split("/"))
            if path in content.arrays:
                values[weight.name] = content.arrays[path]
    return values


def plain(content: Content) -> dict[str, np.ndarray]:
    """All weights of a file by name, without a description of the layers."""
    if not content.by_layer:
        return dict(content.arrays)
    values: dict[str, np.ndarray] = {}
    for layer in content.groups[""]["layer_names"]:
        for name, value in listed(content, layer).items():
            values[_named(layer, name)] = value
    return values


def _named(layer: str, weight: str) -> str:
    """The layer's name and the weight's; the scopes that Keras put between are left out where they say the same."""
    parts = weight.split("/")
    if re.fullmatch(rf"{re.escape(layer)}(_\d+)?", parts[0]) and len(parts) > 1:
        parts = parts[1:]
    kept = [part for part in parts[:-1] if not re.fullmatch(r"(lstm|gru|simple_rnn)_cell(_\d+)?", part)]
    return "/".join([layer, *kept, parts[-1]])
