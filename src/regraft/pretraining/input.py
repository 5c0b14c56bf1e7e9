"""The input of a network that is made for some examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isqrt, prod
from typing import Any

import numpy as np

from regraft.data import Examples
from regraft.data.pictures import decode
from regraft.data.said import parse_input, with_user
from regraft.data.tokens import usual_length
from regraft.errors import BadArgument
from regraft.network import InputSpec
from regraft.network.plan import New

_NAME = "input:0"
_SIDE = 32  # of pictures, where nobody says another
_LOOKED = 16  # pictures that tell whether all are grey


def input_of(examples: Examples, layers: Sequence[New], input: str | None) -> InputSpec:
    """What such layers read of such examples: texts, a picture, or a row of numbers where the first layer is dense.

    Texts are read as bytes, as many as 95 % of the first thousand have, but no more than 256. Pixels are brought to
    0..1; arrays of other types are fed as they are.

    Args:
        input: what the user says of it, as `--input` takes it: size, channels, range, length.

    Raises:
        BadArgument: the first layer reads something else than the examples are; or `input` cannot be understood.
    """
    said = parse_input(input) if input else {}
    if examples.kind == "text":
        _require_embedding(layers[0])
        spec = InputSpec(name=_NAME, shape=(None, None), dtype="int32", layout="bytes")
        spec = replace(spec, shape=(None, said.get("length") or usual_length(examples.texts, spec)))
        return replace(with_user(spec, said) if said else spec, origin="file")
    flat = layers[0].kind == "dense"
    if flat and isinstance(examples.items, np.ndarray):
        spec = InputSpec(name=_NAME, shape=(None, prod(examples.items.shape[1:])), layout="flat")
    else:
        height, width, channels = _picture(examples, said)
        shape = (height * width * channels,) if flat else (height, width, channels)
        spec = InputSpec(name=_NAME, shape=(None, *shape), layout="flat" if flat else "NHWC")
        spec = replace(spec, channels="grey" if channels == 1 else "rgb")
    if examples.pixels:
        spec = replace(spec, range=(0.0, 1.0))
    rest = {key: value for key, value in said.items() if key != "size"}
    return replace(with_user(spec, rest) if rest else spec, origin="file")


def _require_embedding(lowest: New) -> None:
    if lowest.kind != "embedding":
        raise BadArgument(
            "texts are read by an embedding",
            expected="embedding:WIDTH as the lowest layer",
            got=lowest.kind,
            fix="begin with one: --layer embedding:32",
        )


def _picture(examples: Examples, said: Mapping[str, Any]) -> tuple[int, int, int]:
    """Height, width and channels."""
    if isinstance(examples.items, np.ndarray):
        own = _as_picture(examples.items.shape[1:], examples.source)
    else:
        own = (_SIDE, _SIDE, 1 if _are_grey(examples) else 3)
    channels = {"grey": 1, "rgb": 3, "bgr": 3}[said["channels"]] if "channels" in said else own[2]
    return (*said.get("size", own[:2]), channels)


def _as_picture(row: tuple[int, ...], source: str) -> tuple[int, int, int]:
    if len(row) == 3 and (row[2] in (1, 3) or row[0] in (1, 3)):
        return row if row[2] in (1, 3) else (*row[1:], row[0])
    if len(row) == 2:
        return (*row, 1)
    if len(row) == 1 and isqrt(row[0]) ** 2 == row[0]:
        return (isqrt(row[0]), isqrt(row[0]), 1)
    raise BadArgument(
        "the rows are no pictures, which the first layer reads",
        where=source,
        expected="rows (h w), (h w c), (c h w) or flat squares",
        got=str(row),
        fix="begin with a dense layer: --layer dense:64:relu",
    )


def _are_grey(examples: Examples) -> bool:
    """Whether the first pictures have no colours."""
    for picture in examples.pictures[:_LOOKED]:
        pixels = decode(picture.read(), picture.name, grey=False)
        if (pixels != pixels[..., :1]).any():
            return False
    return True
