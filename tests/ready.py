"""Processes that need not wait for their imports: a Python that holds them forks for each run.

Importing torch or TensorFlow takes longer than most of what tests ask of a process. Each run is still a process of its
own, with its own arguments, folder and environment, that ends as Python ends. What it needs beside the modules given it
imports anew. This file is both sides: tests import it, the other Python runs it.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path


class ReadyPython:
    """The Python at `python`, started in `environment` when first needed, with `modules` imported."""

    def __init__(self, python: str | Path, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self._command = [str(python), __file__, *modules]
        self._environment = dict(environment)
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, program: str, *arguments: str, cwd: str | Path, environment: Mapping[str, str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run `program`, a file (*.py) or the name of a module; TimeoutExpired after `timeout` seconds."""
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder) / "out", Path(folder) / "err"
            code = self._ask(
                argv=[program, *arguments],
                cwd=str(cwd),
                environment=dict(environment),
                files=[str(out), str(err)],
                timeout=timeout,
            )
            texts = out.read_text(encoding="utf-8"), err.read_text(encoding="utf-8")
        if code == -signal.SIGALRM:
            raise subprocess.TimeoutExpired([program, *arguments], timeout, *texts)
        return subprocess.CompletedProcess([program, *arguments], code, *texts)

    def _ask(self, **request: object) -> int:
        """The exit code of what `become` makes of the request."""
        process = self._process = self._process or self._started()
        assert process.stdin
        assert process.stdout
        try:
            print(json.dumps(request), file=process.stdin, flush=True)
            return int(process.stdout.readline())
        except BaseException:  # a test that runs out of time leaves no answer for the next one
            os.killpg(process.pid, signal.SIGKILL)
            self._process = None
            raise

    def _started(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            self._command,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for pytest
        )
        atexit.register(process.communicate)  # the end of its input is its own
        return process


def serve(modules: Sequence[str]) -> None:
    """Fork for each line of standard input, until its end."""
    for module in modules:
        importlib.import_module(module)
    gc.freeze()  # a fork that collected what it was born with would copy it, and take as long as the imports
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            become(**json.loads(line))
            return
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def become(*, argv: list[str], cwd: str, environment: dict[str, str], files: list[str], timeout: float) -> None:
    """Be a process that was just started, and run `argv` as Python does."""
    signal.setitimer(signal.ITIMER_REAL, timeout)  # its signal ends the process
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(environment)
    for number, path in enumerate([os.devnull, *files]):
        opened = os.open(path, os.O_RDWR | os.O_CREAT)
        os.dup2(opened, number)
        os.close(opened)
    sys.argv[:] = argv
    if argv[0].endswith(".py"):
        sys.path[0] = str(Path(argv[0]).parent)
        runpy.run_path(argv[0], run_name="__main__")
    else:
        sys.path[0] = cwd
        runpy.run_module(argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    sys.path[0] = ""
    serve(sys.argv[1:])
