"""Weights of TF-slim in a torch module that the user made: which model it is, and whether it was made rightly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from torch import nn

from regraft.errors import BadArgument, ShapeMismatch
from regraft.network.loading import Loaded, load_into
from regraft.network.slim.maps import Net, SlimMap, nets, refusals

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
        ShapeMismatch: it tells another number of classes apart.
    """
    shapes = {name: tuple(value.shape) for name, value in module.state_dict().items() if _counts(name)}
    for net in nets():
        if _is_model(net, shapes) and net.is_in(values):
            found = net.of(values)
            _check_made(net, found, module)
            _check_classes(net, found, shapes)
            return found
    for refusal in refusals():
        scope = next((scope for scope in refusal.scopes if any(name.startswith(f"{scope}/") for name in values)), None)
        if scope and refusal.marks and all(mark in shapes for mark in refusal.marks):
            raise refusal.error(scope, f"this module, which looks like {refusal.models[0]}")
    return None


def load_slim(module: nn.Module, found: SlimMap) -> Loaded:
    """Copy the weights into the module.

    Raises:
        ShapeMismatch: the module is wider or narrower; it is then unchanged.
    """
    loaded = load_into(module, found.values, found.rename, layout=None)
    return replace(loaded, notes=(*found.notes, *loaded.notes))


def _counts(name: str) -> bool:
    return not name.endswith("num_batches_tracked")


def _is_model(net: Net, shapes: Mapping[str, object]) -> bool:
    body = {to for name, (to, _) in net.places.items() if not net.of_head(name)}
    head = {to for name, (to, _) in net.places.items() if net.of_head(name)}
    return set(shapes) in (body, body | head)


def _check_made(net: Net, found: SlimMap, module: nn.Module) -> None:
    """The weights do not tell what a module was created with."""
    wrong: list[str] = []
    for name, layer in module.named_modules():
        if isinstance(layer, _BATCH_NORMS) and net.epsilon is not None and layer.eps != net.epsilon:
            wrong.append(f"{name} has eps {layer.eps:g}, slim's {net.epsilon:g}")
        if isinstance(layer, nn.Conv2d) and net.padding == "same" and max(layer.stride) > 1 and any(layer.padding):
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


def _check_classes(net: Net, found: SlimMap, shapes: Mapping[str, tuple[int, ...]]) -> None:
    bias = next(to for name, (to, _) in net.places.items() if net.of_head(name) and name.endswith("biases"))
    if found.classes is not None and bias in shapes and shapes[bias] != (found.classes,):
        raise ShapeMismatch(
            f"TF-slim's {net.scope} in the file and the module tell different numbers of classes apart",
            expected=f"{found.classes} classes" + ", number 0 the background" * (found.classes == 1001),
            got=f"{bias} {shapes[bias]}",
            fix=f"create the module with num_classes={found.classes}, load, then give it a head of your own",
        )
