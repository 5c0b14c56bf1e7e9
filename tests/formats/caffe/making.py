"""Caffe files made by the tests: text in, a .prototxt and a .caffemodel of random weights out."""

from __future__ import annotations

import shutil
import warnings
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from regraft.formats import caffe
from regraft.formats.caffe import protos


def net(*layers: str, shape: tuple[int, ...] = (2, 3, 9, 8), name: str = "data") -> str:
    """A prototxt with one input."""
    dims = " ".join(f"dim: {size}" for size in shape)
    return f'input: "{name}" input_shape {{ {dims} }}\n' + "\n".join(layers) + "\n"


def layer(type: str, bottom: str = "data", top: str = "top", name: str | None = None, **parts: str) -> str:
    """A layer; several bottoms or tops are divided by blanks. `parts` are messages as text: pooling_param="pad: 1"."""
    blobs = "".join(f' bottom: "{one}"' for one in bottom.split()) + "".join(f' top: "{one}"' for one in top.split())
    inner = "".join(f" {part} {{ {text} }}" for part, text in parts.items())
    return f'layer {{ name: "{name or top.split()[0]}" type: "{type}"{blobs}{inner} }}'


def random_weights(prototxt: Path, *, spread: float = 0.3) -> dict[str, np.ndarray]:
    """Weights for all parameters of a prototxt, the same every time, of a size that keeps values from growing."""
    with warnings.catch_warnings(action="ignore"), TemporaryDirectory() as alone:
        network = caffe.read(Path(shutil.copy(prototxt, alone)))
    found: dict[str, np.ndarray] = {}
    batch_norms = {
        name.removesuffix("/2") for name, p in network.parameters.items() if not p.trainable and p.shape == (1,)
    }
    for name, parameter in network.parameters.items():
        random = np.random.default_rng(zlib.crc32(name.encode()))
        owner, _, index = name.rpartition("/")
        if owner in batch_norms:
            value = {"0": random.normal(0, 1, parameter.shape), "1": random.uniform(1, 3, parameter.shape)}.get(index)
            value = np.full(1, 2.5) if value is None else value
        elif parameter.value.ndim > 1:
            value = random.normal(0, np.sqrt(1.4 / np.prod(parameter.shape[1:])), parameter.shape)
        else:
            value = random.normal(1 if index == "0" else 0, spread, parameter.shape)
        found[name] = value.astype(np.float32)
    return found


def caffemodel(text: str, weights: dict[str, np.ndarray]) -> Any:
    """The NetParameter of a prototxt with weights in its layers."""
    message = protos.parse_text("NetParameter", text, "text")
    for one in message.layer or message.layers:
        for index in range(10):
            value = weights.get(f"{one.name}/{index}")
            if value is not None:
                blob = one.blobs.add()
                blob.MergeFromString(packed(value))
                if message.layer:
                    blob.shape.dim.extend(value.shape or (1,))
                else:  # old files have four dimensions always
                    blob.num, blob.channels, blob.height, blob.width = (1,) * (4 - value.ndim) + value.shape
    return message


def packed(value: np.ndarray) -> bytes:
    """The field `data` of a BlobProto: faster than number by number."""
    data, length = value.astype("<f4").tobytes(), bytearray(b"\x2a")
    size = len(data)
    while size > 0x7F:
        length.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes(length) + bytes([size]) + data


def written(folder: Path, stem: str, text: str, *, spread: float = 0.3) -> Path:
    """A prototxt, and its .caffemodel with random weights if it has any; the path of the prototxt."""
    path = folder / f"{stem}.prototxt"
    path.write_text(text, encoding="utf-8")
    weights = random_weights(path, spread=spread)
    if weights:
        path.with_suffix(".caffemodel").write_bytes(caffemodel(text, weights).SerializeToString())
    return path


def inputs(folder: Path, stem: str, shape: tuple[int, ...] = (2, 3, 9, 8), layers: tuple[str, ...] = ()) -> np.ndarray:
    """Random values for the input "data", kept for the oracle too."""
    random = np.random.default_rng(zlib.crc32(stem.encode()))
    data = random.normal(0, 1, shape).astype(np.float32)
    np.savez(folder / f"{stem}.npz", data=data, **({"/layers": np.array(layers)} if layers else {}))
    return data


def shape_of(text: str) -> tuple[int, ...]:
    """The shape of the input that `net` declares."""
    dims = text.partition("input_shape {")[2].partition("}")[0]
    return tuple(int(word) for word in dims.replace("dim:", " ").split())
