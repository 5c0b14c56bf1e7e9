"""The models that Keras wrote, with inputs and its answers."""

from __future__ import annotations

import functools
import io
import lzma
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parent / "golden"
ENDING = {2: ".h5", 3: ".keras"}


@functools.cache
def golden(major: int) -> dict[str, np.ndarray]:
    """All that is stored of one version of Keras: NAME/file, NAME/in/INPUT, NAME/out/NUMBER."""
    packed = (GOLDEN / f"keras{major}.npz.xz").read_bytes()
    return dict(np.load(io.BytesIO(lzma.decompress(packed))))


def names(major: int) -> list[str]:
    """The names of the models."""
    return [key.removesuffix("/file") for key in golden(major) if key.endswith("/file")]


def written(folder: Path, major: int, name: str) -> Path:
    """The file of a model, put into a folder."""
    path = folder / f"{name}{ENDING[major]}"
    path.write_bytes(golden(major)[f"{name}/file"].tobytes())
    return path


def inputs(major: int, name: str) -> dict[str, np.ndarray]:
    """What a model is fed with."""
    start = f"{name}/in/"
    return {key.removeprefix(start): value for key, value in golden(major).items() if key.startswith(start)}


def answers(major: int, name: str) -> list[np.ndarray]:
    """What Keras makes of that."""
    return [value for key, value in golden(major).items() if key.startswith(f"{name}/out/")]
