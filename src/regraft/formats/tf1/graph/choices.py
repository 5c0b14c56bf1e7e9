"""Select with a scalar predicate: a conditional written as an operation that computes both sides.

Graphs that regraft exports are of this form, and so is `tf.where(is_training, ...)`. SelectV2 is not: it gives both
sides one shape, which a conditional does not.
"""

from __future__ import annotations

from dataclasses import replace

from regraft.formats.tf1.graph.pipelines import placeholder
from regraft.formats.tf1.graph.source import CONDITIONAL, PASSING, PLACEHOLDERS, Flow, operation_of

_LOGIC = ("Identity", "LogicalNot", PASSING)


def resolved(flow: Flow, producer: int) -> Flow:
    """The flow with these operations as conditionals; what they choose from runs under their condition.

    Args:
        producer: the version of the graph's format: old ones tell no scalar from a tensor of any shape.
    """
    found = dict(flow.operations)
    for operation in flow.operations.values():
        if operation.type != "Select" or len(operation.inputs) != 3:
            continue
        predicate, on_true, on_false = operation.inputs
        if not _is_scalar(flow, predicate, producer):
            continue
        found[operation.name] = replace(operation, type=CONDITIONAL, attrs={})
        for tensor, side in ((on_true, True), (on_false, False)):
            chosen = found[operation_of(tensor)]
            found[chosen.name] = replace(chosen, guards={**chosen.guards, predicate: side})
    return Flow(found, flow.where, flow.given)


def _is_scalar(flow: Flow, predicate: str, producer: int) -> bool:
    source = flow.of(flow.through(predicate, _LOGIC))
    return source.type in PLACEHOLDERS and placeholder(source, producer).shape == ()
