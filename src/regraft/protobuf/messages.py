"""Whole messages, read and written by `protobuf` from a schema of our own.

A schema lives in a descriptor pool of its own, so that an installed TensorFlow, tensorboard or Caffe never collides
with it. Fields that a schema does not list are kept by protobuf as unknown ones.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message, message_factory, text_format

from regraft.errors import UnreadableFile


class Messages:
    """The messages of one schema.

    Args:
        file: the schema.
        of: whose messages they are, for errors ("Caffe").
    """

    def __init__(self, file: descriptor_pb2.FileDescriptorProto, of: str) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        self._pool.Add(file)
        self._package = file.package
        self._of = of

    def new(self, name: str) -> Any:
        """An empty message of the schema ("GraphDef")."""
        return message_factory.GetMessageClass(self._pool.FindMessageTypeByName(f"{self._package}.{name}"))()

    def parse(self, name: str, data: bytes, where: str) -> Any:
        """The message `data` hold.

        Args:
            name: which message of the schema ("GraphDef").
            where: the file, for the error.

        Raises:
            UnreadableFile: the data are cut short, damaged, nested too deeply or another message.
        """
        parsed = self.new(name)
        try:
            parsed.ParseFromString(data)
        except message.DecodeError as error:
            raise self.unreadable(name, where, error) from error
        return parsed

    def parse_text(self, name: str, text: str, where: str, *, allow_unknown: bool = False) -> Any:
        """The message a text (.pbtxt, .prototxt) holds.

        Args:
            allow_unknown: whether fields that the schema does not have are left out.

        Raises:
            UnreadableFile: the text is no such message.
        """
        parsed = self.new(name)
        try:
            text_format.Parse(text, parsed, allow_unknown_field=allow_unknown, descriptor_pool=self._pool)
        except (text_format.ParseError, RecursionError, ValueError) as error:
            raise self.unreadable(name, where, error) from error
        return parsed

    def unreadable(self, name: str, where: str, error: Exception) -> UnreadableFile:
        """The error for data that are no such message."""
        text = str(error).strip().replace(f"{self._package}.", "")
        return UnreadableFile(
            f"this is no whole {self._of} {name}",
            where=where,
            got=text.splitlines()[0] if text else type(error).__name__,
            fix="copy the file again from where it came; a cut or damaged download looks like this",
        )
