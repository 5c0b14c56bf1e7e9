"""TensorFlow's graph files as protocol buffers, from a schema of our own.

Only `protobuf` is needed. Numbers and names are those of tensorflow/core/framework/*.proto and
tensorflow/core/protobuf/{meta_graph,saver,saved_model}.proto.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2

from regraft.protobuf.messages import Messages

# Message -> "field number type, ...". Type: a scalar, a message of this table, `[type]` for repeated,
# `{type}` for a map from string, `type?` for a member of the message's one oneof ("value").
_SCHEMA = {
    "TensorShapeProto.Dim": "size 1 int64, name 2 string",
    "TensorShapeProto": "dim 2 [TensorShapeProto.Dim], unknown_rank 3 bool",
    "TensorProto": (
        "dtype 1 DataType, tensor_shape 2 TensorShapeProto, version_number 3 int32, tensor_content 4 bytes,"
        "float_val 5 [float], double_val 6 [double], int_val 7 [int32], string_val 8 [bytes], scomplex_val 9 [float],"
        "int64_val 10 [int64], bool_val 11 [bool], dcomplex_val 12 [double], half_val 13 [int32],"
        "uint32_val 16 [uint32], uint64_val 17 [uint64]"
    ),
    "NameAttrList": "name 1 string, attr 2 {AttrValue}",
    "AttrValue.ListValue": (
        "s 2 [bytes], i 3 [int64], f 4 [float], b 5 [bool], type 6 [DataType], shape 7 [TensorShapeProto],"
        "tensor 8 [TensorProto], func 9 [NameAttrList]"
    ),
    "AttrValue": (
        "list 1 AttrValue.ListValue?, s 2 bytes?, i 3 int64?, f 4 float?, b 5 bool?, type 6 DataType?,"
        "shape 7 TensorShapeProto?, tensor 8 TensorProto?, placeholder 9 string?, func 10 NameAttrList?"
    ),
    "NodeDef": "name 1 string, op 2 string, input 3 [string], device 4 string, attr 5 {AttrValue}",
    "VersionDef": "producer 1 int32, min_consumer 2 int32, bad_consumers 3 [int32]",
    "OpDef.ArgDef": (
        "name 1 string, description 2 string, type 3 DataType, type_attr 4 string, number_attr 5 string,"
        "type_list_attr 6 string"
    ),
    "OpDef": "name 1 string, input_arg 2 [OpDef.ArgDef], output_arg 3 [OpDef.ArgDef]",
    "FunctionDef": "signature 1 OpDef, node_def 3 [NodeDef], ret 4 {string}, attr 5 {AttrValue}",
    "FunctionDefLibrary": "function 1 [FunctionDef]",
    "GraphDef": "node 1 [NodeDef], library 2 FunctionDefLibrary, version 3 int32, versions 4 VersionDef",
    "CollectionDef.NodeList": "value 1 [string]",
    "CollectionDef.BytesList": "value 1 [bytes]",
    "CollectionDef": "node_list 1 CollectionDef.NodeList?, bytes_list 2 CollectionDef.BytesList?",
    "SaverDef": (
        "filename_tensor_name 1 string, save_tensor_name 2 string, restore_op_name 3 string, max_to_keep 4 int32,"
        "sharded 5 bool, keep_checkpoint_every_n_hours 6 float, version 7 int32"
    ),
    "SaveSliceInfoDef": "full_name 1 string, full_shape 2 [int64], var_offset 3 [int64], var_shape 4 [int64]",
    "VariableDef": (
        "variable_name 1 string, initializer_name 2 string, snapshot_name 3 string,"
        "save_slice_info_def 4 SaveSliceInfoDef, is_resource 5 bool, initial_value_name 6 string, trainable 7 bool"
    ),
    "TensorInfo": "name 1 string?, dtype 2 DataType, tensor_shape 3 TensorShapeProto",
    "SignatureDef": "inputs 1 {TensorInfo}, outputs 2 {TensorInfo}, method_name 3 string",
    "MetaGraphDef.MetaInfoDef": "meta_graph_version 1 string, tags 4 [string], tensorflow_version 5 string",
    "MetaGraphDef": (
        "meta_info_def 1 MetaGraphDef.MetaInfoDef, graph_def 2 GraphDef, saver_def 3 SaverDef,"
        "collection_def 4 {CollectionDef}, signature_def 5 {SignatureDef}"
    ),
    "SavedModel": "saved_model_schema_version 1 int64, meta_graphs 2 [MetaGraphDef]",
}

# types.proto; a reference to a variable is its type plus 100 (DT_FLOAT_REF = 101).
DATA_TYPES = {
    "DT_INVALID": 0, "DT_FLOAT": 1, "DT_DOUBLE": 2, "DT_INT32": 3, "DT_UINT8": 4, "DT_INT16": 5, "DT_INT8": 6,
    "DT_STRING": 7, "DT_COMPLEX64": 8, "DT_INT64": 9, "DT_BOOL": 10, "DT_QINT8": 11, "DT_QUINT8": 12, "DT_QINT32": 13,
    "DT_BFLOAT16": 14, "DT_QINT16": 15, "DT_QUINT16": 16, "DT_UINT16": 17, "DT_COMPLEX128": 18, "DT_HALF": 19,
    "DT_RESOURCE": 20, "DT_VARIANT": 21, "DT_UINT32": 22, "DT_UINT64": 23,
}  # fmt: skip

_PACKAGE = "regraft.tensorflow"


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="regraft/tensorflow.proto", package=_PACKAGE, syntax="proto3")
    data_type = file.enum_type.add(name="DataType")
    for name, number in DATA_TYPES.items():
        data_type.value.add(name=name, number=number)
        if number:
            data_type.value.add(name=f"{name}_REF", number=number + 100)
    described: dict[str, descriptor_pb2.DescriptorProto] = {}
    for name in sorted(_SCHEMA, key=lambda name: name.count(".")):
        outer, _, inner = name.rpartition(".")
        described[name] = described[outer].nested_type.add(name=inner) if outer else file.message_type.add(name=inner)
    for name, fields in _SCHEMA.items():
        for field in fields.split(","):
            _add_field(described[name], name, *field.split())
    return file


def _add_field(owner: descriptor_pb2.DescriptorProto, path: str, name: str, number: str, type: str) -> None:
    field = owner.field.add(name=name, number=int(number), label=descriptor_pb2.FieldDescriptorProto.LABEL_OPTIONAL)
    if type.endswith("?"):
        if not owner.oneof_decl:
            owner.oneof_decl.add(name="value")
        field.oneof_index = 0
    elif type[0] in "[{":
        field.label = descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED
    if type.startswith("{"):
        entry = owner.nested_type.add(name="".join(part.title() for part in name.split("_")) + "Entry")
        entry.options.map_entry = True
        _add_field(entry, f"{path}.{entry.name}", "key", "1", "string")
        _add_field(entry, f"{path}.{entry.name}", "value", "2", type.strip("{}"))
        type = f"{path}.{entry.name}"
    _set_type(field, type.strip("[]?"))


def _set_type(field: descriptor_pb2.FieldDescriptorProto, type: str) -> None:
    if type == "DataType":
        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_ENUM
    elif type[0].isupper():
        field.type = descriptor_pb2.FieldDescriptorProto.TYPE_MESSAGE
    else:
        field.type = getattr(descriptor_pb2.FieldDescriptorProto, f"TYPE_{type.upper()}")
        return
    field.type_name = f".{_PACKAGE}.{type}"


_MESSAGES = Messages(_described(), of="TensorFlow")
new = _MESSAGES.new
parse = _MESSAGES.parse


def attribute(kind: str, value: Any) -> Any:
    """An AttrValue of a kind ("i", "b", "type")."""
    made = new("AttrValue")
    setattr(made, kind, value)
    return made


def read_message(name: str, path: Path) -> Any:
    """The message a file holds, in text form where it ends in .pbtxt.

    Raises:
        UnreadableFile: it holds another thing, or is damaged.
    """
    data = path.read_bytes()
    if path.suffix != ".pbtxt":
        return parse(name, data, str(path))
    try:
        return _MESSAGES.parse_text(name, data.decode(), str(path), allow_unknown=True)
    except UnicodeDecodeError as error:
        raise _MESSAGES.unreadable(name, str(path), error) from error
