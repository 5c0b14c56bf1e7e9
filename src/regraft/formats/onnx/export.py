"""Writing a network as an ONNX model, under the names of its source."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from regraft.errors import MissingExtra, UnsupportedOp
from regraft.formats.onnx.translations import translations
from regraft.network import GraphNetwork, noted
from regraft.network.proof import Written, prove_values
from regraft.run.atomic import writing

if TYPE_CHECKING:
    import numpy as np
    from torch.export import ExportedProgram

    from regraft.network.program import Program

OPSET = 20
_LARGEST = (1 << 31) - 1  # bytes; a protocol buffer holds no more


def write(network: GraphNetwork, path: Path) -> Written:
    """Write a network in evaluation mode as an ONNX model.

    Inputs, outputs, initializers and what is computed on the way carry the names of the source; weights lie as they do
    there. The batch is free, and so is every size that is free in the source. onnxruntime opens the file and computes
    with it before it takes its place.

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


@dataclass(frozen=True, kw_only=True)
class EngineModel:
    """An ONNX model for a program that runs it at once and keeps nothing of it.

    Its inputs and outputs stand in the order of the network's, each output once, under names of no meaning; what lies
    between is not told.

    Attributes:
        data: the model.
        outputs: the tensors of the network it gives, in order.
        places: initializer -> the parameter of the network it holds.
    """

    data: bytes
    outputs: tuple[str, ...]
    places: Mapping[str, str]

    def renewed(self, values: Mapping[str, np.ndarray], outputs: Sequence[str]) -> EngineModel:
        """The same with other values of the parameters, for some of its outputs."""
        import onnx

        model = onnx.load_model_from_string(self.data)
        for one in model.graph.initializer:
            if one.name in self.places:
                one.CopyFrom(onnx.numpy_helper.from_array(values[self.places[one.name]], one.name))
        kept = [model.graph.output[self.outputs.index(name)] for name in outputs]
        del model.graph.output[:]
        model.graph.output.extend(kept)
        return EngineModel(data=model.SerializeToString(), outputs=tuple(outputs), places=self.places)


def engine_model(network: GraphNetwork) -> EngineModel:
    """The model of a network.

    Raises:
        UnsupportedOp: ONNX has no operation for some nodes, which are named; or it would be too large.
    """
    traced, model = _translated(network, every=False)
    _refuse_too_large(model)
    places = {f"@{place}": name for place, name in traced.parameters.items()}
    return EngineModel(data=model.SerializeToString(), outputs=traced.outputs, places=places)


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

    traced, model = _translated(network, every=True)
    wanted = len(set(network.outputs))
    model.graph.value_info.extend(model.graph.output[wanted:])
    del model.graph.output[wanted:]
    named = _rename(model.graph, traced)
    trained = [named[name] for name in traced.parameters.values() if network.parameters[name].trainable]
    nodes = model.graph.node
    nodes.extend(onnx.helper.make_node("Identity", [value], [name]) for name, value in traced.same.items())
    _tidy(model.graph)
    model.metadata_props.add(key=noted.KEY, value=noted.note_of(network.graph.inputs))
    model.metadata_props.add(key=noted.TRAINED, value=json.dumps(trained))
    _refuse_too_large(model)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _translated(network: GraphNetwork, *, every: bool) -> tuple[Program, Any]:
    """What was traced of a network, and the exporter's model of it."""
    from regraft.network.program import program, quiet, refused

    traced = program(network, every=every)
    with quiet():
        try:
            return traced, _exported(traced.exported, len(traced.inputs), len(traced.outputs), pooled=not every)
        except Exception as error:
            raise refused(network, traced.nodes, "ONNX", _exported, error) from error


def _refuse_too_large(model: Any) -> None:
    if model.ByteSize() > _LARGEST:
        raise UnsupportedOp(
            "the network is too large for one ONNX file",
            expected=f"at most {_LARGEST:,} bytes",
            got=f"{model.ByteSize():,} bytes",
            fix="keep it as a regraft model, or write its weights as safetensors",
        )


def _exported(exported: ExportedProgram, inputs: int = 0, outputs: int = 0, *, pooled: bool = False) -> Any:
    """The model; inputs are called @in0, ..., outputs @out0, ..., weights @NAME, as nothing else can be.

    Args:
        pooled: see `_pool_means`.
    """
    import torch

    made = torch.onnx.export(
        exported,
        dynamo=True,
        input_names=[f"@in{k}" for k in range(inputs)],
        output_names=[f"@out{k}" for k in range(outputs)],
        opset_version=OPSET,
        custom_translation_table=translations(),
        optimize=False,  # nothing is fused or folded: weights stay what they are
        verbose=False,
    )
    if made is None:
        return None
    for value in [value for name, value in made.model.graph.initializers.items() if not name.startswith("@out")]:
        value.name = f"@{value.name}"
    _settle_types(made.model.graph)
    if pooled:
        _pool_means(made.model.graph)
    return made.model_proto


def _settle_types(graph: Any) -> None:
    """Constants of the type they are read in.

    onnxruntime takes the bounds of a Clip into the convolution below it where they are constants, not where a CastLike
    makes them: MobileNetV2 then runs in two thirds of the time.
    """
    import onnx_ir

    for node in [node for node in graph if node.op_type == "CastLike"]:
        constant, like = (onnx_ir.convenience.get_const_tensor(node.inputs[0]), node.inputs[1].dtype)
        if constant is None or like is None:
            continue
        value = onnx_ir.tensor(constant.numpy().astype(like.numpy()))
        settled = onnx_ir.node("Constant", [], attributes={"value": value})
        graph.insert_before(node, settled)
        onnx_ir.convenience.replace_all_uses_with(node.outputs[0], settled.outputs[0])
        graph.remove(node, safe=True)


def _pool_means(graph: Any) -> None:
    """Means of pictures over their places as global pooling.

    onnxruntime pools in the layout its convolutions have; for a mean it turns all maps back first.
    """
    import onnx_ir

    for node in [node for node in graph if node.op_type == "ReduceMean" and len(node.inputs) == 2]:
        maps, axes = node.inputs[0], node.inputs[1]
        maker = axes.producer()
        if maker is not None and maker.op_type == "Reshape":  # to one dimension: the exporter writes it so
            axes = maker.inputs[0]
        known = onnx_ir.convenience.get_const_tensor(axes)
        if maps.shape is None or len(maps.shape) != 4 or known is None or sorted(known.numpy().ravel()) != [2, 3]:
            continue
        pool = onnx_ir.node("GlobalAveragePool", [maps])
        vector = onnx_ir.node("Flatten", [pool.outputs[0]], attributes={"axis": 1})
        kept = node.attributes.get_int("keepdims", 1)
        graph.insert_before(node, [pool] if kept else [pool, vector])
        old, new = node.outputs[0], (pool if kept else vector).outputs[0]
        new.name, new.shape, new.type = old.name, old.shape, old.type
        onnx_ir.convenience.replace_all_uses_with(old, new, replace_graph_outputs=True)
        graph.remove(node, safe=True)


def _rename(graph: Any, traced: Program) -> dict[str, str]:
    """Put the names of the source in place of the exporter's, and give back what parameters are called now."""
    names = {f"@in{k}": name for k, name in enumerate(traced.inputs)}
    names |= {f"@out{k}": name for k, name in enumerate(traced.outputs)}
    tensors = {*names.values(), *traced.same}
    parameters = {name: f"{name}@parameter" if name in tensors else name for name in traced.parameters.values()}
    names |= {f"@{place}": parameters[name] for place, name in traced.parameters.items()}
    taken = {*tensors, *names.values()}
    made = {name for node in graph.node for name in node.output} | {one.name for one in graph.initializer}
    own = {name: name.removeprefix("@") for name in made - names.keys()}
    names |= {
        name: f"{plain}@onnx" if plain in taken or plain in made - {name} else plain for name, plain in own.items()
    }
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = names.get(value.name, value.name)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    return parameters


def _tidy(graph: Any) -> None:
    """Call the free batch "batch", and leave out what the exporter notes of this machine's files."""
    free = next((dim.dim_param for value in graph.input for dim in value.type.tensor_type.shape.dim[:1]), "")
    for value in (*graph.input, *graph.output, *graph.value_info):
        for dim in value.type.tensor_type.shape.dim if free else ():
            if dim.dim_param:
                dim.dim_param = re.sub(rf"\b{free}\b", "batch", dim.dim_param)
    for one in (graph, *graph.node, *graph.input, *graph.output, *graph.value_info, *graph.initializer):
        del one.metadata_props[:]


def _require() -> None:
    from importlib.util import find_spec

    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if missing:
        raise MissingExtra(
            f"{', '.join(missing)} is not installed, which writing ONNX needs", fix="pip install 'regraft[onnx]'"
        )
