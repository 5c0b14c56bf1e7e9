"""ONNX files written by the tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

Shape = Sequence[int | str | None]
TYPES = {"f4": TensorProto.FLOAT, "f2": TensorProto.FLOAT16, "i8": TensorProto.INT64, "b1": TensorProto.BOOL}


def values(seed: int, *shape: int, dtype: str = "f4") -> np.ndarray:
    """Numbers around 0."""
    return (np.random.default_rng(seed).normal(size=shape) / 2).astype(dtype)


def info(name: str, shape: Shape | None, dtype: str = "f4") -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TYPES[dtype], shape)


def model(
    nodes: Sequence[onnx.NodeProto],
    weights: Mapping[str, np.ndarray] | None = None,
    *,
    inputs: Sequence[onnx.ValueInfoProto] | None = None,
    outputs: Sequence[onnx.ValueInfoProto | str] = ("y",),
    opset: int = 17,
    functions: Sequence[onnx.FunctionProto] = (),
    **more: Any,
) -> onnx.ModelProto:
    """A model of one graph; its input is x (b 3 8 8) where nothing else is said."""
    given = [info("x", ["b", 3, 8, 8])] if inputs is None else inputs
    wanted = [info(one, None) if isinstance(one, str) else one for one in outputs]
    held = [numpy_helper.from_array(value, name) for name, value in (weights or {}).items()]
    graph = helper.make_graph(list(nodes), "net", list(given), wanted, held, **more)
    imports = [helper.make_opsetid("", opset), *(helper.make_opsetid(one.domain, 1) for one in functions)]
    return helper.make_model(graph, opset_imports=imports, functions=list(functions), ir_version=9)


def written(folder: Path, made: onnx.ModelProto, name: str = "net.onnx") -> Path:
    """The file of a model."""
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def runtime(path: Path, fed: Mapping[str, np.ndarray]) -> list[np.ndarray]:
    """What ONNX Runtime computes."""
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options).run(None, dict(fed))


node = helper.make_node
