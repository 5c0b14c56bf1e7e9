"""A `torch.export.ExportedProgram`, read into plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import fx
from torch.export import ExportedProgram
from torch.export.graph_signature import InputKind, OutputKind

from regraft.errors import UnsupportedFormat, UnsupportedOp
from regraft.formats.pytorch.program import Call, Program, Size, Source, Step, Value, first_names
from regraft.formats.pytorch.symbols import samples_of

_KINDS = {InputKind.PARAMETER: "parameter", InputKind.BUFFER: "buffer", InputKind.CONSTANT_TENSOR: "constant"}
_NOWHERE = "_empty_nn_module_stack"  # what torch notes for its own reads of sizes
_WRAPPERS = ("wrap_with_set_grad_enabled", "wrap_with_autocast")


def read_exported(exported: ExportedProgram, where: str) -> Program:
    """The steps and weights of an exported program.

    Raises:
        UnsupportedFormat: it holds objects that are no tensors, or changes its inputs or buffers.
    """
    return _Reader(exported, where).program()


class _Reader:
    def __init__(self, exported: ExportedProgram, where: str) -> None:
        self._exported = exported
        self._where = where
        self._sizes: dict[str, tuple[Size, ...]] = {}
        self._wholes: dict[str, Size] = {}
        self._dtypes: dict[str, str] = {}
        self._symbols: dict[Any, int] = {}

    def program(self) -> Program:
        weights, aliases = self._weights()
        graph = self._exported.graph_module.graph
        bound = {node: Value(node.name) for node in graph.nodes if node.op == "placeholder"}
        for node in bound:
            self._note(node, node.name)
        steps = list(self._steps(self._exported.graph_module, bound, ""))
        (end,) = (node for node in graph.nodes if node.op == "output")
        kinds = [spec.kind for spec in self._exported.graph_signature.output_specs]
        if set(kinds) - {OutputKind.USER_OUTPUT, OutputKind.BUFFER_MUTATION}:
            raise UnsupportedFormat("the program changes its inputs", where=self._where)
        flat = [out for out, kind in zip(end.args[0], kinds, strict=True) if kind == OutputKind.USER_OUTPUT]  # pyright: ignore[reportArgumentType]
        return Program(
            sources=self._sources(weights),
            steps=steps,
            outputs=[bound[node] for node in flat if isinstance(node, fx.Node)],
            sizes=self._sizes,
            wholes=self._wholes,
            dtypes=self._dtypes,
            weights=weights,
            aliases=aliases,
        )

    def _weights(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        """The values by name, each once: one that is shared goes by its first name."""
        held: dict[str, Any] = {**self._exported.state_dict, **self._exported.constants}
        strange = [name for name, value in held.items() if not isinstance(value, torch.Tensor)]
        if strange:
            raise UnsupportedFormat("the program holds an object that is no tensor", where=self._where, got=strange[0])
        firsts = first_names(
            {
                name: (value.data_ptr(), tuple(value.shape), value.stride(), value.dtype) if value.numel() else name
                for name, value in held.items()
            }
        )
        weights = {name: self._array(name, held[name]) for name, first in firsts.items() if name == first}
        return weights, {name: first for name, first in firsts.items() if name != first}

    def _array(self, name: str, value: torch.Tensor) -> np.ndarray:
        if value.dtype == torch.bfloat16:
            raise UnsupportedFormat(
                "numpy has no numbers of type bfloat16", where=f"{self._where}, {name}", fix="module.float() first"
            )
        return value.detach().cpu().contiguous().numpy()

    def _sources(self, weights: Mapping[str, np.ndarray]) -> dict[str, Source]:
        found: dict[str, Source] = {}
        for spec in self._exported.graph_signature.input_specs:
            name = getattr(spec.arg, "name", "")
            if spec.kind == InputKind.USER_INPUT:
                found[name] = Source(kind="input", name=name)
            elif spec.kind in _KINDS:
                trainable = spec.kind == InputKind.PARAMETER and spec.target in self._exported.state_dict
                trainable = trainable and self._exported.state_dict[str(spec.target)].requires_grad
                found[name] = Source(kind=_KINDS[spec.kind], name=str(spec.target), trainable=trainable)  # pyright: ignore[reportArgumentType]
            else:
                raise UnsupportedFormat("the program takes what is no tensor", where=self._where, got=str(spec))
        return found

    def _steps(self, owner: fx.GraphModule, bound: dict[fx.Node, Any], prefix: str) -> Iterator[Step]:
        for node in owner.graph.nodes:
            if node.op != "call_function" or node in bound:
                continue
            if any(name in str(node.target) for name in _WRAPPERS):
                yield from self._inner(owner, node, bound, prefix)
                continue
            name = prefix + node.name
            bound[node] = Value(name)
            self._note(node, name)
            yield Step(
                name=name,
                target=_target(node.target),
                args=tuple(self._read(arg, bound) for arg in node.args),
                kwargs={key: self._read(value, bound) for key, value in node.kwargs.items()},
                calls=_calls(node),
            )

    def _inner(self, owner: fx.GraphModule, node: fx.Node, bound: dict[fx.Node, Any], prefix: str) -> Iterator[Step]:
        """The steps of a part that runs without gradients, or in another precision."""
        place = next(k for k, arg in enumerate(node.args) if isinstance(arg, fx.Node) and arg.op == "get_attr")
        part: Any = owner.get_submodule(str(node.args[place].target))  # pyright: ignore[reportOptionalMemberAccess, reportAttributeAccessIssue]
        said = node.args[:place]
        if "autocast" in str(node.target) and said[2] is not False:
            raise UnsupportedOp("a part of the model runs in another precision (autocast)", where=self._where)
        given = [bound[arg] if isinstance(arg, fx.Node) else arg for arg in node.args[place + 1 :]]
        holes = [inner for inner in part.graph.nodes if inner.op == "placeholder"]
        inside: dict[fx.Node, Any] = dict(zip(holes, given, strict=True))
        yield from self._steps(part, inside, f"{prefix}{node.name}.")
        (end,) = (inner for inner in part.graph.nodes if inner.op == "output")
        results = [self._read(result, inside) for result in end.args[0]]
        if "grad" in str(node.target) and said[0] is False:
            for index, result in enumerate(results):
                name = f"{prefix}{node.name}.detach{index}"
                yield Step(name=name, target="aten.detach.default", args=(result,), calls=_calls(node))
                self._sizes[name], self._dtypes[name] = self._sizes[result.name], self._dtypes[result.name]
                results[index] = Value(name)
        for user in node.users:
            if _target(user.target) == "operator.getitem":
                bound[user] = results[user.args[1]]  # pyright: ignore[reportArgumentType, reportCallIssue]
        bound[node] = results[0] if len(results) == 1 else tuple(results)

    def _read(self, value: Any, bound: Mapping[fx.Node, Any]) -> Any:
        if isinstance(value, fx.Node):
            return bound[value]
        if isinstance(value, list | tuple):
            return tuple(self._read(item, bound) for item in value)
        if isinstance(value, torch.dtype):
            return str(value).removeprefix("torch.")
        if value is None or isinstance(value, bool | int | float | str):
            return value
        return None if isinstance(value, torch.device | torch.layout | torch.memory_format) else str(value)

    def _note(self, node: fx.Node, name: str) -> None:
        """Keep what is known of the value a node gives."""
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor):
            self._sizes[name] = tuple(samples_of(size, self._symbols) for size in value.shape)
            self._dtypes[name] = str(value.dtype).removeprefix("torch.")
        elif isinstance(value, torch.SymInt):
            self._wholes[name] = samples_of(value, self._symbols)
        elif isinstance(value, torch.SymFloat | torch.SymBool):
            self._wholes[name] = ()


def _target(target: Any) -> str:
    name = str(target)
    if name.startswith(("aten.", "prim.")):
        return name
    module = getattr(target, "__module__", "")
    return f"{'operator' if module == '_operator' else module}.{getattr(target, '__name__', name)}"


def _calls(node: fx.Node) -> tuple[Call, ...]:
    stack: dict[str, tuple[str, Any]] = node.meta.get("nn_module_stack") or {}
    return tuple(Call(key, path, str(kind)) for key, (path, kind) in stack.items() if not path.startswith(_NOWHERE))
