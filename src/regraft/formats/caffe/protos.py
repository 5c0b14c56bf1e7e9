"""Caffe's protocol buffers, from the table in `schema.py`: only `protobuf` is needed, neither Caffe nor protoc."""

from __future__ import annotations

import warnings
from typing import Any

from google.protobuf import descriptor_pb2

from regraft.errors import UnreadableFile
from regraft.formats.caffe.schema import MESSAGES
from regraft.protobuf.messages import Messages

_PACKAGE = "regraft.caffe"
_Field = descriptor_pb2.FieldDescriptorProto


def _described() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="regraft/caffe.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in MESSAGES.items():
        owner = file.message_type.add(name=name)
        for field in fields.split(","):
            _add_field(owner, *field.split())
    return file


def _add_field(owner: descriptor_pb2.DescriptorProto, name: str, number: str, type: str) -> None:
    field = owner.field.add(name=name, number=int(number), label=_Field.LABEL_OPTIONAL)
    type, _, default = type.partition("=")
    if type.startswith("["):
        field.label, type = _Field.LABEL_REPEATED, type.strip("[]")
        field.options.packed = owner.name in ("BlobProto", "BlobShape")
    if default:
        field.default_value = default
    if "|" in type:
        field.type, field.type_name = _Field.TYPE_ENUM, _add_enum(owner, name, type.split("|"))
    elif type[0].isupper():
        field.type, field.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{type}"
    else:
        field.type = getattr(_Field, f"TYPE_{type.upper()}")


def _add_enum(owner: descriptor_pb2.DescriptorProto, name: str, words: list[str]) -> str:
    enum = owner.enum_type.add(name=f"{name.title().replace('_', '')}Words")
    start = int(words[0].partition(":")[2] or 0)
    for number, word in enumerate(words, start):
        enum.value.add(name=word.partition(":")[0], number=number)
    return f".{_PACKAGE}.{owner.name}.{enum.name}"


_MESSAGES = Messages(_described(), of="Caffe")
new = _MESSAGES.new
parse = _MESSAGES.parse


def parse_text(name: str, text: str, where: str) -> Any:
    """The message a text (.prototxt) holds. A field that Caffe itself does not have is left out, and that is said.

    Raises:
        UnreadableFile: the text is no such message.
    """
    try:
        return _MESSAGES.parse_text(name, text, where)
    except UnreadableFile as error:
        strict = error
    parsed = _MESSAGES.parse_text(name, text, where, allow_unknown=True)
    warnings.warn(f"{where}: fields that Caffe does not have are ignored; the first: {strict.got}", stacklevel=2)
    return parsed
