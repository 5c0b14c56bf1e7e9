"""How a graph was trained: its loss, its optimizer, and where the optimizer keeps what."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field
from typing import Literal

from regraft.formats.tf1.graph.constants import attribute_of
from regraft.formats.tf1.graph.pictures import constant_value
from regraft.formats.tf1.graph.source import (
    PASSING,
    VARIABLES,
    Flow,
    Operation,
    Source,
    belongs_to_gradients,
    gradient_scope,
)
from regraft.formats.tf1.graph.variables import Variables, as_number, collected_variables, variable_of
from regraft.network.graph import Training

Optimizer = Literal["sgd", "momentum", "adam", "rmsprop", "adagrad"]


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """Where a training operation takes what: numbers of its inputs."""

    optimizer: Optimizer
    rate: int
    gradient: int
    slots: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, int] = field(default_factory=dict)
    counters: Mapping[str, int] = field(default_factory=dict)


# tensorflow/core/ops/training_ops.cc; a resource variable's operation is called the same with "Resource" before it.
_RULES = {
    "ApplyGradientDescent": _Rule(optimizer="sgd", rate=1, gradient=2),
    "ApplyMomentum": _Rule(optimizer="momentum", rate=2, gradient=3, slots={"momentum": 1}, settings={"momentum": 4}),
    "ApplyAdam": _Rule(
        optimizer="adam",
        rate=5,
        gradient=9,
        slots={"m": 1, "v": 2},
        settings={"beta1": 6, "beta2": 7, "epsilon": 8},
        counters={"beta1_power": 3, "beta2_power": 4},
    ),
    "ApplyRMSProp": _Rule(
        optimizer="rmsprop",
        rate=3,
        gradient=7,
        slots={"rms": 1, "momentum": 2},
        settings={"rho": 4, "momentum": 5, "epsilon": 6},
    ),
    "ApplyCenteredRMSProp": _Rule(
        optimizer="rmsprop",
        rate=4,
        gradient=8,
        slots={"mg": 1, "rms": 2, "momentum": 3},
        settings={"rho": 5, "momentum": 6, "epsilon": 7},
    ),
    "ApplyAdagrad": _Rule(optimizer="adagrad", rate=2, gradient=3, slots={"accumulator": 1}),
}

_UPDATES = re.compile(r"(Resource)?(Sparse)?Apply[A-Z]")  # by any optimizer, known to the rules or not
_SEEDS = ("Fill", "ones_like", "ones", "grad_ys_0")  # where tf.gradients starts from, as versions called it
_COPIES = ("Identity", "IdentityN", PASSING)
_CASTS = ("Identity", "Cast")  # float64 weights get a cast of each float32 number for themselves
_SAME_WHERE_SPARSE = ("sgd", "adam", "adagrad")  # rows without a gradient change as if it were 0
_SUMS = ("Add", "AddV2", "AddN", "Identity")
_CLIPS = ("Minimum", "Maximum")
_MEASURES = ("Mean", "Sum")
_STEPS = ("AssignAdd", "AssignAddVariableOp")

Clip = tuple[float, float] | None


def losses(flow: Flow) -> list[str]:
    """The tensors the graph's training operations make smaller."""
    scopes: dict[str, None] = {}
    for operation in flow.operations.values():
        if _UPDATES.match(operation.type):
            for tensor in operation.inputs:
                scopes.update(dict.fromkeys(_scopes(flow, tensor)))
    found = [_differentiated(flow, scope) for scope in scopes]
    return [loss for loss in dict.fromkeys(found) if loss]


def found(flow: Flow, source: Source, values: Variables) -> Training | None:
    """How the graph was trained; None where it holds no training that can be gone on with.

    Args:
        values: of the variables; some keep settings.
    """
    updates = list(_updates(flow))
    rules = {rule.optimizer for _, rule in updates}
    rates = {flow.through(operation.inputs[rule.rate], _CASTS) for operation, rule in updates}
    clipped = {_clipped(flow, operation.inputs[rule.gradient]) for operation, rule in updates}
    if not len(rules) == len(rates) == len(clipped) == 1:
        return None
    scope, clip = clipped.pop()
    loss = _differentiated(flow, scope) if scope else None
    if loss is None:
        return None
    settings = [_settings(flow, operation, rule, values) for operation, rule in updates]
    if any(other != settings[0] for other in settings) or settings[0] is None:
        return None
    first, rule = updates[0]
    (rate,) = rates
    trained = {variable_of(flow, operation.inputs[0]) or "": operation for operation, _ in updates}
    slots = {name: _variables(flow, operation, rule.slots) for name, operation in trained.items()}
    sparse = _sparsely_trained(flow, first, next(iter(trained)), slots)
    if sparse and rule.optimizer not in _SAME_WHERE_SPARSE:
        return None
    return Training(
        loss=loss,
        optimizer=rule.optimizer,
        learning_rate=rate,
        settings=settings[0],
        clip=clip,
        parameters=(*trained, *sparse),
        slots=slots | sparse,
        counters={**_variables(flow, first, rule.counters), **_global_step(flow, source)},
    )


def measures(flow: Flow, tensor: str) -> bool:
    """Whether a tensor is one number that is averaged or counted over a batch."""
    operation = flow.of(tensor)
    if "_output_shapes" in operation.attrs:
        return attribute_of(operation.attrs["_output_shapes"]) == ((),)
    keeps = "keep_dims" in operation.attrs and attribute_of(operation.attrs["keep_dims"])
    return operation.type in _MEASURES and not keeps


def _updates(flow: Flow) -> Iterator[tuple[Operation, _Rule]]:
    for operation in flow.operations.values():
        rule = _RULES.get(operation.type.removeprefix("Resource"))
        if rule and len(operation.inputs) > max(rule.gradient, *rule.settings.values(), 0):
            yield operation, rule


def _sparsely_trained(
    flow: Flow, update: Operation, name: str, slots: Mapping[str, Mapping[str, str]]
) -> dict[str, dict[str, str]]:
    """Other variables the same optimizer trains, and their slots: embeddings get their gradients by rows.

    Args:
        update: the training operation of the variable `name`.
        slots: of the variables that are trained as a whole.
    """
    scope = update.name.partition(f"update_{name}")[0] + "update_"
    rest = (other.removeprefix(scope) for other in flow.operations if other.startswith(scope))
    variables = [variable.name for variable in flow.operations.values() if variable.type in VARIABLES]
    begun = {f"{variable}/": variable for variable in variables if variable not in slots}
    found = {begun[start] for text in rest for start in begun if text.startswith(start)}
    endings = {slot: kept.removeprefix(name) for slot, kept in slots[name].items()}
    return {variable: {slot: variable + ending for slot, ending in endings.items()} for variable in sorted(found)}


def _variables(flow: Flow, operation: Operation, inputs: Mapping[str, int]) -> dict[str, str]:
    named = {name: variable_of(flow, flow.through(operation.inputs[at], _CASTS)) for name, at in inputs.items()}
    return {name: variable for name, variable in named.items() if variable}


def _settings(flow: Flow, operation: Operation, rule: _Rule, values: Variables) -> dict[str, float] | None:
    """The numbers of one training operation; None where one is computed, or the operation does more than we know."""
    found: dict[str, float] = {}
    for name, at in rule.settings.items():
        tensor = flow.through(operation.inputs[at], _CASTS)
        value = constant_value(flow, tensor)
        if value is None:
            value = values.get(variable_of(flow, tensor) or "")
        if value is None or value.size != 1:
            return None
        found[name] = as_number(value)
    nesterov = "use_nesterov" in operation.attrs and attribute_of(operation.attrs["use_nesterov"])
    if nesterov and rule.optimizer != "momentum":
        return None
    return found | ({"nesterov": 1.0} if nesterov else {}) | ({"centered": 1.0} if "mg" in rule.slots else {})


def _scopes(flow: Flow, gradient: str) -> set[str]:
    """The scopes a gradient was computed in, whatever was done with it since."""
    found: set[str] = set()
    waiting, seen = [gradient], {gradient}
    while waiting:
        tensor = waiting.pop()
        scope = gradient_scope(tensor)
        if scope:
            found.add(scope)
            continue
        following = [read for read in flow.reads(tensor) if read not in seen]
        seen.update(following)
        waiting.extend(following)
    return found


def _clipped(flow: Flow, gradient: str) -> tuple[str | None, Clip]:
    """The scope a gradient was computed in, and the bounds it is clipped to; no scope where more is done with it."""
    low, high = -math.inf, math.inf
    for _ in range(8):
        gradient = flow.through(gradient, _COPIES) if not gradient_scope(gradient) else gradient
        operation = flow.of(gradient)
        scope = gradient_scope(gradient)
        if scope:
            return scope, None if math.isinf(low) and math.isinf(high) else (low, high)
        if operation.type == "ClipByValue":
            bounds = [constant_value(flow, tensor) for tensor in operation.inputs[1:]]
        elif operation.type in _CLIPS:
            bound = constant_value(flow, operation.inputs[1])
            bounds = [None, bound] if operation.type == "Minimum" else [bound, None]
            if bound is None:
                return None, None
        else:
            return None, None
        low = max([low, *(as_number(bound) for bound in bounds[:1] if bound is not None)])
        high = min([high, *(as_number(bound) for bound in bounds[1:] if bound is not None)])
        gradient = operation.inputs[0]
    return None, None


def _differentiated(flow: Flow, scope: str) -> str | None:
    """What tf.gradients computed the gradients of: the operation whose gradient reads the seed."""
    seed = next((f"{scope}/{name}" for name in _SEEDS if f"{scope}/{name}" in flow.operations), None)
    names = {
        operation.name.removeprefix(f"{scope}/").partition("_grad/")[0]
        for operation in flow.operations.values()
        if operation.name.startswith(f"{scope}/")
        and "_grad/" in operation.name
        and (f"{seed}:0" in operation.inputs or seed in operation.controls)
    }
    name = names.pop() if len(names) == 1 else _sum_of(flow, names)
    return f"{name}:0" if name in flow.operations else None


def _sum_of(flow: Flow, names: set[str]) -> str | None:
    """The operation that adds exactly these up: the gradient of a sum is that of each of its parts."""
    sums: list[str] = []
    for operation in flow.operations.values():
        if names and operation.type in _SUMS and not belongs_to_gradients(operation.name):
            parts = _parts(flow, operation, names)
            if parts is not None and set(parts) == names:
                sums.append(operation.name)
    return sums[-1] if sums else None


def _parts(flow: Flow, operation: Operation, names: Set[str]) -> list[str] | None:
    """The named operations whose results are added up in this one; None where others are."""
    if operation.name in names:
        return [operation.name]
    if operation.type == "Const":
        return []
    if operation.type not in _SUMS:
        return None
    found: list[str] = []
    for tensor in operation.inputs:
        parts = _parts(flow, flow.of(tensor), names)
        if parts is None:
            return None
        found += parts
    return found


def _global_step(flow: Flow, source: Source) -> dict[str, str]:
    """The counter of training steps: the variable a collection names, or that is counted up after the updates."""
    collected = list(collected_variables(source, "global_step"))
    if collected:
        return {"global_step": collected[0]}
    updates = {operation.name for operation, _ in _updates(flow)}
    for operation in flow.operations.values():
        if operation.type in _STEPS and operation.inputs and _waits_for(flow, operation, updates):
            variable = variable_of(flow, operation.inputs[0])
            if variable:
                return {"global_step": variable}
    return {}


def _waits_for(flow: Flow, operation: Operation, names: Set[str]) -> bool:
    own = (operation, *(flow.of(tensor) for tensor in operation.inputs))
    groups = [flow.operations[name] for before in own for name in before.controls]
    return any(group.name in names or names & set(group.controls) for group in groups)
