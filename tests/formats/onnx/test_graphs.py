"""What a file's graph becomes: names, weights, functions, branches, layers; and what is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from formats.onnx.making import info, model, node, runtime, values, written
from onnx import TensorProto, helper, numpy_helper

from regraft.errors import UnknownName, UnreadableFile, UnsupportedFormat, UnsupportedOp
from regraft.formats import read, read_weights
from regraft.network import GraphNetwork

ROWS = [info("x", ["b", 4])]


def opened(folder: Path, made: onnx.ModelProto) -> GraphNetwork:
    return read(written(folder, made))


def same(folder: Path, made: onnx.ModelProto, x: np.ndarray) -> GraphNetwork:
    """The network, after it gave what ONNX Runtime gives."""
    network = opened(folder, made)
    for have, expected in zip(
        network.run({"x": x}, list(network.outputs)), runtime(folder / "net.onnx", {"x": x}), strict=True
    ):
        np.testing.assert_allclose(have, expected, rtol=1e-5, atol=1e-6)
    return network


def refused(folder: Path, made: onnx.ModelProto, kind: type[Exception]) -> str:
    with pytest.raises(kind) as caught:
        opened(folder, made)
    return str(caught.value).replace(f"{folder}/", "")


# --- weights --------------------------------------------------------------------------------------------


def test_constants_that_carry_weights_are_parameters_and_settings_are_not(tmp_path: Path) -> None:
    nodes = [
        node("Constant", [], ["kernel"], value=numpy_helper.from_array(values(0, 4, 3))),
        node("Constant", [], ["two"], value_float=2.0),
        node("MatMul", ["x", "kernel"], ["product"]),
        node("Add", ["product", "bias"], ["sum"]),
        node("Mul", ["sum", "two"], ["double"]),
        node("Mul", ["double", "scale"], ["scaled"]),
        node("Add", ["scaled", "mask"], ["masked"]),
        node("Reshape", ["masked", "shape"], ["y"]),
    ]
    held = {
        "bias": values(1, 3), "scale": values(2, 3), "mask": np.array([0, -np.inf, 0], "f4"), "shape": np.array([0, 3]),
    }  # fmt: skip
    network = same(tmp_path, model(nodes, held, inputs=ROWS), values(3, 2, 4))
    assert {name: p.trainable for name, p in network.parameters.items()} == {
        "kernel": True,
        "bias": True,
        "scale": True,
    }


def test_what_prepares_the_input_is_no_weight(tmp_path: Path) -> None:
    nodes = [
        node("Sub", ["x", "mean"], ["centred"]),
        node("Div", ["centred", "std"], ["normal"]),
        node("Conv", ["normal", "w"], ["y"]),
    ]
    held = {"mean": values(0, 1, 3, 1, 1), "std": 1 + values(1, 1, 3, 1, 1) ** 2, "w": values(2, 2, 3, 3, 3)}
    network = same(tmp_path, model(nodes, held), values(3, 2, 3, 8, 8))
    assert [name for name, parameter in network.parameters.items() if parameter.trainable] == ["w"]


def test_large_settings_are_parameters_that_are_not_trained(tmp_path: Path) -> None:
    places = np.arange(100) % 4
    network = same(tmp_path, model([node("Gather", ["x", "places"], ["y"], axis=1)], {"places": places}, inputs=ROWS),
                   values(0, 2, 4))  # fmt: skip
    assert [(p.name, p.trainable, p.dtype) for p in network.parameters.values()] == [("places", False, "int64")]


def test_weights_that_are_inputs_too_are_weights(tmp_path: Path) -> None:
    made = model([node("MatMul", ["x", "w"], ["y"])], {"w": values(0, 4, 3)}, inputs=[*ROWS, info("w", [4, 3])])
    network = opened(tmp_path, made)
    assert list(network.inputs) == ["x"]
    assert list(network.parameters) == ["w"]


@pytest.mark.parametrize("dtype", ["f4", "f2", "f8", "i4", "u1", "b1"])
def test_numbers_that_stand_one_by_one(dtype: str, tmp_path: Path) -> None:
    expected = (np.arange(6) - 1).reshape(2, 3).astype(dtype)
    code = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    tensor = helper.make_tensor("t", code, [2, 3], expected.reshape(-1))
    nodes = [node("Constant", [], ["t"], value=tensor), node("Identity", ["t"], ["y"])]
    made = model(nodes, inputs=ROWS, outputs=[helper.make_tensor_value_info("y", code, None)])
    np.testing.assert_array_equal(opened(tmp_path, made).run({}), expected)


def test_weights_in_a_file_beside_the_model(tmp_path: Path) -> None:
    made = model([node("MatMul", ["x", "w"], ["y"])], {"w": values(0, 4, 30)}, inputs=ROWS)
    onnx.save(made, tmp_path / "net.onnx", save_as_external_data=True, location="net.data", size_threshold=0)
    network = read(tmp_path / "net.onnx")
    np.testing.assert_array_equal(network.values["w"], values(0, 4, 30))


def test_weights_are_read_where_the_graph_cannot_run(tmp_path: Path) -> None:
    nodes = [node("Conv", ["x", "w"], ["maps"]), node("Flatten", ["maps"], ["rows"]),
             node("Gemm", ["rows", "m"], ["g"], transB=1), node("MatMul", ["g", "k"], ["h"]),
             node("Unknown", ["h"], ["y"], domain="com.acme")]  # fmt: skip
    held = {"w": values(0, 2, 3, 3, 3), "m": values(1, 5, 72), "k": values(2, 5, 6)}
    weights = read_weights(written(tmp_path, model(nodes, held)))
    assert list(weights.values) == ["w", "m", "k"]
    assert (weights.layout, set(weights.as_torch)) == ("tensorflow", {"w", "m"})


# --- names, layers, inputs ------------------------------------------------------------------------------


def test_names_are_kept_whatever_they_hold(tmp_path: Path) -> None:
    nodes = [
        node("MatMul", ["x", "a.b/c:0"], ["input.4"]),
        node("Add", ["input.4", "a.b/bias:0"], ["479"]),
        node("Relu", ["479"], ["/layer1/act/Relu_output_0"]),
        node("MatMul", ["/layer1/act/Relu_output_0", "head.weight"], ["y"]),
    ]
    held = {"a.b/c:0": values(0, 4, 3), "a.b/bias:0": values(1, 3), "head.weight": values(2, 3, 2)}
    network = same(tmp_path, model(nodes, held, inputs=ROWS), values(3, 2, 4))
    assert {"input.4", "479", "/layer1/act/Relu_output_0", "y"} <= set(network.tensors)
    assert list(network.parameters) == list(held)
    assert list(network.layers) == ["a.b", "/layer1/act", "head"]
    assert [layer.parameters for layer in network.layers.values()] == [("a.b/c:0", "a.b/bias:0"), (), ("head.weight",)]
    assert [cut.tensor for cut in network.cuts()] == ["/layer1/act/Relu_output_0"]


def test_inputs_are_described(tmp_path: Path) -> None:
    given = [
        info("p", ["n", 3, 8, 9]),
        info("q", [2, 8, 9, 1]),
        info("r", [None, 5]),
        info("s", ["n", 5], "i8"),
        info("t", None),
    ]
    nodes = [node("Identity", [one.name], [f"{one.name}_out"]) for one in given]
    outputs = [info(f"{one.name}_out", None, "i8" if one.name == "s" else "f4") for one in given]
    network = opened(tmp_path, model(nodes, inputs=given, outputs=outputs))
    assert {name: (spec.shape, spec.layout, spec.dtype) for name, spec in network.inputs.items()} == {
        "p": ((None, 3, 8, 9), "NCHW", "float32"), "q": ((2, 8, 9, 1), "NHWC", "float32"),
        "r": ((None, 5), "flat", "float32"), "s": ((None, 5), "other", "int64"), "t": ((), "other", "float32"),
    }  # fmt: skip


def test_another_tensor_as_the_output(tmp_path: Path) -> None:
    nodes = [node("Relu", ["x"], ["middle"]), node("Unknown", ["middle"], ["y"], domain="com.acme")]
    path = written(tmp_path, model(nodes, inputs=ROWS))
    np.testing.assert_array_equal(read(path, to=["middle"]).run(np.eye(4, dtype="f4")), np.eye(4))
    with pytest.raises(UnknownName, match="there is no tensor 'midle'") as caught:
        read(path, to=["midle"])
    assert caught.value.nearest == ("middle",)


def test_shapes_computed_on_the_way(tmp_path: Path) -> None:
    nodes = [
        node("Shape", ["x"], ["shape"]),
        node("Gather", ["shape", "zero"], ["batch"]),
        node("Unsqueeze", ["batch", "axes"], ["rows"]),
        node("Concat", ["rows", "rest"], ["wanted"], axis=0),
        node("Relu", ["x"], ["active"]),
        node("Reshape", ["active", "wanted"], ["flat"]),
        node("MatMul", ["flat", "w"], ["y"]),
    ]
    held = {"zero": np.array(0), "axes": np.array([0]), "rest": np.array([-1]), "w": values(0, 192, 3)}
    network = same(tmp_path, model(nodes, held), values(1, 2, 3, 8, 8))
    assert network.tensors["flat"].shape == (None, 192)
    assert [cut.tensor for cut in network.cuts(all=True)] == ["active", "flat"]
    assert network.bottleneck() == "flat"


# --- functions and branches -----------------------------------------------------------------------------


def test_functions_are_inlined(tmp_path: Path) -> None:
    """One calls another; an attribute is handed on, and a default used."""
    scaled = node("ThresholdedRelu", ["v"], ["w"])
    scaled.attribute.append(onnx.AttributeProto(name="alpha", ref_attr_name="bound", type=onnx.AttributeProto.FLOAT))
    inner = helper.make_function("own", "Inner", ["v"], ["w"], [scaled], [helper.make_opsetid("", 17)], ["bound"])
    calls = [node("Add", ["a", "b"], ["sum"]), node("Inner", ["sum"], ["c"], domain="own", bound=0.25)]
    imports = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    outer = helper.make_function("own", "Outer", ["a", "b"], ["c"], calls, imports)
    nodes = [
        node("Outer", ["x", "bias"], ["first"], domain="own", name="one"),
        node("Outer", ["first", "bias"], ["y"], domain="own", name="two"),
    ]
    made = model(nodes, {"bias": values(0, 4)}, inputs=ROWS, functions=[inner, outer])
    del made.opset_import[2:]
    network = same(tmp_path, made, values(1, 5, 4))
    assert [name for name in network.nodes if "sum" in name] == ["one/sum", "two/sum"]


def branches(condition: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    yes = helper.make_graph([node("Relu", ["x"], ["v"])], "yes", [], [info("v", None)])
    no = helper.make_graph([node("Neg", ["x"], ["v"])], "no", [], [info("v", None)])
    return [*condition, node("If", ["c"], ["y"], then_branch=yes, else_branch=no)]


@pytest.mark.parametrize(("truth", "function"), [(True, "relu"), (False, "neg")])
def test_a_constant_condition_is_decided(truth: bool, function: str, tmp_path: Path) -> None:
    constant = [
        node("Constant", [], ["k"], value=numpy_helper.from_array(np.array(not truth))),
        node("Not", ["k"], ["c"]),
    ]
    network = same(tmp_path, model(branches(constant), inputs=ROWS), values(0, 2, 4))
    assert [one.function for one in network.graph.nodes if one.name == "v"] == [function]


def test_operations_in_any_order(tmp_path: Path) -> None:
    nodes = [node("Relu", ["a"], ["y"]), node("Neg", ["x"], ["a"])]
    x = values(0, 2, 4)
    np.testing.assert_array_equal(opened(tmp_path, model(nodes, inputs=ROWS)).run(x), np.maximum(-x, 0))


# --- refusals -------------------------------------------------------------------------------------------


def test_all_unsupported_operations_are_named_at_once(tmp_path: Path) -> None:
    nodes = [
        node("Relu", ["x"], ["r"]),
        *branches([node("ReduceSum", ["x"], ["s"]), node("Cast", ["s"], ["c"], to=TensorProto.BOOL)]),
        *(node("Thing", ["r"], [f"t{k}"], domain="com.acme", name=f"thing{k}") for k in range(7)),
        node("Cast", ["r"], ["h"], to=TensorProto.BFLOAT16),
    ]  # fmt: skip
    outputs = ["y", *(f"t{k}" for k in range(7)), helper.make_tensor_value_info("h", TensorProto.BFLOAT16, None)]
    assert refused(tmp_path, model(nodes, inputs=ROWS, outputs=outputs), UnsupportedOp) == (
        "the network has operations that regraft cannot run\n"
        "  where: net.onnx\n"
        "  got: Cast: numbers of type bfloat16 cannot be used (1): h; If: its condition is computed (1): y; "
        "com.acme.Thing (7): thing0, thing1, thing2, thing3, thing4, ...\n"
        "  to do: cut before them: the first safe cut is 'r' (--at, or open(..., to=...))"
    )


@pytest.mark.parametrize(
    ("opset", "fix"), [(6, "convert it with onnx.version_converter"), (99, "update the onnx package, or export anew")]
)
def test_versions_that_are_not_known(opset: int, fix: str, tmp_path: Path) -> None:
    made = model([node("Relu", ["x"], ["y"])], inputs=ROWS, opset=17)
    made.opset_import[0].version = opset
    newest = onnx.defs.onnx_opset_version()
    assert refused(tmp_path, made, UnsupportedFormat) == (
        "the file uses a version of ONNX's operations that cannot be read\n  where: net.onnx\n"
        f"  expected: opset 7 to {newest}\n  got: opset {opset}\n  to do: {fix}"
    )


def test_an_operation_of_a_later_opset(tmp_path: Path) -> None:
    made = model([node("Gelu", ["x"], ["y"])], inputs=ROWS, opset=17)
    assert "got: Gelu: opset 17 has no such operation (1): y" in refused(tmp_path, made, UnsupportedOp)


def test_attributes_that_are_not_there(tmp_path: Path) -> None:
    made = model([node("Relu", ["x"], ["y"], alpha=2.0)], inputs=ROWS)
    assert refused(tmp_path, made, UnreadableFile) == (
        "an operation has attributes that it does not know\n"
        "  where: net.onnx, node y (Relu)\n  expected: none\n  got: alpha"
    )
    made = model([node("Concat", ["x", "x"], ["y"])], inputs=ROWS)
    assert (
        refused(tmp_path, made, UnreadableFile) == "the attribute axis is missing\n  where: net.onnx, node y (Concat)"
    )
    made = model([node("Concat", ["x", "x"], ["y"], axis=1.5)], inputs=ROWS)
    assert "the attribute axis is of the wrong type" in refused(tmp_path, made, UnreadableFile)


def test_looking_needs_no_torch(tmp_path: Path) -> None:
    path = written(tmp_path, model([node("MatMul", ["x", "w"], ["y"])], {"w": values(0, 4, 3)}, inputs=ROWS))
    code = (
        "import sys; from pathlib import Path; from regraft.formats import read, read_weights;"
        f"path = Path({str(path)!r});"
        "print(list(read(path).parameters), list(read_weights(path).values), 'torch' in sys.modules)"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "['w'] ['w'] False\n"
    )


def test_without_the_package_the_extra_is_named(tmp_path: Path) -> None:
    path = written(tmp_path, model([node("Relu", ["x"], ["y"])], inputs=ROWS))
    code = (
        "import sys; sys.modules['onnx'] = None; from pathlib import Path; from regraft.formats import read\n"
        f"try: read(Path({str(path)!r}))\nexcept ImportError as error: print(type(error).__name__, error, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "MissingExtra\nONNX files need a package\n  to do: pip install 'regraft[onnx]'\n"
