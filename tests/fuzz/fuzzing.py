"""Opens damaged files one after the other; each must be read or be refused with an error of regraft's own."""

from __future__ import annotations

import hashlib
import random
import resource
import signal
import time
import tracemalloc
import warnings
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from fuzz.mutations import mutate

from regraft.errors import RegraftError

SECONDS = 10.0  # of computing that one case may take, traced as it is
GROWTH = 2  # memory allocated, in sizes of the file ...
SLACK = 4 << 20  # ... and what any reader needs besides
MOST = 1 << 30  # bytes the process may grow by during one case


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of file: an honest one to start from, and how to read all there is in it."""

    name: str
    make: Callable[[Path], Path]
    """Puts an honest one into an empty folder; returns the file to damage."""
    read: Callable[[Path], int | None]
    """Reads it from that file's path; gives the bytes of weights that were made since no file holds them, if any."""
    damage: Callable[[bytes, random.Random], bytes] = mutate
    slow: bool = False
    """Whether the cases of a test take longer than the daily run allows."""


@dataclass(kw_only=True)
class Outcome:
    """What became of the cases of one kind."""

    name: str
    results: Counter[str] = field(default_factory=Counter[str])
    """How many were "read", and how many refused with which error."""
    slowest: float = 0.0
    largest: int = 0
    failures: list[tuple[str, bytes]] = field(default_factory=list[tuple[str, bytes]])

    @property
    def cases(self) -> int:
        """How many there were."""
        return self.results.total() + len(self.failures)


class TooSlow(Exception):
    """A case took longer than it may."""


def fuzz(kind: Kind, cases: int, seed: int, folder: Path, seconds: float = SECONDS) -> Outcome:
    """Read `cases` damaged files of a kind in a folder of their own, each in at most so many seconds of computing."""
    path = kind.make(folder)
    whole, outcome = path.read_bytes(), Outcome(name=kind.name)
    kind.read(path)  # the honest one is read, and what is loaded only once is not counted against a case
    with _traced(), warnings.catch_warnings(action="ignore"):
        for case in range(cases):
            generator = random.Random(f"{kind.name} {seed} {case}")
            path.unlink()  # not written over: the file of the case before may still be mapped
            path.write_bytes(kind.damage(whole, generator))
            _check(kind, path, outcome, seconds)
    return outcome


def _check(kind: Kind, path: Path, outcome: Outcome, seconds: float) -> None:
    """Read the damaged file and note what happens."""
    data, start = path.read_bytes(), time.process_time()
    allowed = GROWTH * len(data) + SLACK
    try:
        with _bounded(seconds):
            result, allocated = _read(kind, path)
            if allocated > allowed:  # now and then Python enlarges a table of its own: not again the next time
                result, allocated = _read(kind, path)
    except Exception as error:  # any that is not regraft's own is what is looked for here
        outcome.failures.append((f"{type(error).__name__}: {error}"[:500], data))
        return
    outcome.slowest = max(outcome.slowest, time.process_time() - start)
    outcome.largest = max(outcome.largest, allocated)
    if allocated > allowed:
        outcome.failures.append((f"{allocated} bytes allocated for a file of {len(data)}", data))
    else:
        outcome.results[result] += 1


def _read(kind: Kind, path: Path) -> tuple[str, int]:
    """What reading ends in ("read", or the name of regraft's error), and the bytes it allocated at most.

    A network without weights may make those it asks for; their bytes do not count.
    """
    before, asked_for = tracemalloc.get_traced_memory()[0], 0
    tracemalloc.reset_peak()
    try:
        asked_for = kind.read(path) or 0
        result = "read"
    except RegraftError as error:
        result = type(error).__name__
    return result, tracemalloc.get_traced_memory()[1] - before - GROWTH * asked_for


def keep(outcome: Outcome, folder: Path) -> dict[Path, str]:
    """Write one file of each failure into a folder, under the hash of its content; returns what each did."""
    smallest: dict[str, bytes] = {}
    for what, data in outcome.failures:
        if what not in smallest or len(data) < len(smallest[what]):
            smallest[what] = data
    kept: dict[Path, str] = {}
    for what, data in smallest.items():
        path = folder / outcome.name.replace(" ", "_") / hashlib.sha256(data).hexdigest()[:12]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        kept[path] = what
    return kept


@contextmanager
def _traced() -> Generator[None]:
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


@contextmanager
def _bounded(seconds: float) -> Generator[None]:
    """Interrupt what runs inside after so many seconds of computing, and give it only so much memory.

    The memory is that of the whole process: torch's is not traced. pytest's own time limit uses another clock.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"more than {seconds:g} s")

    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST, limits[1]))
    old = signal.signal(signal.SIGVTALRM, interrupt)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, old)
        resource.setrlimit(resource.RLIMIT_AS, limits)
