"""Runs the frozen part of a network over all examples, once."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from regraft.data import Examples, prepare
from regraft.errors import ShapeMismatch, UnreadableFile
from regraft.features.cache import BUDGET, make_room
from regraft.features.features import Features
from regraft.features.key import FeatureKey, feature_key
from regraft.features.store import FeatureStore, Stored, stored_tensors
from regraft.network import GraphNetwork, InputSpec
from regraft.run import Progress

if TYPE_CHECKING:
    from torch import nn

# Always so many rows at once, the last ones filled up: the result of a row does not depend on where it stands.
BATCH = 32


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where features are computed and kept: the folder of all stores, the bytes it may hold, and the device."""

    root: Path
    budget: int = BUDGET
    device: str = "cpu"


def extract(
    network: GraphNetwork,
    tensors: Sequence[str],
    examples: Examples,
    spec: InputSpec,
    place: Place,
    progress: Progress | None = None,
) -> Features:
    """The values of `tensors` for all examples, from the store if they are there, else computed and stored.

    What an earlier, killed call has stored is kept; a damaged chunk is computed anew, which is said on stderr.

    Args:
        network: evaluated as it is, its weights untouched.
        tensors: names; the first axis of each is the batch.
        examples: all of them are computed, in their order.
        spec: the input they are prepared for, with a known range.
        place: where to.
        progress: silent where left out.

    Raises:
        OutOfSpace: they do not fit into the budget or on the disk; nothing is started then.
        ShapeMismatch: a tensor has no row for each example.
        BadData: a picture is damaged.
    """
    progress = progress or Progress(silent=True)
    tensors = [network.resolve(name) for name in tensors]
    compute = _Trunk(network, tensors, spec, place.device)
    key = feature_key(network, tensors, examples, spec, compute.engine)
    store = _store(key, tensors, examples, place, lambda: compute(prepare(examples, range(1), spec)))
    missing = [chunk for chunk in range(store.chunks) if not _is_sound(store, chunk, progress)]
    batches = [rows for chunk in missing for rows in _batches(store.span(chunk))]
    prepared = _ahead(batches, lambda rows: prepare(examples, rows, spec))
    with progress.task("features", len(examples), len(examples) - sum(map(len, batches))) as advance:
        for chunk in missing:
            parts: list[list[np.ndarray]] = []
            for rows in _batches(store.span(chunk)):
                parts.append(compute(next(prepared)))
                advance(len(rows))
            store.write(chunk, [np.concatenate(values) for values in zip(*parts, strict=True)])
    return Features(store)


def _store(
    key: FeatureKey, tensors: Sequence[str], examples: Examples, place: Place, sample: Callable[[], list[np.ndarray]]
) -> FeatureStore:
    """The store of a key, as it is or started; what a row looks like is seen on a `sample` then."""
    folder = place.root / key.digest
    stored = stored_tensors(folder) or [
        Stored(name=name, shape=value.shape[1:], dtype=str(value.dtype))
        for name, value in zip(tensors, sample(), strict=True)
    ]
    make_room(place.root, folder, len(examples) * sum(tensor.nbytes for tensor in stored), place.budget)
    return FeatureStore(folder, key, len(examples), stored)


def _is_sound(store: FeatureStore, chunk: int, progress: Progress) -> bool:
    """Whether a chunk is stored; a damaged one is told of."""
    if not store.exists(chunk):
        return False
    try:
        store.check(chunk)
    except UnreadableFile as error:
        progress.say(f"{error.what}, and computed anew: {error.where}")
        return False
    return True


def _batches(rows: range) -> Iterator[range]:
    for start in range(rows.start, rows.stop, BATCH):
        yield range(start, min(start + BATCH, rows.stop))


def _ahead(batches: Sequence[range], make: Callable[[range], np.ndarray]) -> Iterator[np.ndarray]:
    """The batches in turn, the next one always in the making."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[np.ndarray]] = deque()
        for rows in batches:
            waiting.append(pool.submit(make, rows))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


class _Trunk:
    """Computes tensors for a batch of at most BATCH rows."""

    def __init__(self, network: GraphNetwork, tensors: Sequence[str], spec: InputSpec, device: str) -> None:
        import torch

        self._tensors = tensors
        self._device = torch.device(device)
        module = network.module(tensors, [spec.name])
        # on another device a copy: the network's own weights stay where they are
        self._module: nn.Module = module if self._device.type == "cpu" else copy.deepcopy(module).to(self._device)
        name = "cpu" if self._device.type == "cpu" else torch.cuda.get_device_name(self._device)
        self.engine = f"torch {torch.__version__}, {name}, {BATCH} rows at once"

    def __call__(self, batch: np.ndarray) -> list[np.ndarray]:
        import torch

        count = len(batch)
        full = np.concatenate([batch, np.repeat(batch[-1:], BATCH - count, axis=0)])
        with torch.inference_mode():
            values = self._module(torch.from_numpy(full).to(self._device))
        found = [value.cpu().numpy() for value in values]
        for name, value in zip(self._tensors, found, strict=True):
            if value.shape[:1] != (BATCH,):
                raise ShapeMismatch(
                    f"{name} has no row for each example",
                    expected=f"({BATCH}, ...)",
                    got=str(value.shape),
                    fix="cut elsewhere",
                )
        return [value[:count] for value in found]
