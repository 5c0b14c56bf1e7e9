"""Partitioned variables as TensorFlow's Saver keeps them: all parts together, under the name of the whole."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from regraft.errors import UnreadableFile
from regraft.formats.tf1.checkpoint.mapped import Array
from regraft.formats.tf1.checkpoint.partitions import Entry, Part, assemble, check_cover
from regraft.network import GraphNetwork, Slice

_Group = dict[str, tuple[Slice, Array]]  # by the name of the part


def partitioned(network: GraphNetwork) -> dict[str, Slice]:
    """The parameters that are saved as parts of a whole: those whose other parts are there too."""
    groups: dict[str, _Group] = {}
    for name, part in network.graph.slices.items():
        if name in network.parameters:
            groups.setdefault(part.whole, {})[name] = part, network.parameters[name].value
    free = {whole: group for whole, group in groups.items() if whole not in network.parameters}
    return {name: part for whole, group in free.items() if _is_whole(whole, group) for name, (part, _) in group.items()}


def stored_values(network: GraphNetwork) -> dict[str, Array]:
    """Everything a checkpoint of the network holds, by key.

    What belongs to a part (an optimizer's slots, "deep/w/part_0/Momentum") is put together as the parts are.
    """
    parts = partitioned(network)
    groups: dict[str, _Group] = {}
    for name, value in network.values.items():
        owner = next((above for above in _and_above(name) if above in parts), None)
        if owner:
            key = parts[owner].whole + name.removeprefix(owner)
            groups.setdefault(key, {})[name] = parts[owner], value
    wholes = {key: group for key, group in groups.items() if _is_whole(key, group)}
    taken = {name for group in wholes.values() for name in group}
    single = {name: value for name, value in network.values.items() if name not in taken}
    return single | {key: _assembled(key, group) for key, group in wholes.items()}


def spec(part: Slice, size: tuple[int, ...]) -> str:
    """A part of that size in TensorFlow's words: "10 6 0,5:0,6"."""
    return f"{' '.join(map(str, part.shape))} {Part(tuple(zip(part.offset, size, strict=True)))}"


def _is_whole(name: str, group: _Group) -> bool:
    """Whether values make up all of what they are said to be parts of, once, and are of one type."""
    entries = {_entry(name, part, value) for part, value in group.values()}
    if len(entries) != 1 or any(len(part.offset) != value.ndim for part, value in group.values()):
        return False
    (entry,) = entries
    try:
        check_cover(entry, [_part(part, value).region(part.shape, name) for part, value in group.values()], name)
    except UnreadableFile:
        return False
    return True


def _assembled(name: str, group: _Group) -> Array:
    part, first = next(iter(group.values()))
    regions = ((_part(part, value).region(part.shape, name), value) for part, value in group.values())
    return assemble(_entry(name, part, first), first.dtype, regions)


def _part(part: Slice, value: Array) -> Part:
    return Part(tuple(zip(part.offset, value.shape, strict=True)))


def _entry(name: str, part: Slice, value: Array) -> Entry:
    return Entry(name=name, shape=part.shape, dtype=str(np.asarray(value).dtype))


def _and_above(name: str) -> Iterator[str]:
    """A name, and the scopes it lies in."""
    while name:
        yield name
        name = name.rpartition("/")[0]
