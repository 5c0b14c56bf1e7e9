"""Caffe's protocol buffers, from the table in `schema.py`: only `protobuf` is needed, neither Caffe nor protoc.

They live in a descriptor pool of their own, so that an installed Caffe never collides with them.
"""

from __future__ import annotations

import warnings
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory, text_format

from regraft.errors import UnreadableFile
from regraft.formats.caffe.schema import MESSAGES

_PACKAGE = "regraft.caffe"
_Field = descriptor_pb2.FieldDescriptorProto


def _described() -> descriptor_pool.DescriptorPool:
    file = descriptor_pb2.FileDescriptorProto(name="regraft/caffe.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in MESSAGES.items():
        owner = file.message_type.add(name=name)
        for field in fields.split(","):
            _add_field(owner, *field.split())
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool


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


_POOL = _described()


def new(name: str) -> Any:
    """An empty message of the schema ("NetParameter")."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(f"{_PACKAGE}.{name}"))()


def parse(name: str, data: bytes, where: str) -> Any:
    """The message `data` hold.

    Args:
        name: which message of the schema ("NetParameter").
        where: the file, for the error.

    Raises:
        UnreadableFile: the data are cut short, damaged, nested too deeply or another message.
    """
    parsed = new(name)
    try:
        parsed.ParseFromString(data)
    except message.DecodeError as error:
        raise _unreadable(name, where, error) from error
    return parsed


def parse_text(name: str, text: str, where: str) -> Any:
    """The message a text (.prototxt) holds. A field that Caffe itself does not have is left out, and that is said.

    Raises:
        UnreadableFile: the text is no such message.
    """
    parsed = new(name)
    try:
        text_format.Parse(text, parsed, descriptor_pool=_POOL)
        return parsed
    except (text_format.ParseError, RecursionError, ValueError) as error:
        strict = error
    parsed = new(name)
    try:
        text_format.Parse(text, parsed, allow_unknown_field=True, descriptor_pool=_POOL)
    except (text_format.ParseError, RecursionError, ValueError) as error:
        raise _unreadable(name, where, error) from error
    warnings.warn(
        f"{where}: fields that Caffe does not have are ignored; the first: {_first_line(strict)}", stacklevel=2
    )
    return parsed


def _unreadable(name: str, where: str, error: Exception) -> UnreadableFile:
    return UnreadableFile(
        f"this is no whole Caffe {name}",
        where=where,
        got=_first_line(error),
        fix="copy the file again from where it came; a cut or damaged download looks like this",
    )


def _first_line(error: Exception) -> str:
    text = str(error).strip().replace(f"{_PACKAGE}.", "")
    return text.splitlines()[0] if text else type(error).__name__
