"""What features were computed from: two runs share them if, and only if, all of it is equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import Any

from regraft.data import Examples, View
from regraft.network import GraphNetwork, InputSpec, Ref
from regraft.network.modes import specialise

# To be raised whenever a change to regraft changes what is computed from the same things.
_RULES = 2


@dataclass(frozen=True, kw_only=True)
class FeatureKey:
    """The origin of stored features.

    data: hash of the contents of the examples in their order · preparation: how they are brought to the input ·
    trunk: hash of the operations and weights below the cut · cut: the tensors and their types · engine: what ran it ·
    view: how pictures were looked at.
    """

    data: str
    preparation: Mapping[str, Any]
    trunk: str
    cut: tuple[tuple[str, str], ...]
    engine: str
    view: str
    rules: int = _RULES

    @property
    def digest(self) -> str:
        """A hash of it all."""
        return hashlib.blake2b(json.dumps(self.as_json(), sort_keys=True).encode(), digest_size=16).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The key as JSON has it, where a tuple is a list."""
        return json.loads(json.dumps(asdict(self)))


def feature_key(
    network: GraphNetwork, tensors: Sequence[str], examples: Examples, spec: InputSpec, engine: str, view: View
) -> FeatureKey:
    """The key of the values of `tensors` for all examples, prepared for the input `spec` in a view."""
    return FeatureKey(
        data=examples.fingerprint,
        preparation=replace(spec, name="", origin="unknown").record(),
        trunk=trunk_hash(network, tensors, [spec.name]),
        cut=tuple((name, str(network.tensors[name].dtype)) for name in tensors),
        engine=engine,
        view=view.name,
    )


def trunk_hash(network: GraphNetwork, tensors: Sequence[str], given: Sequence[str], *, weights: bool = True) -> str:
    """A hash of all that computes `tensors` from the `given` ones: operations, settings, weights.

    Names do not count, nor what only passes a value on, as a settled conditional does.

    Args:
        weights: False: of the weights only types and shapes count.
    """
    digest = hashlib.blake2b(digest_size=16)
    number: dict[str, str] = {}
    counted = count()
    for node in specialise(network.graph, tensors, given, training=False):
        if node.function == "identity":
            number[node.name] = number[next(node.refs())]
            continue
        number[node.name] = str(next(counted))
        if node.function == "parameter":
            value = network.values[node.args[0]]
            digest.update(f"{value.dtype.str}{value.shape}".encode())
            digest.update(value.tobytes() if weights else b"")
        else:
            digest.update(repr((node.function, numbered(node.args, number), sorted(node.kwargs.items()))).encode())
    digest.update(repr([number[name] for name in tensors]).encode())
    return digest.hexdigest()


def numbered(args: Any, number: Mapping[str, str]) -> Any:
    """The arguments of a node, which refer to other nodes by other names."""
    if isinstance(args, tuple):
        return tuple(numbered(arg, number) for arg in args)
    return Ref(number[args.name]) if isinstance(args, Ref) else args
