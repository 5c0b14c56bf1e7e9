"""The file itself: parsed by the `onnx` package, its versions checked."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from google.protobuf import message

from regraft.errors import MissingExtra, UnreadableFile, UnsupportedFormat
from regraft.files.mapped import mapped
from regraft.formats.onnx.skeleton import skeleton

OLDEST = 7  # the first opset whose operations broadcast as numpy does
DEFAULT = ""  # the domain of ONNX's own operations


def package() -> Any:
    """The `onnx` package.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        return importlib.import_module("onnx")
    except ImportError:
        raise MissingExtra("ONNX files need a package", fix="pip install 'regraft[onnx]'") from None


@dataclass(frozen=True, kw_only=True)
class ModelFile:
    """A file.

    Attributes:
        data: all its bytes, mapped.
        model: the ModelProto without the numbers of its tensors.
    """

    path: Path
    data: memoryview = field(repr=False)
    model: Any = field(repr=False)


def open_file(path: Path) -> ModelFile:
    """The model in a file.

    Raises:
        MissingFile: there is none.
        UnreadableFile: it is cut short, damaged, or no ONNX file.
        UnsafeFile: it has more operations than a network.
    """
    model, data = package().ModelProto(), mapped(path)
    try:
        model.ParseFromString(skeleton(data, str(path)))
    except message.DecodeError as error:
        raise UnreadableFile(
            "this is no whole ONNX model",
            where=str(path),
            got=str(error).strip().splitlines()[0] if str(error).strip() else "",
            fix="copy the file again from where it came; a cut or damaged download looks like this",
        ) from error
    if not model.HasField("graph"):
        raise UnreadableFile("this ONNX file holds no graph", where=str(path), fix="copy it again from where it came")
    return ModelFile(path=path, data=data, model=model)


def domain_of(name: str) -> str:
    """The domain without the long name of ONNX's own."""
    return DEFAULT if name == "ai.onnx" else name


def opsets(model: Any, where: str) -> Mapping[str, int]:
    """The version of each domain's operations.

    Raises:
        UnsupportedFormat: that of ONNX's own is older or newer than can be read.
        UnreadableFile: a domain stands twice with two versions.
    """
    newest = package().defs.onnx_opset_version()
    found: dict[str, int] = {}
    for one in model.opset_import:
        if not isinstance(one.domain, str):
            raise UnreadableFile("a name in the file is no text", where=where, got=repr(one.domain)[:100])
        domain = domain_of(one.domain)
        if found.setdefault(domain, one.version) != one.version:
            raise UnreadableFile(
                "the file gives two versions of one operator set", where=where, got=f"{found[domain]}, {one.version}"
            )
    version = found.setdefault(DEFAULT, 1)
    if not OLDEST <= version <= newest:
        fix = (
            "convert it with onnx.version_converter" if version < OLDEST else "update the onnx package, or export anew"
        )
        raise UnsupportedFormat(
            "the file uses a version of ONNX's operations that cannot be read",
            where=where,
            expected=f"opset {OLDEST} to {newest}",
            got=f"opset {version}",
            fix=fix,
        )
    return found
