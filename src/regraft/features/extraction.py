"""Runs the frozen part of a network over all examples, once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from regraft.data import PLAIN, Examples, View, prepare
from regraft.data.windows import text_windows
from regraft.errors import UnreadableFile
from regraft.features.cache import BUDGET, make_room
from regraft.features.engines import BATCH, Engine, Trunk, make_engine
from regraft.features.features import Features
from regraft.features.key import FeatureKey, feature_key
from regraft.features.store import FeatureStore, Stored, stored_tensors
from regraft.features.trimming import Trimmed, Trimming
from regraft.network import GraphNetwork, InputSpec
from regraft.run import Progress

_SHAPED = 2  # texts that show what a row looks like


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where features are computed and kept: the folder of all stores, the bytes it may hold, and the device."""

    root: Path
    budget: int = BUDGET
    device: str = "cpu"


def extract(  # noqa: PLR0913 - each but five has a default
    network: GraphNetwork,
    tensors: Sequence[str],
    examples: Examples,
    spec: InputSpec,
    place: Place,
    progress: Progress | None = None,
    engine: Engine | None = None,
    view: View = PLAIN,
    *,
    within: bool = False,
) -> Features:
    """The values of `tensors` for all examples, from the store if they are there, else computed and stored.

    Texts that are longer than the input are computed in windows, and have the mean of what these give: see `Features`.
    What an earlier, killed call has stored is kept; a damaged chunk is computed anew, which is said on stderr.

    Args:
        network: evaluated as it is, its weights untouched.
        tensors: names; the first axis of each is the batch.
        examples: all of them are computed, in their order.
        spec: the input they are prepared for, with a known range.
        place, progress: where to; silent where left out.
        view: how pictures are looked at; each has a store of its own.
        engine: what computes them, made for this trunk and input; None: torch on the device of the place.
        within: what lies beyond the end of a text is never read; it is 0 then, and mostly not computed.

    Raises:
        BadArgument: the engine was made for something else, or the input takes no pictures and so has one view.
        OutOfSpace: they do not fit into the budget or on the disk; nothing is started then.
        ShapeMismatch: a tensor has no row for each example.
        BadData: a picture is damaged.
    """
    progress = progress or Progress(silent=True)
    windows = text_windows(examples, spec)
    examples = windows.examples if windows else examples
    trunk = Trunk(network, tensors, spec)
    engine = _ready(engine, trunk, place)
    trimmed = trimming_of(engine) if within else None
    key = feature_key(network, trunk.tensors, examples, spec, (trimmed or engine).name, view)
    run = partial(_run, trimmed or engine, lambda rows: prepare(examples, rows, spec, view))
    first = range(min(_SHAPED if trimmed else BATCH, len(examples)))
    stored = stored_tensors(place.root / key.digest)
    begun = [] if stored else list(run([first]))  # what a row looks like is seen on it
    store = _store(key, stored or _rows_of(trunk.tensors, begun[0]), len(examples), place)
    missing = {chunk for chunk in range(store.chunks) if not _is_sound(store, chunk, progress)}
    size = max(BATCH, store.chunk_rows) if trimmed else BATCH  # of more texts more are of one length
    groups = [group for group in _groups(store, size) if not missing.isdisjoint(group)]
    batches = [rows for group in groups for rows in _batches(store, group, size)]
    done = begun if batches[:1] == [first] else []  # somebody else may have stored it meanwhile
    computed = chain(done, run(batches[len(done) :]))
    with progress.task("features", len(examples), len(examples) - sum(map(len, batches))) as advance:
        for group in groups:
            parts: list[list[np.ndarray]] = []
            for rows in _batches(store, group, size):
                parts.append(next(computed))
                advance(len(rows))
            for chunk in missing.intersection(group):
                store.write(chunk, parts if len(group) == 1 else _part(parts[0], store, group, chunk))
    return Features(store, windows=windows)


def _ready(engine: Engine | None, trunk: Trunk, place: Place) -> Engine:
    """The engine, which was made for this trunk; or torch."""
    if engine is None:
        return make_engine("torch", trunk, place.device)
    engine.require(trunk)
    return engine


def trimming_of(engine: Engine) -> Trimmed | None:
    """The engine, computing texts only as far as they go; None where it needs all of one length, or may not."""
    trunk, given = engine.trunk, engine.trunk.spec.name
    beside = [name for name in trunk.tensors if name != given]
    filler = Trimming(trunk.network, [given, *beside]).filler
    if filler is None or trunk.spec.shape[1] is None or engine.kind != "torch":
        return None
    return Trimmed(engine, filler)


def _store(key: FeatureKey, tensors: Sequence[Stored], rows: int, place: Place) -> FeatureStore:
    """The store of a key, as it is or started, with room for all of it."""
    folder = place.root / key.digest
    make_room(place.root, folder, rows * sum(tensor.nbytes for tensor in tensors), place.budget)
    return FeatureStore(folder, key, rows, tensors)


def _rows_of(tensors: Sequence[str], batch: list[np.ndarray]) -> list[Stored]:
    """What the rows of tensors look like, seen on a batch of them."""
    return [
        Stored(name=name, shape=value.shape[1:], dtype=str(value.dtype))
        for name, value in zip(tensors, batch, strict=True)
    ]


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


def _groups(store: FeatureStore, size: int) -> list[range]:
    """The chunks, those of one batch together: the rows of a chunk are some batches, or the other way round."""
    several = max(1, size // store.chunk_rows)
    return [range(first, min(first + several, store.chunks)) for first in range(0, store.chunks, several)]


def _batches(store: FeatureStore, group: range, size: int) -> list[range]:
    """The rows of a group of chunks, batch by batch."""
    end = store.span(group[-1]).stop
    return [range(first, min(first + size, end)) for first in range(store.span(group[0]).start, end, size)]


def _part(batch: list[np.ndarray], store: FeatureStore, group: range, chunk: int) -> list[list[np.ndarray]]:
    """The part of a batch that one of its chunks holds."""
    start, rows = store.span(group[0]).start, store.span(chunk)
    return [[value[rows.start - start : rows.stop - start] for value in batch]]


def _run(
    engine: Engine | Trimmed, make: Callable[[range], np.ndarray], batches: Sequence[range]
) -> Iterator[list[np.ndarray]]:
    """What an engine computes of the batches in turn, each made while it computes the one before."""
    return map(engine, _ahead(batches, make))


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
