"""A Caffe network file as it stands: the definition of each layer, and its weights unread beside it."""

from __future__ import annotations

import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from regraft.errors import MissingFile, UnreadableFile, UnsafeFile, UnsupportedFormat, nearest_names
from regraft.files.mapped import mapped
from regraft.formats.caffe import protos
from regraft.formats.caffe.blobs import Blob, read_blob
from regraft.formats.caffe.schema import type_of_today
from regraft.protobuf.wire import BYTES, VARINT, fields

_LAYERS, _LAYER = 2, 100  # fields of NetParameter: V1 and V2
_BLOBS = {_LAYERS: 6, _LAYER: 7}  # the field of the weights in each
_MESSAGE = {_LAYERS: "V1LayerParameter", _LAYER: "LayerParameter"}
# name, input, input_dim, force_backward, state, debug_info, input_shape
_BEFORE_LAYERS = {1: BYTES, 3: BYTES, 4: VARINT, 5: VARINT, 6: BYTES, 7: VARINT, 8: BYTES}
_MOST_LAYERS = 20_000
_MOST_TEXT = 64 << 20  # bytes; the longest prototxts of the zoo have 0.3 MB
_HEAD = 64 << 10  # bytes looked at to recognise a text
_OPENS = re.compile(r"^[ \t]*(?:layers?\s*:?\s*\{|input\s*:|input_(?:dim|shape)\b)", re.MULTILINE)
# What TensorFlow's graphs as text begin with; inside, they have inputs too.
_GRAPH = re.compile(r"^[ \t]*(?:node|graph_def|meta_info_def)\s*\{", re.MULTILINE)
ENDINGS = (".prototxt", ".caffemodel")


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer.

    Attributes:
        type: in today's words, also where the file has V1's ("Convolution").
        message: the LayerParameter or V1LayerParameter, without its weights.
        raw: its weights, unread.
    """

    name: str
    type: str
    message: Any
    is_v1: bool
    where: str
    raw: Sequence[memoryview] = ()

    @property
    def bottoms(self) -> list[str]:
        """Names of the blobs it reads."""
        return list(self.message.bottom)

    @property
    def tops(self) -> list[str]:
        """Names of the blobs it writes."""
        return list(self.message.top)

    @property
    def shared(self) -> list[str]:
        """For each parameter the name under which layers share it, or ""."""
        return list(self.message.param) if self.is_v1 else [spec.name for spec in self.message.param]

    @property
    def rates(self) -> list[float]:
        """For each parameter the factor of its learning rate, where the file says it."""
        return list(self.message.blobs_lr) if self.is_v1 else [spec.lr_mult for spec in self.message.param]

    @cached_property
    def blobs(self) -> list[Blob]:
        """Its weights.

        Raises:
            UnreadableFile: they are damaged.
        """
        return [read_blob(data, f"{self.where}, layer {self.name}, blob {k}") for k, data in enumerate(self.raw)]


@dataclass(frozen=True, kw_only=True)
class NetFile:
    """A network file.

    Attributes:
        head: the NetParameter without its layers.
        layers: all of them, those for training too.
    """

    path: Path
    head: Any
    layers: Sequence[Layer] = field(repr=False)

    @cached_property
    def weighted(self) -> dict[str, Layer]:
        """The layers with weights, by name."""
        return {layer.name: layer for layer in self.layers if layer.raw}


def opens(path: Path) -> bool:
    """Whether a file is a Caffe network, by its content; or, where it cannot be told, by its ending."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
        return _is_text_net(head) or _is_binary_net(mapped(path)) or path.suffix in ENDINGS
    except OSError:
        return path.suffix in ENDINGS


def read_file(path: Path) -> NetFile:
    """The network a .prototxt or .caffemodel holds.

    Raises:
        MissingFile: there is none.
        UnreadableFile: it is damaged.
        UnsupportedFormat: it is no Caffe network, or one of Caffe's first format.
    """
    if not path.exists():
        beside = [file.name for file in path.parent.iterdir()] if path.parent.is_dir() else []
        raise MissingFile(f"there is no file {path.name}", where=str(path), nearest=nearest_names(path.name, beside))
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        is_text = _is_text_net(head)
        data = memoryview(b"") if is_text else mapped(path)
    except OSError as error:
        raise UnreadableFile(f"{path.name} cannot be opened", where=str(path), got=error.strerror) from None
    if is_text:
        return _from_text(path)
    if not _is_binary_net(data):
        raise UnsupportedFormat(
            f"{path.name} is no Caffe network",
            where=str(path),
            expected="a .prototxt with layers, or a .caffemodel (a NetParameter)",
            got=f"a file that starts with {head[:16]!r}" if head else "an empty file",
        )
    return _from_bytes(path, data)


def _is_text_net(head: bytes) -> bool:
    if b"\0" in head:
        return False
    text = head.decode("utf-8", "replace")
    plain = "\n".join(line.partition("#")[0] for line in text.splitlines())
    return bool(_OPENS.search(plain)) and not _GRAPH.search(plain) and text.count("\ufffd") * 20 <= len(text)


def _is_binary_net(data: memoryview) -> bool:
    """Whether bytes are a NetParameter: up to its first layer they must be what a NetParameter has."""
    try:
        for item in fields(data, "", cut=True):
            if item.number in _BLOBS and item.kind == BYTES:
                return item.number == _LAYER or _is_old_layer(item.data)
            if _BEFORE_LAYERS.get(item.number) != item.kind:
                return False
    except UnreadableFile:
        return False
    return False


def _is_old_layer(data: memoryview) -> bool:
    """Whether bytes are a V1LayerParameter: no other message has a number in the place of the type."""
    kinds = {1: BYTES, 2: BYTES, 3: BYTES, 4: BYTES, 5: VARINT, 6: BYTES}
    for item in fields(data, "", cut=True):
        if kinds.get(item.number, item.kind) != item.kind:
            return False
        if item.number == 5:
            return True
    return False


def _from_text(path: Path) -> NetFile:
    if path.stat().st_size > _MOST_TEXT:
        raise UnsafeFile(f"{path.name} is too long for a prototxt", where=str(path), expected=f"{_MOST_TEXT:,} bytes")
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        text = path.read_text(encoding="latin-1")  # only comments are written so
    net = protos.parse_text("NetParameter", text, str(path))
    layers = [_layer(message, str(path)) for message in (net.layer or net.layers)]
    return _checked(path, net, layers)


def _from_bytes(path: Path, data: memoryview) -> NetFile:
    where = str(path)
    rest, layers = bytearray(), list[Layer]()
    found = set[int]()
    for item in fields(data, where):
        if item.number in _BLOBS and item.kind == BYTES:
            found.add(item.number)
            layers.append(_from_layer(item.number, item.data, where))
            if len(layers) > _MOST_LAYERS:
                raise UnsafeFile("the network has too many layers", where=where, expected=f"at most {_MOST_LAYERS:,}")
        else:
            rest += item.whole
    if len(found) > 1:  # Caffe upgrades the one kind or reads the other
        raise UnreadableFile("the network has layers of both formats, V1 and V2", where=where)
    return _checked(path, protos.parse("NetParameter", bytes(rest), where), layers)


def _from_layer(number: int, data: memoryview, where: str) -> Layer:
    plain, blobs = bytearray(), list[memoryview]()
    for item in fields(data, where):
        if item.number == _BLOBS[number] and item.kind == BYTES:
            blobs.append(item.data)
        else:
            plain += item.whole
    return _layer(protos.parse(_MESSAGE[number], bytes(plain), where), where, blobs)


def _layer(message: Any, where: str, raw: Sequence[memoryview] = ()) -> Layer:
    is_v1 = message.DESCRIPTOR.name == "V1LayerParameter"
    if is_v1 and message.HasField("layer"):
        raise UnsupportedFormat(
            "this network is of Caffe's first format, of 2013 (V0)",
            where=f"{where}, layer {message.layer.name}",
            expected="layers of V1 or V2",
            fix="Caffe's own upgrade_net_proto_text and upgrade_net_proto_binary make new files of such",
        )
    type = message.DESCRIPTOR.fields_by_name["type"].enum_type.values_by_number[message.type].name if is_v1 else ""
    raw = raw or [memoryview(blob.SerializeToString()) for blob in message.blobs]
    message.ClearField("blobs")
    return Layer(
        name=message.name,
        type=type_of_today(type) if is_v1 else message.type,
        message=message,
        is_v1=is_v1,
        where=where,
        raw=raw,
    )


def _checked(path: Path, head: Any, layers: Sequence[Layer]) -> NetFile:
    if not layers:
        raise UnreadableFile("the network has no layers", where=str(path), expected="layer { ... }")
    return NetFile(path=path, head=head, layers=layers)
