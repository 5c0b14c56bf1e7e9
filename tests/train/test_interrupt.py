"""Ctrl-C when there is no step left before which it could be asked for."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from train.toy import make_toy

from regraft.run import Progress, RunFolder
from regraft.train.loop import train
from regraft.train.settings import Settings

SETTINGS = Settings(epochs=2, batch=10)


class LastMoment(Progress):
    """Ctrl-C as soon as the last epoch is over."""

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Generator[Callable[[int], None]]:
        with super().task(title, total, done) as advance:
            yield advance
        os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_in_the_last_moment_is_not_lost(tmp_path: Path) -> None:
    run, before = RunFolder.create(tmp_path / "run"), signal.getsignal(signal.SIGINT)
    toy = make_toy()
    with pytest.raises(KeyboardInterrupt):
        train(toy.learner, toy.rows, SETTINGS, run=run, progress=LastMoment(silent=True))
    assert signal.getsignal(signal.SIGINT) is before
    again = make_toy()
    train(again.learner, again.rows, SETTINGS, run=run, resume=True)
    assert again.rows.taken == 0
    assert all(torch.equal(weight, toy.learner.weights[name]) for name, weight in again.learner.weights.items())
