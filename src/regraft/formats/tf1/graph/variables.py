"""Variables of a graph: which are trained, and where a checkpoint keeps their values."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from typing import Any

import numpy as np

from regraft.errors import ShapeMismatch, UnreadableFile, UnsupportedFormat
from regraft.formats.tf1 import protos
from regraft.formats.tf1.graph.constants import Array, attribute_of
from regraft.formats.tf1.graph.source import (
    PASSING,
    VARIABLES,
    Flow,
    Operation,
    Source,
    full_name,
    index_of,
    operation_of,
)
from regraft.network.graph import Slice
from regraft.network.naming import whole_of

_COPIES = ("Identity", "RefIdentity", "ReadVariableOp", PASSING)
_ASSIGNS = ("Assign", "AssignVariableOp")
_RESTORES = ("RestoreV2", "Restore", "RestoreSlice")

# Variables that no gradient moves, where the file does not list the trained ones.
_UNTRAINED = re.compile(
    r"(^|/)(moving_(mean|variance|var|avg|average)|running_(mean|var|variance)|pop(ulation)?_(mean|var|variance)"
    r"|(global|local)_step|beta[12]_power|ExponentialMovingAverage|Adam(_1)?|Momentum|RMSProp(_\d)?|Adagrad|biased)"
    r"(_\d+)?(/|$)"
)


def looks_trained(name: str) -> bool:
    """Whether a variable of this name usually is a weight: no moving average, counter or optimizer slot."""
    return not _UNTRAINED.search(name)


def variable_of(flow: Flow, tensor: str) -> str | None:
    """The variable (by operation name) a tensor is a plain copy of."""
    source = operation_of(flow.through(tensor, _COPIES))
    return source if flow.operations[source].type in VARIABLES else None


def collected_variables(source: Source, key: str) -> dict[str, Any]:
    """The VariableDefs of a collection, by the variable's operation name; in old files they are names only."""
    collection = source.collections.get(key)
    if collection is None:
        return {}
    where = f"{source.where}, collection {key}"
    parsed = [protos.parse("VariableDef", data, where) for data in collection.bytes_list.value]
    found = {operation_of(full_name(variable.variable_name)): variable for variable in parsed}
    return found | {operation_of(full_name(name)): None for name in collection.node_list.value}


def trained(source: Source) -> set[str] | None:
    """Names of the trained variables; None where the file does not say."""
    return set(collected_variables(source, "trainable_variables")) or None


class Key:
    """Where a checkpoint keeps a variable: the name of an entry, and which part of it (None: all)."""

    def __init__(self, name: str, region: tuple[slice, ...] | None = None) -> None:
        self.name = name
        self.region = region


def keys(source: Source) -> dict[str, Key]:
    """The checkpoint's key of each variable, as the graph's own Saver restores it.

    A Saver may rename ({"old name": variable}), put moving averages in place of the weights, and keep the
    parts of a partitioned variable as slices of one entry.
    """
    found: dict[str, Key] = {}
    for name, variable in collected_variables(source, "variables").items():
        if variable is not None and variable.save_slice_info_def.full_name:
            info = variable.save_slice_info_def
            region = tuple(slice(at, at + size) for at, size in zip(info.var_offset, info.var_shape, strict=False))
            found[name] = Key(info.full_name, region)
    flow = Flow(source.operations, source.where)
    restores: dict[str, list[Key]] = {}
    for assign in _restoring(source):
        if assign.type in _ASSIGNS and len(assign.inputs) > 1:
            variable = variable_of(flow, assign.inputs[0])
            restored = flow.through(assign.inputs[1], ("Identity", "Reshape"))
            restore = flow.of(restored)
            if restore.name not in restores:
                restores[restore.name] = _restored(flow, restore)
            if variable and index_of(restored) < len(restores[restore.name]):
                found[variable] = restores[restore.name][index_of(restored)]
    return found


def _restoring(source: Source) -> Iterator[Operation]:
    """The operations the Saver's restore operation waits for."""
    waiting = [source.saver.restore_op_name] if source.saver else []
    seen: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in source.operations and name not in seen:
            seen.add(name)
            yield source.operations[name]
            waiting.extend(source.operations[name].controls)


def _restored(flow: Flow, restore: Operation) -> list[Key]:
    """What an operation restores, if it is one that does."""
    if restore.type not in _RESTORES or len(restore.inputs) < 2:
        return []
    names = _texts(flow, restore.inputs[1])
    regions = _texts(flow, restore.inputs[-1]) if restore.type != "Restore" else []
    return [Key(name, _region(region)) for name, region in zip_longest(names, regions[: len(names)], fillvalue="")]


def _texts(flow: Flow, tensor: str) -> list[str]:
    operation = flow.of(tensor)
    if operation.type != "Const" or "value" not in operation.attrs:
        return []
    values = flow.value(operation)
    return [value.decode("utf-8", "replace") for value in values.ravel()] if values.dtype == object else []


def _region(text: str) -> tuple[slice, ...] | None:
    """The part a saved slice takes: "784 300 0,392:-" is rows 0 to 391 of a (784, 300) variable; "" is all."""
    *_, extents = text.rsplit(" ", 1)
    if not text:
        return None
    found: list[slice] = []
    for extent in extents.split(":"):
        start, _, length = extent.partition(",")
        if extent == "-":
            found.append(slice(None))
        elif start.isdecimal() and length.isdecimal():
            found.append(slice(int(start), int(start) + int(length)))
        else:
            return None
    return tuple(found)


class Variables:
    """The values of a graph's variables.

    Args:
        source: the graph.
        checkpoint: entries by key; None where there is no checkpoint.
    """

    def __init__(self, source: Source, checkpoint: Mapping[str, Array] | None) -> None:
        self._source = source
        self._checkpoint = checkpoint
        self._keys = keys(source)
        self._trained = trained(source)

    def __contains__(self, name: str) -> bool:
        return self._key(name) is not None

    def get(self, name: str) -> Array | None:
        """The value of a variable, None where the checkpoint has none."""
        key = self._key(name)
        if key is None or self._checkpoint is None:
            return None
        value = self._checkpoint[key.name]
        return value if key.region is None else _part(value, key)

    def slices(self, names: Iterable[str]) -> dict[str, Slice]:
        """Which of these variables are parts of a partitioned one.

        The whole is called as its parts are ("deep/w/part_0"), as TensorFlow does, even if the file's Saver renames it.
        """
        found: dict[str, Slice] = {}
        for name in names:
            key = self._key(name)
            if key is not None and key.region is not None and self._checkpoint is not None:
                offset = tuple(part.start or 0 for part in key.region)
                whole = whole_of(name) or key.name
                found[name] = Slice(whole=whole, shape=self._checkpoint[key.name].shape, offset=offset)
        return found

    def is_trainable(self, name: str) -> bool:
        """Whether a gradient may move this variable."""
        value = self.get(name)
        if value is None or value.dtype.kind != "f":
            return False
        return name in self._trained if self._trained is not None else looks_trained(name)

    def values(self) -> dict[str, Array]:
        """Every number the checkpoint holds, once: under the names of the graph's variables where these differ."""
        renamed = {name: value for name in self._keys if (value := self.get(name)) is not None}
        taken = {key.name for name in renamed if (key := self._key(name))} - set(renamed) - set(self._source.operations)
        entries = {name: value for name, value in readable(self._checkpoint or {}) if value.dtype.kind != "O"}
        return {name: value for name, value in entries.items() if name not in taken} | renamed

    def require(self, names: Iterable[str]) -> None:
        """Check that these variables have values that fit.

        Raises:
            UnreadableFile: some have none.
            ShapeMismatch: some have another shape than the graph says.
        """
        names = list(dict.fromkeys(names))
        missing = [name for name in names if name not in self]
        if missing:
            raise _without_values(self._source, missing, self._checkpoint)
        _require_shapes(self._source, {name: value for name in names if (value := self.get(name)) is not None})

    def _key(self, name: str) -> Key | None:
        """The variable's entry: as the Saver says, else under its own name."""
        for key in (self._keys.get(name), Key(name)):
            if key is not None and self._checkpoint is not None and key.name in self._checkpoint:
                return key
        return None


def readable(checkpoint: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    """All entries but those of kinds that are no numbers (resources, variants)."""
    for name in checkpoint:
        try:
            yield name, checkpoint[name]
        except UnsupportedFormat:
            continue


def collected_names(source: Source) -> dict[str, tuple[str, ...]]:
    """The file's collections that are lists of names: of tensors, operations or variables."""
    found: dict[str, tuple[str, ...]] = {}
    for key, collection in source.collections.items():
        if collection.node_list.value:
            found[key] = tuple(collection.node_list.value)
        elif key.endswith("variables") or key == "global_step":
            found[key] = tuple(f"{name}:0" for name in collected_variables(source, key))
    return found


def _part(value: Array, key: Key) -> Array:
    region = key.region or ()
    fits = len(region) == value.ndim and all(
        part.stop is None or part.stop <= n for part, n in zip(region, value.shape, strict=True)
    )
    if not fits:
        raise ShapeMismatch(f"the checkpoint's {key.name} has no such part", expected=str(region), got=str(value.shape))
    return value[region]


def _without_values(source: Source, missing: list[str], checkpoint: Mapping[str, Array] | None) -> UnreadableFile:
    named = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    if checkpoint is None:
        return UnreadableFile(
            f"the graph holds {len(missing)} variables but not their values",
            where=source.where,
            got=named,
            fix="give the checkpoint: put its .index and .data files beside the graph under the same name, "
            "or open the checkpoint itself",
        )
    return UnreadableFile(
        f"the checkpoint has no value for {len(missing)} variables of the graph",
        where=source.where,
        expected=named,
        got=f"{len(checkpoint)} entries, first: {', '.join(list(checkpoint)[:5])}",
        fix="open the graph with the checkpoint that was saved with it",
    )


def _require_shapes(source: Source, values: Mapping[str, Array]) -> None:
    wrong: list[str] = []
    for name, value in values.items():
        attr = source.operations[name].attrs.get("shape") if name in source.operations else None
        shape = attribute_of(attr) if attr is not None else None
        # Old files write a variable of unknown shape as one without dimensions.
        if shape and (
            len(shape) != value.ndim or any(a not in (None, b) for a, b in zip(shape, value.shape, strict=True))
        ):
            wrong.append(f"{name} {shape} in the graph, {value.shape} in the checkpoint")
    if wrong:
        raise ShapeMismatch(
            f"graph and checkpoint do not belong together: {len(wrong)} shapes differ",
            where=source.where,
            got="; ".join(wrong[:5]),
            fix="open the graph with the checkpoint that was saved with it",
        )


def as_number(value: Array) -> float:
    """The only number of a scalar value."""
    return float(np.asarray(value).reshape(-1)[0])
