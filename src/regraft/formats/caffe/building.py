"""Nodes made of layers: what a layer's handler may ask and emit. Shapes are followed as Caffe's own Reshape does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

from regraft.errors import UnreadableFile, UnsafeFile
from regraft.formats.caffe import protos
from regraft.formats.caffe.blobs import Array, Blob, shown
from regraft.formats.caffe.fillers import filled
from regraft.formats.caffe.netfile import Layer
from regraft.formats.caffe.wiring import Step
from regraft.network.building import Nodes, Unsupported
from regraft.network.graph import Node, Ref

Shape = tuple[int | None, ...]
_MOST_FRESH = 1 << 28  # numbers that a prototxt alone may ask for


@dataclass(kw_only=True)
class Net(Nodes):
    """What has been built of a network.

    Attributes:
        shapes: of every value; the batch, and what nothing tells, is None.
        values: of the parameters.
        fresh: names of the parameters that no file has.
        still: parameters that their author did not train (lr_mult: 0).
        batch: the size of the batch the file declares.
    """

    weights: Mapping[str, Layer]
    batch: int | None = None
    shapes: dict[str, Shape] = field(default_factory=dict[str, Shape])
    values: dict[str, Array] = field(default_factory=dict[str, Array])
    fresh: list[str] = field(default_factory=list[str])
    still: list[str] = field(default_factory=list[str])
    shared: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Call:
    """A layer to be turned into nodes.

    Attributes:
        step: the layer and the values it reads and gives.
        net: what has been built before it.
    """

    step: Step
    net: Net

    @property
    def layer(self) -> Layer:
        """The layer."""
        return self.step.layer

    @property
    def where(self) -> str:
        """File and layer, for errors."""
        return f"{self.layer.where}, layer {self.step.name} ({self.layer.type})"

    def options(self, field: str) -> Any:
        """The message with the layer's options ("pooling_param"), its defaults where the file has none."""
        message = self.layer.message
        return getattr(message if hasattr(message, field) else protos.new("LayerParameter"), field)

    def bottom(self, place: int = 0) -> Ref:
        """A value the layer reads.

        Raises:
            UnreadableFile: it reads fewer.
        """
        if place >= len(self.step.reads):
            raise self.wrong("the layer reads too few blobs", f"at least {place + 1}", str(len(self.step.reads)))
        return Ref(self.step.reads[place])

    def bottoms(self) -> list[Ref]:
        """All values the layer reads, at least one."""
        self.bottom()
        return [Ref(name) for name in self.step.reads]

    def shape(self, place: int = 0) -> Shape:
        """The shape of a value the layer reads."""
        return self.net.shapes[self.bottom(place).name]

    def picture(self) -> Shape:
        """The shape of what the layer reads: (b c h w)."""
        shape = self.shape()
        if len(shape) != 4:
            raise Unsupported(f"it reads {len(shape)} dimensions, where only pictures (4) are known")
        return shape

    def axis(self, value: int, place: int = 0) -> int:
        """A dimension counted from the front.

        Raises:
            UnreadableFile: there is none.
        """
        count = len(self.shape(place))
        if not -count <= value < count:
            raise self.wrong(
                "the layer speaks of a dimension that is not there", f"{-count} to {count - 1}", str(value)
            )
        return value % count

    def wrong(self, what: str, expected: str, got: str) -> UnreadableFile:
        """The error for a layer that contradicts itself or what it reads."""
        return UnreadableFile(what, where=self.where, expected=expected, got=got)

    # --- emitting -----------------------------------------------------------------------------------

    def inner(self, detail: str, function: str, /, *args: Any, **kwargs: Any) -> Ref:
        """A node inside the layer: a value Caffe has no blob for."""
        top = (self.layer.tops or [self.step.name])[0]
        name = f"{top}@{self.step.name}/{detail}"
        return self.net.add(Node(name=name, function=function, args=args, kwargs=kwargs))

    def constant(self, detail: str, value: Any, dtype: str = "int32") -> Ref:
        """A constant inside the layer."""
        return self.inner(detail, "constant", value, dtype=dtype)

    def give(self, shape: Sequence[int | None], function: str, /, *args: Any, top: int = 0, **kwargs: Any) -> None:
        """The node of a value the layer gives."""
        if top >= len(self.step.gives):
            raise self.wrong("the layer gives too few blobs", f"at least {top + 1}", str(len(self.step.gives)))
        name = self.step.gives[top]
        self.net.add(Node(name=name, function=function, args=args, kwargs=kwargs))
        self.net.shapes[name] = tuple(shape)

    # --- parameters ---------------------------------------------------------------------------------

    def stored(self, index: int) -> Blob | None:
        """A parameter as the weights' file has it; None where the file does not know the layer."""
        source = self.net.weights.get(self.layer.name)
        if source is None:
            return None
        if index >= len(source.blobs):
            raise self.wrong(
                "the weights' file has too few blobs for the layer", f"at least {index + 1}", str(len(source.blobs))
            )
        return source.blobs[index]

    def parameter(self, index: int, shape: Sequence[int | None], filler: Any = None, *, trained: bool = True) -> Ref:
        """The layer's parameter of that index: `conv1/0` is what pycaffe calls net.params["conv1"][0].

        Args:
            shape: None for a size the weights' file decides.
            filler: how it starts where no file has it.
        """
        name = self._owner(index)
        if name not in self.net.values:
            stored = self.stored(index)
            self.net.values[name] = self._fresh(name, shape, filler) if stored is None else stored.shaped(tuple(shape))
            rates = self.layer.rates
            if trained and index < len(rates) and rates[index] == 0:
                self.net.still.append(name)
        have = self.net.values[name].shape
        if len(have) != len(shape) or any(w not in (None, h) for w, h in zip(shape, have, strict=True)):
            raise self.wrong(f"the shared parameter {name} does not fit", shown(tuple(shape)), shown(have))
        node = name if name not in self.net.shapes else f"{name}@parameter"
        known = self.net.nodes.get(node)
        if known is None or known.function == "parameter":
            return self.net.add(Node(name=node, function="parameter", args=(name,), kwargs={"trainable": trained}))
        return self.inner(f"parameter_{index}", "parameter", name, trainable=trained)

    def learn(self, axis: int, size: int) -> None:
        """Note a size of what the layer reads that only its weights tell."""
        shape = self.shape()
        self.net.shapes[self.bottom().name] = (*shape[:axis], size, *shape[axis + 1 :])

    def held(self, parameter: Ref) -> Array:
        """The value of a parameter."""
        return self.net.values[self.net.nodes[parameter.name].args[0]]

    def _owner(self, index: int) -> str:
        own = f"{self.step.name}/{index}"
        shared = self.layer.shared
        key = shared[index] if index < len(shared) else ""
        return self.net.shared.setdefault(key, own) if key else own

    def _fresh(self, name: str, shape: Sequence[int | None], filler: Any) -> Array:
        known = [size for size in shape if size is not None]
        if len(known) < len(shape):
            raise self.wrong(
                "the size of the weights cannot be told: there is no file with them, and the input's size is not known",
                "a .caffemodel beside the prototxt",
                shown(tuple(shape)),
            )
        numbers = prod(known) + sum(self.net.values[fresh].size for fresh in self.net.fresh)
        if numbers > _MOST_FRESH:
            raise UnsafeFile(
                "the prototxt asks for more weights than a network has",
                where=self.where,
                expected=f"at most {_MOST_FRESH:,} numbers",
                got=f"{numbers:,}",
            )
        self.net.fresh.append(name)
        return filled(name, tuple(known), filler)
