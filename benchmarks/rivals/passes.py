"""One plain pass of photos through MobileNetV2's trunk, by engines used by hand.

All engines get the same photos from the same pipeline: the next batch is decoded and resized in a thread while one is
computed. What is left of each photo is its 1,280 features, averaged over the places.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import nn

from benchmarks.rivals.photos import Labelled
from benchmarks.rivals.schemes import trunk
from benchmarks.rivals.tutorial import Photos

BATCH = 32
Run = Callable[[torch.Tensor], np.ndarray]


def one_pass(engine: str, photos: Labelled, pixels: int) -> tuple[np.ndarray, dict[str, float]]:
    """Features (n 1280), and the seconds: {"before": of building the engine, "seconds": of the pass}."""
    start = time.perf_counter()
    run = ENGINES[engine](pixels)
    ready = time.perf_counter()
    features = np.concatenate([run(batch) for batch in _decoded_ahead(photos, pixels)])
    return features, {"before": ready - start, "seconds": time.perf_counter() - ready}


def _decoded_ahead(photos: Labelled, pixels: int) -> Iterator[torch.Tensor]:
    batches = [Photos(photos[start : start + BATCH], pixels) for start in range(0, len(photos), BATCH)]
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(_decoded, batches[0])
        for following in [*batches[1:], None]:
            batch = waiting.result()
            if following is not None:
                waiting = pool.submit(_decoded, following)
            yield batch


def _decoded(photos: Photos) -> torch.Tensor:
    return torch.stack([photos[index][0] for index in range(len(photos))])


def _network() -> nn.Module:
    return nn.Sequential(trunk(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval().requires_grad_(False)


def _torch(pixels: int) -> Run:
    network = _network()
    return lambda batch: network(batch).numpy()


def _channels_last(pixels: int) -> Run:
    network = _network().to(memory_format=torch.channels_last)
    return lambda batch: network(batch.to(memory_format=torch.channels_last)).numpy()


def _onnxruntime(pixels: int) -> Run:
    import onnxruntime

    session = onnxruntime.InferenceSession(_exported(pixels), providers=["CPUExecutionProvider"])
    return lambda batch: session.run(None, {"photos": batch.numpy()})[0]


def _openvino(pixels: int) -> Run:
    import openvino

    core = openvino.Core()
    # Where the processor has bfloat16 it is openvino's default: its features then differ by per cents.
    compiled = core.compile_model(core.read_model(_exported(pixels)), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda batch: compiled(batch.numpy())[0]


def _exported(pixels: int) -> bytes:
    """The network as ONNX, its batch free."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trunk.onnx"
        torch.onnx.export(
            _network(),
            (torch.zeros(2, 3, pixels, pixels),),
            path,
            dynamo=False,
            input_names=["photos"],
            dynamic_axes={"photos": {0: "batch"}},
        )
        return path.read_bytes()


ENGINES: Mapping[str, Callable[[int], Run]] = {
    "torch": _torch,
    "torch, channels_last": _channels_last,
    "onnxruntime": _onnxruntime,
    "openvino": _openvino,
}
