"""The JSON document of an exported program, read into plain data."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from regraft.errors import RegraftError, UnsupportedFormat, UnsupportedOp
from regraft.formats.pytorch.archive import DTYPES, Archive
from regraft.formats.pytorch.program import Call, Program, Size, Source, Step, Value, first_names
from regraft.formats.pytorch.symbols import samples_of_text

_ATEN = re.compile(r"torch\.ops\.(aten\.\w+\.\w+)")
_WRAPPERS = ("wrap_with_set_grad_enabled", "wrap_with_autocast")
_NAMES = "extra/regraft.json"  # what `regraft export` adds: the names of the source
_KEYWORD = 2
_DEEP = 20  # parts within parts


def read_archive(archive: Archive) -> Program:
    """The program in an archive.

    Raises:
        UnreadableFile: it is damaged.
        UnsupportedFormat: it holds objects that are no tensors, or changes its inputs.
    """
    try:
        return _Reader(archive).program()
    except RegraftError:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError) as error:
        raise archive.damaged(f"{type(error).__name__}: {error}") from error


class _Reader:
    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._where = archive.where
        self._sizes: dict[str, tuple[Size, ...]] = {}
        self._wholes: dict[str, Size] = {}
        self._dtypes: dict[str, str] = {}
        self._symbols: dict[str, int] = {}

    def program(self) -> Program:
        module = self._archive.program()["graph_module"]
        weights, aliases = self._weights()
        sources = dict(map(self._source, module["signature"]["input_specs"]))
        self._note(module["graph"], "")
        steps = list(self._steps(module["graph"], {}, "", 0))
        outputs = [spec["user_output"]["arg"] for spec in module["signature"]["output_specs"] if self._given(spec)]
        program = Program(
            sources=sources,
            steps=steps,
            outputs=[Value(str(arg["as_tensor"]["name"])) for arg in outputs if "as_tensor" in arg],
            sizes=self._sizes,
            wholes=self._wholes,
            dtypes=self._dtypes,
            weights=weights,
            aliases=aliases,
        )
        self._check(program)
        if self._archive.has(_NAMES):
            _rename(program, self._archive.document(_NAMES))
        return program

    def _check(self, program: Program) -> None:
        """Every value is made before it is read, every weight is there."""
        known = set(program.sources)
        for step in program.steps:
            for value in step.reads():
                if value.name not in known:
                    raise ValueError(f"{step.name} reads {value.name}, which is not computed before it")
            if step.name in known:
                raise ValueError(f"{step.name} is computed twice")
            known.add(step.name)
        missing = [value.name for value in program.outputs if value.name not in known]
        missing += [
            source.name
            for source in program.sources.values()
            if source.kind != "input" and program.aliases.get(source.name, source.name) not in program.weights
        ]
        missing += [name for name, s in program.sources.items() if s.kind == "input" and name not in program.sizes]
        if missing:
            raise ValueError(f"there is no {', '.join(missing[:3])}")

    def _weights(self) -> tuple[dict[str, np.ndarray], dict[str, str]]:
        held = {**self._archive.arrays("weights"), **self._archive.arrays("constants")}
        firsts = first_names(
            {
                name: (value.ctypes.data, value.shape, value.strides, value.dtype.str) if value.size else name
                for name, value in held.items()
            }
        )
        weights = {name: held[name] for name, first in firsts.items() if name == first}
        aliases = {name: first for name, first in firsts.items() if name != first}
        return weights, aliases

    def _source(self, spec: Mapping[str, Any]) -> tuple[str, Source]:
        ((kind, said),) = spec.items()
        match kind:
            case "parameter":
                return said["arg"]["name"], Source(kind="parameter", name=said["parameter_name"], trainable=True)
            case "buffer":
                return said["arg"]["name"], Source(kind="buffer", name=said["buffer_name"])
            case "tensor_constant":
                return said["arg"]["name"], Source(kind="constant", name=said["tensor_constant_name"])
            case "user_input" if "as_tensor" in said["arg"]:
                name = said["arg"]["as_tensor"]["name"]
                return name, Source(kind="input", name=name)
            case _:
                raise UnsupportedFormat("the program takes what is no tensor", where=self._where, got=str(spec)[:200])

    def _given(self, spec: Mapping[str, Any]) -> bool:
        if "user_output" in spec:
            return True
        if "buffer_mutation" in spec:
            return False
        raise UnsupportedFormat("the program changes its inputs", where=self._where, got=str(spec)[:200])

    def _note(self, graph: Mapping[str, Any], prefix: str) -> None:
        """Keep what the document says of sizes and types."""
        for name, meta in graph["tensor_values"].items():
            self._sizes.setdefault(prefix + name, tuple(self._size(size) for size in meta["sizes"]))
            self._dtypes.setdefault(prefix + name, DTYPES[meta["dtype"]])
        for name, size in graph["sym_int_values"].items():
            self._wholes[prefix + name] = self._size(size)
        for name in (*graph.get("sym_bool_values", ()), *graph.get("sym_float_values", ())):
            self._wholes[prefix + name] = ()

    def _size(self, size: Mapping[str, Any]) -> Size:
        if "as_int" in size:
            return int(size["as_int"])
        return samples_of_text(str(size["as_expr"]["expr_str"]), self._symbols, self._where)

    def _steps(self, graph: Mapping[str, Any], bound: dict[str, Any], prefix: str, depth: int) -> Iterator[Step]:
        """The steps of a graph; `bound` holds what its own names stand for where it is a part of another."""
        for node in graph["nodes"]:
            target = str(node["target"])
            if any(name in target for name in _WRAPPERS):
                yield from self._inner(node, bound, prefix, depth)
                continue
            args = [self._argument(given["arg"], bound, prefix) for given in node["inputs"]]
            pairs = list(zip(node["inputs"], args, strict=True))
            positional = tuple(value for given, value in pairs if given.get("kind") != _KEYWORD)
            named = {str(given["name"]): value for given, value in pairs if given.get("kind") == _KEYWORD}
            yield from self._made(node, _target(target), positional, named, prefix)

    def _made(
        self, node: Mapping[str, Any], target: str, args: tuple[Any, ...], kwargs: Mapping[str, Any], prefix: str
    ) -> Iterator[Step]:
        """A step, and where it gives several values the steps that take them apart."""
        calls = _calls(str(node["metadata"].get("nn_module_stack") or ""))
        names = [prefix + name for given in node["outputs"] for name in _given_names(given)]
        listed = any(not isinstance(held, Mapping) for given in node["outputs"] for held in given.values())
        if len(names) == 1 and not listed:
            yield Step(name=names[0], target=target, args=args, kwargs=kwargs, calls=calls)
            return
        whole = f"{prefix}{node.get('name') or names[0]}'s"
        yield Step(name=whole, target=target, args=args, kwargs=kwargs, calls=calls)
        for index, name in enumerate(names):
            yield Step(name=name, target="operator.getitem", args=(Value(whole), index), calls=calls)

    def _inner(self, node: Mapping[str, Any], bound: dict[str, Any], prefix: str, depth: int) -> Iterator[Step]:
        """The steps of a part that runs without gradients, or in another precision."""
        given = [item["arg"] for item in node["inputs"]]
        place = next(k for k, arg in enumerate(given) if "as_graph" in arg)
        if depth > _DEEP or ("autocast" in node["target"] and given[2] != {"as_bool": False}):
            raise UnsupportedOp("a part of the model runs in another precision (autocast)", where=self._where)
        part, inside = given[place]["as_graph"]["graph"], f"{prefix}{given[place]['as_graph']['name']}."
        self._note(part, inside)
        holes = [name for item in part["inputs"] for name in _given_names(item)]
        values = [self._argument(arg, bound, prefix) for arg in given[place + 1 :]]
        held = dict(zip(holes, values, strict=True))
        yield from self._steps(part, held, inside, depth + 1)
        results = [self._argument(item, held, inside) for item in part["outputs"]]
        if "grad" in node["target"] and given[0] == {"as_bool": False}:
            for index, result in enumerate(results):
                name = f"{prefix}{node['name']}.detach{index}"
                calls = _calls(str(node["metadata"].get("nn_module_stack") or ""))
                yield Step(name=name, target="aten.detach.default", args=(result,), calls=calls)
                self._sizes[name], self._dtypes[name] = self._sizes[result.name], self._dtypes[result.name]
                results[index] = Value(name)
        names = [name for item in node["outputs"] for name in _given_names(item)]
        bound |= dict(zip(names, results, strict=True))

    def _argument(self, arg: Mapping[str, Any], bound: Mapping[str, Any], prefix: str) -> Any:
        kind: str
        value: Any
        ((kind, value),) = arg.items()

        def named(name: str) -> Any:
            return bound[name] if name in bound else Value(prefix + name)

        match kind:
            case "as_none":
                return None
            case "as_tensor" | "as_optional_tensor" if "name" in value:
                return named(value["name"])
            case "as_optional_tensor" | "as_sym_int" | "as_sym_float" | "as_sym_bool":
                return named(value["as_name"]) if "as_name" in value else self._argument(value, bound, prefix)
            case "as_tensors":
                return tuple(named(item["name"]) for item in value)
            case "as_sym_ints" | "as_optional_tensors":
                return tuple(self._argument(_plain(item), bound, prefix) for item in value)
            case "as_name":
                return named(value)
            case "as_scalar_type":
                return DTYPES[value]
            case "as_memory_format" | "as_layout" | "as_device":
                return None
            case "as_int" | "as_float" | "as_bool" | "as_string" if isinstance(value, bool | int | float | str):
                return value
            case "as_ints" | "as_floats" | "as_bools" | "as_strings":
                return tuple(value)
            case _:
                raise UnsupportedFormat("the program holds a kind of value regraft does not know", got=kind)


def _plain(item: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"as_tensor": item["as_tensor"]} if "as_tensor" in item else item


def _given_names(given: Mapping[str, Any]) -> list[str]:
    """The names of what an operation gives."""
    ((kind, held),) = given.items()
    if kind in ("as_tensor", "as_optional_tensor") and "name" in held:
        return [str(held["name"])]
    if kind in ("as_sym_int", "as_sym_bool", "as_sym_float"):
        return [str(held["as_name"])]
    if kind in ("as_tensors", "as_sym_ints"):
        return [str(item.get("name", item.get("as_name"))) for item in held]
    if kind == "as_none":
        return []
    raise UnsupportedFormat("an operation of the program gives a kind of value regraft does not know", got=kind)


def _target(target: str) -> str:
    found = _ATEN.fullmatch(target)
    return found[1] if found else target.replace("_operator.", "operator.", 1)


def _calls(stack: str) -> tuple[Call, ...]:
    parts = [part.split(",", 2) for part in stack.split(";") if part.count(",") >= 2]
    return tuple(Call(key, path, kind) for key, path, kind in parts if not path.startswith("_empty_nn_module_stack"))


def _rename(program: Program, names: Mapping[str, Any]) -> None:
    """Give inputs, outputs and parameters the names `regraft export` noted beside the program."""
    parameters: Mapping[str, str] = names.get("parameters") or {}
    inputs: Sequence[str] = names.get("inputs") or ()
    fed = [name for name, source in program.sources.items() if source.kind == "input"]
    renamed = dict(zip(fed, map(str, inputs), strict=False))
    for name, source in program.sources.items():
        kind: Literal["parameter", "buffer", "constant", "input"] = source.kind
        known = renamed.get(name) if kind == "input" else parameters.get(source.name)
        if known:
            program.sources[name] = Source(kind=kind, name=str(known), trainable=source.trainable)
    program.weights = {str(parameters.get(name, name)): value for name, value in program.weights.items()}
    program.aliases = {parameters.get(a, a): parameters.get(b, b) for a, b in program.aliases.items()}
    for value, name in zip(program.outputs, names.get("outputs") or (), strict=False):
        program.names[value.name] = str(name)
