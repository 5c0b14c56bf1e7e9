"""Which engine runs a trunk: measured on the network, the data and the machine at hand, and checked against torch."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from math import isfinite
from statistics import median

import numpy as np

from regraft.data import Examples, prepare
from regraft.errors import BadArgument, MissingExtra, UnsupportedOp
from regraft.features.engines import BATCH, KINDS, Engine, Kind, Trunk, make_engine
from regraft.features.trimming import Trimmed
from regraft.network import InputSpec
from regraft.network.proof import TOLERANCE, difference

# Seconds of torch's work below which the trunk is not exported, and how many more for each of its nodes: export and
# comparison take about as long.
_WORTH, _NODE = 5.0, 0.01
# And those below which not even the order of its channels is turned.
_TRIFLE = 1.0
_FEW = 8  # rows on which that is seen
# Turns in which engines are timed: after the first, for no more than this share of the pass that the best would take.
_TURNS, _TIMING = 3, 0.1
# An engine so many times slower than the fastest, in its first run already, is not looked at again.
_HOPELESS = 2.0
# Turning the order of channels makes torch up to 1.6 times as fast: where another is so many times, it is not tried.
_BEYOND = 2.0
_SHORT = 0.1  # seconds


@dataclass(frozen=True, kw_only=True)
class Timing:
    """What was found out about an engine.

    Attributes:
        kind: which engine.
        start: seconds it took to make it ready, with the export of the trunk for the first that needs it; None where
            it was not.
        seconds: that it needs for a picture, where several are compared while the next ones are prepared; None where
            it was not run.
        difference: the greatest between its results and torch's, as a share of the greatest value of the tensor; None
            too where one of them is no number.
        note: why it is not used; None where it could be.
    """

    kind: Kind
    start: float | None = None
    seconds: float | None = None
    difference: float | None = None
    note: str | None = None


def choose(
    trunk: Trunk, examples: Examples, device: str, count: int, *, within: bool = False
) -> tuple[Engine, tuple[Timing, ...]]:
    """The engine that runs a trunk on `count` more examples soonest, and what was found out about each.

    Each is made ready, compared with torch on a batch of real examples, and timed in turns with the others. For few
    examples only torch is looked at, for very few in one order of the channels alone: to make the others ready would
    take longer than they could save.

    Args:
        within: what lies beyond the end of a text is never read: `extract` has torch compute hardly any of it.

    Raises:
        ShapeMismatch: a tensor has no row for each example.
        BadData: a picture is damaged.
    """
    trial = _Trial(trunk, device, lambda: _sample(examples, trunk.spec, _FEW))
    trial.take("torch")
    forecast = trial.seconds("torch") * count
    if within:
        trial.leave(KINDS[1:], "not tried: torch alone computes texts no further than they go")
    elif device != "cpu":
        trial.leave(KINDS[1:], f"not tried: it runs on the CPU alone, and the device is {device}")
    elif forecast < _WORTH + _NODE * trunk.nodes:
        tried: tuple[Kind, ...] = () if forecast < _TRIFLE else ("torch channels_last",)
        for kind in tried:
            trial.take(kind)
        trial.leave(KINDS[1 + len(tried) :], f"not tried: torch needs {forecast:.1f} s for {count} examples")
    else:
        trial = _Trial(trunk, device, lambda: _sample(examples, trunk.spec, BATCH))
        turned = KINDS[1]
        for kind in (KINDS[0], *KINDS[2:]):
            trial.take(kind)
        ahead = trial.seconds("torch") / min(map(trial.seconds, trial.engines))
        if ahead < _BEYOND:
            trial.take(turned)
        else:
            trial.leave([turned], f"not tried: another is {ahead:.1f} times as fast as torch")
        trial.race(count)
    # what it took to make them ready is spent, whichever is taken
    best = min(trial.engines, key=trial.seconds)
    return trial.engines[best], tuple(trial.timing(kind) for kind in KINDS)


def piped(engine: Engine | Trimmed, batch: np.ndarray, make: Callable[[], np.ndarray]) -> float:
    """Seconds that a batch takes in a pass: computed while a thread makes the next one."""
    with ThreadPoolExecutor(1) as pool:
        begun = time.perf_counter()
        following = pool.submit(make)
        engine(batch)
        following.result()
        return time.perf_counter() - begun


def _sample(examples: Examples, spec: InputSpec, rows: int) -> np.ndarray:
    """A batch from all over the examples, some of them repeated if they are fewer."""
    return prepare(examples, np.linspace(0, len(examples) - 1, rows).astype(np.int64), spec)


class _Trial:
    """The engines that are made ready for one trunk, and what is known of each."""

    def __init__(self, trunk: Trunk, device: str, make: Callable[[], np.ndarray]) -> None:
        self._trunk = trunk
        self._device = device
        self._make = make
        self._batch = make()
        self._expected: list[np.ndarray] = []
        self._times: dict[Kind, list[float]] = {}
        self._timings: dict[Kind, Timing] = {}
        self.engines: dict[Kind, Engine] = {}

    def take(self, kind: Kind) -> None:
        """Make an engine ready, and keep it where it computes what torch does; the first one is torch itself."""
        begun = time.perf_counter()
        try:
            made = make_engine(kind, self._trunk, self._device)
            ready = time.perf_counter()
            found = made(self._batch)
        except Exception as error:
            if kind == "torch":
                raise
            self.leave([kind], _reason(error))
            return
        seconds = time.perf_counter() - ready
        if seconds < _SHORT:  # mostly what the first run does once
            seconds = seconds_of(lambda: made(self._batch))
        seconds /= max(len(self._batch), made.least)
        self._times[kind] = [seconds]
        timing = Timing(kind=kind, start=ready - begun, seconds=seconds)
        if kind == "torch":
            self._expected = found
        else:
            differences = dict(zip(self._trunk.tensors, map(difference, found, self._expected), strict=True))
            timing = _judged(timing, differences)
        self._timings[kind] = timing
        if timing.note is None:
            self.engines[kind] = made

    def leave(self, kinds: Sequence[Kind], note: str) -> None:
        """Say why some are not used."""
        self._timings.update({kind: Timing(kind=kind, note=note) for kind in kinds})

    def race(self, count: int) -> None:
        """Time the engines in turns, for so many examples.

        The first run of each was slower than others will be: it counts if it is alone.
        """
        begun = time.perf_counter()
        for turn in range(_TURNS if len(self.engines) > 1 else 0):
            fastest = min(map(self.seconds, self.engines))
            if turn and time.perf_counter() - begun > _TIMING * fastest * count:
                break
            for kind, one in self.engines.items():
                if self.seconds(kind) <= _HOPELESS * fastest:
                    self._times[kind].append(piped(one, self._batch, self._make) / BATCH)

    def seconds(self, kind: Kind) -> float:
        """Seconds of an engine for a picture: the median, without the first run if there were more."""
        times = self._times[kind]
        return median(times[1:] or times)

    def timing(self, kind: Kind) -> Timing:
        """What is known of an engine."""
        known = self._timings[kind]
        return known if known.seconds is None else replace(known, seconds=self.seconds(kind))


def _judged(timing: Timing, differences: Mapping[str, float]) -> Timing:
    """The timing with the greatest difference of all tensors, and a note where it is too great."""
    name = max(differences, key=differences.__getitem__)
    most = differences[name]
    note = None if most <= TOLERANCE else f"features differ by {most:.0e} of the greatest in {name}"
    return replace(timing, difference=most if isfinite(most) else None, note=note)


def seconds_of(work: Callable[[], object]) -> float:
    """How long something takes."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _reason(error: Exception) -> str:
    """Why an engine could not be made or run, in a line."""
    if isinstance(error, MissingExtra):
        return f"not installed: {error.fix}"
    if isinstance(error, UnsupportedOp):
        return f"cannot be exported: {error.got}"
    if isinstance(error, BadArgument):
        return f"not tried: {error.what}"
    return f"failed: {type(error).__name__}: {(str(error).strip().splitlines() or [''])[0]}"
