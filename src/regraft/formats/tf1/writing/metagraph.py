"""A network as the MetaGraphDef that a TensorFlow 1 Saver writes beside a checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regraft.formats.tf1.checkpoint.dtypes import NUMBERS
from regraft.formats.tf1.protos import new
from regraft.formats.tf1.writing.encoding import shape_proto
from regraft.formats.tf1.writing.forward import Forward
from regraft.formats.tf1.writing.graph_writer import GraphWriter
from regraft.formats.tf1.writing.naming import named, output_of
from regraft.formats.tf1.writing.output_types import tensor_types
from regraft.formats.tf1.writing.variable_writer import put_reads, put_saver, put_updates, put_variable
from regraft.formats.tf1.writing.wholes import partitioned
from regraft.network import GraphNetwork
from regraft.network.flow import ancestors

_WRITTEN_AS = "1.15.0"  # the TensorFlow whose words are used

# Collections that hold variables (their VariableDefs) and not names: `register_proto_function` in TensorFlow's
# variables.py.
_OF_VARIABLES = (
    "variables", "trainable_variables", "local_variables", "model_variables", "moving_average_variables",
    "metric_variables", "global_step",
)  # fmt: skip


def meta_graph(network: GraphNetwork) -> Any:
    """The MetaGraphDef of a network.

    Raises:
        UnsupportedOp: TensorFlow has no operation for some nodes; all are named.
    """
    out = GraphWriter()
    names = named(network.graph, out.taken)
    variables = names.variables
    parts = partitioned(network)
    definitions = {
        p.name: put_variable(out, variables[p.name], p, parts.get(p.name)) for p in network.parameters.values()
    }
    types = tensor_types(network.graph, {p.name: p.dtype for p in network.parameters.values()})
    forward = Forward(network, out, names, types)
    forward.write()
    put_reads(out, network, variables, definitions)
    updates = put_updates(out, network, variables, forward)
    meta = new("MetaGraphDef")
    meta.meta_info_def.tensorflow_version = _WRITTEN_AS
    meta.saver_def.CopyFrom(put_saver(out, network, variables))
    meta.graph_def.CopyFrom(out.graph_def)
    _sign(meta.signature_def["serving_default"], network, forward.wires, types)
    _collect_variables(meta, network, definitions)
    lists = {
        **_surviving(network, forward.wires, out.graph_def),
        "update_ops": updates,
        "regraft_inputs": [_tensor(forward.wires[name]) for name in _needed(network)],
        "regraft_outputs": [_tensor(forward.wires[name]) for name in network.outputs],
    }
    for key, members in lists.items():
        if members:
            meta.collection_def[key].node_list.value.extend(members)
    return meta


def _needed(network: GraphNetwork) -> list[str]:
    """The inputs the outputs are computed from: labels are none."""
    below = ancestors(network.nodes, network.outputs)
    return [name for name in network.inputs if name in below]


def _sign(signature: Any, network: GraphNetwork, wires: Mapping[str, str], types: Mapping[str, str]) -> None:
    """Say which tensors are the inputs and outputs; regraft itself reads this when it opens the file again."""
    signature.method_name = "tensorflow/serving/predict"
    shapes = {name: network.tensors[name].shape for name in network.outputs}
    shapes |= {name: spec.shape for name, spec in network.inputs.items()}
    sides = ((signature.inputs, "input", _needed(network)), (signature.outputs, "output", network.outputs))
    for side, word, names in sides:
        for index, name in enumerate(names):
            info = side[f"{word}_{index:03}"]  # keys have no order but that of the alphabet
            info.name = _tensor(wires[name])
            info.dtype = NUMBERS[types[name]]
            info.tensor_shape.CopyFrom(shape_proto(shapes[name]))


def _collect_variables(meta: Any, network: GraphNetwork, definitions: Mapping[str, Any]) -> None:
    trained = [p.name for p in network.parameters.values() if p.trainable]
    own = {"variables": list(definitions), "trainable_variables": trained}
    for key in _OF_VARIABLES:
        members = own.get(key, [name.removesuffix(":0") for name in network.collections.get(key, ())])
        found = [definitions[name].SerializeToString() for name in members if name in definitions]
        if found:
            meta.collection_def[key].bytes_list.value.extend(found)


def _surviving(network: GraphNetwork, wires: Mapping[str, str], graph_def: Any) -> dict[str, list[str]]:
    """The source's own lists of names, with what is still there: TensorFlow refuses names of what is not."""
    operations = {node.name for node in graph_def.node}
    found: dict[str, list[str]] = {}
    for key, names in network.collections.items():
        if key not in _OF_VARIABLES:
            known = [name for name in names if name in wires or name in operations]
            found[key] = [_tensor(wires[name]) if name in wires else name for name in known]
    return found


def _tensor(wire: str) -> str:
    """The full name of what a NodeDef names as an input."""
    return "{}:{}".format(*output_of(wire))
