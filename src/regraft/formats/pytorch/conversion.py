"""From an exported program to a network's graph."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from regraft.errors import UnsupportedOp
from regraft.formats.pytorch.naming import names_of
from regraft.formats.pytorch.program import Program, Step, Value
from regraft.formats.pytorch.sizes import Sizes
from regraft.formats.pytorch.storage import Storage
from regraft.formats.pytorch.training import TRAINING, in_both_modes
from regraft.network.graph import NAMED, Graph, InputSpec, Layout, Node, Ref

# Checks of what the trace assumed, and marks without a result.
_CHECKS = ("_assert", "sym_constrain", "_check")
_GIVEN = ("parameter", "input")
_SPLIT, _CAST = "operator.getitem", "aten.to.dtype"


def to_graph(
    program: Program, where: str, *, dropped: Mapping[str, float] | None = None, side: Collection[str] = ()
) -> Graph:
    """The graph of a program.

    Args:
        dropped: module -> the rate of dropout in its attention in training, which evaluation does not show.
        side: inputs that go to every layer beside the data.

    Raises:
        UnsupportedOp: it needs operations regraft cannot run; all are named, with the first safe cut.
    """
    return Conversion(program, where, dropped or {}, side).graph()


class Conversion:
    """A graph being made: `nodes` in running order, and what the program's values have become."""

    def __init__(self, program: Program, where: str, dropped: Mapping[str, float], side: Collection[str]) -> None:
        self.program = program
        self.dropped = dropped
        self.side = side
        self.nodes: dict[str, Node] = {}
        self.updates: dict[str, str] = {}
        self.given: list[str] = []  # values of the program that are tensors of the graph, in running order
        self._where = where
        self._made: dict[str, Any] = {}  # value of the program -> Ref, or a number
        self._sizes = Sizes(self)
        self._storage = Storage(program)
        self._refused: dict[str, list[str]] = {}
        self._lost: set[str] = set()
        self._safe: list[str] = []  # nodes before the first that is refused
        taken = [*(source.name for source in program.sources.values()), *program.names.values()]
        self._names = names_of(program.steps, program.sizes.keys(), taken) | program.names

    def graph(self) -> Graph:
        """The whole graph.

        Raises:
            UnsupportedOp: see `to_graph`.
        """
        fed = [name for name, source in self.program.sources.items() if source.kind == "input" and self._read(name)]
        for name in fed:
            self._made[name] = self.add(Node(name=self.program.sources[name].name, function="input"))
        for position, step in enumerate(self.program.steps):
            self._step(step, position)
        if self._refused:
            raise self._refusal()
        outputs = dict.fromkeys(self.ref(value).name for value in self.program.outputs)
        return Graph(
            nodes=tuple(self.nodes.values()),
            inputs=tuple(self._spec(name) for name in fed),
            outputs=tuple(outputs),
            switches=(TRAINING,) if TRAINING.name in self.nodes else (),
            updates=self.updates,
            collections={NAMED: self._modules()},
        )

    def _modules(self) -> tuple[str, ...]:
        """The names of the layers: "layer1.0/add" is an operation of the module layer1.0."""
        given = (node.name for node in self.nodes.values() if node.function not in ("input", "parameter", "constant"))
        return tuple(dict.fromkeys(name.partition("/")[0] for name in given if ":" not in name))

    # --- for those who emit -------------------------------------------------------------------------

    def add(self, node: Node) -> Ref:
        """Put a node into the graph."""
        self.nodes[node.name] = node
        return Ref(node.name)

    def emit(self, name: str, function: str, *args: Any, **kwargs: Any) -> Ref:
        """A node of that name; args may hold Refs."""
        return self.add(Node(name=name, function=function, args=args, kwargs=kwargs))

    def give(self, step: Step, function: str, *args: Any, **kwargs: Any) -> None:
        """The node of a step's result."""
        self.made(step, self.emit(self.name(step), function, *args, **kwargs))

    def made(self, step: Step, result: Any) -> None:
        """Note what a step's result has become."""
        self._made[step.name] = result
        if step.name in self.program.sizes:
            self.given.append(step.name)

    def name(self, step: Step) -> str:
        """The name of a step's result."""
        return self._names[step.name]

    def label(self, name: str) -> str:
        """What a value of the program is called in messages."""
        source = self.program.sources.get(name)
        return source.name if source else self._names[name]

    def ref(self, value: Value) -> Ref:
        """The tensor a value of the program has become."""
        if value.name not in self._made:
            source = self.program.sources.get(value.name)
            if source is None or source.kind == "input":
                raise KeyError(value.name)
            self._made[value.name] = self._parameter(value.name)
        return self._made[value.name]

    def switch(self) -> Ref:
        """The predicate that is true in training."""
        if TRAINING.name not in self.nodes:
            self.nodes = {TRAINING.name: Node(name=TRAINING.name, function="input"), **self.nodes}
        return Ref(TRAINING.name)

    def parameter_named(self, ref: Ref) -> str:
        """The parameter a node reads."""
        return self.nodes[ref.name].args[0]

    def take(self, value: Any, near: tuple[Value, ...]) -> Any:
        """An argument as a node holds it; `near` are the tensors beside it, which know their sizes."""
        if isinstance(value, Value):
            return self._sizes.whole(value.name, near) if value.name in self.program.wholes else self.ref(value)
        return tuple(self.take(item, near) for item in value) if isinstance(value, tuple) else value

    # --- steps --------------------------------------------------------------------------------------

    def _step(self, step: Step, position: int) -> None:
        if step.name in self.program.wholes or any(word in step.target for word in _CHECKS):
            return
        lost = [value.name for value in step.reads() if value.name in self._lost]
        if lost:
            self._lost.add(step.name)
            return
        before = len(self.nodes)
        try:
            self._emit(step, position)
        except UnsupportedOp as error:
            self._lost.add(step.name)
            self._safe = self._safe or [*self.nodes][:before]
            self._refused.setdefault(error.what, []).append(self.name(step))

    def _emit(self, step: Step, position: int) -> None:
        if step.target == _SPLIT:
            source, index = step.args
            self.give(step, "item", self.ref(source), index)
            return
        if in_both_modes(self, step):
            if (into := self._storage.written(step)) is not None:
                self._storage.write(self, step, into, position)
            return
        operation, target = self._storage.operation(step)
        values = self._sizes.arguments(step, operation, target)
        if target == _CAST and len(values) < 2:  # only to another device
            self.give(step, "identity", *values)
        else:
            self.give(step, target, *values)
        if (into := self._storage.written(step)) is not None:
            self._storage.write(self, step, into, position)

    def rebind(self, name: str, result: Ref) -> None:
        """Another tensor in place of one that is written to: what reads it from here on reads the new one."""
        self._made[name] = result

    # --- ends ---------------------------------------------------------------------------------------

    def _parameter(self, name: str) -> Ref:
        source = self.program.sources[name]
        first = self.program.aliases.get(source.name, source.name)
        if first in self.nodes:
            return Ref(first)
        trainable = source.trainable and self.program.weights[first].dtype.kind == "f"
        return self.add(Node(name=first, function="parameter", args=(first,), kwargs={"trainable": trainable}))

    def _read(self, name: str) -> bool:
        given = any(value.name == name for value in self.program.outputs)
        return given or any(value.name == name for step in self.program.steps for value in step.reads())

    def _spec(self, name: str) -> InputSpec:
        shape = tuple(size if isinstance(size, int) else None for size in self.program.sizes[name])
        known = self.program.sources[name].name
        dtype = self.program.dtypes[name]
        return InputSpec(name=known, shape=shape, dtype=dtype, layout=_layout(shape), side=known in self.side)

    def _refusal(self) -> UnsupportedOp:
        listed = [f"{what} ({len(at)}: {', '.join(at[:3])})" for what, at in self._refused.items()]
        whole = [name for name in self._safe if "/" not in name and self.nodes[name].function not in _GIVEN]
        return UnsupportedOp(
            f"{sum(map(len, self._refused.values()))} steps of the model cannot be run",
            where=self._where,
            got="; ".join(listed),
            fix=f"cut below them: to={whole[-1]!r} can be computed" if whole else None,
        )


def _layout(shape: tuple[int | None, ...]) -> Layout:
    """How an input of that shape may be fed: as a picture where it has one or three channels."""
    if len(shape) == 4 and shape[1] in (1, 3):
        return "NCHW"
    if len(shape) == 4 and shape[3] in (1, 3):  # a program made of a TensorFlow or Keras network
        return "NHWC"
    return "flat" if len(shape) == 2 and shape[1] is not None else "other"
