"""Parameters as TensorFlow's variables, and the operations its Saver saves and restores them with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regraft.formats.tf1.protos import new
from regraft.formats.tf1.writing.encoding import Value
from regraft.formats.tf1.writing.forward import Forward
from regraft.formats.tf1.writing.graph_writer import GraphWriter
from regraft.formats.tf1.writing.wholes import partitioned, spec
from regraft.network import GraphNetwork, Parameter, Slice

# What Savers write: the format of the checkpoint, and how many they keep.
_SAVER = {"version": 2, "max_to_keep": 5, "keep_checkpoint_every_n_hours": 10_000.0}


def put_variable(out: GraphWriter, name: str, parameter: Parameter, part: Slice | None = None) -> Any:
    """Write a variable; its initialiser sets zeros, for the values come from the checkpoint.

    Args:
        name: taken for it.
        part: of what it is saved as a part.

    Returns:
        Its VariableDef; the name it is read under is still missing.
    """
    dtype = Value("type", parameter.dtype)
    out.put("VariableV2", name, dtype=dtype, shape=Value("shape", parameter.shape))
    initializer = f"{name}/Initializer/zeros"
    shape = out.constant(f"{initializer}/shape_as_tensor", parameter.shape, "int32")
    zero = out.constant(f"{initializer}/Const", 0, parameter.dtype)
    zeros = out.add("Fill", initializer, [shape, zero], T=dtype)
    definition = new("VariableDef")
    definition.variable_name = f"{name}:0"
    definition.initial_value_name = f"{zeros}:0"
    definition.initializer_name = out.add("Assign", f"{name}/Assign", [name, zeros], T=dtype)
    definition.trainable = parameter.trainable
    if part:
        info = definition.save_slice_info_def
        info.full_name = part.whole
        info.full_shape.extend(part.shape)
        info.var_offset.extend(part.offset)
        info.var_shape.extend(parameter.shape)
    return definition


def put_reads(
    out: GraphWriter, network: GraphNetwork, names: Mapping[str, str], definitions: Mapping[str, Any]
) -> None:
    """Complete VariableDefs with the identity that reads the variable: the network's own, else a new one.

    Args:
        names: of the variables, by parameter name; `definitions` likewise.
    """
    for parameter, definition in definitions.items():
        read = f"{names[parameter]}/read"
        if not _reads(network, f"{read}:0", parameter):
            dtype = Value("type", network.parameters[parameter].dtype)
            read = out.add("Identity", read, [names[parameter]], T=dtype)
        definition.snapshot_name = f"{read}:0"


def _reads(network: GraphNetwork, tensor: str, parameter: str) -> bool:
    node = network.nodes.get(tensor)
    if node is None or node.function != "identity":
        return False
    source = network.nodes[next(node.refs())]
    return source.function == "parameter" and source.args == (parameter,)


def put_updates(out: GraphWriter, network: GraphNetwork, names: Mapping[str, str], forward: Forward) -> list[str]:
    """Write the assignments that move the moving averages on, as far as `forward` has not; gives all their names."""
    return [
        forward.wires[tensor]
        if tensor in forward.assignments
        else out.add(
            "Assign",
            f"{names[parameter]}/AssignMovingAvg",
            [names[parameter], forward.wires[tensor]],
            T=Value("type", network.parameters[parameter].dtype),
        )
        for parameter, tensor in network.graph.updates.items()
    ]


def put_saver(out: GraphWriter, network: GraphNetwork, names: Mapping[str, str]) -> Any:
    """Write the operations of a Saver for all parameters; gives its SaverDef."""
    text, scalar = Value("type", "string"), Value("shape", ())
    types = [parameter.dtype for parameter in network.parameters.values()]
    default = out.constant("save/filename/input", "model", object)
    filename = out.add("PlaceholderWithDefault", "save/filename", [default], dtype=text, shape=scalar)
    prefix = out.add("PlaceholderWithDefault", "save/Const", [filename], dtype=text, shape=scalar)
    variables = [names[parameter] for parameter in network.parameters]
    save = out.add(
        "SaveV2", "save/SaveV2", [*_entries(out, network, prefix, "SaveV2"), *variables], dtypes=Value("types", types)
    )
    saved = out.add("Identity", "save/control_dependency", [prefix, f"^{save}"], T=text)
    restore = out.add(
        "RestoreV2", "save/RestoreV2", _entries(out, network, prefix, "RestoreV2"), dtypes=Value("types", types)
    )
    assigns = [
        out.add("Assign", "save/Assign", [variable, f"{restore}:{index}" if index else restore], T=Value("type", dtype))
        for index, (variable, dtype) in enumerate(zip(variables, types, strict=True))
    ]
    restored = out.add("NoOp", "save/restore_all", [f"^{assign}" for assign in assigns])
    saver = new("SaverDef")
    saver.filename_tensor_name, saver.save_tensor_name = f"{prefix}:0", f"{saved}:0"
    saver.restore_op_name = restored
    for field, value in _SAVER.items():
        setattr(saver, field, value)
    return saver


def _entries(out: GraphWriter, network: GraphNetwork, prefix: str, operation: str) -> list[str]:
    """The inputs that say which entries of the checkpoint are meant, and which part of them ("": all)."""
    parts = partitioned(network)
    keys = [parts[name].whole if name in parts else name for name in network.parameters]
    specs = [spec(parts[p.name], p.shape) if p.name in parts else "" for p in network.parameters.values()]
    return [
        prefix,
        out.constant(f"save/{operation}/tensor_names", keys, object),
        out.constant(f"save/{operation}/shape_and_slices", specs, object),
    ]
