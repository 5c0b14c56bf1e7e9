"""Constants of every type, whole and abbreviated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from formats.tf1.making import set_attribute

from regraft.errors import UnreadableFile, UnsafeFile, UnsupportedOp
from regraft.formats.tf1 import protos
from regraft.formats.tf1.checkpoint.dtypes import NUMBERS
from regraft.formats.tf1.graph.constants import array_of, attribute_of, shape_of, type_name


def tensor(dtype: str, shape: tuple[int, ...], **fields: Any) -> Any:
    made = protos.new("TensorProto")
    made.dtype = NUMBERS[dtype]
    made.tensor_shape.SetInParent()
    for size in shape:
        made.tensor_shape.dim.add(size=size)
    for name, value in fields.items():
        if isinstance(value, bytes):
            setattr(made, name, value)
        else:
            getattr(made, name).extend(value)
    return made


@pytest.mark.parametrize(
    ("dtype", "field", "given", "expected"),
    [
        ("float32", "float_val", [1.5, -2], np.array([1.5, -2], np.float32)),
        ("float64", "double_val", [1e300, 0], np.array([1e300, 0])),
        ("int32", "int_val", [-7, 3], np.array([-7, 3], np.int32)),
        ("uint8", "int_val", [255, 3], np.array([255, 3], np.uint8)),
        ("int8", "int_val", [-1, 3], np.array([-1, 3], np.int8)),
        ("qint8", "int_val", [-1, 3], np.array([-1, 3], np.int8)),
        ("int64", "int64_val", [1 << 40, 3], np.array([1 << 40, 3])),
        ("uint64", "uint64_val", [(1 << 64) - 1, 3], np.array([(1 << 64) - 1, 3], np.uint64)),
        ("uint32", "uint32_val", [(1 << 32) - 1, 3], np.array([(1 << 32) - 1, 3], np.uint32)),
        ("bool", "bool_val", [True, False], np.array([True, False])),
        ("float16", "half_val", [0x3C00, 0xC000], np.array([1, -2], np.float16)),
        ("bfloat16", "half_val", [0x3F80, 0xC000], np.array([1, -2], np.float32)),
        ("complex64", "scomplex_val", [1, 2, 3, 4], np.array([1 + 2j, 3 + 4j], np.complex64)),
        ("string", "string_val", [b"a", b"bc"], np.array([b"a", b"bc"], object)),
    ],
)
def test_listed_values(dtype: str, field: str, given: list[Any], expected: np.ndarray) -> None:
    got = array_of(tensor(dtype, (2,), **{field: given}), "here")

    assert got.dtype == expected.dtype
    np.testing.assert_array_equal(got, expected)


def test_whole_values() -> None:
    for array in (np.arange(6, dtype=np.int16).reshape(2, 3), np.float64(3).reshape(()), np.zeros((0, 4), np.float32)):
        got = array_of(tensor(str(array.dtype), array.shape, tensor_content=array.tobytes()), "here")
        assert (got.dtype, got.shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(got, array)


def test_the_last_value_repeats() -> None:
    np.testing.assert_array_equal(array_of(tensor("int32", (2, 3), int_val=[1, 2]), ""), [[1, 2, 2], [2, 2, 2]])
    np.testing.assert_array_equal(array_of(tensor("float32", (2, 2)), ""), np.zeros((2, 2)))
    assert array_of(tensor("string", (3,), string_val=[b"x"]), "").tolist() == [b"x"] * 3


def test_a_repeated_value_takes_no_memory() -> None:
    got = array_of(tensor("float32", (1000, 50_000), float_val=[2]), "")

    assert (got.shape, got.strides) == ((1000, 50_000), (0, 0))


@pytest.mark.parametrize(
    ("proto", "kind", "text"),
    [
        (
            tensor("float32", (3,), tensor_content=b"1234"),
            UnreadableFile,
            "a constant holds another number of values than its shape says\n  where: here\n"
            "  expected: 12 bytes of float32 for shape (3,)\n  got: 4 bytes",
        ),
        (
            tensor("float32", (1,), float_val=[1, 2]),
            UnreadableFile,
            "a constant holds more values than its shape says\n  where: here\n  expected: 1\n  got: 2",
        ),
        (
            tensor("float32", (1 << 20, 1 << 20), float_val=[1]),
            UnsafeFile,
            "a constant claims to be very large and holds next to nothing\n  where: here\n"
            "  got: shape (1048576, 1048576) from 1 values",
        ),
        (
            tensor("float32", (1 << 20,), float_val=[1, 2]),
            UnsafeFile,
            "a constant claims to be very large and holds next to nothing\n  where: here\n"
            "  got: shape (1048576,) from 2 values",
        ),
        (
            tensor("float32", (2, -1), float_val=[1]),
            UnreadableFile,
            "a constant has no definite shape\n  where: here\n  got: (2, None)",
        ),
        (
            tensor("float32", (1,) * 40, float_val=[1]),
            UnreadableFile,
            f"a constant has no definite shape\n  where: here\n  got: {str((1,) * 40)[:100]}",
        ),
        (
            tensor("float32", (0, 1 << 40, 1 << 40)),
            UnreadableFile,
            "a constant has no definite shape\n  where: here\n  got: (0, 1099511627776, 1099511627776)",
        ),
        (tensor("resource", ()), UnsupportedOp, "constants of type resource cannot be read\n  where: here"),
    ],
)
def test_constants_that_lie(proto: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind) as error:
        array_of(proto, "here")

    assert str(error.value) == text


def test_attributes() -> None:
    for value in (3, 0.5, True, "SAME", "float32", (2, 3)):
        attr = protos.new("AttrValue")
        set_attribute(attr, value)
        assert attribute_of(attr) == value
    attr = protos.new("AttrValue")
    set_attribute(attr, [1, 2, 2, 1])
    assert attribute_of(attr) == (1, 2, 2, 1)
    assert attribute_of(protos.new("AttrValue")) is None


def test_types_and_shapes() -> None:
    assert (type_name(1), type_name(101), type_name(9), type_name(77)) == ("float32", "float32", "int64", "unknown")
    shape = protos.new("TensorShapeProto")
    shape.dim.add(size=-1)
    shape.dim.add(size=3)
    assert shape_of(shape) == (None, 3)
    shape.unknown_rank = True
    assert shape_of(shape) is None
