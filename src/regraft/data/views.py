"""Views: the same pictures looked at otherwise, the same way every time, so that their features can be kept."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isqrt, sqrt

import numpy as np

from regraft.data.resize import resize
from regraft.errors import BadArgument
from regraft.network.graph import InputSpec

_LEAST = 0.6  # of a picture's area that a crop shows


@dataclass(frozen=True, kw_only=True)
class View:
    """How pictures are looked at: 0 as they are, 1 mirrored left to right, 2 and more in random crops.

    A crop shows 60 to 100 % of the area in the picture's proportions, brought back to its size, and with `mirror` half
    of them are mirrored. It hangs on the seed, the number and the content of the example alone: never on its place or
    on its neighbours.
    """

    number: int = 0
    seed: int = 0
    mirror: bool = True

    def __post_init__(self) -> None:
        if self.number < 0:
            raise BadArgument("there is no such view", expected="0, 1, 2, ...", got=str(self.number))

    @property
    def name(self) -> str:
        """What it shows; the seed where it counts."""
        if self.number < 2:
            return ("plain", "mirrored")[self.number]
        return f"crop {self.number}, seed {self.seed}" + ("" if self.mirror else ", never mirrored")


PLAIN = View()


def viewed(batch: np.ndarray, hashes: Sequence[bytes], spec: InputSpec, view: View) -> np.ndarray:
    """A batch of pictures (b h w c) or (b c h w), as the input has them, in a view; `hashes` are of their contents.

    A flat input (b n) of pixels is taken for square pictures of one grey, where n is a square.

    Raises:
        BadArgument: the input takes no pictures.
    """
    if view.number == 0:
        return batch
    side = isqrt(batch.shape[-1])
    if batch.ndim == 2 and batch.dtype == np.uint8 and side**2 == batch.shape[1]:
        square = replace(spec, layout="NHWC")
        return viewed(batch.reshape(-1, side, side, 1), hashes, square, view).reshape(batch.shape)
    if spec.layout not in ("NHWC", "NCHW") or batch.ndim != 4:
        raise BadArgument(
            f"the input {spec.name} takes no pictures: there is one view of its examples",
            expected="NHWC or NCHW with four axes",
            got=f"{spec.layout} {spec.shape}",
            fix="train without augmentation",
        )
    pictures = batch if spec.layout == "NHWC" else batch.transpose(0, 2, 3, 1)
    if view.number == 1:
        found = pictures[:, :, ::-1]
    else:
        found = np.empty_like(pictures)
        for row, (picture, key) in enumerate(zip(pictures, hashes, strict=True)):
            found[row] = _cropped(picture, _dice(key, view), mirror=view.mirror)
    return found if spec.layout == "NHWC" else found.transpose(0, 3, 1, 2)


def _dice(key: bytes, view: View) -> np.random.Generator:
    digest = hashlib.blake2b(f"{view.number} {view.seed} ".encode() + key, digest_size=16).digest()
    return np.random.default_rng(int.from_bytes(digest, "little"))


def _cropped(picture: np.ndarray, dice: np.random.Generator, *, mirror: bool) -> np.ndarray:
    """A random part of a picture (h w c), at the size of the whole."""
    height, width = picture.shape[:2]
    side = sqrt(dice.uniform(_LEAST, 1))
    rows, columns = max(1, round(height * side)), max(1, round(width * side))
    top, left = dice.integers(height - rows + 1), dice.integers(width - columns + 1)
    part = picture[top : top + rows, left : left + columns]
    part = part[:, ::-1] if dice.integers(2) and mirror else part
    found = resize(part, height, width, "antialias")
    return np.round(found) if picture.dtype.kind in "iu" else found
