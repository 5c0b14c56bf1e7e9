"""Progress with the time left, on stderr, for anything that takes longer than two seconds."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

_PATIENCE = 2.0  # seconds before anything is shown
_PAUSE = 10.0  # seconds between two lines where stderr is a file

Advance = Callable[[int], None]


class Progress:
    """Says on stderr how far long work has come.

    A terminal gets one bar a task, anything else a line now and then; `silent` shows neither.
    What `say` is given is always said: nothing of note happens unseen. `quiet` only keeps it.

    Attributes:
        said: all that `say` was given so far.
    """

    def __init__(self, *, silent: bool = False, quiet: bool = False) -> None:
        from rich.console import Console  # loaded late: reading files needs the room, but not this

        self._console = Console(stderr=True)
        self._silent = silent or quiet
        self._quiet = quiet
        self.said: list[str] = []
        self._bar: Bar | None = None

    def say(self, text: str) -> None:
        """One line on stderr."""
        self.said.append(text)
        if not self._quiet:
            self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Generator[Advance]:
        """Work of `total` steps, `done` of them before; yields what to call with the number of steps just made."""
        if self._silent:
            yield lambda steps: None
            return
        show = self._on_terminal if self._console.is_terminal else self._in_lines
        with show(title, total, done) as advance:
            yield advance

    @contextmanager
    def _on_terminal(self, title: str, total: int, done: int) -> Generator[Advance]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        outermost = self._bar is None
        bar = self._bar or Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            redirect_stdout=sys.stdout.isatty(),  # results that are written meanwhile are not for stderr
        )
        self._bar = bar
        task = bar.add_task(title, total=total, completed=done)
        start = time.monotonic()

        def advance(steps: int) -> None:
            bar.advance(task, steps)
            if time.monotonic() - start > _PATIENCE:
                bar.start()

        try:
            yield advance
        finally:
            bar.remove_task(task)
            if outermost:
                bar.stop()
                self._bar = None

    @contextmanager
    def _in_lines(self, title: str, total: int, done: int) -> Generator[Advance]:
        start = time.monotonic()
        spoken = start + _PATIENCE - _PAUSE
        now_done = done

        def advance(steps: int) -> None:
            nonlocal now_done, spoken
            now_done += steps
            now = time.monotonic()
            if now - spoken > _PAUSE and now_done < total:
                spoken = now
                left = (now - start) / max(now_done - done, 1) * (total - now_done)
                self.say(f"{title}: {now_done}/{total}, {left:.0f} s left")

        yield advance
