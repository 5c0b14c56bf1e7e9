"""Small pictures of examples that stand in the page itself."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from regraft.data import Examples, Picture
from regraft.data.pictures import decode
from regraft.errors import BadArgument, RegraftError
from regraft.report.results import Mistake

_MOST = 24
_SIDE = 160  # pixels
_QUALITY = 82
_NUMBERS = 8  # of a row that is no picture


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A mistake with what it looks like: a picture as a data URI, or a few words."""

    mistake: Mistake
    uri: str = ""
    text: str = ""
    small: bool = False  # so few pixels that they are drawn as squares


def shown(mistakes: Sequence[Mistake], examples: Examples | None) -> list[Shown]:
    """The first mistakes with their pictures; without examples, with their names alone.

    Raises:
        BadArgument: a mistake points beyond the examples: they are others than those the run was tested on.
    """
    if examples is None:
        return [Shown(mistake=mistake) for mistake in mistakes[:_MOST]]
    last = max((mistake.index for mistake in mistakes), default=-1)
    if last >= len(examples):
        raise BadArgument(
            "these are not the examples that the run was tested on",
            where=examples.source,
            expected=f"at least {last + 1} examples",
            got=f"{len(examples)}",
        )
    return [_shown(mistake, examples) for mistake in mistakes[:_MOST]]


def _shown(mistake: Mistake, examples: Examples) -> Shown:
    if isinstance(examples.items, np.ndarray):
        row = examples.items[mistake.index]
        pixels = _pixels(row)
        if pixels is None:
            return Shown(mistake=mistake, text=_numbers(row))
        return Shown(mistake=mistake, uri=_uri(pixels), small=max(pixels.shape) < _SIDE // 2)
    picture = examples.items[mistake.index]
    if not isinstance(picture, Picture):
        return Shown(mistake=mistake, text=examples.name(mistake.index))
    try:
        pixels = decode(picture.read(), picture.name, grey=False)
    except (RegraftError, OSError):  # what was read a while ago may have been moved since
        return Shown(mistake=mistake, text="this picture cannot be read any more")
    return Shown(mistake=mistake, uri=_uri(pixels), small=max(pixels.shape) < _SIDE // 2)


def _pixels(row: np.ndarray) -> np.ndarray | None:
    """A row shaped like a picture, grey or RGB, as (h w c) uint8; None where it is not."""
    if row.ndim == 2:
        row = row[..., None]
    elif row.ndim == 3 and row.shape[-1] not in (1, 3) and row.shape[0] in (1, 3):
        row = np.moveaxis(row, 0, -1)
    if row.ndim != 3 or row.shape[-1] not in (1, 3) or min(row.shape[:2]) < 2:
        return None
    if row.dtype == np.uint8:
        return row
    values = row.astype(np.float64)
    low, high = values.min(), values.max()
    return np.round(255 * (values - low) / max(high - low, 1e-12)).astype(np.uint8)


def _uri(pixels: np.ndarray) -> str:
    image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
    image.thumbnail((_SIDE, _SIDE))
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=_QUALITY, optimize=True)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


def _numbers(row: np.ndarray) -> str:
    """The first numbers of a row."""
    values = row.reshape(-1)
    more = f" … ({values.size} numbers)" if values.size > _NUMBERS else ""
    return ", ".join(f"{float(value):.4g}" for value in values[:_NUMBERS]) + more
