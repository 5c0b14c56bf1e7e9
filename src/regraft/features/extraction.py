"""Runs the frozen part of a network over all examples, once."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from regraft.data import PLAIN, Examples, View, prepare
from regraft.data.windows import text_windows
from regraft.features.cache import BUDGET, make_room
from regraft.features.engines import BATCH, Engine, Trunk, make_engine
from regraft.features.features import Features
from regraft.features.key import FeatureKey, feature_key
from regraft.features.known import Known
from regraft.features.store import FeatureStore, Stored, is_sound, stored_tensors
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
    reuse: bool = False,
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
        reuse: rows that other stores hold, of the same examples by the same engine, are copied and not computed. They
            are equal to rounding only, as they were computed among others.

    Raises:
        BadArgument: the engine was made for something else, or the input takes no pictures and so has one view.
        OutOfSpace: they do not fit into the budget or on the disk; nothing is started then.
        ShapeMismatch: a tensor has no row for each example.
        BadData: a picture is damaged.
    """
    progress, windows = progress or Progress(silent=True), text_windows(examples, spec)
    examples = windows.examples if windows else examples
    engine = _ready(engine, Trunk(network, tensors, spec), place)
    trunk = engine.trunk
    trimmed = trimming_of(engine) if within else None
    key = feature_key(trunk, examples, engine.kind, (trimmed or engine).name, view)
    known = Known(place.root if reuse else None, key, examples.hashes)
    run = partial(_run, trimmed or engine, lambda rows: prepare(examples, rows, spec, view))
    first = np.arange(min(_SHAPED if trimmed else BATCH, len(examples)))
    stored = stored_tensors(place.root / key.digest) or known.tensors
    begun = [] if stored else list(run([first]))  # what a row looks like is seen on it
    store = _store(key, stored or _rows_of(trunk.tensors, begun[0]), len(examples), place)
    store.list_contents(examples.hashes)
    missing = {chunk for chunk in range(store.chunks) if not is_sound(store, chunk, progress)}
    size = max(BATCH, store.chunk_rows) if trimmed else BATCH  # of more texts more are of one length
    chunks, batches = _work(store, missing, known, size)
    done = begun if batches and np.array_equal(batches[0], first) else []  # else it was stored or known meanwhile
    with progress.task("features", len(examples), len(examples) - sum(map(len, batches))) as advance:
        computed = _Rows(chain(done, run(batches[len(done) :])), advance)
        for chunk in chunks:
            parts = _merged(np.array(store.span(chunk)), known, computed)
            if chunk in missing:
                store.write(chunk, parts)
    return Features(store, windows=windows)


def _ready(engine: Engine | None, trunk: Trunk, place: Place) -> Engine:
    """The engine, which was made for this trunk; or torch."""
    if engine is None:
        return make_engine("torch", trunk, place.device)
    own = engine.trunk
    if (own.network, own.tensors, own.spec) == (trunk.network, trunk.tensors, trunk.spec):
        return engine  # whose trunk knows its hashes
    engine.require(trunk)
    return replace(engine, trunk=trunk)


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


def _work(store: FeatureStore, missing: set[int], known: Known, size: int) -> tuple[list[int], list[np.ndarray]]:
    """The chunks that lie in one batch with missing ones, and the batches of their rows that are not known."""
    chunks = [chunk for group in _groups(store, size) if not missing.isdisjoint(group) for chunk in group]
    rows = np.concatenate([np.arange(0), *(np.array(store.span(chunk)) for chunk in chunks)])
    rows = rows[~known.has(rows)]
    return chunks, [rows[begin : begin + size] for begin in range(0, len(rows), size)]


def _groups(store: FeatureStore, size: int) -> list[range]:
    """The chunks, those of one batch together: the rows of a chunk are some batches, or the other way round.

    A batch is computed as a whole, so that its rows come out the same whenever that is.
    """
    several = max(1, size // store.chunk_rows)
    return [range(first, min(first + several, store.chunks)) for first in range(0, store.chunks, several)]


class _Rows:
    """The rows of batches in turn, in other portions."""

    def __init__(self, batches: Iterator[list[np.ndarray]], advance: Callable[[int], None]) -> None:
        self._batches, self._advance = batches, advance
        self._left: list[np.ndarray] = []  # of the batch that is in hand

    def take(self, count: int) -> list[list[np.ndarray]]:
        """So many more, in parts that follow each other."""
        parts: list[list[np.ndarray]] = []
        while count:
            if not self._left or not len(self._left[0]):
                self._left = next(self._batches)
                self._advance(len(self._left[0]))
            parts.append([values[:count] for values in self._left])
            self._left = [values[count:] for values in self._left]
            count -= len(parts[-1][0])
        return parts


def _merged(rows: np.ndarray, known: Known, computed: _Rows) -> list[list[np.ndarray]]:
    """The values of rows in parts: those that are known, and of the others what is computed."""
    here = known.has(rows)
    parts = computed.take(len(rows) - int(here.sum()))
    if not here.any():
        return parts
    order = np.argsort(np.concatenate([np.flatnonzero(here), np.flatnonzero(~here)]))
    whole = zip(known.rows(rows[here]), *parts, strict=True)
    return [[np.concatenate(values)[order] for values in whole]]


def _run(
    engine: Engine | Trimmed, make: Callable[[np.ndarray], np.ndarray], batches: Sequence[np.ndarray]
) -> Iterator[list[np.ndarray]]:
    """What an engine computes of the batches in turn, each made while it computes the one before."""
    return map(engine, _ahead(batches, make))


def _ahead(batches: Sequence[np.ndarray], make: Callable[[np.ndarray], np.ndarray]) -> Iterator[np.ndarray]:
    """The batches in turn, the next one always in the making."""
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[np.ndarray]] = deque()
        for rows in batches:
            waiting.append(pool.submit(make, rows))
            if len(waiting) > 1:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
