"""Nodes made of layers: what a layer's handler may ask and emit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from regraft.errors import UnreadableFile
from regraft.files.mapped import COPY_AGAIN
from regraft.formats.keras.model import Layer
from regraft.network.building import Nodes, Unsupported
from regraft.network.graph import Node, Ref

Shape = tuple[int | None, ...]


@dataclass(frozen=True, kw_only=True)
class Value:
    """An output of a layer: its tensor, its shape with None where nothing tells, and the mask that goes with it."""

    ref: Ref
    shape: Shape
    mask: Ref | None = None

    @property
    def rank(self) -> int:
        """How many dimensions it has."""
        return len(self.shape)


@dataclass(kw_only=True)
class Net(Nodes):
    """What has been built of a network.

    Attributes:
        keras: the major version that wrote the file.
        stored: weights of the file, by name.
        run: what turns a layer into nodes, for layers that hold others.
        values: those of the parameters that are used.
        layers: names of the layers' outputs.
        still: parameters of layers that their author froze.
        said: what the user should know, a line each.
    """

    where: str
    keras: int
    stored: Mapping[str, np.ndarray]
    run: Callable[..., list[Value]]
    values: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    layers: list[str] = field(default_factory=list[str])
    still: list[str] = field(default_factory=list[str])
    said: dict[str, list[str]] = field(default_factory=dict[str, "list[str]"])

    def add(self, node: Node) -> Ref:
        """Put a node behind the others.

        Raises:
            UnreadableFile: there is one of its name.
        """
        if node.name in self.nodes and self.nodes[node.name] != node:
            raise UnreadableFile(
                "two values of the network have one name", where=self.where, got=node.name, fix=COPY_AGAIN
            )
        return super().add(node)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A layer called once, to be turned into nodes.

    Attributes:
        name: of its output ("conv1", "base/conv1", "conv1@2" where it is called again).
        owner: the name its weights begin with, the same for all its calls.
        args: what it is called with; a `Value` in the place of each tensor. So `kwargs`.
        results: what it gives.
    """

    layer: Layer
    name: str
    owner: str
    net: Net
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    own: list[str] = field(default_factory=list[str])
    results: list[Value] = field(default_factory=list[Value])

    @property
    def where(self) -> str:
        """File and layer, for errors."""
        return f"{self.net.where}, layer {self.name} ({self.layer.kind})"

    def option(self, key: str, default: Any = None) -> Any:
        """A setting of the layer's config; the default where it has none."""
        value = self.layer.config.get(key)
        return default if value is None else value

    def sizes(self, key: str, count: int, default: int = 1) -> tuple[int, ...]:
        """A setting that is one number for each of `count` dimensions, or one for all."""
        value = self.option(key, default)
        numbers = [value] * count if isinstance(value, int) else value
        whole = isinstance(numbers, list) and len(numbers) == count
        if not whole or not all(isinstance(one, int) and 0 <= one < 1 << 28 for one in numbers):
            raise self.wrong(f"{key} cannot be used", f"{count} numbers", str(value)[:100])
        return tuple(numbers)

    @property
    def channels_first(self) -> bool:
        """Whether pictures come as (b c h w)."""
        return self.option("data_format", "channels_last") == "channels_first"

    def values(self) -> list[Value]:
        """The values it is called with as its first argument, at least one.

        Raises:
            Unsupported: none is a value.
        """
        first = self.args[0] if self.args else next(iter(self.kwargs.values()), None)
        given: Sequence[Any] = first if isinstance(first, list | tuple) else [first]
        found = [one for one in given if isinstance(one, Value)]
        if not found or len(found) != len(given):
            raise Unsupported("it is called with something else than tensors")
        return found

    def value(self, rank: int | None = None) -> Value:
        """The value it is called with.

        Raises:
            UnreadableFile: it has not so many dimensions.
        """
        value = self.values()[0]
        if rank is not None and value.rank != rank:
            raise self.wrong("the layer is called with something else than it takes", f"{rank} dimensions",
                             f"{value.rank}: {shown(value.shape)}")  # fmt: skip
        return value

    def mask(self, value: Value) -> Ref | None:
        """Which steps are left out: what the call says, else what comes with the value."""
        said = self.kwargs.get("mask")
        return said.ref if isinstance(said, Value) else value.mask

    def wrong(self, what: str, expected: str, got: str) -> UnreadableFile:
        """The error for a layer that contradicts itself or what it reads."""
        return UnreadableFile(what, where=self.where, expected=expected, got=got)

    def say(self, what: str) -> None:
        """Something the user should know, which is said once for all layers it is true for."""
        self.net.said.setdefault(what, []).append(self.name)

    # --- emitting -----------------------------------------------------------------------------------

    def inner(self, detail: str, function: str, /, *args: Any, **kwargs: Any) -> Ref:
        """A node inside the layer ("conv1/convolution")."""
        name = f"{self.name}/{detail}"
        self.own.append(name)
        return self.net.add(Node(name=name, function=function, args=args, kwargs=kwargs))

    def constant(self, detail: str, value: Any, dtype: str = "int32") -> Ref:
        """A constant inside the layer."""
        return self.inner(detail, "constant", value, dtype=dtype)

    def parameter(self, weight: str, shape: Sequence[int | None], *, trained: bool = True) -> Ref:
        """A weight of the layer, which must have that shape; None stands for any size.

        Raises:
            UnreadableFile: the file does not have it, or not so.
        """
        name = f"{self.owner}/{weight}"
        value = self.net.stored.get(name)
        if value is None:
            raise UnreadableFile(
                f"the file does not hold the weight {name}", where=self.where, expected=shown(shape), fix=COPY_AGAIN
            )
        fits = len(value.shape) == len(shape) and all(w in (None, h) for w, h in zip(shape, value.shape, strict=True))
        if not fits:
            raise self.wrong(f"the weight {name} does not fit its layer", shown(shape), shown(value.shape))
        self.net.values[name] = value
        if not self.layer.config.get("trainable", True) and name not in self.net.still:
            self.net.still.append(name)
        return self.net.add(Node(name=name, function="parameter", args=(name,), kwargs={"trainable": trained}))

    def shape_of(self, weight: str) -> tuple[int, ...] | None:
        """The shape of a weight of the layer as the file has it; None where it has none."""
        value = self.net.stored.get(f"{self.owner}/{weight}")
        return None if value is None else value.shape

    def give(self, ref: Ref, shape: Sequence[int | None], mask: Ref | None = None) -> None:
        """An output of the layer: the node that makes it takes the layer's name where nothing else reads it."""
        name = f"{self.name}:{len(self.results)}" if self.results else self.name
        node = self.net.nodes[ref.name]
        read = any(ref.name in self.net.nodes[one].refs() for one in self.own if one in self.net.nodes)
        if ref.name in self.own and node.function != "constant" and not read:
            del self.net.nodes[ref.name]
            self.net.add(replace(node, name=name))
        else:
            self.net.add(Node(name=name, function="identity", args=(ref,)))
        self.results.append(Value(ref=Ref(name), shape=tuple(shape), mask=mask))


def shown(shape: Sequence[int | None]) -> str:
    """A shape as it stands in errors: (3, 3, ?, 64)."""
    return f"({', '.join('?' if size is None else str(size) for size in shape)})"
