"""What a pickle may ask for: the names that stand for arrays, and what regraft itself makes of each.

Nothing of numpy, torch or joblib is called: an array becomes a view of its bytes once their number fits its shape.
docs/why/010 says why the list is as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from regraft.errors import UnsafeFile
from regraft.files.mapped import array_at, damaged

if TYPE_CHECKING:
    from regraft.formats.arrays.pickles import Machine

_DTYPE = re.compile(r"[<>|=]?(?:[?bBhHiIlLqQefdFDO]|[biufcSUO]\d{1,9})")
_DTYPE_NAMES = re.compile(r"bool|u?int(8|16|32|64)|float(16|32|64)|complex(64|128)")
_DIMENSIONS = 32


@dataclass(frozen=True)
class Word:
    """A long word of a pickle, where it lies: raw bytes of arrays come as words too."""

    view: memoryview
    encoding: str

    @cached_property
    def text(self) -> str:
        """As a word; made once, however often a pickle asks for it, as `latin` is."""
        return str(self.view, self.encoding, "surrogatepass" if self.encoding == "utf-8" else "strict")

    @cached_property
    def latin(self) -> bytes:
        """As the bytes that it spells."""
        return self.text.encode("latin-1")


@dataclass
class Built:
    """A value that gets its content by a second instruction.

    Attributes:
        remembered: where the pickle remembers it.
    """

    remembered: list[int] = field(default_factory=list[int])

    def build(self, state: Any) -> Any:
        """What it is with that content."""
        raise TypeError(f"a state for a {type(self).__name__}")


@dataclass
class DType(Built):
    """A type of numbers."""

    dtype: np.dtype[Any] = field(default_factory=lambda: np.dtype("f4"))

    def build(self, state: Any) -> DType:
        """With the order of bytes the state names."""
        if not isinstance(state, tuple) or len(state) < 4 or state[3] is not None:
            raise TypeError("a type of several fields")
        order = _text(state[1])
        if order not in ("<", ">", "|", "="):
            raise ValueError("an unknown order of bytes")
        return DType(dtype=self.dtype if order == "|" else self.dtype.newbyteorder(order))


@dataclass
class Blank(Built):
    """An array without content yet."""

    def build(self, state: Any) -> Any:
        """The array; one of objects becomes a list, or its only object."""
        shape, dtype, fortran, raw = state[-4:]
        if dtype.dtype.hasobject:
            if not isinstance(raw, list) or len(raw) != prod(_shape(shape)):
                raise ValueError("an array of objects that has another number of them")
            return raw[0] if shape == () else raw
        return numbers(raw, dtype, shape, "F" if fortran else "C")


@dataclass
class Wrapped(Built):
    """joblib's stand-in for an array, whose bytes follow the instruction that fills it in."""

    machine: Machine | None = None

    def build(self, state: Any) -> Any:
        """The array, read from behind the instruction."""
        assert self.machine is not None
        machine, dtype, shape = self.machine, state["dtype"], _shape(state["shape"])
        if dtype.dtype.hasobject:
            return machine.nested()
        if state.get("numpy_array_alignment_bytes") is not None:
            machine.take(machine.take(1)[0])
        size = prod(shape) * dtype.dtype.itemsize
        return numbers(machine.take(size), dtype, shape, "F" if _text(state["order"]) == "F" else "C")


@dataclass(frozen=True)
class Storage:
    """Where a torch tensor's numbers lie: their type, the key of the place, and how many there are."""

    dtype: str
    key: str
    size: int


@dataclass(frozen=True)
class Tensor:
    """A torch tensor: a part of a storage."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


@dataclass(frozen=True)
class TorchType:
    """A type of torch's numbers, named by its storage or by itself."""

    dtype: str


@dataclass(frozen=True)
class Maker:
    """A name of the white list."""

    make: Callable[..., Any]


def plain_key(key: Any) -> Any:
    """A key as Python 3 would have it."""
    if isinstance(key, bytes):
        return key.decode("latin-1")
    if isinstance(key, Word):
        return key.text
    if key is None or isinstance(key, str | int | float):
        return key
    if isinstance(key, tuple) and not any(isinstance(part, tuple) for part in key):
        return tuple(plain_key(part) for part in key)
    raise TypeError(f"a key of type {type(key).__name__}")


def numbers(raw: Any, dtype: DType, shape: Any, order: str) -> np.ndarray:
    """An array over its bytes.

    Raises:
        ValueError: there are more or fewer than the shape says.
    """
    shape, kind = _shape(shape), dtype.dtype
    data = raw.view if isinstance(raw, Word) else memoryview(raw)
    if isinstance(raw, Word) and raw.encoding != "latin-1":
        raise TypeError("an array whose bytes are a word")
    if kind.hasobject or prod(shape) * kind.itemsize != len(data):
        raise ValueError(f"an array {shape} of {kind} from {len(data)} bytes")
    return array_at(data, kind, shape, order)


def _shape(value: Any) -> tuple[int, ...]:
    if not isinstance(value, tuple) or len(value) > _DIMENSIONS:
        raise TypeError("no shape")
    if not all(type(size) is int and size >= 0 for size in value):
        raise ValueError("sizes that are no numbers from 0 on")
    return value


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if not isinstance(value, str):
        raise TypeError(f"a word of type {type(value).__name__}")
    return value


def _dtype(word: Any, *_: Any) -> DType:
    name = _text(word)
    if not (_DTYPE.fullmatch(name) or _DTYPE_NAMES.fullmatch(name)):
        raise TypeError("a type that is no type of numbers or words")
    return DType(dtype=np.dtype(name))


def _encoded(word: Any, encoding: Any = "latin1") -> bytes:
    """`_codecs.encode`, by which Python 3 writes bytes into old pickles."""
    if _text(encoding) not in ("latin1", "latin-1"):
        raise ValueError("an encoding that is not latin1")
    return word.latin if isinstance(word, Word) else _text(word).encode("latin-1")


def _ordered(pairs: Any = ()) -> dict[Any, Any]:
    return {plain_key(key): value for key, value in pairs}


def _scalar(dtype: DType, raw: Any = b"") -> np.ndarray:
    return numbers(raw, dtype, (), "C")


def _reconstructed(*_: Any) -> Blank:
    return Blank()


def _from_buffer(raw: Any, dtype: DType, shape: Any, order: Any) -> np.ndarray:
    return numbers(raw, dtype, shape, _text(order))


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any, *_: Any) -> Tensor:
    if not isinstance(storage, Storage) or type(offset) is not int or offset < 0:
        raise TypeError("a tensor that lies nowhere")
    shape, strides = _shape(shape), _shape(strides)
    if len(shape) != len(strides):
        raise ValueError("a tensor with another number of sizes than strides")
    return Tensor(storage, offset, shape, strides)


def _tensor_v3(storage: Any, offset: Any, shape: Any, strides: Any, *rest: Any) -> Tensor:
    """A tensor whose storage is of bytes; its own type stands in its record."""
    dtype = rest[2].dtype
    size = TORCH_SIZES[dtype]
    return _tensor(Storage(dtype, storage.key, storage.size // size), offset, shape, strides)


# Bytes a number of torch's types takes.
TORCH_SIZES = {
    **dict.fromkeys(("float64", "int64", "complex64", "uint64"), 8),
    **dict.fromkeys(("float32", "int32", "uint32"), 4),
    **dict.fromkeys(("float16", "bfloat16", "int16", "uint16"), 2),
    **dict.fromkeys(("int8", "uint8", "bool"), 1),
    "complex128": 16,
}
_STORAGES = {
    "Double": "float64", "Float": "float32", "Half": "float16", "BFloat16": "bfloat16", "Long": "int64",
    "Int": "int32", "Short": "int16", "Char": "int8", "Byte": "uint8", "Bool": "bool",
    "ComplexFloat": "complex64", "ComplexDouble": "complex128", "Untyped": "uint8",
}  # fmt: skip

_NUMPY = {
    "multiarray._reconstruct": Maker(_reconstructed),
    "multiarray.scalar": Maker(_scalar),
    "numeric._frombuffer": Maker(_from_buffer),
}
_WRAPPERS = ("joblib.numpy_pickle", "sklearn.externals.joblib.numpy_pickle")

ALLOWED: dict[str, Any] = {
    **{f"numpy.{core}.{name}": maker for core in ("core", "_core") for name, maker in _NUMPY.items()},
    "numpy.ndarray": Maker(_reconstructed),
    "numpy.memmap": Maker(_reconstructed),
    "numpy.dtype": Maker(_dtype),
    "_codecs.encode": Maker(_encoded),
    "collections.OrderedDict": Maker(_ordered),
    "__builtin__.bytes": Maker(lambda: b""),  # how old protocols write no bytes
    "builtins.bytes": Maker(lambda: b""),
    "torch._utils._rebuild_tensor": Maker(_tensor),
    "torch._utils._rebuild_tensor_v2": Maker(_tensor),
    "torch._utils._rebuild_tensor_v3": Maker(_tensor_v3),
    "torch._utils._rebuild_parameter": Maker(lambda tensor, *_: tensor),
    "torch.Size": Maker(_shape),
    "torch.storage.UntypedStorage": TorchType("uint8"),
    **{f"torch.{name}Storage": TorchType(dtype) for name, dtype in _STORAGES.items()},
    **{f"torch.{dtype}": TorchType(dtype) for dtype in TORCH_SIZES},
}

# Where an honest file most often holds more than arrays, and what its owner can do.
_ADVICE = (
    (re.compile(r"theano\.|pycuda\."), "where it was made: save [p.get_value() for p in parameters]"),
    (re.compile(r"lasagne\."), "where it was made: save lasagne.layers.get_all_param_values(network)"),
    (re.compile(r"__torch__"), "a TorchScript program: torch.save(torch.jit.load(FILE).state_dict(), NEW)"),
    (re.compile(r"torch\.(nn|_utils)\.|torchvision\."), "where it was made: torch.save(model.state_dict(), FILE)"),
    (re.compile(r"sklearn\."), "where it was made: save the estimator's arrays with numpy.savez"),
)


class Makers:
    """The white list for one pickle."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self._wrapper = Maker(lambda *_: Wrapped(machine=machine))

    def known(self, module: str, name: str) -> Any:
        """What stands for a name.

        Raises:
            UnsafeFile: it is not on the list.
        """
        full = f"{module}.{name}"
        if module in _WRAPPERS and name == "NumpyArrayWrapper":
            return self._wrapper
        if full in ALLOWED:
            return ALLOWED[full]
        advice = next((fix for place, fix in _ADVICE if place.match(full)), None)
        raise UnsafeFile(
            "the file holds more than arrays: to open it, Python would have to run code that it names",
            where=self._machine.where,
            expected="arrays, numbers, words, lists and dictionaries",
            got=full[:200],
            fix=advice or "where it was made: save only the arrays, with numpy.savez",
        )

    def call(self, function: Any, arguments: tuple[Any, ...]) -> Any:
        """What a call of a name gives."""
        if not isinstance(function, Maker):
            raise damaged(self._machine.where, expected="a pickle of arrays", got="a call of what is no function")
        # What is copied counts: a few bytes of a pickle may ask for it again and again.
        self._machine.steps -= sum(len(argument) for argument in arguments if isinstance(argument, list))
        return function.make(*arguments)
