"""Loops, run step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from torch import Tensor

from regraft.errors import UnsafeFile
from regraft.network.functions.tensor_arrays import READING, Rows
from regraft.network.graph import Body

# A loop goes on as long as its file says; a damaged one might for ever.
MOST_STEPS = 100_000

Value = Any  # a tensor, or the rows of an array


def stepped(
    holds: Callable[..., tuple[Tensor]],
    step: Callable[..., tuple[Value, ...]],
    states: Sequence[Value],
    given: Sequence[Value],
) -> tuple[Tensor, ...]:
    """The last value of each state of a loop.

    Args:
        holds: whether a step is done, from states and what is given; where that hangs on data and shapes only are asked
            for, one is.
        step: the next states.

    Raises:
        UnsafeFile: it does not end.
    """
    for _ in range(MOST_STEPS):
        (again,) = holds(*states, *given)
        if not again.is_meta and not bool(again):
            break
        states = step(*states, *given)
        if again.is_meta:
            break
    else:
        raise UnsafeFile("a loop of the graph does not end", expected=f"at most {MOST_STEPS} steps")
    return tuple(state.stacked() if isinstance(state, Rows) else state for state in states)


def read_by_rows(body: Body) -> set[str]:
    """What is given to a loop and read row by row."""
    sources = {node.name: next(node.refs()) for node in body.nodes if node.function == "identity"}
    arrays = {node.args[READING[node.function]].name for node in body.nodes if node.function in READING}
    while passed := arrays & sources.keys():
        arrays = arrays - passed | {sources[name] for name in passed}
    return arrays & set(body.given)
