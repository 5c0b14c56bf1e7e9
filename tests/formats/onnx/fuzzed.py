"""The honest ONNX file that fuzzing starts from: a bit of everything."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from formats.onnx.making import info, model, node, values, written
from onnx import helper, numpy_helper


def fuzzed_onnx(folder: Path) -> Path:
    """Convolution, batch norm, branch, function, shapes, resizing, a recurrent layer, and weights beside the model."""
    inner = helper.make_function(
        "own", "Soft", ["v"], ["w"], [node("Softplus", ["v"], ["u"]), node("Clip", ["u", "", "w0"], ["w"])][:1],
        [helper.make_opsetid("", 17)],
    )  # fmt: skip
    inner.output[0] = "u"
    yes = helper.make_graph([node("LeakyRelu", ["soft"], ["v"], alpha=0.2)], "yes", [], [info("v", None)])
    no = helper.make_graph([node("Neg", ["soft"], ["n"])], "no", [], [info("n", None)])
    nodes = [
        node("Conv", ["x", "w", "b"], ["maps"], kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("BatchNormalization", ["maps", "s", "b", "m", "v"], ["normal"]),
        node("Soft", ["normal"], ["soft"], domain="own", name="call"),
        node("Constant", [], ["c"], value=numpy_helper.from_array(np.array(True))),
        node("If", ["c"], ["chosen"], then_branch=yes, else_branch=no),
        node("Resize", ["chosen", "", "scales"], ["large"], mode="linear"),
        node("MaxPool", ["large"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1),
        node("Pad", ["pooled", "pads"], ["padded"]),
        node("Slice", ["padded", "start", "end", "axes"], ["part"]),
        node("Shape", ["part"], ["shape"]),
        node("Gather", ["shape", "zero"], ["batch"]),
        node("Concat", ["batch", "rest"], ["wanted"], axis=0),
        node("Reshape", ["part", "wanted"], ["steps"]),
        node("LSTM", ["steps", "lw", "lr"], ["", "last"], hidden_size=3, layout=1),
        node("Squeeze", ["last", "one"], ["row"]),
        node("Gemm", ["row", "far", "g"], ["y"], transB=1),
    ]
    held = {
        "w": values(0, 4, 3, 3, 3), "b": values(1, 4), "s": values(2, 4), "m": values(3, 4), "v": np.ones(4, "f4"),
        "scales": np.array([1, 1, 2, 2], "f4"), "pads": np.array([0, 0, 1, 0, 0, 0, 0, 1]), "start": np.array([0]),
        "end": np.array([4]), "axes": np.array([2]), "zero": np.array([0]), "rest": np.array([-1, 4]),
        "lw": values(4, 1, 12, 4), "lr": values(5, 1, 12, 3), "one": np.array([1]), "g": values(6, 5),
    }  # fmt: skip
    made = model(nodes, held, inputs=[info("x", [1, 3, 8, 8])], functions=[inner], opset=17)
    far = onnx.TensorProto(name="far", dims=[5, 3], data_type=1, data_location=1)
    for key, value in {"location": "far.data", "offset": "4", "length": "60"}.items():
        far.external_data.add(key=key, value=value)
    made.graph.initializer.append(far)
    (folder / "far.data").write_bytes(bytes(4) + values(7, 5, 3).tobytes())
    return written(folder, made)
