"""What features were computed from: two runs share them if, and only if, all of it is equal."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any

from regraft.data import Examples, View
from regraft.network import GraphNetwork, Ref
from regraft.network.modes import specialise

if TYPE_CHECKING:
    from regraft.features.engines import Kind, Trunk

# To be raised whenever a change to regraft changes what is computed from the same things.
_RULES = 4


@dataclass(frozen=True, kw_only=True)
class FeatureKey:
    """The origin of stored features.

    data: hash of the contents of the examples in their order · preparation: how they are brought to the input ·
    trunks: for each tensor a hash of the operations and weights below it · cut: the tensors and their types · kind,
    engine: what ran it, and its whole name · view: how pictures were looked at.
    """

    data: str
    preparation: Mapping[str, Any]
    trunks: tuple[str, ...]
    cut: tuple[tuple[str, str], ...]
    kind: Kind
    engine: str
    view: str
    rules: int = _RULES

    @property
    def digest(self) -> str:
        """A hash of it all."""
        return _digest(json.dumps(self.as_json(), sort_keys=True).encode())

    def as_json(self) -> dict[str, Any]:
        """The key as JSON has it, where a tuple is a list."""
        return json.loads(json.dumps(asdict(self)))


def feature_key(trunk: Trunk, examples: Examples, kind: Kind, engine: str, view: View) -> FeatureKey:
    """The key of what a trunk makes of all examples in a view, computed by an engine of a kind and a name."""
    return FeatureKey(
        data=examples.fingerprint,
        preparation=replace(trunk.spec, name="", origin="unknown").record(),
        trunks=trunk.hashes,
        cut=tuple((name, str(trunk.network.tensors[name].dtype)) for name in trunk.tensors),
        kind=kind,
        engine=engine,
        view=view.name,
    )


def trunk_hash(network: GraphNetwork, tensors: Sequence[str], given: Sequence[str], *, weights: bool = True) -> str:
    """A hash of all that computes `tensors`, as `tensor_hashes` has one for each of them."""
    return _digest(repr(tensor_hashes(network, tensors, given, weights=weights)).encode())


def tensor_hashes(
    network: GraphNetwork, tensors: Sequence[str], given: Sequence[str], *, weights: bool = True
) -> tuple[str, ...]:
    """For each tensor a hash of all that computes it from the `given` ones: operations, settings, weights.

    Names do not count, nor what only passes a value on, as a settled conditional does.

    Args:
        weights: False: of the weights only types and shapes count.
    """
    found: dict[str, str] = {}
    parameters = count()
    for node in specialise(network.graph, tensors, given, training=False):
        if node.function == "identity":
            found[node.name] = found[next(node.refs())]
            continue
        if node.function == "input":
            told = f"input {given.index(node.name)}".encode()
        elif node.function == "parameter":
            value = network.values[node.args[0]]
            own = value.tobytes() if weights else b"%d" % next(parameters)
            told = f"{value.dtype.str}{value.shape}".encode() + own
        else:
            told = repr((node.function, numbered(node.args, found), sorted(node.kwargs.items()))).encode()
        found[node.name] = _digest(told)
    return tuple(found[name] for name in tensors)


def _digest(told: bytes) -> str:
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def numbered(args: Any, number: Mapping[str, str]) -> Any:
    """The arguments of a node, which refer to other nodes by other names."""
    if isinstance(args, tuple):
        return tuple(numbered(arg, number) for arg in args)
    return Ref(number[args.name]) if isinstance(args, Ref) else args
