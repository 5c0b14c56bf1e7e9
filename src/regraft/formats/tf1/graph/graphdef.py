"""From a TensorFlow graph to ours: what is wanted is found, followed up to the inputs, and turned node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import reduce
from operator import and_

from regraft.errors import BadArgument, UnknownName, nearest_names
from regraft.formats.tf1.graph import averages, choices, dropout, inputs, loops, pictures, pipelines, training
from regraft.formats.tf1.graph.batch import freed
from regraft.formats.tf1.graph.conditionals import resolved
from regraft.formats.tf1.graph.constants import Array, shape_of, type_name
from regraft.formats.tf1.graph.conversion import Conversion, refused
from regraft.formats.tf1.graph.frozen import weights
from regraft.formats.tf1.graph.inlining import inlined
from regraft.formats.tf1.graph.outputs import SHAPE_READS, VERDICTS, Ends
from regraft.formats.tf1.graph.source import (
    PLACEHOLDERS,
    VARIABLES,
    Flow,
    Given,
    Source,
    belongs_to_gradients,
    full_name,
    operation_of,
)
from regraft.formats.tf1.graph.variables import Variables, collected_names
from regraft.network.graph import Graph, InputSpec, Switch, Training

# The collection that names the tensors through which a graph holds the batch size it was built for.
HELD_BATCH = "regraft/held_batch"

_MOST_NAMED = 5


def build(
    source: Source, checkpoint: Mapping[str, Array] | None, to: Sequence[str] | None
) -> tuple[Graph, dict[str, Array]]:
    """The graph for the wanted tensors, and the values of its parameters and of all else a checkpoint holds.

    Args:
        checkpoint: entries by key; None for a graph that stands alone.
        to: the tensors wanted; None: what the graph was made for.

    Raises:
        UnknownName: there is no tensor of a wanted name.
        BadArgument: a wanted tensor is in a loop; or none is named, and the graph does not tell what it was made for.
        UnsupportedOp: the wanted tensors need operations that cannot be run here; all are named.
        UnreadableFile: the graph contradicts itself, or variables have no values.
    """
    prepared = _prepared(source)
    variables = Variables(source, checkpoint)
    wanted = _wanted(prepared, source, variables) if to is None else _named(prepared, to)
    _require_outside(prepared.flow, wanted.outputs)
    prepared = _free_batches(prepared, wanted)
    return _converted(prepared, wanted, source, variables)


@dataclass(frozen=True, kw_only=True)
class _Prepared:
    """A graph after the rewrites of many nodes."""

    flow: Flow
    switches: Mapping[str, Switch]
    updates: Mapping[str, str]  # variable -> tensor of its next value in training
    producer: int
    holding: tuple[str, ...] = ()  # tensors that hold the batch size the graph was built for

    def inputs(self, tensors: Iterable[str]) -> list[str]:
        """The tensors from outside that these are computed from, switches left out."""
        return [tensor for tensor in self.flow.ordered(list(tensors)) if self.is_input(tensor)]

    def foreign(self, tensors: Iterable[str]) -> set[str]:
        """Everything that needs inputs from outside which these tensors do not need."""
        known = set(self.inputs(tensors))
        others = [tensor for tensor in self.flow.tensors() if tensor not in known and self.is_input(tensor)]
        return self.flow.descendants(others)

    def is_input(self, tensor: str) -> bool:
        """Whether a tensor comes from outside and is no switch."""
        operation = self.flow.of(tensor)
        outside = tensor in self.flow.given or (operation.type in PLACEHOLDERS and not operation.inputs)
        return outside and tensor not in self.switches

    def known(self, tensor: str) -> Given:
        """What is known of an input."""
        return inputs.known_of(self.flow, tensor, self.producer)


@dataclass(frozen=True, kw_only=True)
class _Wanted:
    """What is kept of a graph: `outputs` must run, `extras` are kept where they can."""

    outputs: tuple[str, ...]
    extras: tuple[str, ...] = ()
    training: Training | None = None


def _prepared(source: Source) -> _Prepared:
    flow = choices.resolved(Flow(resolved(loops.resolved(inlined(source))), source.where), source.producer)
    kept = averages.found(flow, source)
    flow = averages.optional(averages.assigned(flow, kept), kept)
    dropouts = dropout.found(flow)
    flow = dropout.optional(flow, dropouts)
    given = {**pictures.prepared(flow, pipelines.given(flow)), **_signed(source, flow)}
    flow = inputs.standing_alone(Flow(flow.operations, flow.where, given))
    return _Prepared(
        flow=flow,
        switches=inputs.switches(flow, dropouts),
        updates={average.variable: average.next for average in kept},
        producer=source.producer,
    )


def _signed(source: Source, flow: Flow) -> dict[str, Given]:
    """Inputs that a SavedModel's signature names inside the graph."""
    infos = source.signature.inputs.values() if source.signature is not None else ()
    found = {
        full_name(info.name): Given(shape=shape_of(info.tensor_shape), dtype=type_name(info.dtype)) for info in infos
    }
    return {
        tensor: given
        for tensor, given in found.items()
        if operation_of(tensor) in flow.operations
        and flow.of(tensor).type not in PLACEHOLDERS
        and given.dtype != "string"
    }


def _named(prepared: _Prepared, to: Sequence[str]) -> _Wanted:
    operations = prepared.flow.operations
    for name in to:
        if operation_of(full_name(name)) not in operations:
            raise UnknownName(
                f"there is no tensor {name!r}",
                where=prepared.flow.where,
                nearest=nearest_names(operation_of(full_name(name)), operations),
                fix="`regraft show --tensors '.*'` lists all tensors",
            )
    return _Wanted(outputs=tuple(full_name(name) for name in to))


def _require_outside(flow: Flow, outputs: Sequence[str]) -> None:
    for tensor in outputs:
        if loop := flow.of(tensor).loop:
            left = [f"{o.name}:0" for o in flow.operations.values() if loop in map(operation_of, o.inputs)]
            raise BadArgument(
                f"{tensor} has no one value: it is computed at each step of a loop",
                where=f"{flow.where}, loop {loop}",
                fix=f"name what comes out of the loop ({', '.join(left[:_MOST_NAMED])}) or what is computed of that",
            )


def _wanted(prepared: _Prepared, source: Source, variables: Variables) -> _Wanted:
    """What the graph was made for, and what else it computes from the same inputs."""
    flow = prepared.flow
    losses = training.losses(flow)
    ends = _ends(prepared)
    outputs = _served(source, flow) or ends.of_losses(losses) or ends.of_graph()
    if not outputs:
        raise BadArgument(
            "no output of this graph can be told: nothing in it is computed from an input and from weights",
            where=source.where,
            fix="name the tensor you want: --at NAME, or open(..., to=NAME)",
        )
    foreign = prepared.foreign([*outputs, *losses])
    extras = sorted(ends.loose(beyond=foreign))
    found = training.found(flow, source, variables)
    if found:
        apart = ends.labelled() & ends.sinks() - flow.ancestors([found.loss])
        found = replace(found, metrics=tuple(end for end in extras if end in apart and training.measures(flow, end)))
        extras += [found.loss, found.learning_rate]
    return _Wanted(outputs=tuple(outputs), extras=tuple(extras), training=found)


def _ends(prepared: _Prepared) -> Ends:
    flow = prepared.flow
    tensors = flow.tensors()
    fed = [tensor for tensor in tensors if prepared.is_input(tensor) and prepared.known(tensor).shape != ()]
    named = [f"{operation.name}:0" for operation in flow.operations.values() if operation.type in VARIABLES]
    constants = [f"{name}:0" for name in weights(flow, tensors)]
    gradients = [tensor for tensor in tensors if belongs_to_gradients(tensor)]
    ignored = flow.descendants([*gradients, *prepared.updates.values()])
    return Ends(flow, fed, [*named, *constants], ignored)


def _served(source: Source, flow: Flow) -> list[str]:
    """The numeric outputs of a SavedModel's signature, in the order of the file; verdicts (classes) come first."""
    infos = source.signature.outputs.values() if source.signature is not None else ()
    names = {full_name(info.name) for info in infos if type_name(info.dtype) != "string"}
    place = {name: k for k, name in enumerate(flow.operations)}
    known = [name for name in sorted(names) if operation_of(name) in place]
    return sorted(known, key=lambda name: (flow.of(name).type not in VERDICTS, place[operation_of(name)]))


def _free_batches(prepared: _Prepared, wanted: _Wanted) -> _Prepared:
    """The graph without the batch size its inputs were built for."""
    forward = prepared.flow.ordered(wanted.outputs)
    loss = prepared.flow.ordered(wanted.extras)
    batches: dict[str, int] = {}
    for tensor in [tensor for tensor in (*forward, *loss) if prepared.is_input(tensor)]:
        known = prepared.known(tensor)
        size = 1 if known.picture else (known.shape or (None,))[0]
        if size is not None:
            batches[tensor] = size
    flow, holding = freed(prepared.flow, batches, forward, loss)
    return replace(prepared, flow=flow, holding=holding)


def _converted(
    prepared: _Prepared, wanted: _Wanted, source: Source, variables: Variables
) -> tuple[Graph, dict[str, Array]]:
    flow = prepared.flow
    required = flow.ordered(wanted.outputs)
    foreign = prepared.foreign(wanted.outputs + wanted.extras)
    updates = {name: following for name, following in prepared.updates.items() if following not in foreign}
    possible = flow.ordered([*wanted.outputs, *wanted.extras, *updates.values()])
    variables.require(_variables(flow, required))
    used = _variables(flow, possible)
    constants = weights(flow, possible)
    conversion = Conversion(
        flow, constants | {name: variables.is_trainable(name) for name in used if name in variables}
    )
    in_the_way = conversion.unsupported(possible)
    lost = flow.descendants([*in_the_way, *(f"{name}:0" for name in used if name not in variables)])
    if lost & set(required):
        hindering = [operation for tensor, operation in in_the_way.items() if tensor in set(required)]
        raise refused(flow, hindering, _safe_cut(prepared, required, lost))
    kept = [tensor for tensor in possible if tensor not in lost]
    graph = Graph(
        nodes=conversion.nodes(kept),
        inputs=tuple(_described(prepared, tensor) for tensor in kept if prepared.is_input(tensor)),
        outputs=wanted.outputs,
        switches=tuple(switch for name, switch in prepared.switches.items() if name in set(kept)),
        updates={name: following for name, following in updates.items() if following not in lost},
        slices=variables.slices(_variables(flow, kept)),
        collections=collected_names(source) | ({HELD_BATCH: prepared.holding} if prepared.holding else {}),
        training=_kept_training(wanted.training, set(kept)),
    )
    held = {name: flow.value(flow.operations[name]) for name in constants}
    return graph, {**variables.values(), **held}


def _variables(flow: Flow, tensors: Iterable[str]) -> list[str]:
    """Names of the variables among these tensors."""
    return [operation.name for operation in map(flow.of, tensors) if operation.type in VARIABLES]


def _kept_training(found: Training | None, kept: set[str]) -> Training | None:
    if found is None or not {found.loss, found.learning_rate} <= kept:
        return None
    return replace(found, metrics=tuple(tensor for tensor in found.metrics if tensor in kept))


def _described(prepared: _Prepared, tensor: str) -> InputSpec:
    return inputs.described(prepared.flow, tensor, prepared.known(tensor), free_batch=not prepared.holding)


def _safe_cut(prepared: _Prepared, required: Sequence[str], lost: set[str]) -> str | None:
    """The last tensor before the operations in the way that data flow through.

    A transposition right before them is left out too: loops over time put their steps first, not the examples.
    """
    flow = prepared.flow
    fed = flow.descendants((tensor for tensor in required if prepared.is_input(tensor)), ignoring=SHAPE_READS)
    ends = [t for t in required if t in fed and t not in lost and lost & set(flow.uses().get(t, ()))]
    weighted = flow.descendants(f"{name}:0" for name in [*_variables(flow, required), *weights(flow, required)])
    ends = [end for end in ends if end in weighted] or ends
    return flow.through(_last_common(flow, required, fed, ends), ("Transpose",)) if ends else None


def _last_common(flow: Flow, ordered: Sequence[str], fed: Set[str], ends: Sequence[str]) -> str:
    """The last tensor by which all data reach these ends; the last end where there is none."""
    places = {tensor: place for place, tensor in enumerate(ordered)}
    ways: dict[str, int] = {}  # tensor -> what lies on every way to it, one bit each
    for tensor, place in places.items():
        above = [ways.get(read, 0) for read in flow.reads(tensor) if read in fed]
        ways[tensor] = reduce(and_, above) | 1 << place if above else 1 << place
    common = reduce(and_, (ways[end] for end in ends))
    return ordered[common.bit_length() - 1] if common else ends[-1]
