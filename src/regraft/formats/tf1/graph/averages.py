"""Moving averages that training keeps beside the gradients: what UPDATE_OPS assigns.

An assignment becomes the tensor of the variable's next value. Where a graph was built for training only (batch
normalisation with `is_training=True`), evaluation takes the averages in place of the batch's own statistics.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from regraft.formats.tf1 import protos
from regraft.formats.tf1.graph.additions import TRAINING, free_name, training_switch
from regraft.formats.tf1.graph.constants import attribute_of
from regraft.formats.tf1.graph.source import CONDITIONAL, PASSING, Flow, Operation, Source, index_of, operation_of
from regraft.formats.tf1.graph.variables import variable_of

_DIFFERENCES = {"AssignSub": "Sub", "AssignSubVariableOp": "Sub", "AssignAdd": "AddV2", "AssignAddVariableOp": "AddV2"}
_ASSIGNMENTS = (*_DIFFERENCES, "Assign", "AssignVariableOp")
_MOVING = re.compile(r"AssignMovingAvg")
# Batch statistics; other averages (of weights, of the loss) are no part of the network.
_STATISTICS = re.compile(r"(^|/)(moving|running|pop(ulation)?)_(mean|variance|var)(_\d+)?$")
_NORMALISATIONS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
_COPIES = ("Identity", "Cast", PASSING)


@dataclass(frozen=True, kw_only=True)
class Average:
    """A variable that is moved towards a value: `next` is the tensor of what it becomes."""

    variable: str
    next: str
    value: str | None


def found(flow: Flow, source: Source) -> list[Average]:
    """The moving averages a graph keeps: those of its UPDATE_OPS, else the batch statistics TensorFlow named so."""
    collected = source.collections.get("update_ops")
    names = [name.removeprefix("^").partition(":")[0] for name in collected.node_list.value] if collected else []
    listed = bool(names)
    if not listed:
        names = [name for name in flow.operations if _MOVING.search(name)]
    averages: dict[str, Average] = {}
    assignments = list(_assignments(flow, names))
    for assignment in [*assignments, *_assigned_above(flow, assignments)]:
        variable = variable_of(flow, assignment.inputs[0])
        if variable and variable not in averages and (listed or _STATISTICS.search(variable)):
            value = _moved_to(flow, assignment, variable)
            averages[variable] = Average(variable=variable, next=f"{assignment.name}:0", value=value)
    return list(averages.values())


def _assignments(flow: Flow, names: list[str]) -> Iterator[Operation]:
    """The assignments among these operations; a group is looked into, for it waits for them."""
    waiting = list(reversed(names))
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        operation = flow.operations.get(name)
        if operation is None or name in seen:
            continue
        seen.add(name)
        if operation.type in _ASSIGNMENTS and len(operation.inputs) > 1:
            yield operation
        elif operation.type in ("NoOp", "Identity", "ReadVariableOp", CONDITIONAL, PASSING):
            waiting.extend([*operation.controls, *map(operation_of, operation.inputs)])


def _moved_to(flow: Flow, assignment: Operation, variable: str) -> str | None:
    """The value an average moves towards: that of `variable -= (variable - value) * rate`."""
    change = flow.of(flow.through(assignment.inputs[1], _COPIES))
    if assignment.type not in ("AssignSub", "AssignSubVariableOp") or change.type != "Mul":
        return None
    for tensor in change.inputs:
        difference = flow.of(flow.through(tensor, _COPIES))
        if difference.type == "Sub" and variable_of(flow, difference.inputs[0]) == variable:
            return difference.inputs[1]
    return None


def assigned(flow: Flow, averages: list[Average]) -> Flow:
    """The flow with these assignments as tensors, and reads that wait for an assignment reading its result."""
    operations = dict(flow.operations)
    variables = {operation_of(average.next): average.variable for average in averages}
    for name in variables:
        operation = operations[name]
        if operation.type in _DIFFERENCES:
            operations[name] = replace(operation, type=_DIFFERENCES[operation.type], attrs={})
        else:
            operations[name] = replace(operation, type=PASSING, inputs=operation.inputs[1:2], attrs={})
    for name, operation in flow.operations.items():
        waited = {variables[control]: control for control in operation.controls if control in variables}
        if waited:
            inputs = [_after(flow, tensor, waited) for tensor in operation.inputs]
            operations[name] = replace(operations[name], inputs=tuple(inputs))
    return Flow(operations, flow.where, flow.given)


def _assigned_above(flow: Flow, assignments: list[Operation]) -> Iterator[Operation]:
    """Other assignments that these ones wait for: an average without bias keeps a biased one and a counter."""
    waiting = [assignment.name for assignment in assignments]
    seen = set(waiting)
    while waiting:
        operation = flow.operations[waiting.pop()]
        for name in [*map(operation_of, operation.inputs), *operation.controls]:
            if name not in seen:
                seen.add(name)
                waiting.append(name)
                if flow.operations[name].type in _ASSIGNMENTS and len(flow.operations[name].inputs) > 1:
                    yield flow.operations[name]


def _after(flow: Flow, tensor: str, waited: Mapping[str, str]) -> str:
    variable = variable_of(flow, tensor)
    return f"{waited[variable]}:0" if variable is not None and variable in waited else tensor


def optional(flow: Flow, averages: list[Average]) -> Flow:
    """The flow with batch statistics that are always taken from the batch taken so in training only.

    In evaluation the averages stand in their place.
    """
    operations = dict(flow.operations)
    values = {average.value: average.variable for average in averages if average.value}
    for operation in flow.operations.values():
        if operation.type in _NORMALISATIONS and not operation.guards and _always_trains(operation):
            mean, variance = (values.get(f"{operation.name}:{k}") for k in (1, 2))
            if mean and variance:
                _evaluate_normalisation(operations, operation, mean, variance)
    for value, variable in values.items():
        operation = flow.of(value)
        if (
            _STATISTICS.search(variable)
            and operation.type in ("Mean", "Squeeze", "Mul", "Sub")
            and not operation.guards
            and index_of(value) == 0
        ):
            _evaluate_average(operations, operation, variable)
    return Flow(operations, flow.where, flow.given)


def _always_trains(operation: Operation) -> bool:
    attr = operation.attrs.get("is_training")
    return attr is None or bool(attribute_of(attr))


def _evaluate_normalisation(operations: dict[str, Operation], operation: Operation, mean: str, variance: str) -> None:
    raw = replace(operation, name=free_name(operation.name, operations))
    attrs = {**operation.attrs, "is_training": protos.attribute("b", False)}
    statistics = (f"{mean}:0", f"{variance}:0")
    fixed = replace(
        operation,
        name=free_name(f"{operation.name}/evaluation", operations),
        inputs=(*operation.inputs[:3], *statistics),
        attrs=attrs,
    )
    pairs = [f"{side.name}:{k}" for k in range(3) for side in (raw, fixed)]
    operations.update({TRAINING: training_switch(), raw.name: raw, fixed.name: fixed})
    operations[operation.name] = replace(operation, type=CONDITIONAL, inputs=(f"{TRAINING}:0", *pairs), attrs={})


def _evaluate_average(operations: dict[str, Operation], operation: Operation, variable: str) -> None:
    raw = replace(operation, name=free_name(operation.name, operations))
    operations.update({TRAINING: training_switch(), raw.name: raw})
    operations[operation.name] = replace(
        operation, type=CONDITIONAL, inputs=(f"{TRAINING}:0", f"{raw.name}:0", f"{variable}:0"), attrs={}
    )
