"""PyTorch's .pt and .pth: state dicts, in a zip file and in the older form, without torch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

import numpy as np

from regraft.errors import UnsafeFile, UnsupportedFormat
from regraft.files.mapped import array_at, damaged
from regraft.files.zips import Zip
from regraft.formats.arrays.allowed import TORCH_SIZES, Storage, Tensor, TorchType, plain_key
from regraft.formats.arrays.pickles import Machine, steps_for

# The first of the pickles in a file of the older form: a number nobody else writes (torch.serialization.MAGIC_NUMBER).
MAGIC = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."
# Under which words training scripts keep the weights beside everything else, the likeliest first.
_NESTS = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "module", "weights", "params")
_PARALLEL = "module."  # DataParallel puts it before every name


def read_zip(archive: Zip, size: int, where: str) -> tuple[Any, Storages]:
    """What `torch.save` put into a zip file, and the numbers of the tensors in it.

    Args:
        size: of the whole file.

    Raises:
        UnsupportedFormat: it is a program of torch's, or of a machine with its bytes in another order.
    """
    names = archive.members
    pickle = next(name for name in names if name.endswith("data.pkl"))
    root = pickle.removesuffix("data.pkl")
    if f"{root}constants.pkl" in names:
        raise UnsupportedFormat(
            "this is a TorchScript program, not a state dict",
            where=where,
            fix="torch.save(torch.jit.load(FILE).state_dict(), NEW)",
        )
    if f"{root}byteorder" in names and bytes(archive.read(f"{root}byteorder")) != b"little":
        raise UnsupportedFormat("the numbers have their bytes in the order of another machine", where=where)
    machine = Machine(archive.read(pickle), f"{where}, {pickle}", steps=steps_for(size))
    machine.persistent = storage_of

    def bytes_of(storage: Storage) -> memoryview:
        name = f"{root}data/{storage.key}"
        if name not in names:
            raise damaged(where, expected=f"a member {name}", got="none")
        return archive.read(name)

    return machine.load(), Storages(bytes_of, where)


def read_old(data: memoryview, where: str) -> tuple[Any, Storages]:
    """The same of a file from before 1.6: five pickles, then the storages one after the other."""
    machine = Machine(data, where)
    _, version, system = machine.load(), machine.load(), machine.load()
    if version != 1001 or not isinstance(system, dict) or system.get("little_endian") is not True:
        raise UnsupportedFormat("a form of PyTorch's files that is not known", where=where, expected="protocol 1001")
    storages: dict[str, Storage] = {}

    def remembered(reference: Any) -> Storage:
        storage = storage_of(reference)
        if storages.setdefault(storage.key, storage) != storage:
            raise ValueError("a storage of two kinds")
        return storage

    machine.persistent = remembered
    value = machine.load()
    machine.persistent = None
    keys = machine.load()
    if not isinstance(keys, list) or not all(isinstance(key, str) and key in storages for key in keys):
        raise damaged(where, expected="the keys of the storages")
    places: dict[str, memoryview] = {}
    for key in keys:
        storage = storages[key]
        count = int.from_bytes(machine.take(8), "little", signed=True)
        if count != storage.size:
            raise damaged(where, expected=f"{storage.size} numbers in storage {key}", got=f"{count}")
        places[key] = machine.take(count * TORCH_SIZES[storage.dtype])

    def bytes_of(storage: Storage) -> memoryview:
        if storage.key not in places:
            raise damaged(where, expected=f"a storage {storage.key}", got="none")
        return places[storage.key]

    return value, Storages(bytes_of, where)


def storage_of(reference: Any) -> Storage:
    """The storage an outside reference names: ("storage", type, key, device, count[, part])."""
    if not isinstance(reference, tuple) or len(reference) not in (5, 6):
        raise TypeError("an outside reference that is no storage")
    if len(reference) == 6 and reference[5] is not None:
        raise TypeError("a storage that is a part of another")
    word, kind, key, _, count = reference[:5]
    if plain_key(word) != "storage" or not isinstance(kind, TorchType) or type(count) is not int or count < 0:
        raise TypeError("an outside reference that is no storage")
    return Storage(kind.dtype, str(plain_key(key))[:200], count)


class Storages:
    """The numbers tensors are parts of, each storage read once."""

    def __init__(self, bytes_of: Callable[[Storage], memoryview], where: str) -> None:
        self.where = where
        self._bytes_of = bytes_of
        self._read: dict[Storage, np.ndarray] = {}

    def numbers(self, storage: Storage) -> np.ndarray:
        """All numbers of a storage; bfloat16, which numpy does not have, as float32.

        Raises:
            UnreadableFile: there are not as many as the pickle says.
        """
        if storage not in self._read:
            data, width = self._bytes_of(storage), TORCH_SIZES[storage.dtype]
            if len(data) != storage.size * width:
                place = f"{self.where}, storage {storage.key}"
                raise damaged(place, expected=f"{storage.size * width} bytes", got=f"{len(data)} bytes")
            half = storage.dtype == "bfloat16"
            flat = array_at(data, np.dtype("u2" if half else storage.dtype), (storage.size,))
            self._read[storage] = widened(flat) if half else flat
        return self._read[storage]

    def array(self, tensor: Tensor) -> np.ndarray:
        """A tensor as a view of its storage.

        Raises:
            UnsafeFile: it claims more numbers than its storage holds.
            UnreadableFile: it lies outside of its storage.
        """
        flat, shape, strides = self.numbers(tensor.storage), tensor.shape, tensor.strides
        place = f"{self.where}, storage {tensor.storage.key}"
        if prod(shape) > flat.size:
            raise UnsafeFile(
                "a tensor claims more numbers than the file holds",
                where=place,
                expected=f"at most {flat.size}",
                got=f"shape {shape}",
            )
        if not prod(shape):
            return np.empty(shape, flat.dtype)
        last = tensor.offset + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))
        if min(strides, default=0) < 0 or last >= flat.size:
            raise damaged(place, expected=f"{flat.size} numbers", got=f"number {last}")
        steps = [stride * flat.itemsize for stride in strides]
        return np.lib.stride_tricks.as_strided(flat[tensor.offset :], shape, steps, writeable=False)


def weights_in(value: Any, where: str) -> Any:
    """The state dict of a training's file, and its names without DataParallel's prefix; both are said."""
    value = _unnested(value, where)
    if not isinstance(value, Mapping) or not value or not all(str(key).startswith(_PARALLEL) for key in value):
        return value
    warnings.warn(f"{where}: all names begin with {_PARALLEL!r} (DataParallel); they are taken without", stacklevel=2)
    return {str(key).removeprefix(_PARALLEL): item for key, item in value.items()}


def _unnested(value: Any, where: str, depth: int = 0) -> Any:
    if (
        depth > len(_NESTS)
        or not isinstance(value, Mapping)
        or any(isinstance(item, Tensor) for item in value.values())
    ):
        return value
    nests = [word for word in _NESTS if isinstance(value.get(word), Mapping) and value[word]]
    if not nests:
        return value
    beside = [str(key)[:50] for key in value if key != nests[0]]
    more = f"; left out: {', '.join(beside[:10])}" if beside else ""
    warnings.warn(f"{where}: the weights under {nests[0]!r} are taken{more}", stacklevel=2)
    return _unnested(value[nests[0]], where, depth + 1)


def widened(array: np.ndarray) -> np.ndarray:
    """bfloat16, which numpy does not have, as float32: the same numbers."""
    wide = array.astype("u4")
    wide <<= 16
    return wide.view("f4")
