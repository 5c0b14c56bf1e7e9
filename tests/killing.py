"""Work that is killed with signal 9, in processes forked from one that trained nothing: not all survives a fork."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from multiprocessing import forkserver
from pathlib import Path
from unittest import mock

_SLOW_TO_LOAD = ["tasks.killed", "train.toy", "zoo.killed"]  # loaded once, by the process the others are forked from


def started(work: Callable[..., object], *args: object) -> multiprocessing.process.BaseProcess:
    """A process that does the work."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(_SLOW_TO_LOAD)
    folders = (str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")]))
    with mock.patch.dict(os.environ, {"PYTHONPATH": os.pathsep.join(folders)}):  # what it cannot find, it leaves out
        forkserver.ensure_running()
    child = processes.Process(target=work, args=args)
    child.start()
    return child


def killed(work: Callable[..., object], *args: object, after: float) -> bool:
    """Whether a process that does the work was still alive after so many seconds, and was killed."""
    child = started(work, *args)
    time.sleep(after)
    child.kill()
    child.join()
    return child.exitcode != 0
