"""The opened network: a graph, its weights, and what can be asked of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.errors import BadArgument, ShapeMismatch, UnknownName, nearest_names
from regraft.network.blocks import block_outputs, is_of_modules
from regraft.network.feeding import fed, switched
from regraft.network.flow import (
    WEIGHTED,
    Cut,
    ancestors,
    below_noise,
    block_ends,
    by_name,
    data_path,
    data_refs,
    narrow_points,
)
from regraft.network.fusing import fused
from regraft.network.graph import CODE, NAMED, Graph, InputSpec, Node
from regraft.network.modes import specialise
from regraft.network.naming import resolve

if TYPE_CHECKING:
    from torch import fx, nn

    from regraft.network.layers import Layer
    from regraft.network.shapes import Tensor


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A named weight, in the layout of its source file."""

    name: str
    value: np.ndarray
    trainable: bool  # a weight, not a moving average or a counter
    frozen: bool = False  # a plan keeps it as it is

    @property
    def shape(self) -> tuple[int, ...]:
        """Its dimensions."""
        return self.value.shape

    @property
    def dtype(self) -> str:
        """Its numpy type name."""
        return str(self.value.dtype)


class GraphNetwork:
    """A network held as a graph of named tensors; torch is loaded when it first runs.

    A network never changes: surgery and training give new ones. Activations keep the layout of the
    source (b h w c for most TensorFlow files).

    Attributes:
        graph: the nodes as data.
        values: every weight the file held, by name, optimizer slots included.
        format: what the file was ("tf1-meta", "tf1-pb", "saved", ...).
    """

    def __init__(self, graph: Graph, values: Mapping[str, np.ndarray], *, format: str) -> None:
        self.graph = graph
        self.values = dict(values)
        self.format = format
        self._modules: dict[tuple[object, ...], fx.GraphModule] = {}

    def __getstate__(self) -> dict[str, Any]:
        """Its data: what was built of them is built again, for a torch module loses its names in a pickle."""
        return {"graph": self.graph, "values": self.values, "format": self.format}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)

    # --- looking ------------------------------------------------------------------------------------

    @property
    def inputs(self) -> dict[str, InputSpec]:
        """What the network expects, by tensor name."""
        return {spec.name: spec for spec in self.graph.inputs}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The tensors the network was opened for."""
        return self.graph.outputs

    @property
    def collections(self) -> Mapping[str, tuple[str, ...]]:
        """The source's own lists of names ("trainable_variables", "train_op")."""
        return self.graph.collections

    @cached_property
    def parameters(self) -> dict[str, Parameter]:
        """The named weights, in the order the graph first uses them."""
        found: dict[str, Parameter] = {}
        for node in self.graph.nodes:
            if node.function == "parameter" and node.args[0] not in found:
                name = node.args[0]
                found[name] = Parameter(name=name, value=self.values[name], **node.kwargs)
        return found

    @cached_property
    def tensors(self) -> dict[str, Tensor]:
        """The named activations, parameters' tensors included, in running order."""
        from regraft.network.shapes import propagate

        return propagate(self.graph, {p.name: (p.shape, p.dtype) for p in self.parameters.values()})

    @cached_property
    def layers(self) -> dict[str, Layer]:
        """The layers between the inputs and the outputs, in running order."""
        from regraft.network.layers import group

        nodes = specialise(self.graph, self.outputs, list(self.inputs), training=False) if self.outputs else []
        sizes = {p.name: p.shape for p in self.parameters.values()}
        return group(nodes, self.tensors, sizes, self.collections.get(NAMED, ()))

    @cached_property
    def nodes(self) -> dict[str, Node]:
        """The nodes of the graph by tensor name."""
        return by_name(self.graph)

    def resolve(self, name: str) -> str:
        """The full name of a tensor given with or without its ":0".

        Raises:
            UnknownName: there is none; the message holds the nearest.
        """
        self.require_graph()
        return resolve(name, self.nodes, where=f"{self.format} network")

    def require_graph(self) -> None:
        """Raise BadArgument where the file held weights but no graph."""
        if not self.outputs:
            raise BadArgument(
                f"this {self.format} file holds weights but no graph",
                got=f"{len(self.parameters)} parameters",
                fix="no graph: regraft.load_weights puts them into a module of your own",
            )

    # --- cuts ---------------------------------------------------------------------------------------

    def cuts(self, *, all: bool = False) -> list[Cut]:
        """Where the network can be cut at one tensor, from input to output: one a block, or `all`."""
        self.require_graph()
        path = self._path(self.outputs[-1])
        blocks = block_outputs if is_of_modules(path) else block_ends
        ends = narrow_points(path)[:-1] if all else blocks(path)
        return [self.cut(node.name) for node in ends]

    def bottleneck(self) -> str:
        """The input of the last trainable layer, below its dropout: where transfer usually cuts.

        A network that ends in a code, as pretrained ones and text encoders do, is cut there.

        Raises:
            BadArgument: no weighted layer sits where all data flow, with a row for each example.
        """
        self.require_graph()
        if self.outputs[-1:] == self.collections.get(CODE):
            return self.outputs[-1]
        path = self._path(self.outputs[-1])
        on_path = {node.name for node in path}
        read = on_path & set(self.inputs)
        points = {node.name for node in narrow_points(path)} | (read if len(read) == 1 else set())
        for node in reversed(path):
            data = next((name for name in data_refs(node) if name in on_path), "")
            if node.function in WEIGHTED and data in points and self.tensors[data].per_example:
                return below_noise(self.graph.nodes, path, data)
        raise BadArgument(
            "no layer of this network can be told to be the last trainable one",
            where=f"{self.format} network",
            fix="name the tensor where the trunk ends: --at NAME (`regraft show --tensors '.*'` lists all)",
        )

    def last_sequence(self) -> str:
        """The highest cut or output (b t d) with a place for each that the input has: where words get answers.

        Raises:
            BadArgument: there is none.
        """
        ends = {*self.outputs, *(cut.tensor for cut in self.cuts())}
        fitting = [name for name in self.nodes if name in ends and self.tensors[name].has_places(self.inputs)]
        if not fitting:
            raise BadArgument(
                "no tensor of this network can be told to hold its last words",
                where=f"{self.format} network",
                expected="a sequence (b t d) as long as the input",
                fix="name the tensor where the trunk ends: --at NAME (`regraft show --tensors '.*'` lists all)",
            )
        return fitting[-1]

    def split(self, at: Sequence[str]) -> tuple[GraphNetwork, GraphNetwork]:
        """The part that computes the tensors `at`, and the part that goes on from them.

        Raises:
            BadArgument: data flow past the cut, or the two parts do not give exactly what the whole gives.
        """
        from regraft.network.halves import split

        return split(self, [self.resolve(name) for name in at])

    def _path(self, output: str) -> list[Node]:
        """The data path with both sides of its conditionals: a cut must hold in every mode."""
        return data_path(self.graph.nodes, [spec.name for spec in self.graph.inputs if not spec.side], output)

    def cut(self, tensor: str) -> Cut:
        """What lies below one tensor."""
        below = ancestors(self.nodes, [tensor], stop=self.inputs)
        parameters = {self.nodes[n].args[0] for n in below if self.nodes[n].function == "parameter"}
        return Cut(
            tensor=tensor,
            shape=self.tensors[tensor].shape,
            layers=sum(self.nodes[name].function in WEIGHTED for name in below),
            parameters=sum(prod(self.parameters[p].shape) for p in parameters if self.parameters[p].trainable),
            flops=sum(self.tensors[name].flops for name in below if name in self.tensors),
        )

    # --- running ------------------------------------------------------------------------------------

    @cached_property
    def weights(self) -> dict[str, nn.Parameter]:
        """The parameters as torch holds them, in the source's layout; every module of this network shares them."""
        import torch

        return {
            p.name: torch.nn.Parameter(torch.from_numpy(np.array(p.value)), requires_grad=p.trainable and not p.frozen)
            for p in self.parameters.values()
        }

    def module(
        self,
        to: Sequence[str],
        inputs: Sequence[str] | None = None,
        *,
        training: bool = False,
        switches: Mapping[str, bool | float] | None = None,
        updates: bool = False,
    ) -> fx.GraphModule:
        """A torch module that computes tensors from tensors.

        Args:
            to: what to compute.
            inputs: the order of `forward`'s arguments; None: the network's inputs that are needed.
            training: which side of the network's conditionals runs.
            switches: values of some switches by name, in place of the mode's.
            updates: also give the next values of the moving averages whose data are at hand; `module.updated`
                names their parameters in order. It is then made for many steps, so convolutions take in batch norms
                by stored statistics, which rounds otherwise.

        Returns:
            `forward(*inputs) -> tuple` in the order of `to`, then of `module.updated`.
        """
        from regraft.network.fx import build

        to = [self.resolve(name) for name in to]
        below = ancestors(self.nodes, to, stop=inputs or ())
        if inputs is None:
            inputs = [name for name in self.inputs if name in below]
        inputs = [self.resolve(name) for name in inputs]
        updated = self._updates(below, inputs) if updates else {}
        wanted = [*to, *updated.values()]
        nodes = specialise(self.graph, wanted, inputs, training=training, switches=switches)
        nodes = fused(nodes, wanted) if updates else nodes
        module = build(nodes, self.weights, inputs, wanted)
        module.updated = tuple(updated)  # pyright: ignore[reportArgumentType]
        return module

    def _updates(self, below: set[str], inputs: Sequence[str]) -> dict[str, str]:
        """Moving averages that can be kept while computing what is in `below`."""
        return {
            parameter: tensor
            for parameter, tensor in self.graph.updates.items()
            if all(
                name in below or self.nodes[name].function not in ("input", *WEIGHTED)
                for name in ancestors(self.nodes, [tensor], stop=inputs)
            )
        }

    def run(self, x: Any, to: str | Sequence[str] | None = None, *, training: bool = False) -> Any:
        """The values of tensors for given inputs.

        Args:
            x: an array for the only input, or {tensor name: array}; any tensor of the graph may be fed. A switch
                may be too: {"is_training:0": True}.
            to: a tensor, or a list of them; None: the outputs (the only one, or a list).
            training: what the switches say that are not fed.

        Returns:
            An array for one tensor, a list for a list; in the source's own layout.
        """
        self.require_graph()
        wanted = [to] if isinstance(to, str) else list(self.outputs if to is None else to)
        wanted = [self.resolve(name) for name in wanted]
        given = fed(self, x, wanted)
        key = (tuple(wanted), tuple(given.arrays), tuple(sorted(given.switches.items())), training)
        if key not in self._modules:
            self._modules[key] = self.module(wanted, list(given.arrays), training=training, switches=given.switches)
        results = _evaluate(self._modules[key], list(given.arrays.values()))
        single = isinstance(to, str) or (to is None and len(wanted) == 1)
        return results[0] if single else results

    # --- changing -----------------------------------------------------------------------------------

    def assign(self, values: Mapping[str, np.ndarray]) -> GraphNetwork:
        """The same network with other values for some parameters, given in the layout it has them in.

        Numbers are made of the parameter's type where both have fractions or neither has.

        Raises:
            UnknownName: a name is none of the network's parameters.
            ShapeMismatch: a value has another shape; the message says what the parameter's axes are.
            BadArgument: a value is of another kind of number.
        """
        taken: dict[str, np.ndarray] = {}
        for name, value in values.items():
            if name not in self.parameters:
                raise UnknownName(f"there is no parameter {name!r}", nearest=nearest_names(name, self.parameters))
            own = self.parameters[name].value
            if value.shape != own.shape:
                raise self._no_place(name, value.shape)
            if value.dtype.kind != own.dtype.kind:
                raise BadArgument(
                    f"the new value of {name} is of another kind of number",
                    expected=str(own.dtype),
                    got=str(value.dtype),
                )
            taken[name] = value.astype(own.dtype, copy=False)
        return self._alike(self.graph, {**self.values, **taken})

    def _alike(self, graph: Graph, values: Mapping[str, np.ndarray]) -> GraphNetwork:
        """A network whose tensors are shaped as this one's are: what is known of them is not found out again."""
        made = GraphNetwork(graph, values, format=self.format)
        if "tensors" in vars(self):
            made.tensors = self.tensors
        return made

    def _no_place(self, name: str, shape: tuple[int, ...]) -> ShapeMismatch:
        """What is wrong with a value of that shape, and how it would fit."""
        from regraft.network.matching.layouts import LAYOUTS, turn
        from regraft.network.matching.slots import slots_of_network

        slot = next((slot for slot in slots_of_network(self) if slot.name == name), None)
        ways = [way for layout in LAYOUTS if slot and (way := turn(shape, slot, layout))]
        return ShapeMismatch(
            f"the new value of {name} does not fit",
            expected=f"{self.parameters[name].shape}" + (f" as ({slot.axes})" if slot and slot.axes else ""),
            got=str(shape),
            fix=f"it fits turned, {ways[0]}: regraft.match says which" if ways else None,
        )

    def towards(self, *outputs: str) -> GraphNetwork:
        """The part of the network that computes other outputs than the ones it was opened for."""
        from regraft.network.halves import restricted

        graph = restricted(self.graph, [self.resolve(name) for name in outputs])
        return GraphNetwork(graph, self.values, format=self.format)

    def with_switches(self, training: Mapping[str, Any]) -> GraphNetwork:
        """The same network with other values of some switches in training: {"keep_prob": 0.5}.

        Raises:
            UnknownName: there is no such switch.
            BadArgument: a value is not of the switch's kind.
        """
        known = {switch.name: switch for switch in self.graph.switches}
        for name, value in training.items():
            full = name if name in known else f"{name}:0"
            if full not in known:
                raise UnknownName(
                    f"the network has no switch {name!r}",
                    nearest=nearest_names(name, known),
                    fix="`regraft show` lists the switches, which are scalars that only tell training from evaluation",
                )
            known[full] = replace(known[full], training=switched(known[full], value))
        return GraphNetwork(replace(self.graph, switches=tuple(known.values())), self.values, format=self.format)

    def with_input(self, spec: InputSpec) -> GraphNetwork:
        """The same network with another description of one input."""
        graph = replace(self.graph, inputs=tuple(spec if old.name == spec.name else old for old in self.graph.inputs))
        old = self.inputs.get(spec.name)
        if old and (old.shape, old.dtype) == (spec.shape, spec.dtype):
            return self._alike(graph, self.values)
        return GraphNetwork(graph, self.values, format=self.format)


def _evaluate(module: fx.GraphModule, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    import torch

    with torch.no_grad():
        return [value.numpy() for value in module(*(torch.from_numpy(np.array(array)) for array in arrays))]
