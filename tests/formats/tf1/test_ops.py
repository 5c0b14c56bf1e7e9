"""The table of operations, against TensorFlow's own."""

from __future__ import annotations

import json
import runpy
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from regraft.errors import UnreadableFile, UnsupportedOp
from regraft.formats.tf1.operation import Op, attributes, derived_attributes, output_names
from regraft.formats.tf1.ops import OPS, writer

ROOT = Path(__file__).parents[3]
KINDS = {
    "int": "int",
    "float": "float",
    "bool": "bool",
    "string": "str",
    "type": "type",
    "list(int)": "ints",
    "shape": "shape",
}


@pytest.mark.parametrize("type", sorted(OPS))
def test_the_table_says_what_tensorflow_says(type: str, tensorflow: Mapping[str, np.ndarray]) -> None:
    op, real = OPS[type], json.loads(str(tensorflow["registry"]))[type]
    assert op.type == type
    assert list(op.inputs) == real["inputs"]
    assert list(op.outputs) == real["outputs"]
    assert set(op.attrs) | set(op.derived) | set(op.ignored) == set(real["attrs"])
    for name, attr in op.attrs.items():
        kind, default = real["attrs"][name]
        assert attr.kind == KINDS[kind], name
        assert attr.default == (tuple(default) if isinstance(default, list) else default), name


def test_each_type_stands_once() -> None:
    assert all(name == op.type for name, op in OPS.items())


def test_defaults_fill_what_a_file_leaves_out() -> None:
    assert attributes(OPS["FusedBatchNorm"], {"T": "float32", "_output_shapes": ()}) == {
        "epsilon": pytest.approx(1e-4),
        "exponential_avg_factor": 1.0,
        "data_format": "NHWC",
        "is_training": True,
    }
    assert attributes(OPS["LRN"], {"alpha": 0.5}) == {"depth_radius": 5, "bias": 1.0, "alpha": 0.5, "beta": 0.5}
    assert attributes(OPS["LeakyRelu"], {}) == {"alpha": pytest.approx(0.2)}
    given = {"strides": (1, 2, 2, 1), "padding": "SAME", "use_cudnn_on_gpu": True}
    assert attributes(OPS["Conv2D"], given)["dilations"] == (1, 1, 1, 1)


def test_a_missing_attribute_is_an_error() -> None:
    with pytest.raises(UnreadableFile) as caught:
        attributes(OPS["Conv2D"], {"strides": (1, 1, 1, 1)}, "net/Conv2D")
    assert str(caught.value) == "attribute padding is missing\n  where: node net/Conv2D (Conv2D)\n  expected: str"


def test_an_attribute_of_the_wrong_kind_is_an_error() -> None:
    with pytest.raises(UnreadableFile) as caught:
        attributes(OPS["Conv2D"], {"strides": "many", "padding": "SAME"}, "net/Conv2D")
    assert str(caught.value) == (
        "attribute strides is of the wrong kind\n  where: node net/Conv2D (Conv2D)\n  expected: ints\n  got: 'many'"
    )
    with pytest.raises(UnreadableFile):
        attributes(OPS["Pack"], {"axis": True})


def test_an_unknown_attribute_is_an_error() -> None:
    with pytest.raises(UnsupportedOp) as caught:
        attributes(OPS["Relu"], {"negative_slope": 0.1, "T": "float32", "_class": ()}, "net/Relu")
    assert str(caught.value) == (
        "Relu has attributes regraft does not know: negative_slope\n  where: node net/Relu (Relu)"
    )


def test_outputs_are_counted_and_named() -> None:
    assert output_names(OPS["Split"], {"num_split": 3}) == ("output", "output", "output")
    assert output_names(OPS["IdentityN"], {"T": ("float32", "int32")}) == ("output", "output")
    assert output_names(OPS["TopKV2"], {}) == ("values", "indices")
    assert len(output_names(OPS["FusedBatchNormV3"], {})) == 6


@pytest.mark.parametrize("number", [None, -1, 1 << 40, "3"])
def test_a_number_of_outputs_that_lies_is_an_error(number: object) -> None:
    with pytest.raises(UnreadableFile) as caught:
        output_names(OPS["Split"], {"num_split": number}, "cut")
    assert (
        str(caught.value)
        == f"attribute num_split is no number of outputs\n  where: node cut (Split)\n  got: {number!r}"
    )


def test_types_and_lengths_follow_from_the_inputs() -> None:
    assert derived_attributes(OPS["ConcatV2"], ["float32", "float32", "int32"]) == {
        "N": 2,
        "T": "float32",
        "Tidx": "int32",
    }
    assert derived_attributes(OPS["Concat"], ["int32", "float64"]) == {"N": 1, "T": "float64"}
    assert derived_attributes(OPS["IdentityN"], ["float32", "int32"]) == {"T": ("float32", "int32")}
    assert derived_attributes(OPS["LogicalNot"], ["bool"]) == {}
    assert derived_attributes(OPS["Print"], ["float32", "int32"]) == {"T": "float32", "U": ("int32",)}


@pytest.mark.parametrize(
    ("type", "types"),
    [
        ("Add", ["float32", "int32"]),
        ("Add", ["float32"]),
        ("Relu", ["float32", "float32"]),
        ("LogicalNot", ["float32"]),
        ("ConcatV2", ["int32"]),
    ],
)
def test_inputs_an_operation_does_not_take_are_an_error(type: str, types: list[str]) -> None:
    with pytest.raises(UnsupportedOp) as caught:
        derived_attributes(OPS[type], types)
    wanted, got = " ".join(OPS[type].inputs), " ".join(types)
    assert str(caught.value) == f"TensorFlow's {type} does not take these inputs\n  expected: {wanted}\n  got: {got}"


@pytest.mark.parametrize("op", OPS.values(), ids=lambda op: op.type)
def test_what_is_read_can_be_written(op: Op) -> None:
    written = writer(op.function, len(op.inputs), op.attrs)
    assert written is not None
    assert written.function == op.function
    assert written.takes_list == op.takes_list


def test_the_first_operation_that_fits_is_written() -> None:
    assert writer("fused_batch_norm", 5, ("epsilon", "is_training")) is OPS["FusedBatchNormV3"]
    assert writer("pad", 2, ()) is OPS["Pad"]
    assert writer("pad", 3, ()) is OPS["PadV2"]
    assert writer("in_top_k", 2, ("k",)) is OPS["InTopK"]
    assert writer("concat_v2", 7, ()) is OPS["ConcatV2"]
    assert writer("dropout", 1, ("rate",)) is None


def test_the_page_of_operations_is_current() -> None:
    page = runpy.run_path(str(ROOT / "scripts/operations_page.py"))["page"]
    assert (ROOT / "docs/tf1-operations.md").read_text(encoding="utf-8") == page(), "run scripts/operations_page.py"


def test_two_lists_are_equally_long() -> None:
    op = OPS["DynamicStitch"]

    assert derived_attributes(op, ["int32", "int32", "float32", "float32"]) == {"N": 2, "T": "float32"}
    with pytest.raises(UnsupportedOp) as error:
        derived_attributes(op, ["int32", "float32", "float32"])
    assert str(error.value) == (
        "TensorFlow's DynamicStitch does not take these inputs\n  expected: N*int32 N*T\n  got: int32 float32 float32"
    )
