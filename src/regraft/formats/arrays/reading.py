"""Finds out by its content what a file of arrays is, reads it, and makes a network without a graph of it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any, Literal

import numpy as np

from regraft.errors import UnreadableFile, UnsupportedFormat
from regraft.files import zips
from regraft.files.mapped import damaged, is_packed, mapped, unpacked
from regraft.formats.arrays import flax, hdf5, matlab, matlab4, npy, shards, tensors_file, torch_files
from regraft.formats.arrays.allowed import Tensor
from regraft.formats.arrays.flattening import Flat
from regraft.formats.arrays.pickles import Machine, steps_for
from regraft.formats.arrays.torch_files import Storages
from regraft.network.graph import Graph, Node
from regraft.network.network import GraphNetwork

Kind = Literal["npy", "npz", "pickle", "torch", "mat", "msgpack", "safetensors", "index", "packed"]

# How pickles of protocols 0 and 1 begin: an empty list or dictionary, or the name that makes an array.
_OLD_PICKLE = re.compile(rb"\((?:lp?\d*|dp?\d*)\n?|c[a-z_.]+\n[a-zA-Z_]+\n|[\]}](?:q[\0-\xff]|r|\()", re.DOTALL)
_HEAD = 4096
# Files of a TensorFlow checkpoint: their first bytes are numbers, which may look like anything.
_OTHERS = re.compile(r".*\.(?:index|meta|pb|pbtxt|data-\d{5,}-of-\d{5,})")
_UNTRAINED = re.compile(
    r"(^|[./_])(moving_(mean|variance|var|inv_std)|running_(mean|var|variance)|num_batches_tracked|batch_stats"
    r"|(global_)?step|epoch|iteration|opt_state|optimizer|optim|exp_avg(_sq)?|momentum_buffer)([./_]|$)"
)


def kind_of(path: Path) -> Kind | None:
    """The kind of a file, from its first bytes; None: none of these."""
    if not path.is_file() or _OTHERS.fullmatch(path.name):
        return None
    with path.open("rb") as file:
        head = file.read(_HEAD)
    return "packed" if is_packed(head) else _kind(head, path.stat().st_size, lambda: _members(path))


def read_network(path: Path) -> GraphNetwork:
    """See `regraft.formats.arrays.read`."""
    kind, values = _sharded(path) if kind_of(path) == "index" else _values(path)
    nodes = tuple(
        Node(
            name=name,
            function="parameter",
            args=(name,),
            kwargs={"trainable": value.dtype.kind == "f" and not _UNTRAINED.search(name)},
        )
        for name, value in values.items()
    )
    return GraphNetwork(Graph(nodes=nodes, inputs=(), outputs=()), values, format=kind)


def _values(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """The kind of a file, and the arrays in it by name."""
    kind, value, storages = _read(path)
    flat = Flat(value, str(path), alone=_stem(path), most=steps_for(path.stat().st_size))
    values = {name: _native(array, storages) for name, array in flat.arrays.items()}
    if not values:
        raise UnreadableFile(
            "the file holds no arrays of numbers", where=str(path), got=_some(flat.left_out) or "nothing at all"
        )
    if flat.left_out:
        warnings.warn(f"{path}: left out, for it is no array of numbers: {_some(flat.left_out)}", stacklevel=3)
    return kind, values


def _sharded(path: Path) -> tuple[str, dict[str, np.ndarray]]:
    """The kind of the files that an index names, and the arrays that it says lie in them."""
    found: dict[str, np.ndarray] = {}
    kinds: set[str] = set()
    for file, names in shards.read_index(mapped(path), path).items():
        if kind_of(file) not in ("safetensors", "torch"):
            raise damaged(str(file), expected="safetensors or a state dict of PyTorch", got=str(kind_of(file)))
        kind, values = _values(file)
        absent = [name for name in names if name not in values]
        if absent:
            raise damaged(str(file), expected=", ".join(absent)[:300], got=", ".join(values)[:300])
        found.update({name: values[name] for name in names})
        kinds.add(kind)
    if not found:
        raise UnreadableFile("the index names no weights", where=str(path))
    return "torch" if "torch" in kinds else "safetensors", found


def _native(array: Any, storages: Storages | None) -> np.ndarray:
    """The array, its bytes in this machine's order."""
    made = storages.array(array) if storages and isinstance(array, Tensor) else array
    return np.asarray(made, made.dtype.newbyteorder("="))


def _read(path: Path) -> tuple[str, Any, Storages | None]:
    """The kind of the file, what is in it, and where the numbers of torch's tensors in it are."""
    kind, data, where = kind_of(path), mapped(path), str(path)
    if kind == "packed":
        data = unpacked(path)
        kind = _kind(bytes(data[:_HEAD]), len(data), lambda: list(zips.Zip(data, where).members))
    if kind == "torch":
        return kind, *_torch(data, where)
    return kind or "", _plain(kind, data, path), None


def _torch(data: memoryview, where: str) -> tuple[Any, Storages]:
    if bytes(data[:4]) == zips.MAGIC:
        value, storages = torch_files.read_zip(zips.Zip(data, where), len(data), where)
    else:
        value, storages = torch_files.read_old(data, where)
    return torch_files.weights_in(value, where), storages


def _plain(kind: Kind | None, data: memoryview, path: Path) -> Any:
    """What is in a file that is none of torch's."""
    where = str(path)
    match kind:
        case "npy":
            return npy.read_npy(data, where)
        case "npz":
            return _npz(zips.Zip(data, where), len(data), where)
        case "pickle":
            return _pickle(data, where)
        case "mat":
            return _matlab(data, path)
        case "msgpack":
            return flax.read_flax(data, where)
        case "safetensors":
            return tensors_file.read_tensors(data, where)
        case _:
            raise UnsupportedFormat(
                "what is compressed in the file is none of the formats regraft opens",
                where=where,
                expected="a pickle or arrays",
                got=f"bytes that begin with {bytes(data[:8])!r}",
            )


def _kind(head: bytes, size: int, members: Any) -> Kind | None:
    if head.startswith(npy.MAGIC):
        return "npy"
    if head.startswith(zips.MAGIC):
        names: list[str] = members()
        if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
            return "torch"
        return "npz" if any(name.endswith(".npy") for name in names) else None
    if head.startswith(torch_files.MAGIC):
        return "torch"
    if head[:1] == b"\x80" and head[1:2] in (b"\2", b"\3", b"\4", b"\5"):
        return "pickle"
    if matlab.is_matlab(head) or matlab4.is_matlab4(head, size):
        return "mat"
    if shards.is_index(head):
        return "index"
    if tensors_file.is_tensors_file(head, size):
        return "safetensors"
    if flax.is_flax(head):
        return "msgpack"
    return "pickle" if _OLD_PICKLE.match(head) else None


def _members(path: Path) -> list[str]:
    return list(zips.Zip(mapped(path), str(path)).members)


def _npz(archive: zips.Zip, size: int, where: str) -> dict[str, Any]:
    names = [name for name in archive.members if name.endswith(".npy")]
    steps = steps_for(size) // max(1, len(names)) + 1000
    return {name.removesuffix(".npy"): npy.read_npy(archive.read(name), f"{where}, {name}", steps) for name in names}


def _matlab(data: memoryview, path: Path) -> dict[str, Any]:
    head = bytes(data[:_HEAD])
    if matlab.is_hdf5(head):
        return hdf5.read_hdf5(path)
    return matlab.read_matlab(data, str(path)) if matlab.is_matlab(head) else matlab4.read_matlab4(data, str(path))


def _pickle(data: memoryview, where: str) -> Any:
    """A pickle, or several one after the other, as scripts of Theano's time dumped them."""
    machine = Machine(data, where)
    found: list[Any] = []
    while machine.position < len(data):
        found.append(machine.load())
        machine = Machine(data, where, position=machine.position, steps=machine.steps)
    return found[0] if len(found) == 1 else found


def _stem(path: Path) -> str:
    return path.name.partition(".")[0] or "array"


def _some(left_out: dict[str, str]) -> str:
    named = [f"{name[:60]} ({kind})" for name, kind in list(left_out.items())[:10]]
    return ", ".join(named) + (f" and {len(left_out) - 10} more" if len(left_out) > 10 else "")
