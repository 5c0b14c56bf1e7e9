"""Which tensors share their numbers, and operations that write into one: each gets a twin that makes a new tensor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

from regraft.errors import UnsupportedOp
from regraft.formats.pytorch.program import Program, Step, Value, values_in
from regraft.network.functions import FUNCTIONS

if TYPE_CHECKING:
    from regraft.formats.pytorch.conversion import Conversion

# What a slice or a place of a tensor is put back with, when it was written to.
_BACK = {"aten.slice.Tensor": "aten.slice_scatter.default", "aten.select.int": "aten.select_scatter.default"}
_TWINS = {"aten.to.device": "aten.to.dtype", "aten.to.prim_Device": "aten.to.dtype"}
_MAY_SHARE = frozenset({"aten.dropout.default", "aten.feature_dropout.default", "aten.alpha_dropout.default"})


class Storage:
    """Who shares numbers with whom in a program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._viewed: dict[str, str] = {}  # a value -> the one it is a view of
        self._steps: dict[str, Step] = {}
        self._last_read: dict[str, int] = {}
        self._made_at: dict[str, int] = {}
        for position, step in enumerate(program.steps):
            self._steps[step.name] = step
            self._made_at[step.name] = position
            for value in step.reads():
                self._last_read[value.name] = position
            source = self._source(step)
            if source is not None:
                self._viewed[step.name] = source
        for value in program.outputs:
            self._last_read[value.name] = len(program.steps)

    def operation(self, step: Step) -> tuple[Any, str]:
        """The operation of a step, and the name of its twin that writes into nothing.

        Raises:
            UnsupportedOp: regraft does not know it.
        """
        target = _TWINS.get(step.target, step.target)
        if _writes(target):
            _, name, form = target.split(".")
            target = f"aten.{name.removesuffix('_')}.{form}"
        if target not in FUNCTIONS or not target.startswith("aten."):
            raise UnsupportedOp(step.target)
        return overload_of(step.target), target

    def written(self, step: Step) -> str | None:
        """The value a step writes into; None where it makes a new one."""
        into = step.args[0] if _writes(step.target) else None
        return into.name if isinstance(into, Value) else None

    def write(self, into: Conversion, step: Step, written: str, position: int) -> None:
        """After a step has written: what held the old numbers holds the new ones.

        Raises:
            UnsupportedOp: another view of the same numbers is read later, which would show the change.
        """
        changed = {step.name, written}
        result = into.ref(Value(step.name))
        into.rebind(written, result)
        for part, base in self._shown_above(written, position):
            origin = self._steps[part]
            args = into.take(origin.args[1:], (Value(base),))
            result = into.emit(f"{into.name(step)}/{base}", _BACK[origin.target], into.ref(Value(base)), result, *args)
            into.rebind(base, result)
            changed |= {base}
        root = self._root(written)
        for name in (*self._steps, *self._program.sources):
            older = self._made_at.get(name, -1) < position
            if older and name not in changed and self._root(name) == root and self._is_read_later(name, position):
                raise UnsupportedOp(f"{step.target} into a tensor that another one, {into.label(name)}, shows")

    def _shown_above(self, written: str, position: int) -> list[tuple[str, str]]:
        """The (part, whole) pairs from a slice that is written to up to the highest whole that is read later."""
        pairs: list[tuple[str, str]] = []
        part = written
        while part in self._viewed and self._steps[part].target in _BACK:
            pairs.append((part, self._viewed[part]))
            part = self._viewed[part]
        while pairs and not self._is_read_later(pairs[-1][1], position):
            pairs.pop()
        return pairs

    def _is_read_later(self, name: str, position: int) -> bool:
        return self._last_read.get(name, -1) > position

    def _root(self, name: str) -> str:
        while name in self._viewed:
            name = self._viewed[name]
        return name

    def _source(self, step: Step) -> str | None:
        """The value a step's result may share its numbers with."""
        values = list(values_in(step.args[:1]))
        if not values:
            return None
        if step.target == "operator.getitem" or step.target in _MAY_SHARE or _writes(step.target):
            return values[0].name
        if not step.target.startswith("aten."):
            return None
        _, name, form = step.target.split(".")
        packet = getattr(torch.ops.aten, name, None)
        overload = getattr(packet, form, None)
        if overload is None or not any(result.alias_info for result in overload._schema.returns):
            return None
        return values[0].name


def overload_of(target: str) -> Any:
    """Torch's own operation of that name."""
    _, name, form = target.split(".")
    return getattr(getattr(torch.ops.aten, name), form)


def _writes(target: str) -> bool:
    name = target.split(".")[1] if target.startswith("aten.") else ""
    return name.endswith("_") and not name.endswith("__")
