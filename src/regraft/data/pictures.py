"""Encoded pictures: which files are some, whether one is sound, and its pixels."""

from __future__ import annotations

import io
from pathlib import PurePosixPath

import numpy as np
from PIL import Image, ImageOps

from regraft.errors import BadData

# Named one by one: of Pillow's other readers some start programs (EPS) or are rarely looked after.
_FORMATS = ("JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "PPM", "AVIF")
_ENDINGS = {
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".avif"),
    *(".ppm", ".pgm", ".pbm", ".pnm"),
}
LARGEST = 256 * 2**20  # bytes of one encoded picture
# What a sound file ends with, give or take some padding. A file without it is decoded to see.
_END = {"JPEG": b"\xff\xd9", "PNG": b"IEND\xaeB`\x82"}


def is_picture(name: str) -> bool:
    """Whether a file name ends as that of a picture."""
    return PurePosixPath(name).suffix.lower() in _ENDINGS


def problem(data: bytes, *, thorough: bool) -> str | None:
    """Why a picture cannot be read, or None where it can.

    Only a `thorough` look decodes every picture; the quick one sees a wrong format and most that are cut off.
    """
    try:
        image = _open(data)
        end = _END.get(image.format or "")
        if thorough or end is None or end not in data[-1024:]:
            image.load()
    except Exception as error:  # a decoder may raise anything on a damaged file
        return _reason(error)
    return None


def decode(data: bytes, name: str, *, grey: bool) -> np.ndarray:
    """The pixels of a picture as a viewer shows them: (h w 1) grey or (h w 3) RGB, uint8.

    It is turned as its EXIF orientation says; transparent pixels lie on white; 16 bits become 8;
    of an animation the first frame counts. Colour profiles are not applied.

    Raises:
        BadData: the picture is damaged.
    """
    try:
        image = _open(data)
        ImageOps.exif_transpose(image, in_place=True)
        pixels = np.asarray(_opaque(image).convert("L" if grey else "RGB"))
    except Exception as error:  # a decoder may raise anything on a damaged file
        raise BadData(
            f"the picture {name} cannot be read",
            got=_reason(error),
            fix="mend or remove it; --skip-bad looks at every picture first and leaves such ones out",
        ) from error
    return pixels.reshape(*pixels.shape[:2], -1)


def _open(data: bytes) -> Image.Image:
    """The picture with its header read. Pillow itself refuses more than 179 million pixels."""
    if len(data) > LARGEST:
        raise ValueError(f"{len(data)} bytes, more than {LARGEST} in one picture")
    return Image.open(io.BytesIO(data), formats=_FORMATS)


def _opaque(image: Image.Image) -> Image.Image:
    """The picture without transparency, at 8 bits a channel."""
    if image.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(np.asarray(image)))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image)
    return image


def _eight_bits(pixels: np.ndarray) -> np.ndarray:
    if pixels.dtype.kind == "f" or pixels.min() < 0 or pixels.max() > 65535:
        raise ValueError(f"{pixels.dtype} values {pixels.min()}..{pixels.max()}, expected at most 16 bits")
    return np.round(pixels / 257).astype(np.uint8)


def _reason(error: Exception) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        return "no picture of a format regraft reads (" + ", ".join(_FORMATS) + ")"
    return str(error) or type(error).__name__
