"""Run by the oracle: computes the cases of `operation_cases`, and their gradients, with TensorFlow.

python operation_oracle.py cases.npz answers.npz
"""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, graph_pb2, node_def_pb2
from tensorflow.python.framework import op_def_registry
from tensorflow.python.ops import state_ops

v1 = tf.compat.v1
# Some operations exist for files older than this only.
OLD_PRODUCER = 5
# Which input is a picture. TensorFlow's CPU knows NHWC only, so NCHW cases are turned around.
PICTURES = {"Conv2DBackpropInput": 2}
# Inputs that are not pictures but have a number for each dimension of one.
PER_DIMENSION = {"Conv2DBackpropInput": (0,), "MaxPoolV2": (1, 2)}


@dataclass
class Case:
    """A case as TensorFlow's CPU can compute it."""

    name: str
    type: str
    arrays: list[np.ndarray]
    attrs: dict
    gradient: bool
    outputs: int
    turned: bool = False

    def __post_init__(self) -> None:
        if self.type == "TopK":  # TensorFlow 2.21 knows the operation but has no kernel of it any more
            self.type = "TopKV2"
            self.arrays.append(np.array(self.attrs.pop("k"), np.int32))
        picture = PICTURES.get(self.type, 0)
        if self.attrs.get("data_format") == "NCHW" and self.arrays[picture].ndim == 4:
            self.turned = True
            self.arrays[picture] = self.arrays[picture].transpose(0, 2, 3, 1)
            for k in PER_DIMENSION.get(self.type, ()):
                self.arrays[k] = self.arrays[k][[0, 2, 3, 1]]
            self.attrs = {key: as_nhwc(key, value) for key, value in self.attrs.items()}

    def turned_back(self, label: str, array: np.ndarray) -> np.ndarray:
        """An answer in the layout of the case."""
        is_picture = array.ndim == 4 and (label == "output/0" or label == f"gradient/{PICTURES.get(self.type, 0)}")
        return array.transpose(0, 3, 1, 2) if self.turned and is_picture else array

    def cotangent(self, top: tf.Tensor, k: int) -> tf.Tensor:
        """What the gradient of output k starts from: fixed numbers, the same in the tests."""
        if not top.shape.is_fully_defined():
            steps = tf.range(tf.cast(tf.size(top), tf.float64))
            return tf.cast(tf.reshape(tf.sin(steps * (k + 1) + 1), tf.shape(top)), top.dtype)
        shape = top.shape.as_list()
        turn = self.turned and len(shape) == 4
        first = [shape[0], shape[3], shape[1], shape[2]] if turn else shape
        numbers = np.sin(np.arange(np.prod(first, dtype=int), dtype=float) * (k + 1) + 1).reshape(first)
        return tf.constant(numbers.transpose(0, 2, 3, 1) if turn else numbers, top.dtype)


def as_nhwc(key: str, value: object) -> object:
    if key == "data_format":
        return "NHWC"
    if key in ("strides", "ksize", "dilations"):
        return [value[0], value[2], value[3], value[1]]
    return [*value[:2], *value[4:], *value[2:4]] if key == "explicit_paddings" else value


def main(source: str, target: str) -> None:
    given = np.load(source)
    cases = {
        entry["name"]: Case(**entry | {"arrays": [given[f"{entry['name']}/{k}"] for k in range(entry["arrays"])]})
        for entry in json.loads(str(given["cases"]))
    }
    answers = {"registry": np.array(json.dumps(registry(json.loads(str(given["types"])))))}
    graph = tf.Graph()
    with graph.as_default():
        for old in (False, True):
            put([case for case in cases.values() if bool(definition(case).deprecation.version) == old], old)
        wanted = outputs(cases.values(), graph) | gradients(cases.values(), graph)
    options = v1.ConfigProto()
    options.graph_options.rewrite_options.disable_meta_optimizer = True
    with v1.Session(graph=graph, config=options) as session:
        session.run(graph.get_collection("setup"))
        for (name, label), array in session.run(wanted).items():
            answers[f"{name}/{label}"] = cases[name].turned_back(label, array)
    np.savez(target, **answers)


def definition(case: Case) -> object:
    return op_def_registry.get(case.type)


def put(cases: list[Case], old: bool) -> None:
    """Put cases into the default graph as a file would: one node each, its inputs beside it."""
    whole, handles = graph_pb2.GraphDef(), {}
    for case in cases:
        for k, array in enumerate(case.arrays):
            handle = variable(case.type, array) if k == 0 else None
            if handle is None:
                whole.node.append(constant(f"{case.name}/x{k}", array))
            else:
                handles[f"{case.name}/x{k}"] = handle
        whole.node.append(node(case))
    whole.versions.producer = OLD_PRODUCER if old else v1.get_default_graph().graph_def_versions.producer
    tf.import_graph_def(whole, handles, name="")


def variable(type: str, array: np.ndarray) -> tf.Tensor | None:
    """A variable, where the operation's first input must be one."""
    if type in ("ReadVariableOp", "ResourceGather"):
        name = f"variable{len(v1.get_collection('setup'))}"
        handle = tf.raw_ops.VarHandleOp(dtype=array.dtype, shape=array.shape, shared_name=name)
        v1.add_to_collection("setup", tf.raw_ops.AssignVariableOp(resource=handle, value=array))
        return handle
    if type == "RefIdentity":
        made = state_ops.variable_op_v2(array.shape, tf.as_dtype(array.dtype))
        v1.add_to_collection("setup", v1.assign(made, array).op)
        return made
    return None


def constant(name: str, array: np.ndarray) -> node_def_pb2.NodeDef:
    new = node_def_pb2.NodeDef(name=name, op="Const")
    new.attr["dtype"].type = kind_of(array)
    new.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(array))
    return new


def node(case: Case) -> node_def_pb2.NodeDef:
    """The node of a case, with the types and lengths that follow from its inputs."""
    new = node_def_pb2.NodeDef(name=case.name, op=case.type)
    new.input.extend(f"{case.name}/x{k}" for k in range(len(case.arrays)))
    described = definition(case)
    lists = sum(bool(arg.number_attr or arg.type_list_attr) for arg in described.input_arg)
    spare = (len(case.arrays) - len(described.input_arg)) // max(lists, 1)
    waiting = list(case.arrays)
    for arg in described.input_arg:
        is_list = arg.number_attr or arg.type_list_attr
        kinds = [kind_of(waiting.pop(0)) for _ in range(1 + spare if is_list else 1)]
        if arg.number_attr:
            new.attr[arg.number_attr].i = len(kinds)
        if arg.type_list_attr:
            new.attr[arg.type_list_attr].list.type.extend(kinds)
        elif arg.type_attr:
            new.attr[arg.type_attr].type = kinds[0]
        elif arg.type == tf.resource.as_datatype_enum:
            new.attr["dtype"].type = kinds[0]
    kinds = {attr.name: attr.type for attr in described.attr}
    for key, value in case.attrs.items():
        new.attr[key].CopyFrom(attribute(kinds[key], value))
    return new


def kind_of(array: np.ndarray) -> int:
    return tf.as_dtype(array.dtype).as_datatype_enum


def attribute(kind: str, value: object) -> attr_value_pb2.AttrValue:
    """A Python value as the operation's definition wants it."""
    attr = attr_value_pb2.AttrValue()
    if kind == "type":
        attr.type = tf.as_dtype(value).as_datatype_enum
    elif kind == "shape":
        attr.shape.CopyFrom(tf.TensorShape(value).as_proto())
    elif kind == "list(int)":
        attr.list.i.extend(value)
    elif kind == "string":
        attr.s = value.encode()
    else:
        setattr(attr, kind[0], value)
    return attr


def outputs(cases: Iterable[Case], graph: tf.Graph) -> dict[tuple[str, str], tf.Tensor]:
    return {
        (case.name, f"output/{k}"): output
        for case in cases
        for k, output in enumerate(graph.get_operation_by_name(case.name).outputs[: case.outputs])
    }


def gradients(cases: Iterable[Case], graph: tf.Graph) -> dict[tuple[str, str], tf.Tensor]:
    """Those TensorFlow calls None left out. The cases share no tensor, so one question serves all."""
    tops, starts, inputs = [], [], {}
    for case in cases:
        if case.gradient:
            operation = graph.get_operation_by_name(case.name)
            floating = {k: top for k, top in enumerate(operation.outputs[: case.outputs]) if top.dtype.is_floating}
            tops += floating.values()
            starts += [case.cotangent(top, k) for k, top in floating.items()]
            places = [k for k, array in enumerate(case.arrays) if array.dtype.kind == "f"]
            inputs |= {(case.name, f"gradient/{k}"): operation.inputs[k] for k in places}
    found = zip(inputs, v1.gradients(tops, list(inputs.values()), starts), strict=True)
    return {label: tf.convert_to_tensor(one) for label, one in found if one is not None}


def registry(types: list[str]) -> dict[str, dict]:
    """What TensorFlow itself says of operations: types of inputs, names of outputs, attributes and their defaults."""
    found = {}
    for type in types:
        described = op_def_registry.get(type)
        found[type] = {
            "inputs": [input_type(arg) for arg in described.input_arg],
            "outputs": [
                f"{length}*{arg.name}" if (length := arg.number_attr or arg.type_list_attr) else arg.name
                for arg in described.output_arg
            ],
            "attrs": {attr.name: (attr.type, default(attr)) for attr in described.attr},
        }
    return found


def input_type(arg: object) -> str:
    if arg.type_list_attr:
        return f"*{arg.type_list_attr}"
    if arg.type == tf.resource.as_datatype_enum:
        return "dtype"
    kind = arg.type_attr or tf.as_dtype(arg.type).name
    return f"{arg.number_attr}*{kind}" if arg.number_attr else kind


def default(attr: object) -> object:
    value = attr.default_value
    which = value.WhichOneof("value")
    if which == "type":
        return tf.as_dtype(value.type).name
    if which == "s":
        return value.s.decode()
    if which == "list":
        return list(value.list.i)
    return getattr(value, which) if which else None


if __name__ == "__main__":
    main(*sys.argv[1:])
