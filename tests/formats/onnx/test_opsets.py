"""Operations as older opsets have them, which the node tests leave out, against ONNX Runtime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from formats.onnx.making import info, model, node, runtime, values, written

from regraft.formats import read

Held = dict[str, np.ndarray]


def old(type: str, opset: int, held: Held | None = None, outputs: int = 1, **attributes: Any) -> Any:
    """A case: an operation of x (b 3 8 8) and what is held, as an opset has it."""
    made = node(type, ["x", *(held or {})], [f"y{k}" for k in range(outputs)], **attributes)
    return pytest.param(made, opset, held or {}, id=f"{type}-{opset}-{len(attributes)}")


STATISTICS = {"s": values(1, 3), "o": values(2, 3), "m": values(3, 3), "v": values(4, 3) ** 2 + 0.5}
CASES = [
    old("Softmax", 7, axis=2),
    old("Softmax", 11),
    old("LogSoftmax", 12, axis=-2),
    old("Hardmax", 9, axis=1),
    old("Slice", 9, starts=[1, -4], ends=[3, 99], axes=[1, -1]),
    old("Slice", 9, starts=[1], ends=[-1]),
    old("Pad", 10, pads=[0, 0, 1, 2, 0, 0, 3, 0], value=0.5),
    old("Pad", 7, pads=[0, 0, 1, 2, 0, 0, 3, 0], mode="reflect"),
    old("Clip", 7, min=-0.2, max=0.3),
    old("Clip", 10, max=0.1),
    old("Clip", 7, min=0.0, max=6.0),
    old("TopK", 7, outputs=2, k=3, axis=2),
    old("TopK", 10, {"k": np.array([2])}, outputs=2),
    old("Unsqueeze", 12, axes=[0, 3]),
    old("Split", 12, outputs=2, axis=2, split=[3, 5]),
    old("Split", 7, outputs=4, axis=3),
    old("ReduceSum", 12, axes=[1, -1], keepdims=0),
    old("ReduceMean", 17, axes=[2, 3]),
    old("ReduceMax", 11),
    old("Upsample", 7, mode="nearest", scales=[1.0, 1.0, 2.0, 3.0]),
    old("Upsample", 9, {"scales": np.array([1, 1, 2, 1.5], "f4")}, mode="linear"),
    old("Resize", 10, {"scales": np.array([1, 1, 1.5, 0.5], "f4")}, mode="nearest"),
    old("Resize", 10, {"scales": np.array([1, 1, 2, 2], "f4")}, mode="linear"),
    old("Dropout", 7, ratio=0.3),
    old("Dropout", 10),
    old("BatchNormalization", 7, STATISTICS, epsilon=0.01),
    old("BatchNormalization", 9, STATISTICS),
    old("BatchNormalization", 14, STATISTICS),
    old("GlobalLpPool", 11, p=3),
    old("LpPool", 11, kernel_shape=[2, 3], p=1),
    old("AveragePool", 7, kernel_shape=[3, 3], pads=[1, 1, 0, 0], strides=[2, 2]),
    old("MaxPool", 7, kernel_shape=[3, 2], pads=[1, 0, 1, 1]),
    old("Flatten", 7, axis=2),
    old("Gemm", 7, {"w": values(0, 64, 5), "c": values(1, 5)}, alpha=0.5, beta=2.0),
    old("Gemm", 11, {"w": values(0, 5, 64)}, transB=1),
    old("LRN", 7, size=5),
    old("LRN", 13, size=3, alpha=0.3),
    old("Scatter", 10, {"i": np.zeros((1, 1, 2, 2), "i8") + 2, "u": values(1, 1, 1, 2, 2)}, axis=1),
    old("InstanceNormalization", 7, {"s": values(0, 3), "o": values(1, 3)}),
    old("LayerNormalization", 17, {"s": values(0, 8), "o": values(1, 8)}),
    old("LayerNormalization", 17, {"s": values(0, 1, 8)}, axis=2),
    old("PRelu", 7, {"slope": values(0, 3, 1, 1)}),
    old("Sum", 8, {"a": values(0, 8), "b": values(1, 3, 1, 1)}),
    old("Conv", 7, {"w": values(0, 6, 1, 3, 3), "b": values(1, 6)}, group=3, auto_pad="SAME_LOWER", strides=[2, 2]),
    old("Conv", 11, {"w": values(0, 6, 1, 3, 2)}, group=3, pads=[0, 1, 2, 3], dilations=[2, 1]),
    old("ConvTranspose", 11, {"w": values(0, 3, 2, 3, 3), "b": values(1, 2)}, strides=[2, 2], output_padding=[1, 0]),
]  # fmt: skip


@pytest.mark.parametrize(("one", "opset", "held"), CASES)
def test_an_operation_is_that_of_onnxruntime(one: onnx.NodeProto, opset: int, held: Held, tmp_path: Path) -> None:
    flat = one.op_type == "Gemm"
    given = [info("x", ["b", 64])] if flat else [info("x", ["b", 3, 8, 8])]
    outputs = [info(name, None) for name in one.output]
    for place, name in enumerate(one.output):
        if place == 1:
            kind = onnx.TensorProto.BOOL if one.op_type == "Dropout" else onnx.TensorProto.INT64
            outputs[1] = onnx.helper.make_tensor_value_info(name, kind, None)
    if one.op_type == "Split":
        outputs = [info(name, None) for name in one.output]
    path = written(tmp_path, model([one], held, inputs=given, outputs=outputs, opset=opset))
    x = values(9, 1 if one.op_type == "Scatter" else 2, *((64,) if flat else (3, 8, 8)))
    network = read(path)
    found = network.run({"x": x}, list(network.outputs))
    for have, expected in zip(found, runtime(path, {"x": x}), strict=True):
        assert (have.dtype, have.shape) == (expected.dtype, expected.shape)
        np.testing.assert_allclose(have, expected, rtol=1e-4, atol=1e-5)
    for name, have in zip(network.outputs, found, strict=True):
        shape = network.tensors[name].shape
        assert shape is not None
        assert all(size in (None, length) for size, length in zip(shape, have.shape, strict=True))


def squeezed(opset: int) -> onnx.ModelProto:
    nodes = [node("Unsqueeze", ["x"], ["wide"], axes=[1]), node("Squeeze", ["wide"], ["y"], axes=[1])]
    return model(nodes, opset=opset)


def test_squeeze_before_its_axes_were_an_input(tmp_path: Path) -> None:
    x = values(0, 2, 3, 8, 8)
    np.testing.assert_array_equal(read(written(tmp_path, squeezed(11))).run(x), x)


@pytest.mark.parametrize("type", ["LSTM", "GRU", "RNN"])
@pytest.mark.parametrize("direction", ["forward", "reverse", "bidirectional"])
def test_recurrent_layers_with_lengths_and_states(type: str, direction: str, tmp_path: Path) -> None:
    gates, ways = {"LSTM": 4, "GRU": 3, "RNN": 1}[type], 2 if direction == "bidirectional" else 1
    held = {
        "w": values(0, ways, gates * 3, 4), "r": values(1, ways, gates * 3, 3), "b": values(2, ways, gates * 6),
        "lengths": np.array([5, 2], "i4"), "h": values(3, ways, 2, 3), "c": values(4, ways, 2, 3),
    }  # fmt: skip
    outputs = ["every", "last", "cell"][: 3 if type == "LSTM" else 2]
    used = list(held)[: 6 if type == "LSTM" else 5]
    one = node(type, ["x", *used], outputs, hidden_size=3, direction=direction)
    made = model([one], {name: held[name] for name in used}, inputs=[info("x", [5, "b", 4])], outputs=outputs)
    path, x = written(tmp_path, made), values(5, 5, 2, 4)
    network = read(path)
    for have, expected in zip(network.run(x), runtime(path, {"x": x}), strict=True):
        np.testing.assert_allclose(have, expected, rtol=1e-5, atol=1e-6)
    assert {name for name, parameter in network.parameters.items() if parameter.trainable} == set(used) - {"lengths"}
