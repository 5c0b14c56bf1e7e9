"""Runs the layers of a model over each other, each after what it reads, and says what cannot be run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from regraft.errors import UnreadableFile, UnsupportedOp
from regraft.formats.keras.building import Call, Net, Shape, Value
from regraft.formats.keras.layers import LAYERS
from regraft.formats.keras.layers.arguments import operation_name
from regraft.formats.keras.layers.operations import is_operation, operation
from regraft.formats.keras.model import Layer, Made, Model, values
from regraft.network.building import Unsupported
from regraft.network.flow import ancestors
from regraft.network.graph import Node, Ref

_MOST_NAMED = 5
_Key = tuple[str, int]  # a layer and the number of its call


@dataclass(frozen=True, kw_only=True)
class Problem:
    """A layer that cannot be run, and the tensors it would have read."""

    layer: str
    what: str
    reads: tuple[str, ...]


class Lost(Exception):
    """A value hangs on layers that cannot be run."""


@dataclass
class Wiring:
    """A model being built into a net; a model inside it has a wiring of its own.

    Attributes:
        prefix: before the names of its layers' outputs; `owner` before those of their weights.
        given: what a model inside is called with.
        problems: the layers that cannot be run.
    """

    net: Net
    model: Model
    prefix: str = ""
    owner: str = ""
    given: Sequence[Value] = ()
    made: dict[_Key, list[Value]] = field(default_factory=dict[_Key, list[Value]])
    lost: dict[_Key, set[str]] = field(default_factory=dict[_Key, set[str]])
    problems: dict[str, Problem] = field(default_factory=dict[str, Problem])
    fed: list[tuple[Value, Mapping[str, Any]]] = field(default_factory=list[tuple[Value, Mapping[str, Any]]])
    channels_first: bool = False
    _shift: dict[str, int] = field(default_factory=dict[str, int])

    def build(self) -> None:
        """Nodes of all layers that can be run.

        Raises:
            UnreadableFile: the description contradicts itself.
        """
        layers = {layer.name: layer for layer in self.model.layers}
        for key in self._ordered(layers):
            self._run(layers[key[0]], key)

    def results(self) -> list[Value]:
        """The model's outputs.

        Raises:
            Lost: one hangs on a layer that cannot be run.
        """
        return [self.value(end) for end in self.model.outputs]

    def value(self, made: Made) -> Value:
        """One output of a call."""
        key = (made.layer, self._number(made))
        if key in self.lost:
            raise Lost(*self.lost[key])
        results = self.made.get(key)
        if results is None or made.index >= len(results):
            raise self._wrong("a layer reads a value that no layer gives", f"{made.layer}, call {made.call}")
        return results[made.index]

    # --- order --------------------------------------------------------------------------------------

    def _number(self, made: Made) -> int:
        """The number of a call. A model's own making counts as its call 0 in some versions: then 1 is the first."""
        return made.call - self._shift.get(made.layer, 0)

    def _ordered(self, layers: Mapping[str, Layer]) -> Iterator[_Key]:
        """All calls, each behind those it reads, in the order of the file where that is free."""
        reads: dict[_Key, list[Made]] = {}
        for layer in layers.values():
            for number, call in enumerate(layer.calls):
                reads[layer.name, number] = list(call.reads())
            if layer.kind == "InputLayer":
                reads[layer.name, 0] = []
        self._shift = _shifts(layers, [one for found in reads.values() for one in found] + list(self.model.outputs))
        state: dict[_Key, bool] = {}  # False: begun, True: done
        for first in reads:
            waiting = [first]
            while waiting:
                key = waiting[-1]
                if state.get(key):
                    waiting.pop()
                    continue
                below = [(one.layer, self._number(one)) for one in reads[key]]
                strange = next((one for one in below if one not in reads), None)
                if strange:
                    raise self._wrong("a layer reads a value that no layer gives",
                                      f"{key[0]} reads {strange[0]}, call {strange[1]}")  # fmt: skip
                open_ = [one for one in below if not state.get(one)]
                if key in state and any(one in state for one in open_):
                    raise self._wrong("layers read each other in a circle", f"{key[0]} and {open_[0][0]}")
                state[key] = not open_
                if open_:
                    waiting += open_
                else:
                    yield key

    # --- running ------------------------------------------------------------------------------------

    def _run(self, layer: Layer, key: _Key) -> None:
        name = f"{self.prefix}{layer.name}" if not key[1] else f"{self.prefix}{layer.name}@{key[1] + 1}"
        if layer.config.get("data_format") == "channels_first":
            self.channels_first = True
        if layer.kind == "InputLayer":
            self.made[key] = [self._input(layer, name)]
            return
        call = layer.calls[key[1]]
        before = len(self.net.nodes)
        try:
            args, kwargs = self._filled(call.args), self._filled(dict(call.kwargs))
            if layer.model is not None and layer.kind not in LAYERS:
                self.made[key] = self._nested(layer, name, (*args,), kwargs)
            else:
                self.made[key] = run_layer(layer, name, f"{self.owner}{layer.name}", args, kwargs, self.net)
                self.net.layers.append(name)
        except Lost as lost:
            self.lost[key] = set(lost.args)
        except Unsupported as reason:
            for one in list(self.net.nodes)[before:]:
                del self.net.nodes[one]
            reads = tuple(self.value(one).ref.name for one in call.reads())
            self._lose(key, name, f"{_title(layer)}{f': {reason}' if str(reason) else ''}", reads)

    def _lose(self, key: _Key, name: str, what: str, reads: tuple[str, ...]) -> None:
        self.problems[name] = Problem(layer=name, what=what, reads=reads)
        self.lost[key] = {name}

    def _nested(self, layer: Layer, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Value]:
        """A model called as a layer: its layers, and its outputs under its own name."""
        assert layer.model is not None
        given = list(values(Value, (args, kwargs)))
        if len(given) != len(layer.model.inputs):
            raise self._wrong("a model is called with another number of values than it has inputs", name)
        inside = Wiring(self.net, layer.model, f"{name}/", f"{self.owner}{layer.name}/", given)
        inside.build()
        self.channels_first = self.channels_first or inside.channels_first
        self.problems.update(inside.problems)
        found: list[Value] = []
        for number, value in enumerate(inside.results()):
            own = f"{name}:{number}" if number else name
            self.net.add(Node(name=own, function="identity", args=(value.ref,)))
            found.append(Value(ref=Ref(own), shape=value.shape, mask=value.mask))
        self.net.layers.append(name)
        return found

    def _input(self, layer: Layer, name: str) -> Value:
        places = [end.layer for end in self.model.inputs]
        if self.given:
            if layer.name not in places:
                raise self._wrong("a model inside has an input of its own", name)
            return self.given[places.index(layer.name)]
        shape = self._shape(layer)
        self.net.add(Node(name=name, function="input"))
        value = Value(ref=Ref(name), shape=shape)
        self.fed.append((value, layer.config))
        return value

    def _shape(self, layer: Layer) -> Shape:
        shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape") or layer.built
        fits = isinstance(shape, list) and all(one is None or (isinstance(one, int) and one > 0) for one in shape)
        if not fits or not shape:
            raise UnreadableFile(
                "the file does not say what shape its input has: the model was saved before it was used",
                where=f"{self.net.where}, layer {layer.name}",
                expected="batch_shape or batch_input_shape",
                got=str(shape)[:60],
                fix="call the model once in Keras, and save it again",
            )
        return (None, *shape[1:])

    def _filled(self, structure: Any) -> Any:
        """Arguments with values in the places of what they name."""
        if isinstance(structure, Made):
            return self.value(structure)
        if isinstance(structure, dict):
            return {key: self._filled(value) for key, value in structure.items()}
        if isinstance(structure, list | tuple):
            return type(structure)(self._filled(value) for value in structure)
        return structure

    def _wrong(self, what: str, got: str) -> UnreadableFile:
        return UnreadableFile(f"the description of the layers is damaged: {what}", where=self.net.where, got=got[:200])

    # --- what is wanted -----------------------------------------------------------------------------

    def outputs(self) -> list[str]:
        """The tensors the model was made for; of those that hang on layers that cannot be run, these layers."""
        found: list[str] = []
        for end in self.model.outputs:
            try:
                found.append(self.value(end).ref.name)
            except Lost as lost:
                found += lost.args
        return list(dict.fromkeys(found))

    def names(self) -> set[str]:
        """All tensors, those included that cannot be computed."""
        return {*self.net.nodes, *self.problems, *(f"{self.prefix}{name}" for name, _ in self.lost)}

    def require(self, wanted: Sequence[str]) -> None:
        """Check that all that is wanted can be computed.

        Raises:
            UnsupportedOp: it cannot; all layers in the way are named.
        """
        if all(name in self.net.nodes for name in wanted):
            return
        by_what: dict[str, list[str]] = {}
        for problem in self.problems.values():
            by_what.setdefault(problem.what, []).append(problem.layer)
        lines = [
            f"{what} ({len(layers)}): {', '.join(layers[:_MOST_NAMED])}"
            + (", ..." if len(layers) > _MOST_NAMED else "")
            for what, layers in sorted(by_what.items())
        ]
        cut = self._cut()
        raise UnsupportedOp(
            "the network has layers that regraft cannot run",
            where=self.net.where,
            got="; ".join(lines),
            fix=f"cut before them: the first safe cut is {cut!r} (--at, or open(..., to=...))"
            if cut
            else "no tensor before them can be used",
        )

    def _cut(self) -> str | None:
        """The last tensor before the first layer in the way that is more than an input."""
        inputs = {value.ref.name for value, _ in self.fed}
        reads = [name for problem in self.problems.values() for name in problem.reads if name not in inputs]
        for name in reads:
            if name in self.net.nodes and any(
                self.net.nodes[one].function != "input" for one in ancestors(self.net.nodes, [name])
            ):
                return name
        return None


def run_layer(
    layer: Layer, name: str, owner: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], net: Net
) -> list[Value]:
    """What a layer gives, its nodes put into the net.

    Raises:
        Unsupported: nobody here can run it.
    """
    if layer.model is not None and layer.kind not in LAYERS:
        inside = Wiring(net, layer.model, f"{name}/", f"{owner}/", list(values(Value, (args, kwargs))))
        inside.build()
        if inside.problems:
            first = next(iter(inside.problems.values()))
            raise Unsupported(f"{first.what}: {first.layer}")
        return inside.results()
    call = Call(layer=layer, name=name, owner=owner, net=net, args=args, kwargs=kwargs)
    if is_operation(layer, args):
        operation(call)
    elif layer.kind in LAYERS:
        LAYERS[layer.kind](call)
    else:
        raise Unsupported("")
    return call.results


def _title(layer: Layer) -> str:
    """What a layer is called in errors."""
    if layer.kind == "Lambda":
        return "Lambda (Python code in the file, which is never run)"
    return operation_name(layer.kind, layer.config)


def _shifts(layers: Mapping[str, Layer], reads: Sequence[Made]) -> dict[str, int]:
    """By how much the calls of each model are counted too high: the model's own making was its call 0."""
    highest: dict[str, int] = {}
    for one in reads:
        highest[one.layer] = max(highest.get(one.layer, 0), one.call)
    return {
        name: 1
        for name, layer in layers.items()
        if layer.model is not None and layer.calls and highest.get(name) == len(layer.calls)
    }
