"""Arguments of operations in the form a graph keeps them, and sizes that follow what is fed.

A trace asks the input for its batch and carries the number to wherever a tensor is given a new shape. A network that
can be cut asks the tensor at hand instead: it has the same batch.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any

from regraft.errors import UnsupportedOp
from regraft.formats.pytorch.program import Size, Step, Value, values_in
from regraft.formats.pytorch.storage import overload_of
from regraft.network.functions import FUNCTIONS
from regraft.network.functions.aten import said
from regraft.network.graph import Ref

if TYPE_CHECKING:
    from regraft.formats.pytorch.conversion import Conversion

_SHAPED = frozenset({"aten.view.default", "aten.reshape.default", "aten._unsafe_view.default"})
_EXPANDED = "aten.expand.default"
_LOOK_BACK = 200  # steps: what was computed just before is on the way of the data


class Sizes:
    """Whole numbers of one program, made where they are read."""

    def __init__(self, conversion: Conversion) -> None:
        self._into = conversion
        self._program = conversion.program
        self._steps = {step.name: step for step in self._program.steps}
        self._made: dict[Any, Ref | int] = {}

    def arguments(self, step: Step, operation: Any, target: str) -> tuple[Any, ...]:
        """What a node of the function `target` says by position, defaults at the end left out."""
        overload = overload_of(target)
        schema = operation._schema.arguments
        given = dict(zip((argument.name for argument in schema), step.args, strict=False)) | dict(step.kwargs)
        if target in _SHAPED:
            given |= self._shape(step, given, "shape" if "shape" in given else "size")
        elif target == _EXPANDED:
            given |= self._expanded(step, given)
        near = tuple(value for value in values_in(given.values()) if value.name in self._program.sizes)
        wanted = said(overload)
        values = [
            self._into.take(given[argument.name], near) if argument.name in given else argument.default_value
            for argument in wanted
        ]
        while (
            values and wanted[len(values) - 1].has_default_value() and _is_default(wanted[len(values) - 1], values[-1])
        ):
            values.pop()
        return tuple(tuple(value) if isinstance(value, list) else value for value in values)

    def whole(self, name: str, near: tuple[Value, ...]) -> Any:
        """A number that a step of the program computes."""
        size = self._program.wholes[name]
        if isinstance(size, int):
            return size
        beside = [Value(side) for side in self._into.side if side in self._program.sizes]
        before = (Value(made) for made in reversed(self._into.given[-_LOOK_BACK:]))
        for value in (*near, *beside, *before):
            found = self._from_tensor(size, value) if size else None
            if found is not None:
                return found
        return self._computed(self._steps[name], near)

    def _shape(self, step: Step, given: dict[str, Any], key: str) -> dict[str, Any]:
        """The new shape, with -1 for its only free dimension."""
        sizes = self._program.sizes[step.name]
        free = [size for size in sizes if not isinstance(size, int)]
        if len(free) > 1:
            return {key: tuple(s if isinstance(s, int) else given[key][k] for k, s in enumerate(sizes))}
        return {key: tuple(size if isinstance(size, int) else -1 for size in sizes)}

    def _expanded(self, step: Step, given: dict[str, Any]) -> dict[str, Any]:
        """The new shape, with -1 for dimensions that stay."""
        old, new = self._program.sizes[given["self"].name], self._program.sizes[step.name]
        before = (None,) * (len(new) - len(old)) + tuple(old)
        pairs = zip(before, new, given["size"], strict=True)
        return {"size": tuple(-1 if was == now else now if isinstance(now, int) else said for was, now, said in pairs)}

    def _from_tensor(self, wanted: Size, tensor: Value) -> Any:
        """The number from a size of a tensor: one that is the same, else one it is a simple multiple of."""
        if not isinstance(wanted, tuple):
            return None
        ratios = [
            (_ratio(wanted, size), dim)
            for dim, size in enumerate(self._program.sizes[tensor.name])
            if isinstance(size, tuple)
        ]
        found = sorted(((r, dim) for r, dim in ratios if r), key=lambda pair: (pair[0] != 1, pair[1]))
        for ratio, dim in found:
            if ratio.numerator == 1 or ratio.denominator == 1:
                return self._scaled(tensor, dim, ratio)
        return None

    def _scaled(self, tensor: Value, dim: int, ratio: Fraction) -> Any:
        source = self._into.ref(tensor)
        key = (source.name, dim, ratio)
        if key not in self._made:
            name = f"{source.name}/size{dim}"
            size = self._into.emit(name, "aten.sym_size.int", source, dim)
            if ratio.denominator > 1:
                size = self._into.emit(f"{name}/{ratio.denominator}", "operator.floordiv", size, ratio.denominator)
            elif ratio.numerator > 1:
                size = self._into.emit(f"{name}*{ratio.numerator}", "operator.mul", size, ratio.numerator)
            self._made[key] = size
        return self._made[key]

    def _computed(self, step: Step, near: tuple[Value, ...]) -> Any:
        """The number as the program computes it."""
        if step.name not in self._made:
            function = "aten.sym_size.int" if step.target == "aten.sym_size.int" else _ARITHMETIC.get(step.target)
            if function not in FUNCTIONS:
                raise UnsupportedOp(f"a size made by {step.target}")
            own = tuple(value for value in values_in(step.args) if value.name in self._program.sizes)
            args = tuple(self._into.take(arg, own or near) for arg in step.args)
            self._made[step.name] = self._into.emit(self._into.name(step), function, *args)
        return self._made[step.name]


_ARITHMETIC = {
    **{f"operator.{name}": f"operator.{name}" for name in ("add", "sub", "mul", "floordiv", "truediv", "mod", "neg")},
    "torch.sym_max": "sym.max",
    "torch.sym_min": "sym.min",
    "torch.sym_float": "sym.float",
}


def _ratio(wanted: tuple[int, ...], have: tuple[int, ...]) -> Fraction | None:
    """Wanted / have where it is one number in all samples."""
    ratios = {Fraction(a, b) for a, b in zip(wanted, have, strict=True) if b}
    return ratios.pop() if len(ratios) == 1 else None


def _is_default(argument: Any, value: Any) -> bool:
    default = argument.default_value
    default = tuple(default) if isinstance(default, list) else default
    return type(default) is type(value) and default == value
