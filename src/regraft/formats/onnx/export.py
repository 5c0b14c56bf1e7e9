"""Writing a network as an ONNX model, under the names of its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.errors import MissingExtra, UnsupportedOp
from regraft.network import GraphNetwork
from regraft.network.proof import Written, prove_values
from regraft.run.atomic import writing

if TYPE_CHECKING:
    import numpy as np
    from torch.export import ExportedProgram

OPSET = 20
_LARGEST = (1 << 31) - 1  # bytes; a protocol buffer holds no more


def write(network: GraphNetwork, path: Path) -> Written:
    """Write a network in evaluation mode as an ONNX model.

    Inputs, outputs and initializers carry the names of the source, weights lie as they lie in it. The batch is free,
    and so is every size that is free in the source. onnxruntime opens the file and computes with it before it takes
    its place.

    Raises:
        MissingExtra: onnx, onnxscript or onnxruntime is not installed.
        UnsupportedOp: ONNX has no operation for some nodes, which are named; or what was written computes other
            numbers than the network.
        OutOfSpace: the disk is full.
    """
    _require()
    data = _model(network)
    with writing(path) as file:
        file.write(data)
        file.flush()
        found = prove_values(network, _Runtime(file.name, network.outputs), str(path))
    return Written(format="onnx", files=(path,), difference=found)


class _Runtime:
    """Computes the outputs with onnxruntime."""

    def __init__(self, path: str, outputs: Sequence[str]) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors
        self._outputs = list(outputs)
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def __call__(self, x: dict[str, np.ndarray]) -> Sequence[Any]:
        return self._session.run(self._outputs, x)


def _model(network: GraphNetwork) -> bytes:
    """The model as bytes."""
    import onnx

    from regraft.network.program import program, quiet, refused

    traced = program(network)
    with quiet():
        try:
            model = _exported(traced.exported, list(traced.inputs), list(traced.outputs))
        except Exception as error:
            raise refused(network, traced.nodes, "ONNX", lambda one: _exported(one, None, None), error) from error
    _rename(model.graph, traced.parameters)
    if model.ByteSize() > _LARGEST:
        raise UnsupportedOp(
            "the network is too large for one ONNX file",
            expected=f"at most {_LARGEST:,} bytes",
            got=f"{model.ByteSize():,} bytes",
            fix="keep it as a regraft model, or write its weights as safetensors",
        )
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _exported(exported: ExportedProgram, inputs: list[str] | None, outputs: list[str] | None) -> Any:
    import torch

    made = torch.onnx.export(
        exported,
        dynamo=True,
        input_names=inputs,
        output_names=outputs,
        opset_version=OPSET,
        optimize=False,  # nothing is fused or folded: weights stay what they are
        verbose=False,
    )
    return made.model_proto if made else None


def _rename(graph: Any, parameters: Mapping[str, str]) -> None:
    """Give initializers the names of their parameters, and other names to values of the exporter that collide."""
    kept = {value.name for value in (*graph.input, *graph.output)}
    names = {place: name if name not in kept else f"{name}@parameter" for place, name in parameters.items()}
    taken = kept | set(names.values())
    held = {initializer.name for initializer in graph.initializer}
    made = {name for node in graph.node for name in node.output if name} | held
    renamed = {name: f"{name}@onnx" for name in made if name in taken and name not in kept} | {
        place: name for place, name in names.items() if place in held
    }
    for initializer in graph.initializer:
        initializer.name = renamed.get(initializer.name, initializer.name)
    for node in graph.node:
        node.input[:] = [renamed.get(name, name) for name in node.input]
        node.output[:] = [renamed.get(name, name) for name in node.output]
    for value in graph.value_info:
        value.name = renamed.get(value.name, value.name)


def _require() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"{', '.join(missing)} is not installed, which writing ONNX needs", fix='pip install "regraft[onnx]"'
        )
